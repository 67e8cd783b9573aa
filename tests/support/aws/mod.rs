//! AWS on loopback: a request finds its service by host, target and path, is logged, checked,
//! answered in the words of the real service, or spoilt by a [`Fault`].
//!
//! To add a service: write a file with a type that implements [`Service`], and hand an `Arc` of
//! it to `Loopback::with` (or list it in [`built_in`]). It gets requests that are already read
//! whole and, where [`Service::signed`] says so, whose signature and policy are already checked.

use std::{sync::Arc, time::SystemTime};

use hyper::{HeaderMap, body::Bytes};
use serde_json::{Value, json};

use super::{loopback::State, sigv4};

pub mod calls;
pub mod ecr;
pub mod faults;
pub mod iam;
pub mod machine;
pub mod managed_signing;
pub mod sso;
pub mod sts;
pub mod tokens;

use faults::Fault;
use iam::Credential;

/// The services that every loopback has, in the order in which they are asked to claim a request.
pub fn built_in() -> Vec<Arc<dyn Service>> {
    vec![
        Arc::new(ecr::Ecr),
        Arc::new(ecr::EcrPublic),
        Arc::new(sts::Sts),
        Arc::new(sso::Portal),
        Arc::new(sso::Oidc),
        Arc::new(sso::Signin),
        Arc::new(machine::InstanceMetadata),
        Arc::new(machine::Container),
        Arc::new(super::registry::Registries),
    ]
}

/// One service of AWS.
pub trait Service: Send + Sync {
    /// Its name in SigV4 scopes, in IAM actions and in the call log.
    fn name(&self) -> &'static str;

    /// Claims a request by naming its operation; `None` when it is for another service.
    fn operation(&self, request: &Request) -> Option<String>;

    /// How it writes its errors.
    fn wording(&self) -> Wording;

    /// Whether an operation must carry a SigV4 signature.
    fn signed(&self, _operation: &str) -> bool {
        true
    }

    /// Answers a request that passed every check.
    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal>;
}

/// A request that passed the checks, as a service sees it.
pub struct Asked<'a> {
    /// What [`Service::operation`] called it.
    pub operation: &'a str,
    /// The request, read whole.
    pub request: &'a Request,
    /// Who signed it; `None` for operations that need no signature.
    pub caller: Option<Credential>,
    /// The fault that is set for this operation, for those that only the service can play.
    pub fault: Option<Fault>,
}

impl Asked<'_> {
    /// Who signed the request.
    pub fn caller(&self) -> &Credential {
        self.caller.as_ref().expect("the service said that this operation is signed")
    }
}

/// A request, read whole.
#[derive(Debug)]
pub struct Request {
    /// The host that the client believes to speak to, lower-case, without port.
    pub host: String,
    /// The host header as it was sent, with port.
    pub authority: String,
    /// GET, POST, …
    pub method: String,
    /// As it was sent, still percent-encoded.
    pub path: String,
    /// What follows the `?`, as it was sent.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether it came through the proxy.
    pub proxied: bool,
    /// Whether it came over TLS.
    pub tls: bool,
}

impl Request {
    /// A header's text; `None` when it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The operation that `X-Amz-Target: PREFIX.OPERATION` names.
    pub fn target(&self, prefix: &str) -> Option<String> {
        Some(self.header("x-amz-target")?.strip_prefix(prefix)?.strip_prefix('.')?.to_owned())
    }

    /// The body as JSON; `Null` where it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A value of the query string, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        pairs(&self.query).into_iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// A value of a form body, decoded.
    pub fn form(&self, name: &str) -> Option<String> {
        let body = std::str::from_utf8(&self.body).ok()?;
        pairs(body).into_iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The region of the host (`api.ecr.REGION.amazonaws.com`) or, on the plain endpoint, of the
    /// signature's scope.
    pub fn region(&self) -> String {
        let in_host = self
            .host
            .split('.')
            .find(|label| label.split('-').count() >= 3 && label.ends_with(|last: char| last.is_ascii_digit()));
        let in_scope = || sigv4::Claim::read(self).ok().map(|claim| claim.region);
        in_host.map(str::to_owned).or_else(in_scope).unwrap_or_else(|| "us-east-1".into())
    }
}

/// Splits and decodes `a=b&c=d`.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                    let digits = String::from_utf8_lossy(&digits).into_owned();
                    u8::from_str_radix(&digits, 16).unwrap_or(b'?')
                }
                other => other,
            });
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers but for the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// An answer with a body of a type.
    pub fn of(status: u16, content_type: &str, body: impl Into<Bytes>) -> Reply {
        Reply { status, headers: vec![("Content-Type".into(), content_type.into())], body: body.into() }
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// JSON as the AWS JSON protocol names it.
    pub fn json(value: &Value) -> Reply {
        Reply::of(200, "application/x-amz-json-1.1", value.to_string())
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// An error of a service, not yet in its wording.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The HTTP status; each [`Wording`] has its own habits.
    pub status: u16,
    /// The error's code as the JSON services name it.
    pub code: String,
    /// What a person reads.
    pub message: String,
}

impl Refusal {
    /// Any error.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Refusal {
        Refusal { status, code: code.into(), message: message.into() }
    }

    /// IAM's refusal, in its real words.
    pub fn denied(arn: &str, action: &str) -> Refusal {
        Refusal::new(
            403,
            "AccessDeniedException",
            format!(
                "User: {arn} is not authorized to perform: {action} on resource: * because no identity-based policy \
                 allows the {action} action"
            ),
        )
    }
}

