//! The one HTTP client of every call to AWS: rustls with ring, the proxies of the environment, bounded times.

use std::{fmt, fs, io, path::Path, path::PathBuf, time::Duration};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Time for DNS, the TCP connection, the proxy's tunnel and the TLS handshake together.
pub(super) const CONNECT: Duration = Duration::from_secs(3);

/// Time from a request to the head of its answer.
pub(super) const READ: Duration = Duration::from_secs(10);

/// Time for a whole mint: credentials, roles, the token and every retry.
pub(super) const OPERATION: Duration = Duration::from_secs(20);

/// The bounds of one call, in the SDK's terms. Its own defaults wait for an answer for ever.
pub(super) fn bounds() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).operation_timeout(OPERATION).build()
}

/// The clients, which share their trust.
pub(super) struct Clients {
    /// For AWS: through the proxies of `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub(super) aws: SharedHttpClient,
    /// For the metadata endpoints of this very machine or container, which no proxy can reach.
    pub(super) local: SharedHttpClient,
}

impl Clients {
    /// Clients that trust the certificates of `ca_bundle` alone, or the system's when there is
    /// none (`SSL_CERT_FILE` and `SSL_CERT_DIR` choose the system's).
    ///
    /// # Errors
    /// When the bundle cannot be read or holds no usable certificate. The SDK's HTTP client would
    /// panic on such a bundle, so it is read here first.
    pub(super) fn new(ca_bundle: Option<&Path>) -> Result<Clients, BadBundle> {
        let trust = match ca_bundle {
            Some(path) => TrustStore::empty().with_pem_certificate(bundle(path)?),
            None => TrustStore::default(),
        };
        Ok(Clients {
            aws: client(trust.clone(), ProxyConfig::from_env()),
            local: client(trust, ProxyConfig::disabled()),
        })
    }
}

/// The SDK's builder takes a proxy only on this way; `build_https` ignores the environment's.
fn client(trust: TrustStore, proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, _| {
        let context = TlsContext::builder().with_trust_store(trust.clone()).build();
        let mut connector = Connector::builder().proxy_config(proxy.clone()).sleep_impl(TokioSleep::new());
        connector.set_connector_settings(settings.cloned());
        connector
            .tls_provider(Provider::rustls(CryptoMode::Ring))
            .tls_context(context.expect("a context of a trust store alone has nothing to refuse"))
            .build()
    })
}

/// The usable certificates of a PEM bundle, as PEM.
///
/// Bundles of whole systems hold certificates that rustls cannot use; those are left out, as
/// rustls itself does for the system's.
fn bundle(path: &Path) -> Result<Vec<u8>, BadBundle> {
    let bad = |why| BadBundle { path: path.into(), why };
    let bytes = fs::read(path).map_err(|err| bad(Why::Unreadable(err)))?;
    let mut usable = String::new();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|_| bad(Why::NotPem))?;
        if RootCertStore::empty().add(certificate.clone()).is_ok() {
            usable += "-----BEGIN CERTIFICATE-----\n";
            usable += &STANDARD.encode(&certificate);
            usable += "\n-----END CERTIFICATE-----\n";
        }
    }
    if usable.is_empty() { Err(bad(Why::Empty)) } else { Ok(usable.into_bytes()) }
}

/// A CA bundle that cannot be used.
#[derive(Debug)]
pub(super) struct BadBundle {
    path: PathBuf,
    why: Why,
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
            match (Clients::new(Some(&path)).map(drop), refused) {
                (Ok(()), None) => {}
                (Err(err), Some(text)) => assert!(err.to_string().contains(text), "{why}: {err}"),
                (outcome, _) => panic!("{why}: {outcome:?}"),
            }
        }
        let absent = Clients::new(Some(&folder.path().join("absent.pem"))).map(drop).unwrap_err().to_string();
        assert!(absent.starts_with("cannot read ") && absent.contains("absent.pem"), "{absent}");
    }
}
