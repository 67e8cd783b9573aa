//! Whose certificates servers may show: those of a bundle that is named, else the system's.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{environment::Environment, private_fs, report::Report};

/// Where systems keep all of their roots in one file (Go, `crypto/x509/root_linux.go`).
#[cfg(target_os = "linux")]
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",                            // openSUSE
    "/etc/pki/tls/cacert.pem",                           // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
    "/etc/ssl/cert.pem",                                 // Alpine
];
#[cfg(not(target_os = "linux"))]
const BUNDLES: &[&str] = &[];

/// Amazon's five public roots (amazontrust.com/repository). A fresh Windows fetches roots when its own
/// programs first need them, and that never happens for a program that only reads its store.
#[cfg(windows)]
const AMAZON: &[u8] = include_bytes!("amazon_roots.pem");
#[cfg(not(windows))]
const AMAZON: &[u8] = b"";

/// The system's roots, read once and not before a connection needs them.
#[derive(Debug, Clone, Default)]
pub(super) struct SystemRoots {
    /// Whether `SSL_CERT_FILE` or `SSL_CERT_DIR` names them.
    named: bool,
    read: Arc<OnceLock<Arc<RootCertStore>>>,
}

impl SystemRoots {
    /// Looks whether the environment names them; reads no file.
    pub(super) fn of(environment: &Environment) -> SystemRoots {
        let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| (environment.variable)(name).is_some());
        SystemRoots { named, read: Arc::default() }
    }

    /// The roots. A folder of them, with its hundreds of files, is read only where there is no bundle.
    pub(super) fn store(&self) -> Arc<RootCertStore> {
        let bundles = if self.named { &[] } else { BUNDLES };
        Arc::clone(self.read.get_or_init(|| Arc::new(system(bundles))))
    }
}

fn system(bundles: &[&str]) -> RootCertStore {
    let bundle = bundles.iter().find_map(|path| bundle(Path::new(path)).ok());
    // What cannot be read is no root: the handshake tells of an unknown issuer.
    let mut roots = bundle.unwrap_or_else(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    });
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(AMAZON).flatten());
    roots
}

/// The usable certificates of a PEM bundle.
///
/// Bundles of whole systems hold certificates that rustls cannot use; those are left out.
///
/// # Errors
/// When it cannot be read, is no PEM or holds none.
pub(super) fn bundle(path: &Path) -> Result<RootCertStore, BadBundle> {
    let bad = |why| BadBundle { path: path.into(), why };
    let bytes = private_fs::read(path, private_fs::MAX_FILE_SIZE).map_err(|err| bad(Why::Unreadable(err)))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        roots.add_parsable_certificates([certificate.map_err(|_| bad(Why::NotPem))?]);
    }
    if roots.is_empty() { Err(bad(Why::Empty)) } else { Ok(roots) }
}

/// A CA bundle that cannot be used.
#[derive(Debug)]
pub(super) struct BadBundle {
    path: PathBuf,
    why: Why,
}

impl BadBundle {
    /// The report of a call that could not be made for it.
    pub(super) fn report(&self, what: impl Into<String>) -> Report {
        Report::new(what)
            .cause(self)
            .hint("AWS_CA_BUNDLE or the profile's ca_bundle must name a PEM file of certificates")
    }
}

#[derive(Debug)]
enum Why {
    Unreadable(io::Error),
    NotPem,
    Empty,
}

impl fmt::Display for BadBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.why {
            Why::Unreadable(err) => write!(f, "cannot read {path}: {err}"),
            Why::NotPem => write!(f, "{path} is not a PEM file"),
            Why::Empty => write!(f, "{path} holds no usable certificate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn a_bad_bundle_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        let good = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap().cert.pem();
        let not_x509 = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode("hi"));
        for (contents, refused, why) in [
            (good.clone(), None, "one certificate"),
            (format!("# comment\r\n{good}{good}"), None, "a comment and two certificates"),
            (format!("{not_x509}{good}"), None, "one that rustls cannot use beside one that it can"),
            (not_x509, Some("holds no usable certificate"), "PEM of something else"),
            (String::new(), Some("holds no usable certificate"), "empty"),
            ("hello".into(), Some("holds no usable certificate"), "text"),
            (
                "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".into(),
                Some("is not a PEM file"),
                "no base64",
            ),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n".into(), Some("is not a PEM file"), "cut off"),
        ] {
            fs::write(&path, contents).unwrap();
            match (bundle(&path).map(drop), refused) {
                (Ok(()), None) => {}
                (Err(err), Some(text)) => assert!(err.to_string().contains(text), "{why}: {err}"),
                (outcome, _) => panic!("{why}: {outcome:?}"),
            }
        }
        let absent = bundle(&folder.path().join("absent.pem")).map(drop).unwrap_err().to_string();
        assert!(absent.starts_with("cannot read ") && absent.contains("absent.pem"), "{absent}");
    }

    #[test]
    fn f4_4_a_bundle_of_the_system_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for (name, names) in [("all.pem", vec!["a.example", "b.example"]), ("one.pem", vec!["c.example"])] {
            let made =
                names.iter().map(|name| rcgen::generate_simple_self_signed([(*name).into()]).unwrap().cert.pem());
            fs::write(path(name), made.collect::<String>()).unwrap();
        }
        fs::write(path("empty.pem"), "").unwrap();
        let amazons = CertificateDer::pem_slice_iter(AMAZON).flatten().count(); // on Windows, beside what is found
        let [absent, empty, all, one] = ["absent.pem", "empty.pem", "all.pem", "one.pem"].map(path);
        for (places, roots, why) in [
            (vec![&absent, &all, &one], Some(2), "the first that is there, and it alone"),
            (vec![&empty, &one, &all], Some(1), "one without a certificate is none"),
            (vec![&absent, &empty], None, "no bundle: what the system has otherwise"),
        ] {
            let places: Vec<&str> = places.into_iter().map(String::as_str).collect();
            let found = system(&places).len();
            let otherwise = rustls_native_certs::load_native_certs().certs.len() + amazons;
            assert!(roots.map_or(found <= otherwise, |roots| found == roots + amazons), "{why}: {found}");
        }
    }

    #[test]
    fn amazons_roots_can_be_read() {
        let mut roots = RootCertStore::empty();
        let read = roots
            .add_parsable_certificates(CertificateDer::pem_slice_iter(include_bytes!("amazon_roots.pem")).flatten());
        assert_eq!(read, (5, 0));
    }
}
