//! `version --verbose`: what this program is, for who reports a fault. The bare word is Docker's own verb.

use std::process::ExitCode;

use super::aws_args::AwsArgs;
use crate::{
    door::{Start, Streams},
    names::VERSION,
    report::Report,
};

/// Print the version; with --verbose, the commit, the target and the stores in use
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  docker-credential-ecr-rs version --verbose")]
pub(super) struct Version {
    /// What it was built from and for, and where it keeps tokens and logins
    #[arg(short, long)]
    verbose: bool,
}

impl Version {
    pub(super) fn run(&self, start: Start, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        writeln!(stdout, "{VERSION}")?;
        if self.verbose {
            // Set by the scripts that build a release; cargo knows no commit.
            writeln!(
                stdout,
                "commit: {}",
                option_env!("ECR_RS_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("not known")
            )?;
            writeln!(stdout, "target: {}", env!("ECR_RS_TARGET"))?;
            stdout.flush()?; // said whatever the configuration is like
            let app = AwsArgs::default().open(start)?;
            writeln!(stdout, "tokens: {}", app.cache.name())?;
            writeln!(stdout, "logins: {}", app.logins.name())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
