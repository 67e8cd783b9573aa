//! `doctor`: walks the way of a `get` and says where it is broken, and what to do first.
//!
//! Each check is a function from values to a [`Finding`](finding::Finding); this file is their order,
//! which is that in which a `get` meets them.

mod aws;
mod cache;
mod clients;
mod finding;
mod home;
mod node;
mod notation;
mod program;
mod settings;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
};

use super::{
    aws_args::AwsArgs,
    known::{named, registries},
    output::{OutputFormat, Style, exit_code, write_json},
};
use crate::{
    app::App,
    aws::{Settings, signing_profile::SigningProfile},
    config::Config,
    door::{Start, Streams},
    environment::Environment,
    keychain::unavailable::UnavailableStore,
    registry::{Partition, Server},
    report::Report,
    setup::node_command,
    verify::places,
};
use cache::Tokens;
use finding::{Finding, Findings};

/// The end of the help text.
const EXAMPLES: &str = "Examples:
  docker-credential-ecr-rs doctor
  docker-credential-ecr-rs doctor 111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// Check the whole way to a registry, and say what to do first
///
/// Without a registry, the machine is checked, and the way to every ECR registry that the clients'
/// configuration, config.toml and the cache name; where there is none, whose AWS credentials are here. The exit code is 0 only when nothing keeps a `get` from its answer.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// The registry, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com; or `containerd`: would a pull of this
    /// node be verified?
    host: Option<String>,
    /// With containerd: the root of the node's disk, where it is mounted here
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Ask AWS for nothing: which rule, which profile, which entry of the cache and which endpoint
    #[arg(long)]
    offline: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    output: OutputFormat,
    #[command(flatten)]
    aws: AwsArgs,
}

impl Doctor {
    pub(super) fn run(&self, start: Start, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let style = Style::of((start.terminals)().stdout, &start.environment);
        let of_node = self.host.as_deref() == Some("containerd");
        if !of_node && self.root != Path::new("/") {
            return Err(
                Report::new("--root is for containerd").hint("docker-credential-ecr-rs doctor containerd --root DIR")
            );
        }
        let findings = if of_node { self.examine_node(start) } else { self.examine(start) };
        match self.output {
            OutputFormat::Text => findings.text(style, stdout)?,
            OutputFormat::Json => write_json(&findings.json(), stdout)?,
        }
        Ok(exit_code(findings.is_healthy()))
    }

    /// The way of a pull on a node: containerd, its verifiers, the policy, the credentials.
    fn examine_node(&self, start: Start) -> Findings {
        let mut all = Findings::of(node_command("doctor containerd", &self.root));
        let environment = start.environment.under(&self.root);
        // As the verifier sees it.
        let environment =
            Environment { config_folder: Some(environment.system_folder.clone()), interactive: false, ..environment };
        let loaded = Config::load(&environment);
        all.add(node::containerd(&environment, &self.root));
        let (policy, trusted) = node::policy(&environment, &self.root, start.now.into());
        let rules = loaded.as_ref().map_or(&[][..], |config| &config.rules);
        let arns: Vec<&String> = rules.iter().filter_map(|rule| rule.signing_profile.as_ref()).collect();
        match (&trusted, arns.first()) {
            (None, Some(arn)) if places::machine(&environment).is_none() => {
                all.add([Finding::ok("policy", format!("config.toml trusts {arn}"))]);
            }
            _ => all.add(policy),
        }
        all.add([settings::config(&loaded)]);
        let of_rule = arns.first().and_then(|arn| SigningProfile::parse(arn).ok());
        let profile = trusted.as_ref().and_then(|trusted| trusted.signing_profile().cloned()).or(of_rule);
        // The credentials of another machine are not here.
        if let (Ok(config), Some(home), true) =
            (loaded, profile.and_then(|found| found.home), self.root == Path::new("/"))
        {
            let suffix = Partition::of_region(&home.region).dns_suffix;
            let host = format!("{}.dkr.ecr.{}.{suffix}", home.account, home.region);
            let app = App { chosen: self.aws.chosen(), ..App::open(environment, config, start.now) };
            if let (name, Some(Server::Ecr(registry))) = named(&host, Some(&app.config)) {
                all.add_for(&name, aws::registry(&app, &registry, &[], true));
            }
        }
        all
    }

    fn examine(&self, start: Start) -> Findings {
        let mut all = Findings::default();
        let mut environment = start.environment;
        environment.interactive = false; // what a `get` sees is what is reported
        let loaded = Config::load(&environment);
        let asked = self.host.as_deref().map(|host| named(host, loaded.as_ref().ok()));

        all.add([program::on_path(&environment, (start.executable)().as_deref())]);
        all.add(home::checks(&environment));
        all.add(clients::all(&environment, asked.as_ref().map(|(host, _)| host.as_str())));
        all.add([settings::config(&loaded)]);
        all.add(settings::variables(&environment));
        all.add(settings::network(&environment, &Settings::read(&environment, start.now)));
        let notation = notation::installed(&environment);

        // A config.toml that cannot be read stops every `get`: what it would have chosen is not known.
        if let Ok(config) = loaded {
            let mut app = App { chosen: self.aws.chosen(), ..App::open(environment, config, start.now) };
            let Tokens { finding, labels, silence } = cache::store(&app);
            all.add([finding, cache::lock(&app.environment)]);
            match silence {
                None => all.add([cache::logins(&app)]),
                Some(silence) => app.logins = Rc::new(UnavailableStore(silence)), // to wait for it once is enough
            }
            let servers = match asked {
                Some(asked) => vec![asked],
                None => {
                    let known = registries(&app, &labels);
                    if known.is_empty() {
                        all.add([aws::identity(&app)]);
                    }
                    known
                }
            };
            for (name, server) in servers {
                let findings = match server {
                    Some(Server::Ecr(registry)) => aws::registry(&app, &registry, &labels, !self.offline),
                    Some(Server::Other(server)) => vec![aws::other(&*app.logins, &server)],
                    None => vec![Finding::failed("host", "no registry is named", "name one, such as public.ecr.aws")],
                };
                all.add_for(&name, findings);
            }
        }
        all.add(notation);
        all
    }
}
