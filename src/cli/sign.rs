//! `sign`: images in, signatures beside them, one report.

use std::{collections::BTreeMap, io::Write, path::PathBuf, process::ExitCode};

use serde_json::Value;

use super::{
    clients::{Clients, SigningArgs},
    output::{OutputFormat, exit_code, key_value, write_json},
    sign_report as report,
};
use crate::{
    aws::{signer::Signer, signer_roots::Roots, signing_profile::SigningProfile},
    digest::Digest,
    door::{Start, Streams},
    environment::Environment,
    log::Log,
    notary::certificate::Certificate,
    oci::{ManifestFormat, Purpose, Reference},
    private_fs,
    report::{Level, Report},
    sign::{
        batch::{self, Options, Outcome, Repositories},
        digest_file,
        notation_cli::{Notation, NotationPaths, NotationRequest},
        plan::SigningContext,
    },
};

/// Sign container images with AWS Signer and push the signatures beside them.
///
/// A tag is resolved once and its digest is signed. Nothing is pushed that was not checked, and
/// nothing is called signed that was not read back.
#[derive(Debug, clap::Args)]
pub(super) struct Sign {
    /// Images to sign, as docker names them: by tag, by digest, or both
    #[arg(value_name = "IMAGE", required_unless_present = "digest_file")]
    images: Vec<String>,
    /// The signing profile: its name, its ARN, or the ARN of one version
    #[arg(long, value_name = "PROFILE")]
    signing_profile: String,
    /// Sign metadata with the image; may be given several times
    #[arg(short = 'm', long = "user-metadata", value_name = "KEY=VALUE", value_parser = key_value)]
    metadata: Vec<(String, String)>,
    /// Sign an index and everything that it lists
    #[arg(long)]
    recursive: bool,
    /// Leave images alone that this profile has signed already
    #[arg(long)]
    if_unsigned: bool,
    /// Create the signing profile if there is none of that name
    #[arg(long)]
    create_profile: bool,
    /// Show what would be signed and pushed, and do neither
    #[arg(long)]
    dry_run: bool,
    /// Take digests from a file that a build left: buildx's --metadata-file, or REPOSITORY@DIGEST lines
    #[arg(long, value_name = "FILE")]
    digest_file: Option<PathBuf>,
    /// Who makes the signature: this program, or the installed Notation with AWS's plugin
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    engine: Engine,
    /// Trust this root certificate in place of AWS Signer's own
    #[arg(long, value_name = "FILE")]
    signer_root: Option<PathBuf>,
    /// The form of the signature's manifest
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    manifest_format: ManifestForm,
    /// How the report is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,
    /// Print nothing but the signatures' names
    #[arg(short, long)]
    quiet: bool,
    /// Credentials and region
    #[command(flatten)]
    access: SigningArgs,
}

/// Who makes the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Engine {
    /// This program.
    #[default]
    Native,
    /// The installed Notation CLI with the AWS Signer plugin.
    Notation,
}

/// The form of the signature's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum ManifestForm {
    /// OCI 1.1, or Notation 1.x's form where the registry refuses that.
    #[default]
    Auto,
    /// OCI 1.1 with `artifactType`.
    #[value(name = "oci-1.1")]
    Oci11,
    /// Notation 1.x's form.
    ConfigMediatype,
}

impl From<ManifestForm> for ManifestFormat {
    fn from(form: ManifestForm) -> ManifestFormat {
        match form {
            ManifestForm::Auto => ManifestFormat::Auto,
            ManifestForm::Oci11 => ManifestFormat::Oci11,
            ManifestForm::ConfigMediatype => ManifestFormat::ConfigMediaType,
        }
    }
}

