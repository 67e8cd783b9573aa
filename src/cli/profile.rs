//! `profile`: the signing profiles of AWS Signer.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{
    clients::SigningArgs,
    confirm::confirm,
    output::{OutputFormat, write_json},
    pairs::{by_key, key_value},
};
use crate::{
    app::clients::Clients,
    aws::{
        signer::{ProfileDescription, Signer},
        signing_profile::{SigningProfile, Validity},
    },
    door::{Start, Streams},
    names::PROGRAM,
    oci::Reference,
    report::{Report, fold},
};

/// Create, list, show, cancel or revoke signing profiles.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  docker-credential-ecr-rs profile create release --region eu-west-1")]
pub(super) enum Profile {
    /// Create a profile that signs container images
    #[command(after_help = "\
Examples:
  docker-credential-ecr-rs profile create release --validity 12months")]
    Create(Create),
    /// The account's profiles for container images
    #[command(after_help = "\
Examples:
  docker-credential-ecr-rs profile list --region eu-west-1")]
    List(List),
    /// One profile
    #[command(after_help = "\
Examples:
  docker-credential-ecr-rs profile show release")]
    Show(Show),
    /// Stop signing with a profile; its signatures stay good
    #[command(after_help = "\
Examples:
  docker-credential-ecr-rs profile cancel release")]
    Cancel(Cancel),
    /// Declare signatures of a profile's newest version bad from a time on; cannot be undone
    #[command(after_help = "\
Examples:
  docker-credential-ecr-rs profile revoke release \\
    --reason 'the build machine was broken into' --from 2026-01-31T00:00:00Z")]
    Revoke(Revoke),
}

/// What to create.
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The name: 2 to 64 letters, digits and `_`
    #[arg(value_name = "NAME")]
    name: String,
    /// Create it where this image is: in its registry's region, as who pulls it
    #[arg(long = "for", value_name = "IMAGE")]
    image: Option<String>,
    /// How long signatures are valid [default: 135months]
    #[arg(long, value_name = "TIME")]
    validity: Option<String>,
    /// Tag the profile; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

/// What to list.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Those that are canceled, too
    #[arg(long)]
    all: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

/// What to show.
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Name or ARN
    #[arg(value_name = "PROFILE")]
    name: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

/// What to cancel.
#[derive(Debug, clap::Args)]
pub(super) struct Cancel {
    /// Name or ARN
    #[arg(value_name = "PROFILE")]
    name: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

/// What to revoke.
#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// Name, ARN, or the ARN of one version
    #[arg(value_name = "NAME")]
    name: String,
    /// Why, for those who read it later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Signatures from this time on are bad (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

impl Profile {
    pub(super) fn run(&self, start: Start, Streams { stdin, stdout, stderr }: Streams<'_>) -> Result<ExitCode, Report> {
        let (access, name) = match self {
            Profile::Create(Create { access, name, .. })
            | Profile::Show(Show { access, name, .. })
            | Profile::Cancel(Cancel { access, name, .. })
            | Profile::Revoke(Revoke { access, name, .. }) => (access, Some(SigningProfile::parse(name)?)),
            Profile::List(List { access, .. }) => (access, None),
        };
        let terminal = (start.terminals)().stderr;
        let app = access.aws.open(start)?;
        let log = app.log(stderr);
        let image = match self {
            Profile::Create(Create { image: Some(image), .. }) => Some(Reference::parse(image)?),
            _ => None,
        };
        let clients = access.clients(&app, image.as_slice(), name.as_ref())?;
        if matches!(self, Profile::Create(_)) && !clients.region_is_stated {
            return Err(Report::new("no region is chosen, and a signing profile stays where it is created").hint(
                format!("{PROGRAM} profile create NAME --region REGION, or --for IMAGE for the image's own region"),
            ));
        }
        let signer = clients.signer(name.as_ref())?;
        let work = Work { clients: &clients, signer: &signer };
        let written = match (self, name) {
            (Profile::List(list), _) => {
                let found = clients.run(signer.list(list.all))?;
                write_all(list.output, &found, stdout)
            }
            (_, None) => Ok(()), // every other command has a name
            (Profile::Create(create), Some(name)) => writeln!(stdout, "{}", fold(&work.create(create, &name)?)),
            (Profile::Show(show), Some(name)) => {
                let described = work.describe(&name)?;
                match show.output {
                    OutputFormat::Json => write_json(&to_json(&described), stdout),
                    OutputFormat::Text => write_text(&described, stdout),
                }
            }
            (Profile::Cancel(cancel), Some(name)) => {
                let described = work.describe(&name)?;
                let question = format!("cancel {}? It will never sign again", described.arn);
                confirm(&question, cancel.yes, terminal, stdin, &log)?;
                clients.run(signer.cancel(&name))?;
                writeln!(stdout, "canceled {}", fold(&described.arn))
            }
            (Profile::Revoke(revoke), Some(name)) => {
                let version = work.version(&name)?;
                let from = match &revoke.from {
                    None => app.now,
                    Some(text) => chrono::DateTime::parse_from_rfc3339(text)
                        .map_err(|err| {
                            Report::new(format!("`{text}` is not a time")).cause(err).hint("write 2026-01-31T00:00:00Z")
                        })?
                        .to_utc()
                        .into(),
                };
                let question = format!("revoke {version}? Its signatures will fail to verify, for ever");
                confirm(&question, revoke.yes, terminal, stdin, &log)?;
                clients.run(signer.revoke(&version, &revoke.reason, from))?;
                writeln!(stdout, "revoked {version}")
            }
        };
        // A closed pipe is no failure: the work is done, and nobody is left to read of it.
        written.ok();
        Ok(ExitCode::SUCCESS)
    }
}

/// What the commands do with one profile.
struct Work<'a> {
    clients: &'a Clients<'a>,
    signer: &'a Signer,
}

