//! `signatures`: what signatures an image has.

use std::io::{self, BufRead, Write};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Machine, Problem,
    signing::{Access, Output, Tools, confirmed},
};
use crate::sign::{
    Digest, Error, Reference,
    batch::Repositories,
    envelope::{self, rfc3339},
    oci::Purpose,
    signatures::{self, Signature},
};

/// List, inspect or delete the signatures of an image.
#[derive(Debug, clap::Subcommand)]
pub enum Signatures {
    /// One line for each signature
    List(Look),
    /// Everything that the signatures say; their integrity is checked, nobody's trust is
    Inspect(Look),
    /// Delete one signature, or all of them
    Delete(Delete),
}

/// Which image, and how to write it.
#[derive(Debug, clap::Args)]
pub struct Look {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

/// What to delete.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The signature's digest, as `signatures list` prints it
    #[arg(long, value_name = "DIGEST", required_unless_present = "all")]
    pub signature: Option<String>,
    /// Delete every signature of the image
    #[arg(long, conflicts_with = "signature")]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

impl Signatures {
    /// Opens the machine and runs. `false` when a signature could not be read.
    pub(super) fn start(
        &self,
        machine: Machine,
        stdin: &mut dyn BufRead,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> Result<bool, Problem> {
        let access = match self {
            Signatures::List(Look { access, .. }) | Signatures::Inspect(Look { access, .. }) => access,
            Signatures::Delete(Delete { access, .. }) => access,
        };
        let run = |tools: &Tools<'_>, stderr: &mut dyn Write| run(self, tools, stdin, stdout, stderr);
        access.with_tools(machine, (&[self.image()?], None), stderr, run)
    }

    /// The image that it is about.
    pub fn image(&self) -> Result<Reference, Error> {
        Reference::parse(match self {
            Signatures::List(look) | Signatures::Inspect(look) => &look.image,
            Signatures::Delete(delete) => &delete.image,
        })
    }
}

/// Runs it. `Ok(false)` when a signature could not be read.
pub fn run(
    command: &Signatures,
    tools: &Tools<'_>,
    stdin: &mut dyn BufRead,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<bool, Error> {
    let image = command.image()?;
    let logins = tools.logins(std::slice::from_ref(&image));
    let purpose = if matches!(command, Signatures::Delete(_)) { Purpose::Delete } else { Purpose::Pull };
    let repository = Repositories::new(&tools.http, purpose, &logins).of(&image)?;
    let found = tools.run(async {
        let manifest = repository.resolve(&image).await?;
        let digest = manifest.descriptor.digest;
        signatures::read(&repository, &digest).await.map(|found| (digest, found))
    });
    let (subject, found) = found?;
    let name = image.at(&subject);
    let (look, tree) = match command {
        Signatures::List(look) => (look, false),
        Signatures::Inspect(look) => (look, true),
        Signatures::Delete(delete) => {
            let chosen = chosen(delete, &name, &found)?;
            let question = format!("delete {} signature(s) of {name}?", chosen.len());
            confirmed(&question, delete.yes, tools.terminal, stdin, stderr)?;
            for digest in chosen {
                let warnings = tools.run(repository.remove_signature(&subject, &digest))?;
                // The signature is deleted, whoever reads this.
                warnings.iter().try_for_each(|warning| writeln!(stderr, "warning: {warning}")).ok();
                writeln!(stdout, "deleted {digest}").ok();
            }
            return Ok(true);
        }
    };
    match look.output {
        Output::Json => {
            let told: Vec<Value> = found.iter().map(Signature::to_json).collect();
            writeln!(stdout, "{:#}", json!({ "image": name, "signatures": told })).ok(); // nobody may be left to read
        }
        Output::Text => tell(&name, &found, tree, tools.time(), stdout).unwrap_or_default(),
    }
    Ok(found.iter().all(|signature| signature.envelope.is_ok()))
}

fn chosen(delete: &Delete, name: &str, found: &[Signature]) -> Result<Vec<Digest>, Error> {
    let digests = found.iter().map(|signature| signature.descriptor.digest.clone());
    let Some(wanted) = &delete.signature else { return Ok(digests.collect()) };
    let wanted = Digest::parse(wanted)?;
    match digests.into_iter().any(|digest| digest == wanted) {
        true => Ok(vec![wanted]),
        // Anything else in the repository is not ours to delete.
        false => Err(Error::new(format!("{wanted} is no signature of {name}"))
            .hint("`docker-credential-ecr-rs signatures list IMAGE` prints them")),
    }
}

fn tell(name: &str, found: &[Signature], tree: bool, now: DateTime<Utc>, stdout: &mut dyn Write) -> io::Result<()> {
    writeln!(stdout, "{name}")?;
    if found.is_empty() {
        return writeln!(stdout, "  no signatures");
    }
    for signature in found {
        if tree {
            for (depth, line) in signature.to_lines(now) {
                writeln!(stdout, "{:indent$}{line}", "", indent = 2 * (depth + 1))?;
            }
            continue;
        }
        let digest = &signature.descriptor.digest;
        match &signature.envelope {
            Ok(envelope) => {
                let by = envelope.text(envelope::PROFILE_VERSION);
                let by = by.or(envelope.chain.first().map(|leaf| leaf.subject.as_str())).unwrap_or("unknown");
                let expired = if envelope.expires_at.is_some_and(|end| end <= now) { "  expired" } else { "" };
                writeln!(stdout, "  {digest}  {}  {by}{expired}", rfc3339(envelope.signed_at))?;
            }
            Err(err) => writeln!(stdout, "  {digest}  cannot be read: {}", err.full())?,
        }
    }
    Ok(())
}
