//! Which root certificate signatures must lead to.

use std::path::{Path, PathBuf};

use crate::{aws::signer_roots::Roots, notary::certificate::Certificate, private_fs, report::Report};

/// The option that chooses it.
#[derive(Debug, Default, clap::Args)]
pub(super) struct RootArgs {
    /// Trust this root certificate in place of AWS Signer's own
    #[arg(long, value_name = "FILE")]
    signer_root: Option<PathBuf>,
}

impl RootArgs {
    /// The roots that are trusted: those of the file, or AWS Signer's own.
    pub(super) fn roots(&self) -> Result<Roots, Report> {
        match &self.signer_root {
            None => Ok(Roots::Aws),
            Some(path) => read_roots(path).map(Roots::Given),
        }
    }
}

/// The certificates of a file that is named as a root.
pub(super) fn read_roots(path: &Path) -> Result<Vec<Certificate>, Report> {
    let bad = || Report::new(format!("{} is no root certificate", path.display()));
    let bytes = private_fs::read(path, private_fs::MAX_FILE_SIZE).map_err(|err| bad().cause(err))?;
    Certificate::read_file(&bytes).map_err(|err| bad().cause(err))
}
