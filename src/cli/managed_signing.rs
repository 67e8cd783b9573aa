//! `managed-signing`: the rules by which ECR has images signed when they are pushed, and how far that is.

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    aws_args::AwsArgs,
    confirm::confirm,
    output::{OutputFormat, exit_code, write_json},
};
use crate::{
    app::App,
    aws::managed_signing::{ProfileStatus, SigningRule, State},
    door::{Start, Streams},
    identity::{Identity, Target},
    log::Log,
    names::PROGRAM,
    oci::Reference,
    registry::{Kind, Registry, Server, is_region},
    report::{Report, excerpt, fold},
};

/// Have ECR sign images when they are pushed, and see how far that is.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  docker-credential-ecr-rs managed-signing show --region eu-west-1")]
pub(super) enum ManagedSigning {
    /// The signing rules of a registry
    #[command(after_help = "Examples:\n  docker-credential-ecr-rs managed-signing show --region eu-west-1")]
    Show(Show),
    /// Put these rules in the place of all that are there
    #[command(after_help = "\
Each RULE is the ARN of a signing profile, and after a `=` the repositories
that it signs, `*` standing for any characters; without them it signs every
repository. AWS replaces the whole configuration: what is not named is gone.
Whoever pushes needs signer:SignPayload on the profile.

Examples:
  docker-credential-ecr-rs managed-signing set \\
    arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release
  docker-credential-ecr-rs managed-signing set \\
    'arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release=app/*,base'")]
    Set(Set),
    /// Have ECR sign no more; signatures that are there stay
    #[command(after_help = "Examples:\n  docker-credential-ecr-rs managed-signing delete --region eu-west-1")]
    Delete(Delete),
    /// How far the signatures of an image are
    #[command(after_help = "\
Exit code 1 says that a signature failed, that there is none to come or, with
--wait, that the time is over.

Examples:
  docker-credential-ecr-rs managed-signing status --wait \\
    111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:v1")]
    Status(Status),
}

/// Which registry.
#[derive(Debug, clap::Args)]
pub(super) struct RegistryArgs {
    /// The registry's host: its region, and the identity that config.toml has for it
    #[arg(long, value_name = "HOST", conflicts_with = "region")]
    registry: Option<String>,
    /// The registry's region [default: that of the rules, else that of the credentials]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    #[command(flatten)]
    aws: AwsArgs,
}

/// What to show.
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
    #[command(flatten)]
    place: RegistryArgs,
}

/// What to set.
#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// PROFILE-ARN, or PROFILE-ARN=REPOSITORY,REPOSITORY…
    #[arg(value_name = "RULE", required = true)]
    rules: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    place: RegistryArgs,
}

/// What to delete.
#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    place: RegistryArgs,
}

/// Of which image.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Wait until no signature is in progress
    #[arg(long)]
    wait: bool,
    /// The longest wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=3600), requires = "wait")]
    timeout: u32,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
    #[command(flatten)]
    aws: AwsArgs,
}

/// The first and the longest pause between two looks. A signature takes seconds.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];

impl ManagedSigning {
    pub(super) fn run(&self, start: Start, Streams { stdin, stdout, stderr }: Streams<'_>) -> Result<ExitCode, Report> {
        let terminal = (start.terminals)().stderr;
        let aws = match self {
            ManagedSigning::Show(Show { place, .. })
            | ManagedSigning::Set(Set { place, .. })
            | ManagedSigning::Delete(Delete { place, .. }) => &place.aws,
            ManagedSigning::Status(status) => &status.aws,
        };
        let app = aws.open(start)?;
        let log = app.log(stderr);
        let ask = Ask { terminal, log: &log };
        match self {
            ManagedSigning::Show(show) => {
                let mut place = Place::find(&app, &show.place, None)?;
                let found = place.rules(&app)?;
                let written = match show.output {
                    OutputFormat::Json => write_json(&place.to_json(found.as_deref().unwrap_or_default()), stdout),
                    OutputFormat::Text => place.write(found.as_deref().unwrap_or_default(), stdout),
                };
                written.and_then(|()| stdout.flush())?;
                Ok(ExitCode::SUCCESS)
            }
            ManagedSigning::Set(set) => {
                let rules = SigningRule::parse_all(&set.rules)?;
                let mut place = Place::find(&app, &set.place, region_of(&rules))?;
                let before = place.rules(&app)?.unwrap_or_default();
                let lines = difference(&before, &rules);
                if lines.is_empty() {
                    return done(writeln!(stdout, "the signing rules of {} are these already", place.name()));
                }
                done(
                    lines.iter().try_for_each(|line| writeln!(stdout, "{}", fold(line))).and_then(|()| stdout.flush()),
                )?;
                let question = format!("replace all signing rules of {} by {}?", place.name(), count(rules.len()));
                ask.confirm(&question, set.yes, stdin)?;
                let now = app.aws.set_signing_rules(&place.identity, &place.region, &rules)?;
                place.confirm(&app)?;
                if !difference(&now, &rules).is_empty() {
                    return Err(Report::new(format!("AWS took other signing rules than these for {}", place.name()))
                        .hint(format!("`{PROGRAM} managed-signing show` prints them")));
                }
                done(writeln!(stdout, "set {} for {}", count(rules.len()), place.name()))
            }
            ManagedSigning::Delete(delete) => {
                let mut place = Place::find(&app, &delete.place, None)?;
                let Some(before) = place.rules(&app)? else {
                    return done(writeln!(stdout, "{} has no signing rules", place.name()));
                };
                done(place.write(&before, stdout).and_then(|()| stdout.flush()))?;
                ask.confirm(&format!("delete all signing rules of {}?", place.name()), delete.yes, stdin)?;
                app.aws.delete_signing_rules(&place.identity, &place.region)?;
                done(writeln!(stdout, "deleted the signing rules of {}", place.name()))
            }
            ManagedSigning::Status(status) => status.run(&app, stdout),
        }
    }
}

