//! The one HTTP client of every call to AWS: rustls with ring, the proxies of the environment, bounded times.

use std::{
    error::Error as _,
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream, timeout::TimeoutConfig};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{private_fs, report::Report};

/// The longest that a mint may take, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// DNS, the TCP connection, the proxy's tunnel and the TLS handshake together.
    pub connect: Duration,
    /// From a request to the head of its answer.
    pub read: Duration,
    /// The whole mint: credentials, roles, the token and every retry.
    pub operation: Duration,
}

impl Default for Bounds {
    /// 3 s, 10 s and 20 s: what a person waits for a pull to begin, and what a second client waits
    /// in line for.
    fn default() -> Bounds {
        let [connect, read, operation] = [3, 10, 20].map(Duration::from_secs);
        Bounds { connect, read, operation }
    }
}

impl Bounds {
    /// The bounds of one try, in the SDK's terms. Its own defaults wait for an answer for ever.
    ///
    /// The whole is bounded around all calls, not here: two clocks with one end would race.
    pub(super) fn of_try(self) -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(self.connect).read_timeout(self.read).build()
    }

    /// The same for a connector that no SDK client is around.
    pub(super) fn of_connector(self) -> HttpConnectorSettings {
        HttpConnectorSettings::builder().connect_timeout(self.connect).read_timeout(self.read).build()
    }
}

/// Most bytes of an answer: a token, credentials, a page of profiles have a few thousand.
pub(super) const MAX_ANSWER: usize = 1 << 20;

/// The client. What is on this machine is asked directly, everything else through the proxies of
/// `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. Registries are asked through it as well.
///
/// Answers to the SDK are read here, since it reads them whole whatever their size.
#[derive(Debug, Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
    max_answer: usize,
}

#[derive(Debug)]
struct Shared {
    trust: TrustStore,
    /// A connector for each set of bounds that is in use, so that connections are kept.
    connectors: Mutex<Vec<(HttpBounds, SharedHttpConnector)>>,
    asked: Mutex<Option<String>>,
}

/// The bounds of a connection: to connect, to the head of an answer, and the bytes of its body; `None`
/// where who asks reads the body under a bound of its own.
type HttpBounds = (Option<Duration>, Option<Duration>, Option<usize>);

impl Client {
    /// A client that trusts the certificates of `ca_bundle` alone, or the system's when there is
    /// none (`SSL_CERT_FILE` and `SSL_CERT_DIR` choose the system's).
    ///
    /// # Errors
    /// When the bundle cannot be read or holds no usable certificate. The SDK's HTTP client would
    /// panic on such a bundle, so it is read here first.
    pub(super) fn new(ca_bundle: Option<&Path>) -> Result<Client, BadBundle> {
        let trust = match ca_bundle {
            Some(path) => TrustStore::empty().with_pem_certificate(bundle(path)?),
            None => TrustStore::default(),
        };
        let shared = Shared { trust, connectors: Mutex::default(), asked: Mutex::default() };
        Ok(Client { shared: Arc::new(shared), max_answer: MAX_ANSWER })
    }

    /// The same client for a service whose answers are longer: most bytes of one.
    pub(super) fn with_max_answer(&self, max_answer: usize) -> Client {
        Client { shared: Arc::clone(&self.shared), max_answer }
    }

    /// The host that was asked last: SDK errors of the network do not name it.
    pub(super) fn asked(&self) -> Option<String> {
        self.shared.asked.lock().ok()?.clone()
    }

    /// The connector with these bounds for one who reads answers under a bound of its own.
    pub(super) fn unbounded_connector(&self, settings: &HttpConnectorSettings) -> SharedHttpConnector {
        self.connector(settings, None)
    }

    fn connector(&self, settings: &HttpConnectorSettings, max_answer: Option<usize>) -> SharedHttpConnector {
        let bounds = (settings.connect_timeout(), settings.read_timeout(), max_answer);
        let mut connectors = self.shared.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = connectors.iter().find(|(known, _)| *known == bounds) {
            return known.clone();
        }
        let router = Router {
            client: self.clone(),
            settings: settings.clone(),
            max_answer,
            proxied: OnceLock::new(),
            direct: OnceLock::new(),
        };
        let connector = SharedHttpConnector::new(router);
        connectors.push((bounds, connector.clone()));
        connector
    }
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector(settings, Some(self.max_answer))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        None
    }
}

/// Picks proxy or no proxy when the request names the host. Each of the two is made when it is
/// first needed: making one reads the system's certificates.
#[derive(Debug)]
struct Router {
    client: Client,
    settings: HttpConnectorSettings,
    max_answer: Option<usize>,
    proxied: OnceLock<Connector>,
    direct: OnceLock<Connector>,
}

