//! `token`: the password of a registry, for a pipe.

use std::process::ExitCode;

use super::aws_args::AwsArgs;
use crate::{
    app::App,
    door::{Start, Streams},
    names::PROGRAM,
    registry::{Registry, Server, look_alike},
    report::Report,
};

/// Print the password of an ECR registry, for a pipe
///
/// It is the cached token, or a new one, as `aws ecr get-login-password` gives it. The user name is AWS.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs token REGISTRY |
    docker login -u AWS --password-stdin REGISTRY
  docker-credential-ecr-rs token REGISTRY --profile prod | helm registry login \\
    -u AWS --password-stdin REGISTRY")]
pub(super) struct Token {
    /// The registry, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com
    host: String,
    /// Print it on a terminal too
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    aws: AwsArgs,
}

impl Token {
    pub(super) fn run(&self, start: Start, streams: Streams<'_>) -> Result<ExitCode, Report> {
        let host = &self.host;
        if (start.terminals)().stdout && !self.force {
            return Err(Report::new("a password is not shown on a terminal").hint(format!(
                "pipe it, as in `{PROGRAM} token {host} | docker login -u AWS --password-stdin {host}`, or add --force"
            )));
        }
        let app = self.aws.open(start)?;
        let registry = registry(&app, host)?;
        let log = app.log(streams.stderr);
        let tokens = app.tokens(&log);
        let token = tokens.login(&registry)?;
        writeln!(streams.stdout, "{}", token.password.expose())?;
        streams.stdout.flush()?;
        tokens.tidy();
        Ok(ExitCode::SUCCESS)
    }
}

/// The ECR registry that a person named.
pub(super) fn registry(app: &App, host: &str) -> Result<Registry, Report> {
    match Server::parse(host, |host| app.config.custom(host)) {
        Some(Server::Ecr(registry)) => Ok(registry),
        Some(Server::Other(_)) | None => {
            let report = Report::new(format!("{host:?} is no registry of Amazon ECR"));
            Err(match look_alike(host) {
                Some(wrong) => report.cause(wrong).hint("correct the name"),
                None => report.hint(
                    "name one as in 111122223333.dkr.ecr.eu-west-1.amazonaws.com, or give its domain a [[registry]] rule with account and region",
                ),
            })
        }
    }
}
