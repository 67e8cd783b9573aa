//! The kubelet's credential-provider protocol: one request on stdin, one response on stdout.
//!
//! Source of the contract: kubernetes/kubernetes, `pkg/credentialprovider/plugin/plugin.go` (the caller), and
//! kubernetes/cloud-provider-aws, `cmd/ecr-credential-provider` (the program that is replaced).

mod example;
mod service_account;
mod wire;

use std::{
    io::{BufRead, Write},
    process::ExitCode,
    rc::Rc,
};

use crate::{
    app::App,
    config::Config,
    door::{Door, Start, Streams},
    identity::Chosen,
    keychain::none::NoStore,
    names::VERSION,
    registry::Server,
    report::{Level, Report, print},
    secret::Wiped,
};
use wire::{ARGUMENT, NAME};

/// The kubelet's door.
pub const DOOR: Door = Door {
    claims: |start| start.name == NAME || start.arguments.first().is_some_and(|word| word == ARGUMENT),
    run: |start, Streams { stdin, stdout, stderr }| {
        let outcome = Question::read(&start).and_then(|question| match question {
            Question::Answer if (start.terminals)().stdin => Err(Failure::Usage),
            Question::Answer => answer(start, stdin, stderr).map_err(Failure::Report),
            Question::Example { service_accounts } => Ok(Wiped::new(example::text(&start.name, service_accounts))),
            Question::Version => Ok(Wiped::new(format!("{VERSION}\n"))),
            Question::Help => Ok(Wiped::new(format!("{HELP}\n"))),
        });
        let written = outcome.and_then(|text| {
            let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            written.map_err(|err| Failure::Report(err.into()))
        });
        match written {
            Ok(()) => ExitCode::SUCCESS,
            // The kubelet puts stderr behind its own words, in one line of its log.
            Err(Failure::Report(report)) => {
                print(Level::Error, &report.line(), stderr);
                ExitCode::FAILURE
            }
            Err(Failure::Usage) => {
                // A closed pipe must not turn into a second error: nobody is left to read it.
                writeln!(stderr, "{HELP}").ok();
                ExitCode::from(2)
            }
        }
    },
};

const HELP: &str = "\
Answers the kubelet with tokens of Amazon ECR. The kubelet writes a CredentialProviderRequest to standard input.

Usage: ecr-credential-provider [OPTION]
       docker-credential-ecr-rs kubelet [OPTION]

Options:
  --config-example                     Print a CredentialProviderConfig for the kubelet
  --config-example --service-accounts  The same, with the service accounts' own roles (Kubernetes 1.34 and newer)
  --version                            Print the version
  --help                               Print this

Examples:
  docker-credential-ecr-rs kubelet --config-example > /etc/kubernetes/credential-providers.json";

/// Why there is nothing to print.
enum Failure {
    /// The arguments are none of ours, or nobody asks.
    Usage,
    /// There is no answer.
    Report(Report),
}

/// What is asked by the arguments.
enum Question {
    /// The kubelet's question, on stdin.
    Answer,
    /// A configuration for the kubelet.
    Example {
        /// With the roles of service accounts.
        service_accounts: bool,
    },
    /// Name and version.
    Version,
    /// What the arguments can be.
    Help,
}

impl Question {
    fn read(start: &Start) -> Result<Question, Failure> {
        let words: Vec<&str> = start.arguments.iter().map(String::as_str).collect();
        Ok(match words.strip_prefix(&[ARGUMENT]).unwrap_or(&words) {
            ["--config-example"] => Question::Example { service_accounts: false },
            ["--config-example", "--service-accounts"] => Question::Example { service_accounts: true },
            ["--version" | "-v"] => Question::Version,
            ["--help" | "-h"] => Question::Help,
            // The program that is replaced takes any word: its documentation writes `get-credentials`.
            words if words.iter().all(|word| !word.starts_with('-')) => Question::Answer,
            _ => return Err(Failure::Usage),
        })
    }
}

/// Answers one request.
///
/// Nothing is cached here: the kubelet keeps what it gets in its own memory, for as long as the answer says.
/// A node's root has no keychain, and a token in a file would outlive what the kubelet decided about a pod.
fn answer(start: Start, stdin: &mut dyn BufRead, stderr: &mut dyn Write) -> Result<Wiped<String>, Report> {
    let request = wire::Request::read(stdin)?;
    let environment = start.environment;
    let config = Config::load(&environment)?;
    let chosen = service_account::of(&request, &environment)?.map(Chosen::ServiceAccount);
    let app = App { chosen, cache: Rc::new(NoStore::Forgets), ..App::open(environment, config, start.now) };
    let log = app.log(stderr);
    if request.has_token() && app.chosen.is_none() {
        log.note(format_args!("the service account names no role: its token is not used"));
    }
    let registry = match Server::parse(&request.image, |host| app.config.custom(host)) {
        Some(Server::Ecr(registry)) => registry,
        Some(Server::Other(_)) | None => {
            return Err(Report::new(format!("{} is in no registry of Amazon ECR", request.image)).hint(
                "take its host out of matchImages or, where it is a domain in front of ECR, \
                 give it a [[registry]] rule with account and region in config.toml",
            ));
        }
    };
    let token = app.tokens(&log).token(&registry)?;
    Ok(wire::response(request.host(), token.as_ref(), app.config.refresh_before, (start.clock)()))
}
