//! How a connection is made: directly or through a proxy, in the clear or over TLS, within its bound; or
//! before it is needed.

use std::{
    collections::HashMap,
    error::Error,
    fmt, io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderValue, Uri, uri::Scheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::{
    legacy::connect::{Connected, Connection, HttpConnector, proxy::Tunnel},
    proxy::matcher::{Intercept, Matcher},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
use tokio::task::JoinHandle;
use tower_service::Service;

use super::tls_roots::SystemRoots;

/// What can go wrong with a connection.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A connection in the making.
type Connecting = Pin<Box<dyn Future<Output = Result<Conn, BoxError>> + Send>>;

/// Makes connections. Clones share TLS and what was made early.
#[derive(Clone)]
pub(super) struct Connect {
    shared: Arc<Shared>,
    bound: Option<Duration>,
}

struct Shared {
    trust: Trust,
    tls: OnceLock<Arc<ClientConfig>>,
    proxies: OnceLock<Matcher>,
    early: Mutex<HashMap<String, Early>>,
}

/// A connection that was begun before its request, and when.
struct Early(Instant, JoinHandle<Result<Conn, BoxError>>);

/// How long an early connection is kept: servers end those on which nothing is asked, and a request that is
/// sent into such an end may not be sent again.
const EARLY_LIFE: Duration = Duration::from_secs(10);

/// Whose certificates count.
pub(super) enum Trust {
    /// Those of the bundle that is named.
    Bundle(Arc<RootCertStore>),
    /// The system's.
    System(SystemRoots),
}

impl Connect {
    /// Reads no root and no proxy before a connection needs them.
    pub(super) fn new(trust: Trust) -> Connect {
        let shared = Shared { trust, tls: OnceLock::new(), proxies: OnceLock::new(), early: Mutex::default() };
        Connect { shared: Arc::new(shared), bound: None }
    }

    /// The same with a bound for DNS, the TCP connection, the proxy's tunnel and the TLS handshake together.
    pub(super) fn within(&self, bound: Option<Duration>) -> Connect {
        Connect { shared: Arc::clone(&self.shared), bound }
    }

    /// Begins a connection, unless one is ready or on its way, which the next one to this place takes; where it fails,
    /// that one fails.
    pub(super) fn early(&self, to: &Uri) {
        let Some(place) = place(to) else { return };
        let mut early = self.shared.early.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || Early(Instant::now(), tokio::spawn(self.clone().bounded(to.clone())));
        early.entry(place).or_insert_with(begin);
    }

    /// What a proxy on the way wants to see on a request in the clear.
    pub(super) fn proxy_authorization(&self, to: &Uri) -> Option<HeaderValue> {
        let in_clear = to.scheme() == Some(&Scheme::HTTP);
        self.proxy(to).filter(|_| in_clear)?.basic_auth().cloned()
    }

    /// The proxy of `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` on the way.
    fn proxy(&self, to: &Uri) -> Option<Intercept> {
        if bypasses_proxy(host(to)) {
            return None;
        }
        self.shared.proxies.get_or_init(Matcher::from_env).intercept(to)
    }

    fn tls(&self) -> Arc<ClientConfig> {
        let made = self.shared.tls.get_or_init(|| {
            let roots = match &self.shared.trust {
                Trust::Bundle(roots) => Arc::clone(roots),
                Trust::System(roots) => roots.store(),
            };
            let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring has the suites of TLS 1.2 and 1.3");
            Arc::new(config.with_root_certificates(roots).with_no_client_auth())
        });
        Arc::clone(made)
    }

    async fn bounded(self, to: Uri) -> Result<Conn, BoxError> {
        let Some(bound) = self.bound else { return self.open(to).await };
        match tokio::time::timeout(bound, self.open(to)).await {
            Ok(made) => made,
            Err(_) => Err(Elapsed("connect", bound).into()),
        }
    }

    async fn open(self, to: Uri) -> Result<Conn, BoxError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let over_tls = to.scheme() == Some(&Scheme::HTTPS);
        let Some(proxy) = self.proxy(&to) else {
            if !over_tls {
                return Ok(Conn::of(tcp.call(to).await?));
            }
            return Ok(Conn::of(HttpsConnector::from((tcp, self.tls())).call(to).await?));
        };
        let mut to_proxy = HttpsConnector::from((tcp, self.tls()));
        if !over_tls {
            let conn = Conn::of(to_proxy.call(proxy.uri().clone()).await?);
            return Ok(Conn { forwards: true, ..conn });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        Ok(Conn::of(HttpsConnector::from((tunnel, self.tls())).call(to).await?))
    }
}

impl Service<Uri> for Connect {
    type Response = Conn;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Connecting {
        let early = place(&to)
            .and_then(|place| self.shared.early.lock().unwrap_or_else(PoisonError::into_inner).remove(&place));
        match early {
            Some(Early(begun, connecting)) if begun.elapsed() < EARLY_LIFE => Box::pin(async { connecting.await? }),
            _ => Box::pin(self.clone().bounded(to)),
        }
    }
}

/// Scheme, host and port.
fn place(to: &Uri) -> Option<String> {
    let scheme = to.scheme_str()?;
    let port = to.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    Some(format!("{scheme}://{}:{port}", to.host()?))
}

/// The host, without an IPv6 address's brackets.
pub(super) fn host(to: &Uri) -> &str {
    to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
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
pub(super) fn is_metadata(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => false,
    }
}

/// A bound that was reached.
#[derive(Debug)]
pub(super) struct Elapsed(pub(super) &'static str, pub(super) Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} timeout occurred after {:?}", self.0, self.1)
    }
}

impl Error for Elapsed {}

/// A connection.
pub(super) struct Conn {
    io: Box<dyn Stream>,
    /// Whether a proxy at its end passes on requests in the clear: they name the whole address then.
    forwards: bool,
}

trait Stream: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Stream for T {}

impl Conn {
    fn of(io: impl Stream + 'static) -> Conn {
        Conn { io: Box::new(io), forwards: false }
    }
}

impl Connection for Conn {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.forwards)
    }
}

impl Read for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
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
        ] {
            let to: Uri = format!("http://{rest}").parse().unwrap();
            assert_eq!(bypasses_proxy(host(&to)), here, "{why}: {rest}");
        }
    }
}
