//! The one HTTP client of every call to AWS and to registries: bounded times and answers.

use std::{
    error::Error,
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream, retry::ErrorKind, timeout::TimeoutConfig};
use http::{Uri, header::PROXY_AUTHORIZATION};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    connect::{Connect, Elapsed, Trust, host, is_metadata},
    tls_roots::{BadBundle, SystemRoots, bundle},
};

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
#[derive(Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
    max_answer: usize,
}

/// Connections that are kept, and what makes them.
type Pool = legacy::Client<Connect, SdkBody>;

struct Shared {
    connect: Connect,
    /// For each bound of making a connection.
    pools: Mutex<Vec<(Option<Duration>, Pool)>>,
    asked: Mutex<Option<String>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("max_answer", &self.max_answer).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that trusts the certificates of `ca_bundle` alone, or the system's when there is none. The
    /// system's are read when the first connection over TLS is made.
    ///
    /// # Errors
    /// When the bundle cannot be read or holds no usable certificate.
    pub(super) fn new(ca_bundle: Option<&Path>, system: &SystemRoots) -> Result<Client, BadBundle> {
        let trust = match ca_bundle {
            Some(path) => Trust::Bundle(Arc::new(bundle(path)?)),
            None => Trust::System(system.clone()),
        };
        let shared = Shared { connect: Connect::new(trust), pools: Mutex::default(), asked: Mutex::default() };
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

    /// Begins the connection that the next request there takes.
    pub(super) fn connect_early(&self, url: &str) {
        // What is no address, the request will tell of.
        if let Ok(to) = url.parse::<Uri>() {
            self.shared.connect.within(Some(Bounds::default().connect)).early(&to);
        }
    }

    fn connector(&self, settings: &HttpConnectorSettings, max_answer: Option<usize>) -> SharedHttpConnector {
        let bound = settings.connect_timeout();
        let mut pools = self.shared.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = match pools.iter().find(|(known, _)| *known == bound) {
            Some((_, pool)) => pool.clone(),
            None => {
                let mut builder = legacy::Client::builder(TokioExecutor::new());
                let pool = builder.pool_timer(TokioTimer::new()).build(self.shared.connect.within(bound));
                pools.push((bound, pool.clone()));
                pool
            }
        };
        let client = self.clone();
        SharedHttpConnector::new(BoundedConnector { client, pool, read: settings.read_timeout(), max_answer })
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

/// Sends requests within the bounds of who asks.
#[derive(Debug)]
struct BoundedConnector {
    client: Client,
    pool: Pool,
    /// From a request to the head of its answer, the connection included.
    read: Option<Duration>,
    /// Most bytes of an answer; `None` where who asks reads the body under a bound of its own.
    max_answer: Option<usize>,
}

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(err) => return HttpConnectorFuture::ready(Err(ConnectorError::user(err.into()))),
        };
        let host = host(request.uri()).to_owned();
        let may_be_starting = is_metadata(&host);
        if let Ok(mut asked) = self.client.shared.asked.lock() {
            *asked = Some(host);
        }
        if let Some(authorization) = self.client.shared.connect.proxy_authorization(request.uri()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let (answer, bound, max_answer) = (self.pool.request(request), self.read, self.max_answer);
        HttpConnectorFuture::new(async move {
            let answer = match bound {
                None => answer.await,
                Some(bound) => tokio::time::timeout(bound, answer)
                    .await
                    .map_err(|_| ConnectorError::timeout(Elapsed("read", bound).into()))?,
            };
            let answer = answer.map_err(|err| match is_refused(&err) && !may_be_starting {
                // Nobody listens there, nor will in a second: the SDK tries an I/O error three times, not others.
                true => ConnectorError::other(err.into(), None),
                false => classified(err),
            })?;
            let answer = answer.map(SdkBody::from_body_1_x);
            let answer = HttpResponse::try_from(answer).map_err(|err| ConnectorError::other(err.into(), None))?;
            match max_answer {
                Some(max) => read(answer, max).await,
                None => Ok(answer),
            }
        })
    }
}

/// An error and those below it.
fn layers<'a>(err: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(err), |err: &&(dyn Error + 'static)| (*err).source())
}

/// Whether nobody listens at the address that was asked, or at the proxy's.
fn is_refused(err: &(dyn Error + 'static)) -> bool {
    let io = |err: &&(dyn Error + 'static)| err.downcast_ref::<io::Error>().map(io::Error::kind);
    layers(err).any(|err| io(&err) == Some(io::ErrorKind::ConnectionRefused))
}

/// The error in the SDK's terms, which decide what is tried again: as in its own client (`aws-smithy-http-client`,
/// `downcast_error`).
fn classified(err: legacy::Error) -> ConnectorError {
    let io = layers(&err).any(|layer| layer.is::<io::Error>());
    let below = layers(&err).find_map(|layer| layer.downcast_ref::<hyper::Error>());
    let late = layers(&err).any(|layer| layer.is::<Elapsed>()) || below.is_some_and(hyper::Error::is_timeout);
    let lost = below.map_or(err.is_connect(), |below| below.is_closed() || below.is_canceled());
    match below {
        _ if late => ConnectorError::timeout(err.into()),
        Some(below) if below.is_user() => ConnectorError::user(err.into()),
        _ if lost || io => ConnectorError::io(err.into()),
        Some(below) if below.is_incomplete_message() => {
            ConnectorError::other(err.into(), Some(ErrorKind::TransientError))
        }
        _ => ConnectorError::other(err.into(), None),
    }
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
