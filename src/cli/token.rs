//! `token`: the password of a registry, for a pipe.

use std::io::Write;

use super::{
    Machine, Problem,
    machine::{AwsArguments, Opened},
};
use crate::{
    error::PROGRAM,
    registry::{Registry, Server},
    token,
};

/// Print the password of an ECR registry, for a pipe
///
/// It is the cached token, or a new one, as `aws ecr get-login-password` gives it. The user name is AWS.
#[derive(Debug, clap::Args)]
pub(super) struct Token {
    /// The registry, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com
    host: String,
    /// Print it on a terminal too
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    aws: AwsArguments,
}

impl Token {
    pub(super) fn run(&self, machine: Machine, stdout: &mut dyn Write, stderr: &mut dyn Write) -> Result<(), Problem> {
        if machine.terminals.stdout && !self.force {
            let host = &self.host;
            return Err(Problem::new(
                "a password is not shown on a terminal",
                format!(
                    "pipe it, as in `{PROGRAM} token {host} | docker login -u AWS --password-stdin {host}`, or add --force"
                ),
            ));
        }
        let opened = machine.open(&self.aws)?;
        let registry = registry(&opened, &self.host)?;
        let journal = opened.journal(stderr);
        let token = token::obtain(&opened.world(&journal), &registry).map_err(|err| self.aws.blame(err))?;
        let token = token.ok_or_else(|| {
            Problem::new(
                format!("no token of {}: there are no AWS credentials that it takes", registry.host),
                format!(
                    "its images can be pulled without a login; `{PROGRAM} doctor {}` says what is missing",
                    self.host
                ),
            )
        })?;
        writeln!(stdout, "{}", token.password.expose())?;
        stdout.flush()?;
        Ok(())
    }
}

/// The ECR registry that a person named.
pub(super) fn registry(opened: &Opened, host: &str) -> Result<Registry, Problem> {
    match Server::parse(host, |host| opened.config.custom(host)) {
        Some(Server::Ecr(registry)) => Ok(registry),
        Some(Server::Other(_)) | None => Err(Problem::new(
            format!("{host:?} is no registry of Amazon ECR"),
            "name one as in 111122223333.dkr.ecr.eu-west-1.amazonaws.com, or give its domain a [[registry]] rule with account and region",
        )),
    }
}
