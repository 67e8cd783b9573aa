//! `verify`: images in, a verdict on each out.

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use super::{
    aws_args::AwsArgs,
    clients::RegistryArgs,
    output::{OutputFormat, exit_code, write_json},
    pairs::{by_key, key_value},
    progress::Progress,
    root_args::RootArgs,
    verify_report as report,
};
use crate::{
    app::{App, clients::Clients},
    aws::{signer_roots::Roots, signing_profile::SigningProfile},
    door::{Start, Streams},
    oci::{Purpose, Reference, Repositories},
    report::Report,
    verify::{
        places::Named,
        plugin::Plugins,
        run::{CONCURRENT_SIGNATURES, Options, Verifier, Wanted},
        trust_store::TrustStore,
        trusted::{Trusted, profile_of_rule},
    },
};

/// The end of the help text.
const EXAMPLES: &str = "Examples:
  No file is needed: the profile that signs, by its ARN
    docker-credential-ecr-rs verify REGISTRY/app:v1 --signing-profile \\
      arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME
  The trust policy and trust store of Notation, where it keeps them
    docker-credential-ecr-rs verify REGISTRY/app@sha256:…
  What to run, for a script
    image=$(docker-credential-ecr-rs verify --quiet REGISTRY/app:v1) &&
      docker run \"$image\"";

/// Verify the signatures of images, and print the digest to run.
///
/// A tag is resolved once. An image is verified when one of its signatures holds in every check that the trust policy
/// asks for, revocation at AWS Signer included. The policy is that of --signing-profile, of --policy, of
/// `signing-profile` in config.toml, or the one that Notation uses.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// Images to verify, as docker names them: by tag, by digest, or both
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
    /// Trust this signing profile of AWS Signer alone: its ARN, or the ARN of one version
    #[arg(long, value_name = "ARN", conflicts_with_all = ["policy", "trust_store"])]
    signing_profile: Option<String>,
    /// Take this trust policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Take the trust stores of this folder, which has `x509` in it
    #[arg(long, value_name = "FOLDER", conflicts_with = "signer_root")]
    trust_store: Option<PathBuf>,
    #[command(flatten)]
    root: RootArgs,
    /// Metadata that must be signed; may be given several times
    #[arg(short = 'm', long = "user-metadata", value_name = "KEY=VALUE", value_parser = key_value)]
    metadata: Vec<(String, String)>,
    /// Most signatures of one image that are judged
    #[arg(long, value_name = "NUMBER", default_value_t = CONCURRENT_SIGNATURES as u16, value_parser = clap::value_parser!(u16).range(1..))]
    max_signatures: u16,
    /// Verify an index and everything that it lists
    #[arg(long)]
    recursive: bool,
    /// With --oci-layout: judge by the trust policy's statement for this scope, REGISTRY/REPOSITORY; `*` without it
    #[arg(long, value_name = "SCOPE", requires = "oci_layout")]
    scope: Option<String>,
    /// How the verdict is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    output: OutputFormat,
    /// Print nothing but the verified images by digest
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
    /// With --recursive: name every image, and not how many there are
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Output")]
    verbose: bool,
    #[command(flatten, next_help_heading = "Registry")]
    registry: RegistryArgs,
    /// Credentials
    #[command(flatten, next_help_heading = "AWS credentials")]
    aws: AwsArgs,
}

impl Verify {
    /// Fails when the trust policy of any image is not satisfied; each is printed with its reason.
    pub(super) fn run(&self, start: Start, Streams { stdin, stdout, stderr }: Streams<'_>) -> Result<ExitCode, Report> {
        let images = self.images.iter().map(|image| self.registry.image(image)).collect::<Result<Vec<_>, _>>()?;
        let (terminal, clock) = ((start.terminals)().stderr, start.clock);
        let app = self.aws.open(start)?;
        let log = app.log(stderr);
        let trusted = self.trusted(&app, &images)?;
        let wanted: Vec<Wanted<'_>> =
            images.iter().zip(&trusted).map(|(image, trust)| trust.on(image, self.scope.as_deref())).collect();
        let clients = Clients::open(&app, None, &images, trusted.iter().find_map(Trusted::signing_profile))?;
        let (http, auths) = self.registry.open(&app, &log, &clients, &images, stdin)?;
        let metadata = by_key("--user-metadata", &self.metadata)?;
        let (signers, plugins) = (clients.signers(), Plugins::of(&app.environment));
        let options = Options {
            metadata: &metadata,
            max_signatures: self.max_signatures.into(),
            recursive: self.recursive,
            clock,
        };
        let verifier = Verifier::new(options, &signers, &plugins);
        let mut repositories = Repositories::new(&http, Purpose::Pull, &auths);
        let draw = terminal && !self.quiet && self.output == OutputFormat::Text;
        let progress = Progress::new("verifying", draw, &log);
        let verdicts = clients.run(progress.during(verifier.verify(&wanted, &mut repositories)));
        let summary = self.recursive && !self.verbose;
        let written = match self.output {
            OutputFormat::Json => write_json(&report::json(&verdicts), stdout),
            OutputFormat::Text => {
                let mut stdout = BufWriter::new(stdout);
                report::text(self.quiet, summary, &verdicts, &mut stdout).and_then(|()| stdout.flush())
            }
        };
        written.ok(); // a closed pipe is no failure: nobody is left to read
        report::tell(&verdicts, &log);
        Ok(exit_code(verdicts.iter().all(|verdict| verdict.outcome.satisfied())))
    }

    /// What is trusted of each image, in their order.
    fn trusted(&self, app: &App, images: &[Reference]) -> Result<Vec<Trusted>, Report> {
        let roots = self.root.roots()?;
        if let Some(profile) = &self.signing_profile {
            let profile = SigningProfile::parse(profile)?;
            return images.iter().map(|_| Trusted::profile(&profile, &roots)).collect();
        }
        let named = Named { policy: self.policy.clone(), store: self.trust_store.clone() };
        let of_rule = |image: &Reference| match (&self.policy, &self.trust_store) {
            (None, None) => profile_of_rule(&app.config, image),
            _ => Ok(None),
        };
        let trusted = images.iter().map(|image| match of_rule(image)? {
            Some(profile) => Trusted::profile(&profile, &roots),
            None => {
                let found = Trusted::found(named.find(&app.environment)?)?;
                Ok(match &roots {
                    Roots::Aws => found,
                    Roots::Given(certificates) => Trusted { stores: TrustStore::Given(certificates.clone()), ..found },
                })
            }
        });
        trusted.collect()
    }
}
