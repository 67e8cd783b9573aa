//! `doctor`: walks the way of a `get` and says where it is broken, and what to do first.
//!
//! Each check is a function from values to a [`Finding`](finding::Finding); this file is their order,
//! which is that in which a `get` meets them.

mod aws;
mod cache;
mod clients;
mod finding;
mod home;
mod notation;
mod program;
mod settings;

use std::{io::Write, process::ExitCode};

use super::{Machine, Problem, machine::AwsArguments, output::Format};
use crate::{aws::Settings, config::Config, registry::Server};
use finding::{Finding, Report};

/// Check the whole way to a registry, and say what to do first
///
/// Without a registry, the machine is checked, and the way to every ECR registry that the clients'
/// configuration names. The exit code is 0 only when nothing keeps a `get` from its answer.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// The registry, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com
    host: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    aws: AwsArguments,
}

impl Doctor {
    pub(super) fn run(
        &self,
        machine: Machine,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> Result<ExitCode, Problem> {
        let style = machine.style();
        let report = self.examine(machine, stderr);
        match self.output {
            Format::Text => report.text(style, stdout)?,
            Format::Json => writeln!(stdout, "{:#}", report.json())?,
        }
        Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn examine(&self, mut machine: Machine, stderr: &mut dyn Write) -> Report {
        let mut report = Report::default();
        machine.environment = self.aws.environment(machine.environment);
        machine.environment.interactive = false; // what a `get` sees is what is told
        let loaded = Config::load(&machine.environment);
        let asked = self.host.as_deref().map(|host| named(host, loaded.as_ref().ok()));
        let now = machine.now;

        report.add([program::on_path(&machine.environment, machine.executable.as_deref())]);
        report.add(home::traps(&machine.environment));
        report.add(clients::all(&machine.environment, asked.as_ref().map(|(host, _)| host.as_str())));
        report.add([settings::config(&loaded)]);
        report.add(settings::variables(&machine.environment));
        report.add(settings::way(&machine.environment, &Settings::read(&machine.environment, now)));
        let notation = notation::installed(&machine.environment);

        // A config.toml that cannot be read stops every `get`: what it would have chosen is not known.
        if let Ok(config) = loaded {
            let opened = machine.open_with(config, &self.aws);
            let journal = opened.journal(stderr);
            let world = opened.world(&journal);
            let (store, labels) = cache::store(world.cache);
            report.add([store, cache::lock(world.environment)]);
            report.add(cache::delegate(world.config, world.logins));
            let found = clients::registries(world.environment);
            let servers = match asked {
                Some(asked) => vec![asked],
                None => found.iter().map(|host| named(host, Some(world.config))).collect(),
            };
            for (name, server) in servers {
                let findings = match server {
                    Some(Server::Ecr(registry)) => aws::registry(&opened, &world, &self.aws, &registry, &labels),
                    Some(Server::Other(server)) => vec![aws::other(&world, &server)],
                    None => vec![Finding::failed("host", "no registry is named", "name one, such as public.ecr.aws")],
                };
                report.add_for(&name, findings);
            }
        }
        report.add(notation);
        report
    }
}

/// The host that a person named, as clients send it, and what it is.
fn named(text: &str, config: Option<&Config>) -> (String, Option<Server>) {
    let server = Server::parse(text, |host| config?.custom(host));
    let name = match &server {
        Some(Server::Ecr(registry)) => registry.host.clone(),
        Some(Server::Other(server)) => server.clone(),
        None => text.to_owned(),
    };
    (name, server)
}
