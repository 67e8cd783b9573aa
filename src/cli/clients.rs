//! The clients of AWS Signer and of registries that the signing commands share, with this machine's
//! credentials. The one place of the command line that runs async code.

use std::{collections::HashMap, ops::Deref, sync::Arc};

use chrono::{DateTime, Utc};
use tokio::runtime::Runtime;

use super::aws_args::AwsArgs;
use crate::{
    app::App,
    aws::{
        signer::Signer,
        signers::Signers,
        signing_profile::{Home, SigningProfile},
    },
    docker::Helper,
    identity::{Identity, Target},
    log::Log,
    oci::{Http, Reference, RegistryAuth},
    registry::{Kind, Server},
    report::Report,
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
    pub(super) fn registry_auths(&self, images: &[Reference]) -> HashMap<String, Arc<RegistryAuth>> {
        let helper = Helper::of(self.app, self.log);
        let mut auths = HashMap::new();
        for host in images.iter().map(Reference::host) {
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
    let anybodys = || {
        let region = region.unwrap_or("us-east-1").to_owned();
        Home { partition: String::new(), region, account: String::new() }
    };
    home.cloned().unwrap_or_else(anybodys).target()
}
