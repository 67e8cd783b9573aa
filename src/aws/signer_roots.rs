//! The root certificates of AWS Signer, and which of them a chain of certificates ends in. Pure.

use crate::{notary::certificate::Certificate, report::Report};

/// AWS Signer's own root certificates by SHA-256 of their DER. The root travels in every
/// signature's chain, so that its fingerprint is enough.
///
/// "AWS Signer Code Signing Root CA G1" (2022 to 2122) and its GovCloud (US) sister (2024 to 2124):
/// the files that AWS publishes as `aws-signer-notation-root.cert` and
/// `aws-us-gov-signer-notation-root.cert`. No root of another partition is published.
const AWS_ROOTS: [&str; 2] = [
    "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f",
    "673653ab76f41a10546cdeb4107ecd6df2c15c2c9a0d32ed97d271b4436fc3e8",
];

/// The root certificates that a chain may end in.
#[derive(Debug, Clone)]
pub enum Roots {
    /// AWS Signer's own.
    Aws,
    /// These and no others: a `--signer-root` file.
    Given(Vec<Certificate>),
}

impl Roots {
    /// Whose they are, as in "not by …".
    pub fn owner(&self) -> &'static str {
        match self {
            Roots::Aws => "AWS Signer",
            Roots::Given(_) => "the given root",
        }
    }

    /// Checks that the chain ends in one of these roots.
    pub fn check(&self, chain: &[Certificate]) -> Result<(), Report> {
        let Some(root) = chain.last() else { return Err(Report::new("the certificate chain is empty")) };
        let fingerprint = root.fingerprint();
        let trusted = match self {
            Roots::Aws => AWS_ROOTS.contains(&fingerprint.as_str()),
            Roots::Given(roots) => roots.iter().any(|known| known.der == root.der),
        };
        if trusted {
            return Ok(());
        }
        let whose = match self {
            Roots::Aws => "not a root of AWS Signer",
            Roots::Given(_) => "not in the given root file",
        };
        Err(Report::new(format!("the signature's root certificate `{}` is {whose}", root.subject))
            .cause(format!("its SHA-256 is {fingerprint}"))
            .hint("give the root that you trust with --signer-root FILE"))
    }
}
