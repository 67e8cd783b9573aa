//! The root certificates of AWS Signer, and which of them a chain of certificates ends in.

use std::path::Path;

use crate::{notary::certificate::Certificate, private_fs, report::Report};

/// A root certificate of AWS Signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwsRoot {
    /// The partition whose signatures lead to it.
    pub partition: &'static str,
    /// The trust store that AWS's documentation keeps it in.
    pub store: &'static str,
    /// SHA-256 of its DER. The root travels in every signature's chain, so that this is enough to know it.
    pub fingerprint: &'static str,
    /// The certificate itself, for a trust store.
    pub pem: &'static str,
}

/// "AWS Signer Code Signing Root CA G1" (2022 to 2122) and its GovCloud (US) sister (2024 to 2124):
/// the files that AWS publishes as `aws-signer-notation-root.cert` and
/// `aws-us-gov-signer-notation-root.cert`. No root of another partition is published.
pub const AWS_ROOTS: [AwsRoot; 2] = [
    AwsRoot {
        partition: "aws",
        store: "aws-signer-ts",
        fingerprint: "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f",
        pem: include_str!("signer_roots/aws.pem"),
    },
    AwsRoot {
        partition: "aws-us-gov",
        store: "aws-us-gov-signer-ts",
        fingerprint: "673653ab76f41a10546cdeb4107ecd6df2c15c2c9a0d32ed97d271b4436fc3e8",
        pem: include_str!("signer_roots/aws-us-gov.pem"),
    },
];

/// The root of a partition; the commercial regions' for one whose own is not published: a signature
/// that does not lead to it fails.
pub fn of_partition(partition: &str) -> &'static AwsRoot {
    AWS_ROOTS.iter().find(|root| root.partition == partition).unwrap_or(&AWS_ROOTS[0])
}

/// The root certificates that a chain may end in.
#[derive(Debug, Clone)]
pub enum Roots {
    /// AWS Signer's own.
    Aws,
    /// These and no others: a `--signer-root` file.
    Given(Vec<Certificate>),
}

impl Roots {
    /// The certificates of a file that is named as a root; AWS Signer's own where none is named.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn of(file: Option<&Path>) -> Result<Roots, Report> {
        file.map_or(Ok(Roots::Aws), |path| read_file(path).map(Roots::Given))
    }

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
            Roots::Aws => AWS_ROOTS.iter().any(|root| root.fingerprint == fingerprint),
            Roots::Given(roots) => roots.iter().any(|known| known.der == root.der),
        };
        if trusted {
            return Ok(());
        }
        // What a signature brings with it is no reason to trust it.
        let (whose, hint) = match self {
            Roots::Aws => (
                "not a root of AWS Signer",
                "AWS Signer did not make it: ask who did; a root of their own comes from them, not from the signature",
            ),
            Roots::Given(_) => (
                "not in the given root file",
                "compare the file with what the root's owner publishes; the root of the signature proves nothing",
            ),
        };
        Err(Report::new(format!("the signature's root certificate `{}` is {whose}", root.subject))
            .cause(format!("its SHA-256 is {fingerprint}"))
            .hint(hint))
    }
}

/// The certificates of a file that is named as a root.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn read_file(path: &Path) -> Result<Vec<Certificate>, Report> {
    let bad = || {
        Report::new(format!("{} is no root certificate", path.display()))
            .hint("name a file with the root certificate, as PEM or DER")
    };
    let bytes = private_fs::read(path, private_fs::MAX_FILE_SIZE).map_err(|err| bad().cause(err))?;
    Certificate::read_file(&bytes).map_err(|err| bad().cause(err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_root_is_the_one_that_is_pinned() {
        for root in &AWS_ROOTS {
            let certificates = Certificate::read_file(root.pem.as_bytes()).unwrap();
            let fingerprints: Vec<String> = certificates.iter().map(Certificate::fingerprint).collect();
            assert_eq!(fingerprints, [root.fingerprint], "{}", root.partition);
            assert!(certificates[0].is_self_signed() && certificates[0].is_authority(), "{}", root.partition);
        }
    }

    #[test]
    fn f3_15_a_file_that_is_no_root_is_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let garbage = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let cut = AWS_ROOTS[0].pem.lines().take(5).collect::<Vec<_>>().join("\n");
        for (bytes, why) in [
            (&b""[..], "empty"),
            (b"hello", "a text"),
            (b"\x30\x82\x01\x00\x30", "DER that ends too early"),
            (b"\x30\x03\x02\x01\x01", "DER of something else"),
            (garbage.as_bytes(), "PEM of something else"),
            (cut.as_bytes(), "PEM that ends too early"),
            (b"-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n", "another block"),
        ] {
            let path = folder.path().join("root");
            std::fs::write(&path, bytes).unwrap();
            let report = read_file(&path).expect_err(why);
            let told = report.full();
            assert!(told.contains("is no root certificate") && report.advice().is_some(), "{why}: {told}");
            let debug = ["Error(", "Error::", "{", "Parsing", "Incomplete", "Needed", "Some("];
            assert!(!debug.iter().any(|word| told.contains(word)), "{why}: {told}");
        }
    }
}
