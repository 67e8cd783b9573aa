//! `sign`: images in, signatures beside them, one report.

use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

use serde_json::Value;

use super::{
    Machine, Problem, sign_report as report,
    signing::{Access, Output, Tools, pair, tell},
};
use crate::sign::{
    Error, Profile, Reference,
    batch::{self, Options, Outcome, Repositories},
    digest_file,
    envelope::{Certificate, Roots},
    native::Terms,
    notation::{Notation, Order, Places},
    oci::{Form, Purpose},
    signer::Signer,
};

/// Sign container images with AWS Signer and push the signatures beside them.
///
/// A tag is resolved once and its digest is signed. Nothing is pushed that was not checked, and
/// nothing is called signed that was not read back.
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// Images to sign, as docker names them: by tag, by digest, or both
    #[arg(value_name = "IMAGE", required_unless_present = "digest_file")]
    pub images: Vec<String>,
    /// The signing profile: its name, its ARN, or the ARN of one version
    #[arg(long, value_name = "PROFILE")]
    pub signing_profile: String,
    /// Sign metadata with the image; may be given several times
    #[arg(short = 'm', long = "user-metadata", value_name = "KEY=VALUE", value_parser = pair)]
    pub metadata: Vec<(String, String)>,
    /// Sign an index and everything that it lists
    #[arg(long)]
    pub recursive: bool,
    /// Leave images alone that this profile has signed already
    #[arg(long)]
    pub if_unsigned: bool,
    /// Create the signing profile if there is none of that name
    #[arg(long)]
    pub create_profile: bool,
    /// Show what would be signed and pushed, and do neither
    #[arg(long)]
    pub dry_run: bool,
    /// Take digests from a file that a build left: buildx's --metadata-file, or REPOSITORY@DIGEST lines
    #[arg(long, value_name = "FILE")]
    pub digest_file: Option<PathBuf>,
    /// Who makes the signature: this program, or the installed Notation with AWS's plugin
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    pub engine: Engine,
    /// Trust this root certificate in place of AWS Signer's own
    #[arg(long, value_name = "FILE")]
    pub signer_root: Option<PathBuf>,
    /// The form of the signature's manifest
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub manifest_format: ManifestFormat,
    /// How the report is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// Print nothing but the signatures' names
    #[arg(short, long)]
    pub quiet: bool,
    /// Credentials and region
    #[command(flatten)]
    pub access: Access,
}

/// Who makes the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Engine {
    /// This program.
    #[default]
    Native,
    /// The installed Notation CLI with the AWS Signer plugin.
    Notation,
}

/// The form of the signature's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ManifestFormat {
    /// OCI 1.1, or Notation 1.x's form where the registry refuses that.
    #[default]
    Auto,
    /// OCI 1.1 with `artifactType`.
    #[value(name = "oci-1.1")]
    Oci11,
    /// Notation 1.x's form.
    ConfigMediatype,
}

/// What the engine `notation` needs besides.
#[derive(Debug)]
pub struct ForNotation {
    /// Where its programs are.
    pub places: Places,
    /// The AWS profile, where one was chosen on the command line.
    pub aws_profile: Option<String>,
}

