//! How AWS Signer is reached: with whose credentials, in which region, under which root.

use std::{collections::BTreeMap, path::Path};

use super::failure::Failure;
use crate::{
    app::App,
    aws::{runtime::BoundedRuntime, signer::Signer, signer_roots::Roots, signing_profile::Home},
    config::Config,
    door::Start,
    identity::Chosen,
    registry::is_region,
    report::{Report, excerpt},
};

/// The settings of a caller (`--plugin-config NAME=VALUE`).
pub(super) struct Settings {
    profile: Option<String>,
    region: Option<String>,
    root: Option<String>,
}

impl Settings {
    /// Reads them. A setting that is not known is passed over, as by the plugin that is replaced, but for the one
    /// of its settings that is not served here: AWS itself would be asked in place of what it names.
    pub(super) fn read(mut config: BTreeMap<String, String>) -> Result<Settings, Failure> {
        let mut take = |name: &str| config.remove(name).filter(|value| !value.trim().is_empty());
        if let Some(url) = take("aws-signer-endpoint-url") {
            let what = format!("the plugin does not take aws-signer-endpoint-url ({})", excerpt(&url));
            let hint = "set AWS_ENDPOINT_URL_SIGNER, and AWS_ENDPOINT_URL_SIGNER_DATA for verifying";
            return Err(Failure::invalid(Report::new(what).hint(hint)));
        }
        let region = take("aws-region");
        if let Some(bad) = region.as_ref().filter(|region| !is_region(region)) {
            return Err(Failure::invalid(
                Report::new(format!("aws-region is {:?}, which is not a region", excerpt(bad)))
                    .hint("leave it out, and the profile's ARN says it"),
            ));
        }
        Ok(Settings { profile: take("aws-profile"), region, root: take("signer-root") })
    }

    /// The root that a new signature must lead to: that of `signer-root`, else AWS Signer's own.
    pub(super) fn roots(&self) -> Result<Roots, Failure> {
        Roots::of(self.root.as_deref().map(Path::new)).map_err(Failure::invalid)
    }

    /// Asks AWS Signer: in the profile's own region, unless `aws-region` names another; as `aws-profile`, or who
    /// config.toml and the environment say. `failed` is what becomes of it where nobody could be asked.
    pub(super) fn with_signer<T, E>(
        self,
        start: Start,
        home: &Home,
        failed: impl Fn(Report) -> E,
        work: impl AsyncFnOnce(&Signer) -> Result<T, E>,
    ) -> Result<T, E> {
        let home = Home { region: self.region.unwrap_or_else(|| home.region.clone()), ..home.clone() };
        let config = Config::load(&start.environment).map_err(&failed)?;
        let app = App { chosen: self.profile.map(Chosen::Profile), ..App::open(start.environment, config, start.now) };
        let identity = app.identities().find(&home.target());
        let identity = identity.map_err(|err| failed(Report::from(err).prefixed("no AWS identity for AWS Signer")))?;
        let runtime = BoundedRuntime::start();
        let runtime = runtime.map_err(|err| failed(Report::new("cannot start the network").cause(err)))?;
        runtime.run(async {
            let signer = app.aws.signer(&identity, &home.region).await.map_err(&failed)?;
            work(&signer).await
        })
    }
}
