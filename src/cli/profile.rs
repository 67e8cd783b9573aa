//! `profile`: the signing profiles of AWS Signer.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
};

use serde_json::{Value, json};

use super::{
    Machine, Problem,
    signing::{Access, Output, Tools, confirmed, pair},
};
use crate::sign::{
    Error, Profile as Name,
    profile::Validity,
    signer::{Described, Signer},
};

/// Create, list, show, cancel or revoke signing profiles.
#[derive(Debug, clap::Subcommand)]
pub enum Profile {
    /// Create a profile that signs container images
    Create(Create),
    /// The account's profiles for container images
    List(List),
    /// One profile
    Show(Show),
    /// Stop signing with a profile; its signatures stay good
    Cancel(Cancel),
    /// Declare signatures of a profile's newest version bad from a time on; cannot be undone
    Revoke(Revoke),
}

/// What to create.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// The name: 2 to 64 letters, digits and `_`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How long signatures are valid [default: 135months]
    #[arg(long, value_name = "TIME")]
    pub validity: Option<String>,
    /// Tag the profile; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

/// What to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Those that are canceled, too
    #[arg(long)]
    pub all: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Name or ARN
    #[arg(value_name = "PROFILE")]
    pub name: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

/// What to cancel.
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// Name or ARN
    #[arg(value_name = "PROFILE")]
    pub name: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

/// What to revoke.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Name, ARN, or the ARN of one version
    #[arg(value_name = "PROFILE")]
    pub name: String,
    /// Why, for those who read it later
    #[arg(long)]
    pub reason: String,
    /// Signatures from this time on are bad (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

impl Profile {
    /// Opens the machine and runs.
    pub(super) fn start(
        &self,
        machine: Machine,
        stdin: &mut dyn BufRead,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> Result<(), Problem> {
        let access = match self {
            Profile::Create(Create { access, .. })
            | Profile::List(List { access, .. })
            | Profile::Show(Show { access, .. })
            | Profile::Cancel(Cancel { access, .. })
            | Profile::Revoke(Revoke { access, .. }) => access,
        };
        let name = self.name()?;
        let run = |tools: &Tools<'_>, stderr: &mut dyn Write| run(self, tools, stdin, stdout, stderr);
        access.with_tools(machine, (&[], name.as_ref()), stderr, run)
    }

    /// The profile that it is about; its ARN decides the region.
    pub fn name(&self) -> Result<Option<Name>, Error> {
        match self {
            Profile::Create(Create { name: text, .. })
            | Profile::Show(Show { name: text, .. })
            | Profile::Cancel(Cancel { name: text, .. })
            | Profile::Revoke(Revoke { name: text, .. }) => Name::parse(text).map(Some),
            Profile::List(_) => Ok(None),
        }
    }
}

/// Runs it.
pub fn run(
    command: &Profile,
    tools: &Tools<'_>,
    stdin: &mut dyn BufRead,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<(), Error> {
    let name = command.name()?;
    let signer = tools.signer(name.as_ref())?;
    let name = name.unwrap_or_else(|| Name { name: String::new(), version: None, home: None });
    let said = match command {
        Profile::Create(create) => {
            let validity = create.validity.as_deref().map(Validity::parse).transpose()?;
            let tags: BTreeMap<String, String> = create.tags.iter().cloned().collect();
            if let Some(known) = tools.run(signer.describe(&name))? {
                return Err(Error::new(format!("there is a signing profile {} already", known.arn))
                    .hint("choose another name; a canceled profile's name stays taken"));
            }
            let arn = tools.run(signer.create(&name, validity, &tags))?;
            writeln!(stdout, "{arn}")
        }
        Profile::List(list) => {
            let found = tools.run(signer.list(list.all))?;
            write_all(list.output, &found, stdout)
        }
        Profile::Show(show) => {
            let described = describe(tools, &signer, &name)?;
            match show.output {
                Output::Json => writeln!(stdout, "{:#}", to_json(&described)),
                Output::Text => to_text(&described, stdout),
            }
        }
        Profile::Cancel(cancel) => {
            let described = describe(tools, &signer, &name)?;
            let question = format!("cancel {}? It will never sign again", described.arn);
            confirmed(&question, cancel.yes, tools.terminal, stdin, stderr)?;
            tools.run(signer.cancel(&name))?;
            writeln!(stdout, "canceled {}", described.arn)
        }
        Profile::Revoke(revoke) => {
            let described = describe(tools, &signer, &name)?;
            let version = match (&name.version, &described.version_arn) {
                (Some(_), _) => name.clone(),
                (None, Some(arn)) => Name::parse(arn)?,
                (None, None) => return Err(Error::new(format!("AWS Signer names no version of {}", described.arn))),
            };
            let from = match &revoke.from {
                None => tools.now,
                Some(text) => chrono::DateTime::parse_from_rfc3339(text)
                    .map_err(|err| {
                        Error::new(format!("`{text}` is not a time")).cause(err).hint("write 2026-01-31T00:00:00Z")
                    })?
                    .to_utc()
                    .into(),
            };
            let question = format!("revoke {version}? Its signatures will fail to verify, for ever");
            confirmed(&question, revoke.yes, tools.terminal, stdin, stderr)?;
            tools.run(signer.revoke(&version, &revoke.reason, from))?;
            writeln!(stdout, "revoked {version}")
        }
    };
    // A closed pipe is no failure: the work is done, and nobody is left to read of it.
    said.ok();
    Ok(())
}

fn describe(tools: &Tools<'_>, signer: &Signer, name: &Name) -> Result<Described, Error> {
    tools.run(signer.describe(name))?.ok_or_else(|| {
        Error::new(format!("there is no signing profile {name} in {}", tools.region))
            .hint("`docker-credential-ecr-rs profile list` prints them; --region chooses another region")
    })
}

fn write_all(output: Output, found: &[Described], stdout: &mut dyn Write) -> io::Result<()> {
    match output {
        Output::Json => writeln!(stdout, "{:#}", found.iter().map(to_json).collect::<Value>()),
        Output::Text if found.is_empty() => writeln!(stdout, "no signing profiles for container images"),
        Output::Text => found.iter().try_for_each(|one| writeln!(stdout, "{}  {}", one.arn, one.status.to_lowercase())),
    }
}

fn to_json(described: &Described) -> Value {
    json!({
        "name": described.name,
        "arn": described.arn,
        "versionArn": described.version_arn,
        "platform": described.platform,
        "status": described.status,
        "statusReason": described.status_reason,
        "validity": described.validity,
        "tags": described.tags,
    })
}

fn to_text(described: &Described, stdout: &mut dyn Write) -> io::Result<()> {
    writeln!(stdout, "{}", described.arn)?;
    for (label, value) in [
        ("version", described.version_arn.as_deref()),
        ("platform", Some(described.platform.as_str())),
        ("status", Some(described.status.as_str())),
        ("reason", described.status_reason.as_deref()),
        ("validity", described.validity.as_deref()),
    ] {
        if let Some(value) = value {
            writeln!(stdout, "  {label}: {value}")?;
        }
    }
    described.tags.iter().try_for_each(|(key, value)| writeln!(stdout, "  tag {key}: {value}"))
}