impl Sign {
    /// Opens the machine and runs. `false` when any image was not signed.
    pub(super) fn start(
        &self,
        machine: Machine,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> Result<bool, Problem> {
        let (images, profile) = (self.images()?, self.profile()?);
        let environment = &machine.environment;
        let notation = ForNotation {
            places: Places {
                path: (environment.variable)("PATH").unwrap_or_default(),
                // notation-go, `dir/path.go`: plugins live below the configuration unless they have a folder of their own.
                libexec: environment
                    .path("NOTATION_LIBEXEC")
                    .or_else(|| environment.path("NOTATION_CONFIG"))
                    .or_else(|| environment.config_folder.as_ref().map(|folder| folder.join("notation"))),
                helper: machine.executable.clone().unwrap_or_default(),
                temporary: environment.temporary_folder.clone(),
            },
            aws_profile: self.access.aws.profile.clone(),
        };
        let run = |tools: &Tools<'_>, stderr: &mut dyn Write| run(self, tools, &notation, stdout, stderr);
        self.access.with_tools(machine, (&images, Some(&profile)), stderr, run)
    }

    /// The images of the command line and of the digest file.
    pub fn images(&self) -> Result<Vec<Reference>, Error> {
        let images = self.images.iter().map(|image| Reference::parse(image)).collect::<Result<Vec<_>, _>>()?;
        let Some(path) = &self.digest_file else { return Ok(images) };
        let shown = path.display().to_string();
        let contents = fs::read_to_string(path).map_err(|err| Error::new(format!("cannot read {shown}")).cause(err))?;
        digest_file::apply(&shown, &contents, &images)
    }

    /// Notation has a report and a manifest of its own: an option that it would pass over is refused.
    fn refuse_what_notation_decides(&self) -> Result<(), Error> {
        let ignored = match self {
            _ if self.engine != Engine::Notation || self.dry_run => None,
            Sign { output: Output::Json, .. } => Some("--output json"),
            Sign { manifest_format: ManifestFormat::Oci11 | ManifestFormat::ConfigMediatype, .. } => {
                Some("--manifest-format")
            }
            _ => None,
        };
        let refused = |option| {
            Error::new(format!("{option} has no meaning with --engine notation")).hint("leave one of the two out")
        };
        ignored.map_or(Ok(()), |option| Err(refused(option)))
    }

    /// The signing profile of the command line.
    pub fn profile(&self) -> Result<Profile, Error> {
        Profile::parse(&self.signing_profile)
    }
}

/// Signs. `Ok(false)` when any image was not signed; each is told with its reason.
pub fn run(
    sign: &Sign,
    tools: &Tools<'_>,
    notation: &ForNotation,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<bool, Error> {
    sign.refuse_what_notation_decides()?;
    let (images, profile) = (sign.images()?, sign.profile()?);
    let roots = match &sign.signer_root {
        None => Roots::Aws,
        Some(path) => {
            let bad = |err: &dyn std::fmt::Display| {
                Error::new(format!("{} is no root certificate", path.display())).cause(err)
            };
            let bytes = fs::read(path).map_err(|err| bad(&err))?;
            Roots::Given(Certificate::read_file(&bytes).map_err(|err| bad(&err))?)
        }
    };
    let metadata: BTreeMap<String, String> = sign.metadata.iter().cloned().collect();
    let logins = tools.logins(&images);
    let signer = tools.signer(Some(&profile))?;
    let profile = prepared(sign, tools, &signer, profile, stderr)?;
    let terms = Terms {
        signer: &signer,
        profile: &profile,
        roots: &roots,
        metadata: &metadata,
        form: match sign.manifest_format {
            ManifestFormat::Auto => Form::Auto,
            ManifestFormat::Oci11 => Form::Oci11,
            ManifestFormat::ConfigMediatype => Form::ConfigMediaType,
        },
        now: tools.time(),
    };
    let by_notation = sign.engine == Engine::Notation;
    let options = Options {
        recursive: sign.recursive,
        if_unsigned: sign.if_unsigned,
        // Notation signs what is planned here: the same digests.
        dry_run: sign.dry_run || by_notation,
    };
    let found = match by_notation && !sign.dry_run {
        true => Some(Notation::find(&notation.places)?),
        false => None,
    };
    let mut repositories = Repositories::new(&tools.http, Purpose::Push, &logins);
    let draw = tools.terminal && !sign.quiet && sign.output == Output::Text;
    let progress = |done, total| {
        if draw && total > 1 {
            // A terminal that is gone is no reason to stop signing.
            write!(stderr, "\r{done} of {total} images{}", if done == total { "\n" } else { "" }).ok();
        }
    };
    let outcomes = tools.run(batch::sign(&images, &mut repositories, &terms, options, progress));
    if let Some(notation_cli) = found {
        let call = Call { notation: &notation_cli, aws_profile: notation.aws_profile.as_deref() };
        return Ok(call.sign(outcomes, &profile, &metadata, stdout, stderr));
    }
    let good = !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed { .. }));
    // A closed pipe is no failure: the work is done, and nobody is left to read of it.
    match sign.output {
        Output::Json => {
            let told: Vec<Value> = outcomes.iter().map(|outcome| report::json(outcome, terms.form)).collect();
            writeln!(stdout, "{:#}", Value::from(told)).ok();
        }
        Output::Text => report::text(sign.quiet, &outcomes, terms.form, stdout, stderr).unwrap_or_default(),
    }
    Ok(good)
}

/// The profile that signs: created where that was asked for, by ARN where Notation needs it.
fn prepared(
    sign: &Sign,
    tools: &Tools<'_>,
    signer: &Signer,
    profile: Profile,
    stderr: &mut dyn Write,
) -> Result<Profile, Error> {
    let needs_arn = sign.engine == Engine::Notation && profile.home.is_none();
    if !sign.create_profile && !needs_arn {
        return Ok(profile);
    }
    match tools.run(signer.describe(&profile))? {
        Some(described) => {
            signer.check_usable(&described)?;
            if needs_arn { Profile::parse(&described.arn) } else { Ok(profile) }
        }
        None if sign.create_profile && !sign.dry_run => {
            let arn = tools.run(signer.create(&profile, None, &BTreeMap::new()))?;
            writeln!(stderr, "created the signing profile {arn}").ok(); // the profile is there, whoever reads this
            if needs_arn { Profile::parse(&arn).map(|created| created.any_version()) } else { Ok(profile) }
        }
        None if sign.create_profile => Ok(profile),
        None => Err(Error::new(format!("there is no signing profile {profile} in {}", tools.region))
            .hint("add --create-profile, or give the profile's ARN")),
    }
}

/// The engine `notation`, one image after another, as Notation itself works.
struct Call<'a> {
    notation: &'a Notation,
    aws_profile: Option<&'a str>,
}

impl Call<'_> {
    fn sign(
        &self,
        outcomes: Vec<Outcome>,
        profile: &Profile,
        metadata: &BTreeMap<String, String>,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> bool {
        let mut good = true;
        for outcome in outcomes {
            let plan = match outcome {
                Outcome::Planned(plan) => plan,
                Outcome::Failed { error, .. } => {
                    good = false;
                    tell(&error, stderr).ok();
                    continue;
                }
                Outcome::Standing { image, .. } => {
                    writeln!(stdout, "already signed {image}").ok(); // nobody may be left to read it
                    continue;
                }
                // This engine only plans.
                Outcome::Signed(_) => continue,
            };
            let signed = Reference::parse(&plan.image).and_then(|image| {
                let order = Order {
                    image: &image,
                    digest: &plan.subject.digest,
                    profile,
                    aws_profile: self.aws_profile,
                    metadata,
                };
                self.notation.sign(&order, stdout, stderr)
            });
            match signed {
                Ok(0) => {}
                Ok(code) => {
                    good = false;
                    tell(&Error::new(format!("notation ended with {code} for {}", plan.image)), stderr).ok();
                }
                Err(err) => {
                    good = false;
                    tell(&err, stderr).ok();
                }
            }
        }
        good
    }
}