impl Work<'_> {
    fn create(&self, create: &Create, name: &SigningProfile) -> Result<String, Report> {
        let validity = create.validity.as_deref().map(Validity::parse).transpose()?;
        let tags = by_key("--tag", &create.tags)?;
        if let Some(known) = self.clients.run(self.signer.describe(name))? {
            return Err(Report::new(format!("there is a signing profile {} already", known.arn))
                .hint("sign with that ARN, or choose another name: a canceled profile's name stays taken"));
        }
        self.clients.run(self.signer.create(name, validity, &tags))
    }

    fn describe(&self, name: &SigningProfile) -> Result<ProfileDescription, Report> {
        self.clients.run(self.signer.describe(name))?.ok_or_else(|| {
            Report::new(format!("there is no signing profile {name} in {}", self.clients.region))
                .hint(format!("`{PROGRAM} profile list` prints them; --region chooses another region"))
        })
    }

    /// The version that was named, or the profile's newest.
    fn version(&self, name: &SigningProfile) -> Result<SigningProfile, Report> {
        let described = self.describe(name)?;
        match (&name.version, &described.version_arn) {
            (Some(_), _) => Ok(name.clone()),
            (None, Some(arn)) => SigningProfile::parse(arn),
            (None, None) => Err(Report::new(format!("AWS Signer names no version of {}", described.arn))),
        }
    }
}

fn write_all(output: OutputFormat, found: &[ProfileDescription], stdout: &mut dyn Write) -> io::Result<()> {
    match output {
        OutputFormat::Json => write_json(&json!({ "profiles": found.iter().map(to_json).collect::<Value>() }), stdout),
        OutputFormat::Text if found.is_empty() => writeln!(stdout, "no signing profiles for container images"),
        OutputFormat::Text => found
            .iter()
            .try_for_each(|one| writeln!(stdout, "{}  {}", fold(&one.arn), fold(&one.status.to_lowercase()))),
    }
}

fn to_json(described: &ProfileDescription) -> Value {
    json!({
        "name": described.name,
        "arn": described.arn,
        "version_arn": described.version_arn,
        "platform": described.platform,
        "status": described.status,
        "status_reason": described.status_reason,
        "validity": described.validity,
        "tags": described.tags,
    })
}

fn write_text(described: &ProfileDescription, stdout: &mut dyn Write) -> io::Result<()> {
    writeln!(stdout, "{}", fold(&described.arn))?;
    for (label, value) in [
        ("version", described.version_arn.as_deref()),
        ("platform", Some(described.platform.as_str())),
        ("status", Some(described.status.as_str())),
        ("reason", described.status_reason.as_deref()),
        ("validity", described.validity.as_deref()),
    ] {
        if let Some(value) = value {
            writeln!(stdout, "  {label}: {}", fold(value))?;
        }
    }
    described.tags.iter().try_for_each(|(key, value)| writeln!(stdout, "  tag {}: {}", fold(key), fold(value)))
}
