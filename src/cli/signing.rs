//! What the signing commands share: AWS Signer, registries, logins, the clock and the terminal.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, BufRead, Write},
    ops::Deref,
    sync::Arc,
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use tokio::runtime::Runtime;

use super::{Machine, Problem, machine::AwsArguments};
use crate::{
    aws::{Aws, Failure},
    docker,
    identity::{self, Identity},
    registry::{Kind, Registry, Server},
    secret::Secret,
    sign::{
        Error, Profile, Reference,
        oci::{Http, Login, Patience},
        profile::Home,
        signer::Signer,
    },
    world::World,
};

/// How a registry's login is looked up: user name and password of a host, or none.
pub type LookUp<'a> = dyn FnMut(&str) -> Result<Option<(String, Secret)>, Error> + 'a;

/// How a client of AWS Signer in a region is made.
pub type Connect<'a> = dyn Fn(String) -> LocalBoxFuture<'a, Result<Signer, Error>> + 'a;

/// The tools of the signing commands. The one place below the command line that runs async code.
pub struct Tools<'a> {
    runtime: Bounded,
    /// Registries' HTTP stack.
    pub http: Http,
    /// AWS Signer.
    pub connect: Box<Connect<'a>>,
    /// Logins; each host is asked for once.
    pub login: RefCell<Box<LookUp<'a>>>,
    /// The region of profiles that are given by name.
    pub region: String,
    /// The time.
    pub now: SystemTime,
    /// Whether progress may be drawn and questions asked.
    pub terminal: bool,
}

impl<'a> Tools<'a> {
    /// Tools from their parts.
    pub fn new(
        http: Http,
        connect: Box<Connect<'a>>,
        login: Box<LookUp<'a>>,
        (region, now, terminal): (String, SystemTime, bool),
    ) -> Result<Tools<'a>, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| Error::new("cannot start the network").cause(err))?;
        Ok(Tools { runtime: Bounded(Some(runtime)), http, connect, login: RefCell::new(login), region, now, terminal })
    }

    /// The tools of this machine: the identity that serves the first image, or the profile's home,
    /// and the logins that `get` answers, in process.
    ///
    /// `region` is `--region`; without it the ARN, the image's registry or the identity decide.
    pub fn of(
        world: &'a World<'a>,
        aws: &'a Aws,
        images: &[Reference],
        profile: Option<&Profile>,
        region: Option<&str>,
    ) -> Result<Tools<'a>, Error> {
        let custom = |host: &str| world.config.custom(host);
        let in_ecr = images.iter().find_map(|image| match Server::parse(image.host(), custom) {
            Some(Server::Ecr(registry)) => Some(registry),
            _ => None,
        });
        let home = profile.and_then(|profile| profile.home.as_ref());
        let about = in_ecr.clone().unwrap_or_else(|| signer_as_registry(home, region));
        let identity = identity::find(world.environment, world.config, world.instance, &about)
            .map_err(|err| Error::new(format!("no AWS identity for signing: {err}")).hint(err.hint()))?;
        let region = region
            .map(str::to_owned)
            .or_else(|| in_ecr.filter(|found| matches!(found.kind, Kind::Private { .. })).map(|found| found.region))
            .unwrap_or_else(|| identity.region.clone());
        let http = aws.http(&identity, Patience::default()).map_err(told)?;
        let identity: Arc<Identity> = Arc::new(identity);
        let connect = Box::new(move |region: String| -> LocalBoxFuture<'a, Result<Signer, Error>> {
            let identity = Arc::clone(&identity);
            Box::pin(async move {
                let config = aws.configuration(&identity, &region).await.map_err(told)?;
                Ok(Signer::new(&config))
            })
        });
        let login = Box::new(move |host: &str| match docker::login(world, host) {
            Ok(login) => Ok(login.map(|login| (login.username, login.secret))),
            Err(err) => {
                let told = Error::new(format!("no login for {host}: {err}"));
                Err(match err.hint() {
                    Some(hint) => told.hint(hint),
                    None => told,
                })
            }
        });
        Tools::new(http, connect, login, (region, world.now, world.environment.interactive))
    }

    /// Runs async code to its end.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// AWS Signer in the profile's region.
    pub fn signer(&self, profile: Option<&Profile>) -> Result<Signer, Error> {
        let home = profile.and_then(|profile| profile.home.as_ref());
        let region = home.map_or_else(|| self.region.clone(), |home| home.region.clone());
        self.run((self.connect)(region))
    }

    /// The logins of images' registries, each looked up once, before any async code runs: minting
    /// an ECR token is a blocking call with a runtime of its own.
    pub fn logins(&self, images: &[Reference]) -> HashMap<String, Arc<Login>> {
        let mut logins = HashMap::new();
        for image in images {
            logins.entry(image.host().to_owned()).or_insert_with(|| {
                Arc::new(match (self.login.borrow_mut())(image.host()) {
                    Ok(Some((username, secret))) => Login::Known { username, secret },
                    Ok(None) => Login::Anonymous,
                    Err(err) => Login::Failed(err),
                })
            });
        }
        logins
    }

    /// The time as the formats have it.
    pub fn time(&self) -> DateTime<Utc> {
        self.now.into()
    }
}

