//! The clients of AWS Signer and of registries that the signing commands share, with this machine's
//! credentials. The one place of the command line that runs async code.

use std::{
    collections::{BTreeSet, HashMap},
    io::Read,
    ops::Deref,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::aws_args::AwsArgs;
use crate::{
    app::App,
    aws::{
        signer::Signer,
        signers::Signers,
        signing_profile::{Home, SigningProfile},
    },
    docker::Helper,
    environment::Environment,
    identity::{Identity, Target},
    log::Log,
    oci::{Http, Reference, RegistryAuth},
    registry::{Kind, Server},
    report::Report,
    secret::Secret,
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
    /// Reads the name of an image.
    pub(super) fn image(&self, text: &str) -> Result<Reference, Report> {
        if self.oci_layout { Reference::parse_layout(text) } else { Reference::parse(text) }
    }

    /// An option that only this program's own engine knows, where one was given.
    pub(super) fn only_native(&self) -> Option<&'static str> {
        let plain = self.plain_http.then_some("--plain-http");
        if self.oci_layout { Some("--oci-layout") } else { plain }
    }

    /// The client of the images' registries, and their logins: the one that is given here or in
    /// `NOTATION_USERNAME` and `NOTATION_PASSWORD`, else those that `get` answers.
    pub(super) fn open(
        &self,
        clients: &Clients<'_>,
        images: &[Reference],
        stdin: &mut dyn Read,
    ) -> Result<(Http, RegistryAuths), Report> {
        let hosts: BTreeSet<&str> =
            images.iter().filter(|image| image.layout().is_none()).map(Reference::host).collect();
        let auths = match self.login(&clients.app.environment, stdin)? {
            None => clients.registry_auths(images),
            Some(_) if hosts.len() > 1 => {
                let what = format!("one login was given for {} registries", hosts.len());
                return Err(Report::new(what).hint("name the images of one registry at a time"));
            }
            Some(login) => hosts.iter().map(|host| ((*host).to_owned(), Arc::clone(&login))).collect(),
        };
        if !self.plain_http {
            return Ok((clients.http.clone(), auths));
        }
        let ecr = |host: &&&str| matches!(clients.server(host), Some(Server::Ecr(_)));
        match hosts.iter().find(ecr) {
            Some(host) => Err(Report::new(format!("{host} is a registry of ECR, which speaks no plain HTTP"))
                .hint("leave --plain-http out")),
            None => Ok((clients.http.in_clear(), auths)),
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
    let mut bytes = Zeroizing::new(Vec::new());
    stdin.take(MAX_PASSWORD + 1).read_to_end(&mut bytes).map_err(|err| bad("cannot be read").cause(err))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("is not UTF-8"))?.trim_end_matches(['\n', '\r']);
    match text.len() as u64 {
        0 => Err(bad("is empty")),
        length if length > MAX_PASSWORD => Err(bad("is too long")),
        _ => Ok(Secret::from(text.to_owned())),
    }
}

/// The clients.
pub(super) struct Clients<'a> {
    app: &'a App,
    log: &'a Log<'a>,
    runtime: BoundedRuntime,
    /// Whose credentials AWS is asked with, or why there is nobody.
    identity: Result<Identity, Report>,
    /// The region of profiles that are given by name.
    pub(super) region: String,
    /// Registries' HTTP client.
    pub(super) http: Http,
}

impl<'a> Clients<'a> {
    /// The clients of this machine: with the identity that serves the first image in ECR, else the
    /// signing profile's home, and the logins that `get` answers, in process.
    ///
    /// The region is that of `--region`; without it that of the image's registry, or the identity's.
    pub(super) fn open(
        app: &'a App,
        log: &'a Log<'a>,
        args: &SigningArgs,
        images: &[Reference],
        profile: Option<&SigningProfile>,
    ) -> Result<Clients<'a>, Report> {
        let clients = Clients::open_lazily(app, log, args.region.as_deref(), images, profile)?;
        clients.identity.as_ref().map_err(Clone::clone)?;
        Ok(clients)
    }

    /// The same for who may never ask AWS: that there is no identity is told when one is needed.
    pub(super) fn open_lazily(
        app: &'a App,
        log: &'a Log<'a>,
        region: Option<&str>,
        images: &[Reference],
        profile: Option<&SigningProfile>,
    ) -> Result<Clients<'a>, Report> {
        let in_ecr =
            images.iter().find_map(|image| match Server::parse(image.host(), |host| app.config.custom(host)) {
                Some(Server::Ecr(registry)) => Some(registry),
                _ => None,
            });
        let home = profile.and_then(|profile| profile.home.as_ref());
        let target = match &in_ecr {
            Some(registry) => Target::from(registry),
            None => signer_target(home, region),
        };
        let identity = app.identities().find(&target);
        let identity = identity.map_err(|err| Report::from(err).prefixed("no AWS identity for AWS Signer"));
        let registry_region =
            in_ecr.filter(|found| matches!(found.kind, Kind::Private { .. })).map(|found| found.region);
        let own_region = || identity.as_ref().map(|identity| identity.region.clone()).unwrap_or_default();
        let region = region.map(str::to_owned).or(registry_region).unwrap_or_else(own_region);
        let http = app.aws.registry_http(identity.as_ref().ok())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| Report::new("cannot start the network").cause(err))?;
        Ok(Clients { app, log, runtime: BoundedRuntime(Some(runtime)), identity, region, http })
    }

    /// What a host is, custom domains of ECR among them.
    fn server(&self, host: &str) -> Option<Server> {
        Server::parse(host, |host| self.app.config.custom(host))
    }

    /// Runs async code to its end.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// AWS Signer in the profile's region.
    pub(super) fn signer(&self, profile: Option<&SigningProfile>) -> Result<Signer, Report> {
        let home = profile.and_then(|profile| profile.home.as_ref());
        let region = home.map_or(self.region.as_str(), |home| home.region.as_str());
        let identity = self.identity.as_ref().map_err(Clone::clone)?;
        self.run(self.app.aws.signer(identity, region))
    }

    /// AWS Signer in every region, each when it is needed.
    pub(super) fn signers(&self) -> Signers<'_> {
        Signers::new(&self.app.aws, &self.identity)
    }

    /// The logins of images' registries, each looked up once, before any async code runs: minting
    /// an ECR token is a blocking call with a runtime of its own.
    pub(super) fn registry_auths(&self, images: &[Reference]) -> RegistryAuths {
        let helper = Helper::of(self.app, self.log);
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

    /// The time as the formats have it.
    pub(super) fn time(&self) -> DateTime<Utc> {
        self.app.now.into()
    }
}

/// A runtime whose end does not wait: a name lookup runs on a thread that cannot be stopped.
struct BoundedRuntime(Option<Runtime>);

impl Deref for BoundedRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken only when this is dropped")
    }
}

impl Drop for BoundedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// AWS Signer as what an identity is looked for.
fn signer_target(home: Option<&Home>, region: Option<&str>) -> Target {
    let region = home.map(|home| home.region.as_str()).or(region).unwrap_or("us-east-1");
    Target {
        host: format!("signer.{region}.amazonaws.com"),
        account: home.map(|home| home.account.clone()).unwrap_or_default(),
        region: region.into(),
    }
}
