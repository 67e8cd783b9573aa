//! `sign`: images in, signatures beside them, one report.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use serde_json::{Value, json};

use super::{
    clients::{RegistryArgs, SigningArgs},
    output::{OutputFormat, exit_code, write_json},
    pairs::{by_key, key_value},
    profile_rule,
    progress::Progress,
    root_args::RootArgs,
    sign_report::{self as report, Detail},
};
use crate::{
    app::{App, clients::Clients},
    aws::{signer::Signer, signing_profile::SigningProfile},
    door::{Start, Streams},
    environment::Environment,
    log::Log,
    names::PROGRAM,
    oci::{ManifestFormat, Purpose, Reference, Repositories},
    private_fs,
    report::{Level, Report},
    sign::{
        batch::{self, Options, Outcome},
        by_notation::ByNotation,
        digest_file,
        notation_cli::{Notation, NotationPaths},
        plan::SigningContext,
    },
};

/// Sign container images with AWS Signer and push the signatures beside them.
///
/// A tag is resolved once and its digest is signed. Nothing is pushed that was not checked, and
/// nothing is called signed that was not read back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs sign REGISTRY/app:v1 --signing-profile release
  docker-credential-ecr-rs sign REGISTRY/app:v1 --recursive --if-unsigned \\
    --signing-profile arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME
  The digest that a build left, so that no tag can move in between:
    docker buildx build --push --metadata-file build.json -t REGISTRY/app:v1 .
    docker-credential-ecr-rs sign REGISTRY/app:v1 --digest-file build.json \\
      --signing-profile release")]
pub(super) struct Sign {
    /// Images to sign, as docker names them: by tag, by digest, or both
    #[arg(value_name = "IMAGE", required_unless_present = "digest_file")]
    images: Vec<String>,
    /// The signing profile: its name, its ARN, or the ARN of one version [default: that of config.toml]
    #[arg(long, value_name = "PROFILE")]
    signing_profile: Option<String>,
    /// Sign metadata with the image; may be given several times
    #[arg(short = 'm', long = "user-metadata", value_name = "KEY=VALUE", value_parser = key_value)]
    metadata: Vec<(String, String)>,
    /// Sign an index and everything that it lists
    #[arg(long)]
    recursive: bool,
    /// Leave images alone that this profile has signed already, by whomever (ECR's managed signing, too), with the
    /// same metadata, unless that was revoked
    #[arg(long)]
    if_unsigned: bool,
    /// Create the signing profile if there is none of that name
    #[arg(long)]
    create_profile: bool,
    /// Show what would be signed and pushed, and do neither
    #[arg(long)]
    dry_run: bool,
    /// Take digests from a file that a build left: buildx's --metadata-file, or REPOSITORY@DIGEST lines
    #[arg(long, value_name = "FILE", conflicts_with = "oci_layout")]
    digest_file: Option<PathBuf>,
    /// Who makes the signature: this program, or the installed Notation with AWS's plugin
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    engine: Engine,
    #[command(flatten)]
    root: RootArgs,
    /// The form of the signature's manifest
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    manifest_format: ManifestForm,
    /// How the report is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    output: OutputFormat,
    /// Print nothing but the signatures' names
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
    /// With --recursive: name every image, and not how many there are
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Output")]
    verbose: bool,
    #[command(flatten, next_help_heading = "Registry")]
    registry: RegistryArgs,
    /// Credentials and region
    #[command(flatten, next_help_heading = "AWS credentials and region")]
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
    /// OCI 1.1, or Notation 1.x's form where the registry refuses that and in a layout on disk.
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
    pub(super) fn run(&self, start: Start, Streams { stdin, stdout, stderr }: Streams<'_>) -> Result<ExitCode, Report> {
        self.refuse_what_notation_decides()?;
        let images = self.images()?;
        let roots = self.root.roots()?;
        let by_notation = self.engine == Engine::Notation;
        let notation = match by_notation && !self.dry_run {
            true => Some(Notation::find(&notation_paths(&start.environment, (start.executable)()))?),
            false => None,
        };
        let (terminal, clock) = ((start.terminals)().stderr, start.clock);
        let app = self.access.aws.open(start)?;
        let profile = profile_rule::that_signs(&app, self.signing_profile.as_deref(), &images)?;
        let log = app.log(stderr);
        let clients = self.access.clients(&app, &images, Some(&profile))?;
        let (http, auths) = self.registry.open(&app, &log, &clients, &images, stdin)?;
        let signer = clients.signer(Some(&profile))?;
        let profile = self.prepared(&clients, &signer, profile, &log)?;
        let metadata = by_key("--user-metadata", &self.metadata)?;
        let context = SigningContext {
            signer: &signer,
            profile: &profile,
            roots: &roots,
            metadata: &metadata,
            format: self.manifest_format.into(),
            clock,
        };
        let options = Options {
            recursive: self.recursive,
            if_unsigned: self.if_unsigned,
            // Notation signs what is planned here: the same digests.
            dry_run: self.dry_run || by_notation,
        };
        let mut repositories = Repositories::new(&http, Purpose::Push, &auths);
        let draw = terminal && !self.quiet && self.output == OutputFormat::Text;
        let progress = Progress::new("signing", draw, &log);
        let done = |done, total| progress.of(done, total);
        let mut outcomes =
            clients.run(progress.during(batch::sign(&images, &mut repositories, &context, options, done)));
        if let Some(notation) = notation {
            let engine = ByNotation { notation: &notation, context: &context };
            clients.run(engine.sign_planned(&mut outcomes, &mut repositories));
        }
        self.tell_of_mixed_profiles(&app, &outcomes, &log);
        let good = !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let written = match self.output {
            OutputFormat::Json => {
                let rows: Vec<Value> = outcomes.iter().map(|outcome| report::json(outcome, context.format)).collect();
                write_json(&json!({ "images": rows }), stdout)
            }
            OutputFormat::Text => {
                let detail = match (self.quiet, self.recursive && !self.verbose) {
                    (true, _) => Detail::Names,
                    (false, true) => Detail::Summary,
                    (false, false) => Detail::Every,
                };
                let verify = format!("{PROGRAM} verify {}{}", self.registry.as_words(), self.root.as_words());
                report::text(detail, &outcomes, context.format, &verify, stdout, &log)
            }
        };
        written.ok(); // a closed pipe is no failure: the work is done, and nobody is left to read of it
        Ok(exit_code(good))
    }

