//! The clients of AWS Signer and of registries, with this machine's credentials, and the runtime that they
//! share: all that signs or verifies runs its async code here.

use chrono::{DateTime, Utc};

use super::App;
use crate::{
    aws::{
        Registries,
        runtime::BoundedRuntime,
        signer::Signer,
        signers::Signers,
        signing_profile::{Home, SigningProfile},
    },
    identity::{Identity, Target},
    oci::{Http, Reference},
    registry::{Kind, Server},
    report::Report,
};

/// The clients.
pub struct Clients<'a> {
    app: &'a App,
    runtime: BoundedRuntime,
    /// Whose credentials AWS is asked with, or why there is nobody.
    pub(crate) identity: Result<Identity, Report>,
    /// The region of profiles that are given by name.
    pub(crate) region: String,
    /// Whether somebody chose it: an option, the image's registry, the environment or the AWS profile.
    pub(crate) region_is_stated: bool,
    registries: Registries,
}

impl<'a> Clients<'a> {
    /// The clients of this machine: with the identity that serves the first image in ECR, else the signing
    /// profile's home. That there is no identity is told when one is needed.
    ///
    /// The region is the one that is given; without it that of the image's registry, or the identity's.
    pub fn open(
        app: &'a App,
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
        // Where nobody states a region, the identity's is the target's.
        let stated_by_identity = || {
            let nowhere = Target { region: String::new(), ..target.clone() };
            app.identities().find(&nowhere).is_ok_and(|identity| !identity.region.is_empty())
        };
        let identity = identity.map_err(|err| Report::from(err).prefixed("no AWS identity for AWS Signer"));
        let registry_region =
            in_ecr.filter(|found| matches!(found.kind, Kind::Private { .. })).map(|found| found.region);
        let region_is_stated = region.is_some() || registry_region.is_some() || home.is_some() || stated_by_identity();
        let own_region = || identity.as_ref().map(|identity| identity.region.clone()).unwrap_or_default();
        let region = region.map(str::to_owned).or(registry_region).unwrap_or_else(own_region);
        let registries = app.aws.registries(identity.as_ref().ok())?;
        let runtime = BoundedRuntime::start().map_err(|err| Report::new("cannot start the network").cause(err))?;
        Ok(Clients { app, runtime, identity, region, region_is_stated, registries })
    }

    /// Runs async code to its end.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.run(work)
    }

    /// Registries' HTTP client.
    pub fn http(&self) -> &Http {
        &self.registries.http
    }

    /// Does what waits by itself, such as the search for a login, while a connection to the first image's registry is
    /// made.
    pub fn connecting<T>(&self, images: &[Reference], work: impl FnOnce() -> T) -> T {
        let remote = images.iter().find(|image| image.layout().is_none());
        let Some(image) = remote.filter(|image| self.http().scheme(image.host()) == "https") else { return work() };
        self.runtime.beside(|| self.registries.connect_early(image.host()), work)
    }

    /// AWS Signer in the profile's region.
    pub fn signer(&self, profile: Option<&SigningProfile>) -> Result<Signer, Report> {
        let home = profile.and_then(|profile| profile.home.as_ref());
        let region = home.map_or(self.region.as_str(), |home| home.region.as_str());
        let identity = self.identity.as_ref().map_err(Clone::clone)?;
        self.run(self.app.aws.signer(identity, region))
    }

    /// AWS Signer in every region, each when it is needed.
    pub fn signers(&self) -> Signers<'_> {
        Signers::new(&self.app.aws, &self.identity)
    }

    /// The time as the formats have it.
    pub fn time(&self) -> DateTime<Utc> {
        self.app.now.into()
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
