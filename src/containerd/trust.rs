//! What is trusted on a node: the policy and the configuration of the machine, whoever's home folder there is.

use std::path::Path;

use serde_json::Value;

use crate::{
    aws::signer_roots::Roots,
    config::Config,
    digest,
    environment::Environment,
    names::{PROGRAM, VERSION},
    oci::Reference,
    private_fs,
    report::Report,
    verify::{
        anchors::Anchors,
        places::{self, Found, POLICY_FILES},
        policy::{Policy, Statement},
        trust_store::TrustStore,
        trusted::{Trusted, profile_of_rule},
    },
};

/// What is in force for an image.
pub(super) enum InForce {
    /// A policy.
    Policy(Trust),
    /// Nothing, where nothing means that every image is allowed: the sentence that says so.
    Everything(String),
}

/// A policy, and the text that it was read from.
pub(super) struct Trust {
    pub(super) trusted: Trusted,
    text: Vec<u8>,
}

/// Where Bottlerocket puts the policies of verifiers, in a folder that is named as the verifier's program
/// (bottlerocket-core-kit, `sources/image-verifiers`).
const SLOTS: &str = "containerd/image-verifiers";

/// What Bottlerocket's own verifiers have behind the name of their slot: `notation-image-verifier` is of `notation`.
const VERIFIER: &str = "-image-verifier";

/// Looks for what is in force for an image where the program was started under this name: the policy of
/// Bottlerocket's slot of that name, that of the machine, the signing profile of the image's rule.
///
/// # Errors
/// There is nothing, or it cannot be read.
pub(super) fn in_force(
    name: &str,
    environment: &Environment,
    config: &Config,
    image: &Reference,
) -> Result<InForce, Report> {
    let slots = environment.system_folder.join(SLOTS);
    for slot in [Some(name), name.strip_suffix(VERIFIER)].into_iter().flatten() {
        if let Some(trust) = of_slot(&slots.join(slot))? {
            return Ok(InForce::Policy(trust));
        }
    }
    if let Some(found) = places::machine(environment) {
        return Ok(InForce::Policy(Trust::read(found)?));
    }
    if let Some(profile) = profile_of_rule(config, image)? {
        let trusted = Trusted::profile(&profile, &Roots::Aws)?;
        return Ok(InForce::Policy(Trust { trusted, text: profile.to_string().into() }));
    }
    if slots.is_dir() {
        let file = slots.join(name).join("trustpolicy.json");
        return Ok(InForce::Everything(format!(
            "every image is allowed: there is no trust policy in {}, nor in {}",
            file.display(),
            environment.system_folder.join(PROGRAM).display()
        )));
    }
    let folder = environment.system_folder.join(PROGRAM);
    Err(Report::new("there is no trust policy, so that no image is trusted")
        .cause(format!(
            "neither {} is in {}, and no rule of config.toml there has a signing-profile for {}",
            POLICY_FILES.join(" nor "),
            folder.display(),
            image.registry
        ))
        .hint(format!("{PROGRAM} setup containerd --signing-profile ARN")))
}

/// The policy of a slot. None and an empty one mean that the slot asks for nothing, as with Bottlerocket's own
/// verifiers; the certificates of AWS Signer are built in, since a slot has a policy and no store.
fn of_slot(folder: &Path) -> Result<Option<Trust>, Report> {
    let (policy, beside) = (folder.join("trustpolicy.json"), folder.join("truststore"));
    let is_absent = |path: &Path| path.symlink_metadata().is_err_and(|err| err.kind() == std::io::ErrorKind::NotFound);
    // A link that leads nowhere is no slot without a policy: it is one that cannot be read.
    if is_absent(folder) || (folder.is_dir() && is_absent(&policy)) {
        return Ok(None);
    }
    let store = if beside.is_dir() { TrustStore::Folder(beside) } else { TrustStore::BuiltIn };
    let found = Found { policy, store };
    let text = found.bytes()?;
    let asks = |value: Value| value["trustPolicies"].as_array().is_none_or(|statements| !statements.is_empty());
    if text.trim_ascii().is_empty() || !serde_json::from_slice(&text).map_or(true, asks) {
        return Ok(None);
    }
    Trust::parse(found, text).map(Some)
}

impl Trust {
    fn read(found: Found) -> Result<Trust, Report> {
        let text = found.bytes()?;
        Trust::parse(found, text)
    }

    fn parse(found: Found, text: Vec<u8>) -> Result<Trust, Report> {
        let policy = Policy::parse(&text, &found.policy.display().to_string())?;
        Ok(Trust { trusted: Trusted { policy, stores: found.store }, text })
    }

    /// What a verdict on an image hangs on besides its signatures, as a hash: the image, this program's version,
    /// the policy, the certificates that its statement's stores hold, the configuration. `None` where that
    /// cannot be told.
    pub(super) fn key(&self, image: &Reference, judged_by: (&Statement, &Anchors), config: &Config) -> Option<String> {
        let (statement, Anchors(stores)) = judged_by;
        let config = match &config.path {
            Some(path) => private_fs::read(path, private_fs::MAX_FILE_SIZE).ok()?,
            None => Vec::new(),
        };
        let mut parts = vec![
            VERSION.to_owned(),
            image.to_string(),
            statement.name.clone(),
            digest::sha256(&self.text),
            digest::sha256(&config),
        ];
        for store in stores {
            parts.push(store.name.to_string());
            parts.extend(store.certificates.as_ref().ok()?.iter().map(|certificate| certificate.fingerprint()));
        }
        Some(digest::sha256(parts.join("\n").as_bytes()))
    }
}