/// Who is asked before something is changed.
struct Ask<'a> {
    terminal: bool,
    log: &'a Log<'a>,
}

impl Ask<'_> {
    fn confirm(&self, question: &str, yes: bool, stdin: &mut dyn BufRead) -> Result<(), Report> {
        confirm(question, yes, self.terminal, stdin, self.log)
    }
}

/// A registry, and who asks for it.
struct Place {
    identity: Identity,
    region: String,
    /// The account that the host says, where one was named.
    asked: Option<String>,
    /// The account that AWS says, which it does where there are rules.
    account: Option<String>,
}

impl Place {
    /// Finds it by its host, or as the registry of the credentials in a region. There is no region that is right
    /// where nobody names one.
    fn find(app: &App, args: &RegistryArgs, of_rules: Option<&str>) -> Result<Place, Report> {
        let registry = args.registry.as_deref().map(|host| ecr(app, host)).transpose()?;
        let stated = args.region.as_deref().or(of_rules);
        let target = match &registry {
            Some(registry) => Target::from(registry),
            None => {
                let region = stated.unwrap_or_default();
                Target {
                    host: format!("api.ecr.{region}.amazonaws.com"),
                    account: String::new(),
                    region: region.into(),
                }
            }
        };
        let identity = app.identities().find(&target);
        let identity = identity.map_err(|err| Report::from(err).prefixed("no AWS identity for ECR"))?;
        let region = registry.as_ref().map(|registry| registry.region.clone()).or(stated.map(String::from));
        let region = region.unwrap_or_else(|| identity.region.clone());
        if region.is_empty() {
            return Err(Report::new("nobody says in which AWS region the registry is")
                .hint("name it: --region REGION, or --registry HOST"));
        }
        if !is_region(&region) {
            return Err(Report::new(format!("{:?} is not a region", excerpt(&region)))
                .hint("name one, such as --region eu-west-1"));
        }
        Ok(Place { identity, region, asked: registry.map(|registry| registry.account().into()), account: None })
    }

    /// Its rules; `None` where it has none.
    ///
    /// # Errors
    /// Also where the credentials are another account's: AWS knows no registry but their own.
    fn rules(&mut self, app: &App) -> Result<Option<Vec<SigningRule>>, Report> {
        let Some(found) = app.aws.signing_rules(&self.identity, &self.region)? else { return Ok(None) };
        match (&self.asked, &found.account) {
            (Some(asked), Some(is)) if asked != is => {
                Err(Report::new(format!("the credentials are of account {is}, and the registry is of {asked}"))
                    .hint("choose another profile with --profile, or by a [[registry]] rule of config.toml"))
            }
            _ => {
                self.account = found.account;
                Ok(Some(found.rules))
            }
        }
    }

    /// Makes sure that what was set is in the registry that was named. Where there were no rules, AWS has not said
    /// before whose registry the credentials change.
    fn confirm(&mut self, app: &App) -> Result<(), Report> {
        if self.asked.is_none() || self.account.is_some() {
            return Ok(());
        }
        let delete = format!("to take it back: {PROGRAM} managed-signing delete --region {}", self.region);
        self.rules(app).map(drop).map_err(|err| err.under("the rules were set in another registry").hint(delete))
    }

    fn name(&self) -> String {
        let account =
            self.account.as_ref().map_or_else(|| "this account".into(), |account| format!("account {account}"));
        format!("{account} in {}", self.region)
    }

