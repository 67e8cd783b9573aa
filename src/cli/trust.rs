//! `trust`: who is trusted to sign: written, shown, checked.

use std::{
    io::{BufRead, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use chrono::{DateTime, Utc};

use super::{
    confirm::confirm,
    output::{OutputFormat, exit_code, write_json, write_lines},
    trust_report as report,
};
use crate::{
    aws::{signer_roots, signing_profile::SigningProfile},
    door::{Start, Streams},
    environment::Environment,
    log::Log,
    private_fs::{self, Untrusted},
    report::{Level, Report},
    setup::{Plan, TrustRequest},
    verify::{
        lint::{self, Finding},
        places::{self, Named},
        policy::Policy,
    },
};

/// Say who is trusted to sign, and look at what is in force.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  docker-credential-ecr-rs trust show")]
pub(super) enum Trust {
    /// Trust a signing profile: write the policy and the store that Notation and this program read
    Init(Init),
    /// What is in force: the policy in words, and the certificates that it goes by
    Show(Show),
    /// Look for what is wrong with a policy and its stores
    Check(Check),
}

/// Whom to trust.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  docker-credential-ecr-rs trust init --signing-profile \\
    arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release
  For every user of the machine:
    NOTATION_CONFIG=/etc/docker-credential-ecr-rs \\
      docker-credential-ecr-rs trust init --signing-profile ARN
  docker-credential-ecr-rs trust init --undo")]
pub(super) struct Init {
    /// The signing profile's ARN, or that of one version
    #[arg(long, value_name = "ARN", required_unless_present = "undo")]
    signing_profile: Option<String>,
    /// Trust this root certificate in place of AWS Signer's own, which is built in
    #[arg(long, alias = "signer-root", value_name = "FILE")]
    root: Option<PathBuf>,
    /// For this repository only, REGISTRY/REPOSITORY; may be given several times [default: every one]
    #[arg(long = "scope", value_name = "REPOSITORY")]
    scopes: Vec<String>,
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Bring the policy back as it was before; what is there now is kept in its place
    #[arg(long, conflicts_with_all = ["signing_profile", "root", "scopes"])]
    undo: bool,
    /// Change a statement that is there without asking
    #[arg(short, long)]
    yes: bool,
}

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  docker-credential-ecr-rs trust show
  docker-credential-ecr-rs trust show --policy trustpolicy.json --output json")]
pub(super) struct Show {
    /// This policy in place of the one that is in force
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The folder of the trust stores [default: truststore beside the policy]
    #[arg(long, value_name = "DIR")]
    trust_store: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
}

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  docker-credential-ecr-rs trust check
  docker-credential-ecr-rs trust check trustpolicy.json --trust-store truststore")]
pub(super) struct Check {
    /// The policy [default: the one that is in force]
    #[arg(value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The folder of the trust stores [default: truststore beside the policy]
    #[arg(long, value_name = "DIR")]
    trust_store: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
}

impl Trust {
    pub(super) fn run(&self, start: Start, streams: Streams<'_>) -> Result<ExitCode, Report> {
        match self {
            Trust::Init(init) => init.run(start, streams),
            Trust::Show(show) => show.run(&start.environment, start.now.into(), streams),
            Trust::Check(check) => check.run(&start.environment, start.now.into(), streams),
        }
    }
}

impl Init {
    fn run(&self, start: Start, Streams { stdin, stdout, stderr }: Streams<'_>) -> Result<ExitCode, Report> {
        let (plan, question) = match &self.signing_profile {
            Some(profile) => Plan::trust(&self.request(profile)?, &start.environment)?,
            None => (Plan::undo_trust(&start.environment)?, None),
        };
        plan.warnings.iter().for_each(|warning| warning.print(Level::Warning, stderr));
        let changes = plan.changed_keys()?;
        if self.dry_run {
            let lines = if changes.is_empty() { &plan.notes } else { &changes };
            write_lines(lines, stdout).ok(); // a closed pipe is no failure: nobody is left to read it
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(question) = question {
            self.ask(&question, &changes, (start.terminals)().stderr, stdin, stderr)?;
        }
        plan.apply(&mut |_, _| Ok(()))?;
        write_lines(&plan.notes, stdout).ok(); // the same: the work is done
        Ok(ExitCode::SUCCESS)
    }

    fn request(&self, profile: &str) -> Result<TrustRequest, Report> {
        let root = self.root.as_ref().map(|path| Ok::<_, Report>((path.clone(), signer_roots::read_file(path)?)));
        Ok(TrustRequest {
            profile: SigningProfile::parse(profile)?,
            root: root.transpose()?,
            scopes: self.scopes.clone(),
        })
    }

    /// Asks before a statement changes that somebody wrote, with the change before the question.
    fn ask(
        &self,
        question: &str,
        changes: &[String],
        terminal: bool,
        stdin: &mut dyn BufRead,
        stderr: &mut dyn Write,
    ) -> Result<(), Report> {
        if !self.yes {
            write_lines(changes, stderr).ok(); // the question follows on the same stream
        }
        confirm(question, self.yes, terminal, stdin, &Log::new(stderr, false))
    }
}

impl Show {
    fn run(&self, environment: &Environment, now: DateTime<Utc>, streams: Streams<'_>) -> Result<ExitCode, Report> {
        let Streams { stdout, stderr, .. } = streams;
        let found = Named { policy: self.policy.clone(), store: self.trust_store.clone() }.find(environment)?;
        let policy = found.read()?;
        match self.output {
            OutputFormat::Text => report::write_text(&policy, &found.store, stdout)?,
            OutputFormat::Json => write_json(&report::to_json(&policy, &found.store), stdout)?,
        }
        let around = around(&found.policy, environment, self.policy.is_none());
        for Finding { report, .. } in around.into_iter().chain(lint::findings(&policy, &found.store, now)) {
            report.print(Level::Warning, stderr); // what was asked for is shown all the same
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Check {
    /// Fails where there is an error.
    fn run(&self, environment: &Environment, now: DateTime<Utc>, streams: Streams<'_>) -> Result<ExitCode, Report> {
        let named = Named { policy: self.policy.clone(), store: self.trust_store.clone() };
        let found = named.find(environment)?;
        let origin = found.policy.display().to_string();
        let mut findings = around(&found.policy, environment, self.policy.is_none());
        match Policy::check(&found.bytes()?, &origin) {
            Ok(policy) => findings.extend(lint::findings(&policy, &found.store, now)),
            Err(broken) => {
                findings.extend(broken.into_iter().map(|report| Finding { gravity: Level::Error, report }));
            }
        }
        let good = findings.iter().all(|finding| finding.gravity != Level::Error);
        match self.output {
            OutputFormat::Text => report::write_findings(&origin, &findings, streams.stdout)?,
            OutputFormat::Json => write_json(&report::findings_json(&origin, &findings), streams.stdout)?,
        }
        Ok(exit_code(good))
    }
}

/// What is wrong around a policy: others that it hides, where it was found and not named, and who may
/// change it.
fn around(policy: &Path, environment: &Environment, is_found: bool) -> Vec<Finding> {
    let others = if is_found { places::present(environment) } else { Vec::new() };
    let hidden = others.into_iter().filter(|other| other != policy).map(|other| {
        Report::new(format!("{} is not read: {} goes before it", other.display(), policy.display()))
            .hint("remove the one that is not meant")
    });
    let trusted = policy.symlink_metadata().ok().map(|found| private_fs::check_trusted(&found));
    let open = trusted.filter(|trusted| *trusted == Err(Untrusted::Open)).map(|_| {
        Report::new(format!("others can write to {}, and decide who is trusted", policy.display()))
            .hint("run `chmod go-w` on it")
    });
    hidden.chain(open).map(|report| Finding { gravity: Level::Warning, report }).collect()
}