impl HttpConnector for Router {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let rest = request.uri().split_once("://").map_or("", |(_, rest)| rest);
        let host = host(rest);
        if let Ok(mut asked) = self.client.shared.asked.lock() {
            *asked = Some(host.into());
        }
        let make = |proxy| connector(self.client.shared.trust.clone(), proxy, self.settings.clone());
        let connector = match bypasses_proxy(host) {
            true => self.direct.get_or_init(|| make(ProxyConfig::disabled())),
            false => self.proxied.get_or_init(|| make(ProxyConfig::from_env())),
        };
        let (max_answer, may_be_starting) = (self.max_answer, is_metadata(host));
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|err| match is_refused(&err) && !may_be_starting {
                // Nobody listens there, nor will in a second: the SDK tries an I/O error three times, not others.
                true => ConnectorError::other(err.into(), None),
                false => err,
            })?;
            match max_answer {
                Some(max) => read(answer, max).await,
                None => Ok(answer),
            }
        })
    }
}

/// Whether nobody listens at the address that was asked, or at the proxy's.
fn is_refused(err: &ConnectorError) -> bool {
    let mut below = err.source();
    while let Some(err) = below {
        if err.downcast_ref::<io::Error>().is_some_and(|err| err.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        below = err.source();
    }
    false
}

/// Reads an answer's body, at most so many bytes of it.
async fn read(mut answer: HttpResponse, max: usize) -> Result<HttpResponse, ConnectorError> {
    let too_long = || ConnectorError::other(format!("the answer is longer than {max} bytes").into(), None);
    let mut body = ByteStream::new(answer.take_body());
    if body.size_hint().0 > max as u64 {
        return Err(too_long());
    }
    let mut whole = Vec::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|err| ConnectorError::io(err.into()))?;
        if part.len() > max - whole.len() {
            return Err(too_long());
        }
        whole.extend_from_slice(&part);
    }
    *answer.body_mut() = SdkBody::from(whole);
    Ok(answer)
}

/// The host of `HOST:PORT/PATH`, without an IPv6 address's brackets.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine or the metadata service beside it, which no proxy can reach:
/// loopback as in Go's `http.ProxyFromEnvironment`, link-local (instance metadata 169.254.169.254,
/// ECS 169.254.170.2, EKS 169.254.170.23) and their IPv6 twins in fd00:ec2::/32.
fn bypasses_proxy(host: &str) -> bool {
    is_metadata(host)
        || match host.parse() {
            Ok(IpAddr::V4(ip)) => ip.is_loopback(),
            Ok(IpAddr::V6(ip)) => ip.is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        }
}

/// Whether a host is a metadata service: of an instance, or the agent of a container, which may still be
/// starting.
fn is_metadata(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => false,
    }
}

/// The SDK's builder takes a proxy only on this way; `build_https` ignores the environment's.
fn connector(trust: TrustStore, proxy: ProxyConfig, settings: HttpConnectorSettings) -> Connector {
    let context = TlsContext::builder().with_trust_store(trust).build();
    let mut connector = Connector::builder().proxy_config(proxy).sleep_impl(TokioSleep::new());
    connector.set_connector_settings(Some(settings));
    connector
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(context.expect("a context of a trust store alone has nothing to refuse"))
        .build()
}

/// The usable certificates of a PEM bundle, as PEM.
///
/// Bundles of whole systems hold certificates that rustls cannot use; those are left out, as
/// rustls itself does for the system's.
fn bundle(path: &Path) -> Result<Vec<u8>, BadBundle> {
    let bad = |why| BadBundle { path: path.into(), why };
    let bytes = private_fs::read(path, private_fs::MAX_FILE_SIZE).map_err(|err| bad(Why::Unreadable(err)))?;
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

    use super::*;

    #[test]
    fn hosts_of_this_machine_are_asked_directly() {
        for (rest, here, why) in [
            ("169.254.169.254/latest/api/token", true, "instance metadata"),
            ("169.254.170.2/credentials", true, "ECS"),
            ("169.254.170.23/v1/credentials", true, "EKS Pod Identity"),
            ("[fd00:ec2::254]/latest", true, "instance metadata over IPv6"),
            ("[fd00:ec2::23]:80/v1", true, "EKS Pod Identity over IPv6"),
            ("127.0.0.1:5000/", true, "loopback"),
            ("[::1]:5000", true, "loopback over IPv6"),
            ("LocalHost:8080?x", true, "its name"),
            ("api.ecr.eu-west-1.amazonaws.com", false, "AWS"),
            ("10.0.0.1/", false, "a VPC endpoint may well be behind a proxy"),
            ("127.0.0.1.example/", false, "a name that looks like an address"),
            ("[fd00::1]/", false, "another private network"),
            ("", false, "nothing"),
        ] {
            assert_eq!(bypasses_proxy(host(rest)), here, "{why}: {rest}");
        }
    }

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
            match (Client::new(Some(&path)).map(drop), refused) {
                (Ok(()), None) => {}
                (Err(err), Some(text)) => assert!(err.to_string().contains(text), "{why}: {err}"),
                (outcome, _) => panic!("{why}: {outcome:?}"),
            }
        }
        let absent = Client::new(Some(&folder.path().join("absent.pem"))).map(drop).unwrap_err().to_string();
        assert!(absent.starts_with("cannot read ") && absent.contains("absent.pem"), "{absent}");
    }
}
