//! What the signing commands share: their options, and their clients, which log in as `get` does.

use std::{collections::HashMap, sync::Arc};

use super::aws_args::AwsArgs;
use crate::{
    app::{App, clients::Clients},
    aws::signing_profile::SigningProfile,
    docker::Helper,
    log::Log,
    oci::{Reference, RegistryAuth},
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

/// The logins of images' registries, those that `get` answers, each looked up once, before any async code
/// runs: minting an ECR token is a blocking call with a runtime of its own.
pub(super) fn registry_auths<'a>(
    app: &'a App,
    log: &'a Log<'a>,
    images: &[Reference],
) -> HashMap<String, Arc<RegistryAuth>> {
    let helper = Helper::of(app, log);
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