    /// The images of the command line and of the digest file.
    fn images(&self) -> Result<Vec<Reference>, Report> {
        let images = self.images.iter().map(|image| self.registry.image(image)).collect::<Result<Vec<_>, _>>()?;
        let Some(path) = &self.digest_file else { return Ok(images) };
        let name = path.display().to_string();
        let contents = private_fs::read_to_string(path, private_fs::MAX_FILE_SIZE);
        let contents = contents.map_err(|err| Report::new(format!("cannot read {name}")).cause(err))?;
        digest_file::apply(&name, &contents, &images)
    }

    /// Where nothing was signed in the name of an AWS profile: the two kinds of profiles have nothing in common.
    fn tell_of_mixed_profiles(&self, app: &App, outcomes: &[Outcome], log: &Log<'_>) {
        let failed = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let Some(name) = self.signing_profile.as_deref().filter(|_| failed) else { return };
        if app.identities().has_profile(name) {
            log.warn(format_args!(
                "{name} is an AWS profile: --profile {name} takes its credentials, --signing-profile names a profile of AWS Signer"
            ));
        }
    }

    /// Notation makes a manifest of its own: an option that it would pass over is refused.
    fn refuse_what_notation_decides(&self) -> Result<(), Report> {
        if let (Engine::Notation, Some(option)) = (self.engine, self.registry.only_native()) {
            return Err(
                Report::new(format!("{option} has no meaning with --engine notation")).hint("leave one of the two out")
            );
        }
        let by_itself = self.engine == Engine::Notation && !self.dry_run;
        match self.manifest_format {
            ManifestForm::Oci11 | ManifestForm::ConfigMediatype if by_itself => {
                Err(Report::new("--manifest-format has no meaning with --engine notation")
                    .hint("leave one of the two out"))
            }
            _ => Ok(()),
        }
    }

    /// The profile that signs: created where that was asked for; by ARN where Notation needs it, and where a
    /// signature is looked for, since a name alone may be another account's profile.
    fn prepared(
        &self,
        clients: &Clients<'_>,
        signer: &Signer,
        profile: SigningProfile,
        log: &Log<'_>,
    ) -> Result<SigningProfile, Report> {
        let by_notation = self.engine == Engine::Notation;
        let needs_arn = (by_notation || self.if_unsigned) && profile.home.is_none();
        if !self.create_profile && !needs_arn {
            return Ok(profile);
        }
        let described = match clients.run(signer.describe(&profile)) {
            Err(report) if !self.create_profile && !by_notation => {
                let what = format!("it is not known whose profile {profile} is: every image is signed");
                log.report(Level::Warning, &report.under(what));
                return Ok(profile);
            }
            described => described?,
        };
        match described {
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
                .hint("add --create-profile, name its region with --region, or give the profile's ARN")),
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
