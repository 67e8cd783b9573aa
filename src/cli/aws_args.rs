//! Whose AWS credentials a command takes.

use crate::{app::App, config::Config, door::Start, report::Report};

/// The options that choose AWS credentials.
#[derive(Debug, Default, clap::Args)]
pub(super) struct AwsArgs {
    /// Use this AWS profile, over config.toml and the keys in the environment
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
}

impl AwsArgs {
    /// Reads the configuration and opens what it names, for the profile that was chosen.
    pub(super) fn open(&self, start: Start) -> Result<App, Report> {
        let config = Config::load(&start.environment)?;
        Ok(App { profile: self.profile.clone(), ..App::open(start.environment, config, start.now) })
    }
}