/// How a service writes its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// awsJson1.1: status 400 and `{"__type", "message"}`.
    Json,
    /// awsQuery: XML, codes without `Exception`.
    QueryXml,
    /// restJson1: the code in `X-Amzn-ErrorType`.
    RestJson,
    /// Instance metadata and container credentials.
    Plain,
    /// The distribution specification's `{"errors": […]}`.
    Registry,
}

impl Wording {
    /// The answer that a client of this kind of service gets.
    pub fn write(self, refusal: &Refusal) -> Reply {
        let Refusal { status, code, message } = refusal;
        match self {
            Wording::Json => {
                let body = json!({ "__type": code, "message": message }).to_string();
                let status = if *status < 500 { 400 } else { *status };
                Reply::of(status, "application/x-amz-json-1.1", body).with("x-amzn-RequestId", REQUEST_ID)
            }
            Wording::QueryXml => {
                let code = match code.as_str() {
                    "UnrecognizedClientException" => "InvalidClientTokenId",
                    "InvalidSignatureException" => "SignatureDoesNotMatch",
                    other => other.strip_suffix("Exception").unwrap_or(other),
                };
                let sender = if *status < 500 { "Sender" } else { "Receiver" };
                let body = format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    \
                     <Type>{sender}</Type>\n    <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n  \
                     <RequestId>{REQUEST_ID}</RequestId>\n</ErrorResponse>\n"
                );
                Reply::of(*status, "text/xml", body).with("x-amzn-RequestId", REQUEST_ID)
            }
            Wording::RestJson => Reply::of(*status, "application/json", json!({ "message": message }).to_string())
                .with("x-amzn-ErrorType", code)
                .with("x-amzn-RequestId", REQUEST_ID),
            Wording::Plain => {
                Reply::of(*status, "application/json", json!({ "code": code, "message": message }).to_string())
            }
            Wording::Registry => {
                let code = match code.as_str() {
                    "ThrottlingException" => "TOOMANYREQUESTS",
                    "InternalFailure" => "UNKNOWN",
                    other => other,
                };
                let body = json!({ "errors": [{ "code": code, "message": message }] }).to_string();
                Reply::of(*status, "application/json; charset=utf-8", body)
            }
        }
    }
}

/// The request id in every error.
pub const REQUEST_ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Checks, refuses or answers one request of a service, but for faults that spoil the transport.
pub fn answer(state: &State, service: &dyn Service, operation: &str, request: &Request, fault: Option<Fault>) -> Reply {
    let checked = (|| {
        if let Some(refusal) = fault.as_ref().and_then(Fault::refusal) {
            return Err(refusal);
        }
        let now = SystemTime::now();
        let caller = match service.signed(operation) {
            true => Some(sigv4::verify(request, &state.iam, service.name(), now)?),
            false => None,
        };
        let action = format!("{}:{operation}", service.name());
        if let Some(credential) = &caller
            && (fault == Some(Fault::AccessDenied) || credential.principal.denied.contains(&action))
        {
            return Err(Refusal::denied(&credential.principal.arn, &action));
        }
        let unsigned = caller.is_none() && service.wording() != Wording::Registry; // a registry has its own words
        if unsigned && fault == Some(Fault::AccessDenied) {
            return Err(Refusal::new(403, "AccessDeniedException", format!("Not authorized to perform {action}")));
        }
        service.answer(state, &Asked { operation, request, caller, fault: fault.clone() })
    })();
    checked.unwrap_or_else(|refusal| service.wording().write(&refusal))
}