/// A runtime whose end does not wait: a name lookup runs on a thread that cannot be stopped.
struct Bounded(Option<Runtime>);

impl Deref for Bounded {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken only when this is dropped")
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// AWS Signer in the shape of a registry, so that the rules for identities apply to it.
fn signer_as_registry(home: Option<&Home>, region: Option<&str>) -> Registry {
    let region = home.map(|home| home.region.as_str()).or(region).unwrap_or("us-east-1");
    Registry {
        host: format!("signer.{region}.amazonaws.com"),
        kind: Kind::Private { account: home.map(|home| home.account.clone()).unwrap_or_default() },
        region: region.into(),
        fips: false,
        dual_stack: false,
    }
}

fn told(failure: Failure) -> Error {
    let err = failure.causes.iter().fold(Error::new(failure.what), Error::cause);
    match failure.hint {
        Some(hint) => err.hint(hint),
        None => err,
    }
}

/// Whose credentials a signing command takes, and where it looks for profiles that are given by name.
#[derive(Debug, Default, clap::Args)]
pub struct Access {
    #[command(flatten)]
    pub(super) aws: AwsArguments,
    /// The region of AWS Signer, for a signing profile that is given by name
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

impl Access {
    /// Opens the machine with these options and hands the tools to a command.
    ///
    /// `images` and `profile` decide whose identity signs: that of the first ECR registry, else the
    /// profile's home.
    pub(super) fn with_tools<T>(
        &self,
        machine: Machine,
        (images, profile): (&[Reference], Option<&Profile>),
        stderr: &mut dyn Write,
        work: impl FnOnce(&Tools<'_>, &mut dyn Write) -> Result<T, Error>,
    ) -> Result<T, Problem> {
        let terminal = machine.terminals.stderr;
        let opened = machine.open(&self.aws)?;
        // What `get` warns of while it answers comes before what the command tells.
        let mut warnings = Vec::new();
        let outcome = {
            let journal = opened.journal(&mut warnings);
            let world = opened.world(&journal);
            let tools = Tools::of(&world, &opened.aws, images, profile, self.region.as_deref());
            tools.and_then(|tools| work(&Tools { terminal, ..tools }, stderr))
        };
        stderr.write_all(&warnings).ok(); // a closed pipe: nobody is left to read them
        Ok(outcome?)
    }
}

impl From<Error> for Problem {
    fn from(err: Error) -> Problem {
        Problem { what: err.what().to_owned(), causes: err.causes().to_vec(), hint: err.advice().map(str::to_owned) }
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document.
    Json,
}

/// Tells a failure: what, causes, hint.
pub fn tell(err: &Error, stderr: &mut dyn Write) -> io::Result<()> {
    writeln!(stderr, "error: {err}")?;
    for cause in err.causes() {
        writeln!(stderr, "  caused by: {cause}")?;
    }
    match err.advice() {
        Some(hint) => writeln!(stderr, "  hint: {hint}"),
        None => Ok(()),
    }
}

/// Asks before something that cannot be undone. Without a terminal only `--yes` is a yes.
pub fn confirmed(
    question: &str,
    yes: bool,
    terminal: bool,
    stdin: &mut dyn BufRead,
    stderr: &mut dyn Write,
) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !terminal {
        return Err(Error::new(format!("not done without a yes: {question}")).hint("add --yes"));
    }
    let mut answer = String::new();
    let asked =
        write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).and_then(|()| stdin.read_line(&mut answer));
    match asked {
        Ok(_) if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") => Ok(()),
        _ => Err(Error::new("nothing was done")),
    }
}

/// Reads `KEY=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("write KEY=VALUE".into()),
    }
}
