//! What the signing commands share: their options, and their clients, which log in as `get` does.

use std::{
    collections::{BTreeSet, HashMap},
    io::Read,
    sync::Arc,
};

use super::aws_args::AwsArgs;
use crate::{
    app::{App, clients::Clients},
    aws::signing_profile::SigningProfile,
    docker::Helper,
    environment::Environment,
    log::Log,
    oci::{Http, Reference, RegistryAuth},
    registry::{Server, look_alike},
    report::Report,
    secret::{Secret, Wiped},
};

/// Whose credentials a signing command takes, and where it looks for profiles that are given by name.
#[derive(Debug, Default, clap::Args)]
pub(super) struct SigningArgs {
    #[command(flatten)]
    pub(super) aws: AwsArgs,
    /// The region of AWS Signer, for a signing profile that is given by name
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

impl SigningArgs {
    /// The clients, for who asks AWS in any case: that there is no identity is told at once.
    pub(super) fn clients<'a>(
        &self,
        app: &'a App,
        images: &[Reference],
        profile: Option<&SigningProfile>,
    ) -> Result<Clients<'a>, Report> {
        let clients = Clients::open(app, self.region.as_deref(), images, profile)?;
        clients.identity.as_ref().map_err(Clone::clone)?;
        Ok(clients)
    }
}

/// Where images are, and as whom their registry is asked; as Notation's options of the same names.
#[derive(Debug, Default, clap::Args)]
pub(super) struct RegistryArgs {
    /// IMAGE is in an OCI image layout on disk: FOLDER:TAG or FOLDER@DIGEST
    #[arg(long)]
    oci_layout: bool,
    /// Log in as this user in place of the stored login; the password is NOTATION_PASSWORD or stdin
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,
    /// Read the password of --username from stdin
    #[arg(long)]
    password_stdin: bool,
    /// Speak plain HTTP to the registry
    #[arg(long, visible_alias = "insecure-registry")]
    plain_http: bool,
}

impl RegistryArgs {
    /// The place of images as one types it, a blank behind each option, for a command that goes on from this one.
    pub(super) fn as_words(&self) -> String {
        let words = [("--oci-layout ", self.oci_layout), ("--plain-http ", self.plain_http)];
        words.iter().filter(|(_, given)| *given).map(|(word, _)| *word).collect()
    }

    /// Reads the name of an image.
    pub(super) fn image(&self, text: &str) -> Result<Reference, Report> {
        if self.oci_layout {
            return Reference::parse_layout(text);
        }
        let image = Reference::parse(text)?;
        match look_alike(image.host()) {
            Some(wrong) => Err(Report::new(format!("{} is no registry of Amazon ECR", image.host()))
                .cause(wrong)
                .hint("correct the name of the image")),
            None => Ok(image),
        }
    }

    /// An option that only this program's own engine knows, where one was given.
    pub(super) fn only_native(&self) -> Option<&'static str> {
        let plain = self.plain_http.then_some("--plain-http");
        if self.oci_layout { Some("--oci-layout") } else { plain }
    }

    /// The client of the images' registries, and their logins: the one that is given here or in
    /// `NOTATION_USERNAME` and `NOTATION_PASSWORD`, else those that `get` answers.
    pub(super) fn open<'a>(
        &self,
        app: &'a App,
        log: &'a Log<'a>,
        clients: &Clients<'_>,
        images: &[Reference],
        stdin: &mut dyn Read,
    ) -> Result<(Http, RegistryAuths), Report> {
        let http = clients.http();
        let hosts: BTreeSet<&str> =
            images.iter().filter(|image| image.layout().is_none()).map(Reference::host).collect();
        let auths = match self.login(&app.environment, stdin)? {
            None if self.plain_http => registry_auths(app, log, images),
            None => clients.connecting(images, || registry_auths(app, log, images)),
            Some(_) if hosts.len() > 1 => {
                let what = format!("one login was given for {} registries", hosts.len());
                return Err(Report::new(what).hint("name the images of one registry at a time"));
            }
            Some(login) => hosts.iter().map(|host| ((*host).to_owned(), Arc::clone(&login))).collect(),
        };
        if !self.plain_http {
            return Ok((http.clone(), auths));
        }
        let ecr = |host: &&&str| matches!(Server::parse(host, |host| app.config.custom(host)), Some(Server::Ecr(_)));
        match hosts.iter().find(ecr) {
            Some(host) => Err(Report::new(format!("{host} is a registry of ECR, which speaks no plain HTTP"))
                .hint("leave --plain-http out")),
            None => Ok((http.in_clear(), auths)),
        }
    }

    fn login(&self, environment: &Environment, stdin: &mut dyn Read) -> Result<Option<Arc<RegistryAuth>>, Report> {
        let asked = self.username.is_some() || self.password_stdin;
        let username = self.username.clone().or_else(|| environment.text("NOTATION_USERNAME"));
        let password = match self.password_stdin {
            true => Some(password(stdin)?),
            false => environment.text("NOTATION_PASSWORD").map(Secret::from),
        };
        match (username, password) {
            (Some(username), Some(secret)) => Ok(Some(Arc::new(RegistryAuth::Known { username, secret }))),
            (None, _) if asked => Err(Report::new("the password has no user").hint("add --username USER")),
            (Some(user), None) if asked => Err(Report::new(format!("the user {user} has no password"))
                .hint("pipe it in with --password-stdin, or set NOTATION_PASSWORD")),
            // Notation takes the stored login, too, where one of the two is not set.
            _ => Ok(None),
        }
    }
}

/// Logins by host.
pub(super) type RegistryAuths = HashMap<String, Arc<RegistryAuth>>;

/// Most bytes of a password: far above the longest of ECR.
const MAX_PASSWORD: u64 = 64 * 1024;

/// The password on stdin, without the end of its line, as `docker login --password-stdin` reads it.
fn password(stdin: &mut dyn Read) -> Result<Secret, Report> {
    let bad = |why: &str| Report::new(format!("the password on stdin {why}"));
    let mut bytes = Wiped::new(Vec::new());
    stdin.take(MAX_PASSWORD + 1).read_to_end(&mut bytes).map_err(|err| bad("cannot be read").cause(err))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("is not UTF-8"))?.trim_end_matches(['\n', '\r']);
    match text.len() as u64 {
        0 => Err(bad("is empty")),
        length if length > MAX_PASSWORD => Err(bad("is too long")),
        _ => Ok(Secret::from(text.to_owned())),
    }
}

/// The logins of images' registries, each looked up once, before any async code runs: minting
/// an ECR token is a blocking call with a runtime of its own.
fn registry_auths<'a>(app: &'a App, log: &'a Log<'a>, images: &[Reference]) -> RegistryAuths {
    let helper = Helper::of(app, log);
    let mut auths = HashMap::new();
    for host in images.iter().filter(|image| image.layout().is_none()).map(Reference::host) {
        auths.entry(host.to_owned()).or_insert_with(|| {
            Arc::new(match helper.get(host) {
                Ok(Some(login)) => RegistryAuth::Known { username: login.username, secret: login.secret },
                Ok(None) => RegistryAuth::Anonymous,
                Err(err) => RegistryAuth::Failed(Report::from(err).prefixed(&format!("no login for {host}"))),
            })
        });
    }
    auths
}