    fn write(&self, rules: &[SigningRule], stdout: &mut dyn Write) -> io::Result<()> {
        match rules {
            [] => writeln!(stdout, "{} has no signing rules: ECR signs nothing itself", self.name()),
            rules => rules.iter().try_for_each(|rule| writeln!(stdout, "{}", fold(&rule.to_string()))),
        }
    }

    fn to_json(&self, rules: &[SigningRule]) -> Value {
        let rule =
            |rule: &SigningRule| json!({ "signing_profile_arn": rule.profile_arn, "repositories": rule.filters });
        json!({
            "account": self.account,
            "region": self.region,
            "rules": rules.iter().map(rule).collect::<Value>(),
        })
    }
}

impl Status {
    fn run(&self, app: &App, stdout: &mut dyn Write) -> Result<ExitCode, Report> {
        let image = Reference::parse(&self.image)?;
        let registry = ecr(app, image.host())?;
        let identity = app.identities().find(&Target::from(&registry));
        let identity =
            identity.map_err(|err| Report::from(err).prefixed(&format!("no AWS identity for {}", registry.host)))?;
        let until = Instant::now() + Duration::from_secs(self.timeout.into());
        let [mut pause, longest] = PAUSES;
        let (found, in_time) = loop {
            let found = app.aws.signing_status(&identity, &registry, &image)?;
            let waiting = found.iter().any(|one| one.state == State::InProgress);
            let left = until.saturating_duration_since(Instant::now());
            if !self.wait || !waiting || left.is_zero() {
                break (found, !waiting);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(longest);
        };
        let failed = found.iter().any(|one| matches!(one.state, State::Failed | State::Other(_)));
        let written = match self.output {
            OutputFormat::Json => write_json(&to_json(&image, &found), stdout),
            OutputFormat::Text if found.is_empty() => {
                writeln!(stdout, "no signing rule was for {} when it was pushed", fold(&image.to_string()))
            }
            OutputFormat::Text => found.iter().try_for_each(|one| writeln!(stdout, "{}", line(one))),
        };
        written.and_then(|()| stdout.flush())?;
        if self.wait && !in_time {
            return Err(Report::new(format!("the signatures of {image} are not complete after {} s", self.timeout))
                .hint("wait longer with --timeout"));
        }
        Ok(exit_code(!failed && !found.is_empty()))
    }
}

/// The private registry of a host.
fn ecr(app: &App, host: &str) -> Result<Registry, Report> {
    match Server::parse(host, |host| app.config.custom(host)) {
        Some(Server::Ecr(registry)) if matches!(registry.kind, Kind::Private { .. }) => Ok(registry),
        _ => Err(Report::new(format!("{host} is no private registry of Amazon ECR, which alone has images signed"))
            .hint("name a host such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com")),
    }
}

/// The region of the rules' profiles, where they have one.
fn region_of(rules: &[SigningRule]) -> Option<&str> {
    let mut regions = rules.iter().filter_map(|rule| rule.profile_arn.split(':').nth(3));
    let first = regions.next()?;
    regions.all(|region| region == first).then_some(first)
}

/// What replacing rules comes to: those that go, that come and that stay. Nothing where all stay.
fn difference(before: &[SigningRule], after: &[SigningRule]) -> Vec<String> {
    if before.iter().all(|rule| after.contains(rule)) && after.iter().all(|rule| before.contains(rule)) {
        return Vec::new();
    }
    let gone = before.iter().filter(|rule| !after.contains(rule)).map(|rule| format!("- {rule}"));
    let new = after.iter().map(|rule| format!("{} {rule}", if before.contains(rule) { "=" } else { "+" }));
    gone.chain(new).collect()
}

fn count(rules: usize) -> String {
    if rules == 1 { "1 rule".into() } else { format!("{rules} rules") }
}

fn state(state: &State) -> &str {
    match state {
        State::InProgress => "in progress",
        State::Complete => "complete",
        State::Failed => "failed",
        State::Other(other) => other,
    }
}

fn line(status: &ProfileStatus) -> String {
    let why = [&status.failure_code, &status.failure_reason].into_iter().flatten();
    let told = why.fold(state(&status.state).to_owned(), |told, text| format!("{told}: {text}"));
    format!("{}  {}", fold(&status.profile_arn), fold(&told))
}

fn to_json(image: &Reference, found: &[ProfileStatus]) -> Value {
    let one = |one: &ProfileStatus| {
        json!({
            "signing_profile_arn": one.profile_arn,
            "status": state(&one.state).replace(' ', "_"),
            "failure_code": one.failure_code,
            "failure_reason": one.failure_reason,
        })
    };
    json!({ "image": image.to_string(), "signatures": found.iter().map(one).collect::<Value>() })
}

/// A closed pipe is no failure: the work is done, and nobody is left to read of it.
fn done(written: io::Result<()>) -> Result<ExitCode, Report> {
    written.ok();
    Ok(ExitCode::SUCCESS)
}
