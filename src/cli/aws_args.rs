//! Whose AWS credentials a command takes.

use crate::{app::App, config::Config, door::Start, identity::Chosen, report::Report};

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
        if let Some(profile) = self.profile.as_deref().filter(|name| name.starts_with("arn:")) {
            return Err(Report::new(format!("{profile} is an ARN, and --profile takes the name of an AWS profile"))
                .hint("a signing profile of AWS Signer goes to --signing-profile"));
        }
        let config = Config::load(&start.environment)?;
        Ok(App { chosen: self.chosen(), ..App::open(start.environment, config, start.now) })
    }

    /// Whose credentials the person insists on.
    pub(super) fn chosen(&self) -> Option<Chosen> {
        self.profile.clone().map(Chosen::Profile)
    }
}
