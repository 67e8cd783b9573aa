//! One HTTP request to a registry: bounded in time, size and tries.

use std::{error::Error as _, fmt, time::Duration};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, SharedHttpConnector},
        orchestrator::HttpRequest,
    },
    http::Headers,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use url::Url;

use super::reference::is_loopback;
use crate::{report::Report, secret::Secret};

/// Time for one request and its whole answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How often and how long a request that can be repeated is repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries in all.
    pub attempts: u32,
    /// The wait before the second try; it doubles from then on.
    pub first: Duration,
    /// The longest wait, whatever the registry's `Retry-After` says.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { attempts: 4, first: Duration::from_millis(250), longest: Duration::from_secs(5) }
    }
}

/// The crate's one HTTP stack as registries are spoken to.
#[derive(Debug, Clone)]
pub struct Http {
    connector: SharedHttpConnector,
    retries: RetryPolicy,
    in_clear: bool,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Most bytes of an answer's body that are read.
    pub(super) cap: usize,
    /// Whether sending it twice does no harm.
    pub(super) repeatable: bool,
}

impl Call {
    pub(super) fn get(url: Url, cap: usize) -> Call {
        Call { method: "GET", url, headers: Vec::new(), body: Vec::new(), cap, repeatable: true }
    }

    pub(super) fn with_body(method: &'static str, url: Url, content_type: &str, body: Vec<u8>) -> Call {
        let headers = vec![("content-type", content_type.to_owned())];
        Call { method, url, headers, body, cap: MAX_SMALL_BODY, repeatable: true }
    }

    pub(super) fn accepting(mut self, media_types: &str) -> Call {
        self.headers.push(("accept", media_types.to_owned()));
        self
    }
}

/// Bodies that only matter when they hold an error.
pub(super) const MAX_SMALL_BODY: usize = 256 * 1024;

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    headers: Headers,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    pub(super) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name)
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum Lost {
    /// The bound was reached.
    Time,
    /// The body is longer than the cap.
    Size(usize),
    /// Connection, TLS or HTTP.
    Transport(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Time => write!(f, "no answer within {} s", REQUEST_TIMEOUT.as_secs()),
            Lost::Size(cap) => write!(f, "the answer is longer than {cap} bytes"),
            Lost::Transport(why) => f.write_str(why),
        }
    }
}

impl Http {
    /// Speaks through a connector that bounds connecting and waiting for an answer's head.
    pub fn new(connector: SharedHttpConnector, retries: RetryPolicy) -> Http {
        Http { connector, retries, in_clear: false }
    }

    /// The same in plain HTTP, whatever the registry. Without this, this machine alone is spoken to so.
    pub fn in_clear(&self) -> Http {
        Http { in_clear: true, ..self.clone() }
    }

    /// How a host is spoken to.
    pub(crate) fn scheme(&self, host: &str) -> &'static str {
        if self.in_clear || is_loopback(host) { "http" } else { "https" }
    }

    pub(super) fn retries(&self) -> RetryPolicy {
        self.retries
    }

    /// Sends a request. A repeatable one is sent again after 429, 500, 502, 503, 504 or a lost
    /// connection; the last answer counts.
    pub(super) async fn send(&self, call: &Call, authorization: Option<&Secret>) -> Result<Answer, Report> {
        let mut wait = self.retries.first;
        let mut attempt = 1;
        loop {
            let bounded = tokio::time::timeout(REQUEST_TIMEOUT, self.once(call, authorization)).await;
            let outcome = bounded.unwrap_or(Err(Lost::Time));
            let again = match &outcome {
                Ok(answer) => matches!(answer.status, 429 | 500 | 502 | 503 | 504),
                Err(Lost::Transport(_)) => true,
                // Waiting the whole bound several times over helps nobody.
                Err(Lost::Time | Lost::Size(_)) => false,
            };
            if !again || !call.repeatable || attempt >= self.retries.attempts {
                return outcome.map_err(|lost| {
                    let err =
                        Report::new(format!("{} {} failed", call.method, without_secrets(&call.url))).cause(&lost);
                    match lost {
                        Lost::Size(_) => err,
                        Lost::Time | Lost::Transport(_) => {
                            err.hint("check the network; behind a proxy, check HTTPS_PROXY")
                        }
                    }
                });
            }
            let asked = outcome.ok().and_then(|answer| answer.header("retry-after")?.trim().parse().ok());
            tokio::time::sleep(asked.map_or(wait, Duration::from_secs).min(self.retries.longest)).await;
            wait = wait.saturating_mul(2);
            attempt += 1;
        }
    }

    async fn once(&self, call: &Call, authorization: Option<&Secret>) -> Result<Answer, Lost> {
        let transport = |err: &dyn fmt::Display| Lost::Transport(err.to_string());
        let mut request = HttpRequest::new(SdkBody::from(call.body.clone()));
        request.set_method(call.method).map_err(|err| transport(&err))?;
        request.set_uri(call.url.as_str()).map_err(|err| transport(&err))?;
        let headers = request.headers_mut();
        for (name, value) in &call.headers {
            headers.try_insert(*name, value.clone()).map_err(|err| transport(&err))?;
        }
        headers.insert("user-agent", concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
        if !call.body.is_empty() || matches!(call.method, "POST" | "PUT") {
            headers.insert("content-length", call.body.len().to_string());
        }
        if let Some(authorization) = authorization {
            headers.try_insert("authorization", authorization.expose().to_owned()).map_err(|_| {
                // The error would quote the value.
                Lost::Transport("the login has a character that no header can carry".into())
            })?;
        }
        let mut response = self.connector.call(request).await.map_err(|err| {
            let mut text = String::from("cannot reach the registry");
            let mut cause = err.source();
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            Lost::Transport(text)
        })?;
        let mut stream = ByteStream::new(response.take_body());
        let mut body = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk =
                chunk.map_err(|_| Lost::Transport("the connection was cut in the middle of the answer".into()))?;
            if body.len() + chunk.len() > call.cap {
                return Err(Lost::Size(call.cap));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status().as_u16(), body, headers: response.headers().clone() })
    }
}

/// An address without its query, which may be signed and then is a secret.
pub(super) fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    // Both only fail on addresses that have no host.
    url.set_password(None).ok();
    url.set_username("").ok();
    url.into()
}