impl Sign {
    /// Fails when any image was not signed; each is printed with its reason.
    pub(super) fn run(&self, start: Start, Streams { stdout, stderr, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        self.refuse_what_notation_decides()?;
        let (images, profile) = (self.images()?, SigningProfile::parse(&self.signing_profile)?);
        let roots = self.roots()?;
        let by_notation = self.engine == Engine::Notation;
        let notation = match by_notation && !self.dry_run {
            true => Some(Notation::find(&notation_paths(&start.environment, (start.executable)()))?),
            false => None,
        };
        let terminal = (start.terminals)().stderr;
        let app = self.access.aws.open(start)?;
        let log = app.log(stderr);
        let clients = Clients::open(&app, &log, &self.access, &images, Some(&profile))?;
        let auths = clients.registry_auths(&images);
        let signer = clients.signer(Some(&profile))?;
        let profile = self.prepared(&clients, &signer, profile, &log)?;
        let metadata: BTreeMap<String, String> = self.metadata.iter().cloned().collect();
        let context = SigningContext {
            signer: &signer,
            profile: &profile,
            roots: &roots,
            metadata: &metadata,
            format: self.manifest_format.into(),
            now: clients.time(),
        };
        let options = Options {
            recursive: self.recursive,
            if_unsigned: self.if_unsigned,
            // Notation signs what is planned here: the same digests.
            dry_run: self.dry_run || by_notation,
        };
        let mut repositories = Repositories::new(&clients.http, Purpose::Push, &auths);
        let draw = terminal && !self.quiet && self.output == OutputFormat::Text;
        let progress = |done, total| {
            if draw && total > 1 {
                let end = if done == total { "\n" } else { "" };
                // A terminal that is gone is no reason to stop signing.
                log.with_stderr(|stderr| write!(stderr, "\r{done} of {total} images{end}")).ok();
            }
        };
        let outcomes = clients.run(batch::sign(&images, &mut repositories, &context, options, progress));
        if let Some(notation) = notation {
            let engine = NotationEngine {
                notation: &notation,
                profile: &profile,
                aws_profile: self.access.aws.profile.as_deref(),
                metadata: &metadata,
            };
            return Ok(exit_code(engine.sign(outcomes, stdout, &log)));
        }
        let good = !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let written = match self.output {
            OutputFormat::Json => {
                let rows: Vec<Value> = outcomes.iter().map(|outcome| report::json(outcome, context.format)).collect();
                write_json(&Value::from(rows), stdout)
            }
            OutputFormat::Text => report::text(self.quiet, &outcomes, context.format, stdout, &log),
        };
        written.ok(); // a closed pipe is no failure: the work is done, and nobody is left to read of it
        Ok(exit_code(good))
    }

    /// The images of the command line and of the digest file.
    fn images(&self) -> Result<Vec<Reference>, Report> {
        let images = self.images.iter().map(|image| Reference::parse(image)).collect::<Result<Vec<_>, _>>()?;
        let Some(path) = &self.digest_file else { return Ok(images) };
        let name = path.display().to_string();
        let contents = private_fs::read_to_string(path, private_fs::MAX_FILE_SIZE);
        let contents = contents.map_err(|err| Report::new(format!("cannot read {name}")).cause(err))?;
        digest_file::apply(&name, &contents, &images)
    }

    /// The roots that signatures must lead to.
    fn roots(&self) -> Result<Roots, Report> {
        let Some(path) = &self.signer_root else { return Ok(Roots::Aws) };
        let bad = || Report::new(format!("{} is no root certificate", path.display()));
        let bytes = private_fs::read(path, private_fs::MAX_FILE_SIZE).map_err(|err| bad().cause(err))?;
        Certificate::read_file(&bytes).map(Roots::Given).map_err(|err| bad().cause(err))
    }

    /// Notation has a report and a manifest of its own: an option that it would pass over is refused.
    fn refuse_what_notation_decides(&self) -> Result<(), Report> {
        let ignored = match self {
            _ if self.engine != Engine::Notation || self.dry_run => None,
            Sign { output: OutputFormat::Json, .. } => Some("--output json"),
            Sign { manifest_format: ManifestForm::Oci11 | ManifestForm::ConfigMediatype, .. } => {
                Some("--manifest-format")
            }
            _ => None,
        };
        let refused = |option| {
            Report::new(format!("{option} has no meaning with --engine notation")).hint("leave one of the two out")
        };
        ignored.map_or(Ok(()), |option| Err(refused(option)))
    }

    /// The profile that signs: created where that was asked for, by ARN where Notation needs it.
    fn prepared(
        &self,
        clients: &Clients<'_>,
        signer: &Signer,
        profile: SigningProfile,
        log: &Log<'_>,
    ) -> Result<SigningProfile, Report> {
        let needs_arn = self.engine == Engine::Notation && profile.home.is_none();
        if !self.create_profile && !needs_arn {
            return Ok(profile);
        }
        match clients.run(signer.describe(&profile))? {
            Some(described) => {
                signer.check_usable(&described)?;
                if needs_arn { SigningProfile::parse(&described.arn) } else { Ok(profile) }
            }
            None if self.create_profile && !self.dry_run => {
                let arn = clients.run(signer.create(&profile, None, &BTreeMap::new()))?;
                log.warn(format_args!("created the signing profile {arn}"));
                if needs_arn { SigningProfile::parse(&arn).map(|created| created.any_version()) } else { Ok(profile) }
            }
            None if self.create_profile => Ok(profile),
            None => Err(Report::new(format!("there is no signing profile {profile} in {}", clients.region))
                .hint("add --create-profile, or give the profile's ARN")),
        }
    }
}

/// Where the engine `notation` finds its programs. `executable` is this program's file.
fn notation_paths(environment: &Environment, executable: Option<PathBuf>) -> NotationPaths {
    NotationPaths {
        path: environment.search_path(),
        // notation-go, `dir/path.go`: plugins live below the configuration unless they have a folder of their own.
        libexec: environment
            .path("NOTATION_LIBEXEC")
            .or_else(|| environment.path("NOTATION_CONFIG"))
            .or_else(|| environment.config_folder.as_ref().map(|folder| folder.join("notation"))),
        helper: executable.unwrap_or_default(),
        temporary: environment.temporary_folder.clone(),
    }
}

/// The engine `notation`, one image after another, as Notation itself works.
struct NotationEngine<'a> {
    notation: &'a Notation,
    profile: &'a SigningProfile,
    aws_profile: Option<&'a str>,
    metadata: &'a BTreeMap<String, String>,
}

