//! `signatures`: what signatures an image has.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    clients::{RegistryArgs, SigningArgs},
    confirm::confirm,
    output::{OutputFormat, exit_code, write_json},
    root_args::RootArgs,
};
use crate::{
    app::clients::Clients,
    aws::{signer_roots::Roots, signing_profile::PROFILE_VERSION},
    digest::Digest,
    door::{Start, Streams},
    log::Log,
    names::PROGRAM,
    notary::certificate::rfc3339,
    oci::{Purpose, Removal, Repositories, Repository},
    report::{Level, Report, fold},
    verify::signatures::{self, Signature},
};

/// List, inspect or delete the signatures of an image.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  docker-credential-ecr-rs signatures list REGISTRY/app:v1")]
pub(super) enum Signatures {
    /// One line for each signature, and whether AWS Signer made it
    #[command(after_help = "Examples:\n  docker-credential-ecr-rs signatures list REGISTRY/app:v1")]
    List(ListArgs),
    /// Everything that the signatures say, and whether AWS Signer says it
    #[command(after_help = "Examples:\n  docker-credential-ecr-rs signatures inspect REGISTRY/app:v1 --output json")]
    Inspect(ListArgs),
    /// Delete one signature, or all of them
    #[command(after_help = "\
Examples:
  docker-credential-ecr-rs signatures delete REGISTRY/app:v1 \\
    --signature sha256:…
  docker-credential-ecr-rs signatures delete REGISTRY/app:v1 --all")]
    Delete(Delete),
}

/// Which image, and how to write it.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
    #[command(flatten)]
    root: RootArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

/// What to delete.
#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The signature's digest, as `signatures list` prints it
    #[arg(long, value_name = "DIGEST", required_unless_present = "all")]
    signature: Option<String>,
    /// Delete every signature of the image
    #[arg(long, conflicts_with = "signature")]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

impl Signatures {
    /// Fails when a signature could not be read.
    pub(super) fn run(&self, start: Start, Streams { stdin, stdout, stderr }: Streams<'_>) -> Result<ExitCode, Report> {
        let (access, registry, image, purpose) = match self {
            Signatures::List(list) | Signatures::Inspect(list) => {
                (&list.access, &list.registry, &list.image, Purpose::Pull)
            }
            Signatures::Delete(delete) => (&delete.access, &delete.registry, &delete.image, Purpose::Delete),
        };
        let image = registry.image(image)?;
        let roots = match self {
            Signatures::List(list) | Signatures::Inspect(list) => list.root.roots()?,
            Signatures::Delete(_) => Roots::Aws, // what is deleted is nobody's trust
        };
        let terminal = (start.terminals)().stderr;
        let app = access.aws.open(start)?;
        let log = app.log(stderr);
        let images = std::slice::from_ref(&image);
        let clients = access.clients(&app, images, None)?;
        let (http, auths) = registry.open(&app, &log, &clients, images, stdin)?;
        let repository = Repositories::new(&http, purpose, &auths).of(&image)?;
        let (subject, found) = clients.run(async {
            let resolved = repository.resolve(&image).await?.descriptor;
            let found = signatures::read(&repository, &resolved, &roots).await?;
            Ok::<_, Report>((resolved.digest, found))
        })?;
        let name = image.at(&subject);
        let (list, tree) = match self {
            Signatures::List(list) => (list, false),
            Signatures::Inspect(list) => (list, true),
            Signatures::Delete(delete) => {
                let chosen = chosen(delete, &name, &found)?;
                let question = format!("delete {} signature(s) of {name}?", chosen.len());
                confirm(&question, delete.yes, terminal, stdin, &log)?;
                let removal = DeletedFrom { clients: &clients, repository: &repository, subject: &subject };
                return Ok(exit_code(removal.delete_all(chosen, stdout, &log)));
            }
        };
        let written = match list.output {
            OutputFormat::Json => {
                let signatures: Vec<Value> = found.iter().map(Signature::to_json).collect();
                write_json(&json!({ "image": name, "signatures": signatures }), stdout)
            }
            OutputFormat::Text => write_text(&name, &found, (tree, &roots, clients.time()), stdout),
        };
        written.ok(); // a closed pipe is no failure: nobody is left to read
        Ok(exit_code(found.iter().all(|signature| signature.envelope.is_ok())))
    }
}

/// Where signatures are deleted.
struct DeletedFrom<'a> {
    clients: &'a Clients<'a>,
    repository: &'a Repository,
    subject: &'a Digest,
}

impl DeletedFrom<'_> {
    /// Deletes one after the other; whether all went well.
    fn delete_all(&self, signatures: Vec<Digest>, stdout: &mut dyn Write, log: &Log<'_>) -> bool {
        let mut good = true;
        for digest in signatures {
            let (removal, warnings) = match self.clients.run(self.repository.remove_signature(self.subject, &digest)) {
                Ok(removed) => removed,
                Err(report) => {
                    good = false;
                    log.report(Level::Error, &report);
                    continue;
                }
            };
            warnings.iter().for_each(|warning| log.warn(warning));
            match removal {
                // What is done is done, whoever reads this.
                Removal::Deleted => writeln!(stdout, "deleted {digest}").ok(),
                Removal::Unlisted(why) => {
                    let what = format!("{digest} is no signature of this image: it stays, and is listed no more");
                    log.report(Level::Warning, &why.under(what));
                    writeln!(stdout, "unlisted {digest}").ok()
                }
            };
        }
        good
    }
}

fn chosen(delete: &Delete, name: &str, found: &[Signature]) -> Result<Vec<Digest>, Report> {
    let digests = found.iter().map(|signature| signature.descriptor.digest.clone());
    let Some(wanted) = &delete.signature else { return Ok(digests.collect()) };
    let wanted = Digest::parse(wanted)?;
    match digests.into_iter().any(|digest| digest == wanted) {
        true => Ok(vec![wanted]),
        // Anything else in the repository is not ours to delete.
        false => Err(Report::new(format!("{wanted} is no signature of {name}"))
            .hint(format!("`{PROGRAM} signatures list IMAGE` prints them"))),
    }
}

fn write_text(
    name: &str,
    found: &[Signature],
    (tree, roots, now): (bool, &Roots, DateTime<Utc>),
    stdout: &mut dyn Write,
) -> io::Result<()> {
    writeln!(stdout, "{name}")?;
    if found.is_empty() {
        return writeln!(stdout, "  no signatures");
    }
    for signature in found {
        if tree {
            for (depth, line) in signature.to_lines(roots, now) {
                writeln!(stdout, "{:indent$}{}", "", fold(&line), indent = 2 * (depth + 1))?;
            }
            continue;
        }
        let digest = &signature.descriptor.digest;
        match &signature.envelope {
            Ok(envelope) => {
                let by = match &signature.by {
                    Ok(by) => by.to_string(),
                    Err(_) => {
                        let claimed = envelope.text(PROFILE_VERSION).map(|profile| format!("claims {profile}"));
                        let maker = || envelope.chain.first().map(|leaf| leaf.subject.clone());
                        let claimed = claimed.or_else(maker).unwrap_or_default();
                        format!("not by {}: {claimed}", roots.owner())
                    }
                };
                let expired = if envelope.expires_at.is_some_and(|end| end <= now) { "  expired" } else { "" };
                writeln!(stdout, "  {digest}  {}  {}{expired}", rfc3339(envelope.signed_at), fold(&by))?;
            }
            Err(err) => writeln!(stdout, "  {digest}  cannot be read: {}", fold(&err.full()))?,
        }
    }
    Ok(())
}
