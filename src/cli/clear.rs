//! `clear`: forgets cached tokens.

use std::process::ExitCode;

use super::{aws_args::AwsArgs, token::registry};
use crate::{
    door::{Start, Streams},
    identity::Target,
    keychain::{self, Damaged},
    report::{Report, fold},
    token::cache::{self, Cached},
};

/// Forget cached tokens of one registry, or of all
///
/// The logins of other registries stay; `docker logout` forgets those.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs clear 111122223333.dkr.ecr.eu-west-1.amazonaws.com
  docker-credential-ecr-rs clear --all")]
pub(super) struct Clear {
    #[command(flatten)]
    whose: Whose,
    /// Say nothing when it is done
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// The registry whose tokens of every identity are forgotten
    host: Option<String>,
    /// Forget the tokens of all registries
    #[arg(long)]
    all: bool,
}

impl Clear {
    pub(super) fn run(&self, start: Start, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let app = AwsArgs::default().open(start)?;
        let asked = self.whose.host.as_ref().map(|host| registry(&app, host)).transpose()?;
        let identity = asked.as_ref().and_then(|registry| app.identities().find(&Target::from(registry)).ok());
        let identity = identity.map(|identity| identity.fingerprint());
        let host = asked.map(|registry| registry.host);
        let whose = host.as_ref().map_or("of any registry".into(), |host| format!("of {host}"));
        let failed = |err: keychain::Error| err.report(&format!("forget the tokens {whose}"));
        let Cached { tokens, damaged, .. } =
            cache::forget(&*app.cache, host.as_deref(), identity.as_deref()).map_err(failed)?;
        if self.quiet {
            return Ok(ExitCode::SUCCESS);
        }
        if tokens.is_empty() && damaged.is_empty() {
            writeln!(stdout, "there was no cached token {whose}")?;
        }
        for Damaged { name, why, .. } in damaged {
            writeln!(stdout, "removed {}: {}", fold(&name), fold(&why))?;
        }
        for label in tokens {
            let identity = super::status::identity_name(&label, &app);
            writeln!(stdout, "forgot the token of {} of {}", fold(&label.host), fold(&identity))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
