//! Which root certificate signatures must lead to.

use std::path::PathBuf;

use crate::{aws::signer_roots::Roots, report::Report};

/// The option that chooses it.
#[derive(Debug, Default, clap::Args)]
pub(super) struct RootArgs {
    /// Trust this root certificate in place of AWS Signer's own
    #[arg(long, value_name = "FILE")]
    signer_root: Option<PathBuf>,
}

impl RootArgs {
    /// These options as one types them, a blank behind each, for a command that goes on from this one.
    pub(super) fn as_words(&self) -> String {
        self.signer_root.as_ref().map_or_else(String::new, |file| format!("--signer-root {} ", file.display()))
    }

    /// The roots that are trusted: those of the file, or AWS Signer's own.
    pub(super) fn roots(&self) -> Result<Roots, Report> {
        Roots::of(self.signer_root.as_deref())
    }
}
