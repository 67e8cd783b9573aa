//! Where trust policies and trust stores are: Notation's own places, then the machine's.
//!
//! The store lies beside its policy: a policy of the machine is not judged by certificates of a user,
//! nor the other way round.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{policy::Policy, trust_store::TrustStore};
use crate::{environment::Environment, names::PROGRAM, private_fs, report::Report};

/// The policy's names, the first that is there wins (notation-go, `LoadOCIDocument`).
pub const POLICY_FILES: [&str; 2] = ["trustpolicy.oci.json", "trustpolicy.json"];

/// Largest policy that is read.
pub const MAX_POLICY: u64 = 1 << 20;

/// What was named on the command line in place of what is found.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// `--policy`: the policy's file.
    pub policy: Option<PathBuf>,
    /// `--trust-store`: the folder that has `x509` in it.
    pub store: Option<PathBuf>,
}

/// The two places of what is trusted; either may hold something wrong.
#[derive(Debug, Clone)]
pub struct Found {
    /// The policy's file.
    pub policy: PathBuf,
    /// The folder of the trust stores.
    pub store: TrustStore,
}

/// Notation's folder: `$NOTATION_CONFIG`, else `notation` in the user's config folder (notation-go,
/// `dir.UserConfigDir`, which is Go's `os.UserConfigDir`). `None` without a home folder.
pub fn notation_folder(environment: &Environment) -> Option<PathBuf> {
    let named = (environment.variable)("NOTATION_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(environment.config_folder.as_ref()?.join("notation")))
}

/// The folders that may hold a policy: the user's, then the machine's.
pub fn folders(environment: &Environment) -> Vec<PathBuf> {
    let machine = environment.system_folder.join(PROGRAM);
    notation_folder(environment).into_iter().chain([machine]).collect()
}

/// What is in force for the machine, where a policy is there: that, and the store beside it. Where nobody can tell
/// whether one is there, it counts as one that cannot be read.
pub fn machine(environment: &Environment) -> Option<Found> {
    let folder = environment.system_folder.join(PROGRAM);
    let mut files = POLICY_FILES.iter().map(|name| folder.join(name));
    let policy = files.find(|path| !path.symlink_metadata().is_err_and(|err| err.kind() == ErrorKind::NotFound))?;
    Some(Found { policy, store: TrustStore::Folder(folder.join("truststore")) })
}

impl Named {
    /// What is in force: what was named, else the first policy that is there, and the store beside it.
    ///
    /// # Errors
    /// There is no policy.
    pub fn find(&self, environment: &Environment) -> Result<Found, Report> {
        let policy = match &self.policy {
            Some(policy) => policy.clone(),
            None => present(environment).into_iter().next().ok_or_else(|| no_policy(environment))?,
        };
        let beside = || policy.parent().unwrap_or(Path::new("")).join("truststore");
        let store = TrustStore::Folder(self.store.clone().unwrap_or_else(beside));
        Ok(Found { policy, store })
    }
}

impl Found {
    /// Reads the policy.
    ///
    /// # Errors
    /// It cannot be read, or breaks a rule: the first one.
    pub fn read(&self) -> Result<Policy, Report> {
        Policy::parse(&self.bytes()?, &self.policy.display().to_string())
    }

    /// The policy's text. A link is refused, as Notation does.
    pub fn bytes(&self) -> Result<Vec<u8>, Report> {
        let read = private_fs::open_no_link(&self.policy).and_then(|file| private_fs::read_all(&file, MAX_POLICY));
        read.map(|bytes| bytes.to_vec()).map_err(|err| {
            let hint = match err.kind() {
                ErrorKind::NotFound => "name a trust policy that is there",
                _ => "it must be a regular file: a mounted volume of links is none, mount the file with subPath",
            };
            Report::new(format!("the trust policy {} cannot be read", self.policy.display())).cause(err).hint(hint)
        })
    }
}

/// The policies that are there, the one in force first. What cannot be looked at for want of rights, a
/// home folder of another user, is not this user's.
pub fn present(environment: &Environment) -> Vec<PathBuf> {
    let files = folders(environment).into_iter().flat_map(|folder| POLICY_FILES.map(|name| folder.join(name)));
    files.filter(|path| path.symlink_metadata().is_ok()).collect()
}

fn no_policy(environment: &Environment) -> Report {
    let places: Vec<String> = folders(environment).iter().map(|folder| folder.display().to_string()).collect();
    Report::new("there is no trust policy, so that no image is trusted")
        .cause(format!("neither {} is in {}", POLICY_FILES.join(" nor "), places.join(" or in ")))
        .hint("`trust init --signing-profile ARN` writes one; `verify --signing-profile ARN` needs none")
}