impl NotationEngine<'_> {
    /// Signs what was planned; whether all of it went well.
    fn sign(&self, outcomes: Vec<Outcome>, stdout: &mut dyn Write, log: &Log<'_>) -> bool {
        let mut good = true;
        for outcome in outcomes {
            let signed = match outcome {
                Outcome::Planned(plan) => self.one(&plan.image, &plan.subject.digest, stdout, log),
                Outcome::Failed { report, .. } => Err(report),
                Outcome::AlreadySigned { image, .. } => {
                    writeln!(stdout, "already signed {image}").ok(); // nobody may be left to read it
                    Ok(())
                }
                // This engine only plans.
                Outcome::Signed(_) => Ok(()),
            };
            if let Err(report) = signed {
                good = false;
                log.report(Level::Error, &report);
            }
        }
        good
    }

    fn one(&self, name: &str, digest: &Digest, stdout: &mut dyn Write, log: &Log<'_>) -> Result<(), Report> {
        let image = Reference::parse(name)?;
        let request = NotationRequest {
            image: &image,
            digest,
            profile: self.profile,
            aws_profile: self.aws_profile,
            metadata: self.metadata,
        };
        match log.with_stderr(|stderr| self.notation.sign(&request, stdout, stderr))? {
            0 => Ok(()),
            code => Err(Report::new(format!("notation ended with {code} for {name}"))),
        }
    }
}
