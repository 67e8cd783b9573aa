//! What can go wrong with an answer, set for each operation at run time.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use super::{Refusal, Reply};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// IAM says no, in its real words, with the caller's ARN and the action.
    AccessDenied,
    /// `ThrottlingException: Rate exceeded`; 429 from a registry.
    Throttled,
    /// Status 500.
    Internal,
    /// The caller's clock is wrong: the signature is too old.
    ClockSkew,
    /// The caller's session token has expired.
    SessionExpired,
    /// The caller's access key is not known.
    UnknownKey,
    /// Status 403 with a page for people, as a company's proxy sends it.
    Html,
    /// Status 200 and bytes that are no text.
    Garbage,
    /// The first half of the body, with a length that fits.
    Truncated,
    /// Status 200 and JSON about something else.
    WrongContent,
    /// The right answer without one of its fields, wherever it stands.
    Without(&'static str),
    /// Accepts the request and never answers.
    Silent,
    /// Closes the connection in the middle of the body.
    Cut,
    /// ECR: a token and endpoint of another account.
    OtherAccount,
    /// ECR: a token that has ended already.
    ExpiredToken,
    /// An access key id with a line break in it, from who gives out credentials.
    OddAccessKey,
    /// The right answer's head and body, and more of it without end, as fast as it is read.
    Endless,
    /// The same, ten bytes a second.
    Trickle,
    /// A head of 8 MiB.
    LongHead,
    /// Status 403 and words without end.
    LongRefusal,
    /// A body of 1 GB, as its `Content-Length` says.
    Gigabyte,
    /// A refusal in these words.
    Says(&'static str),
    /// The right answer, with this at the end of each of its texts.
    Appends(&'static str),
    /// Registry: 401 whatever the login.
    Unauthorized,
    /// Registry: 404.
    NotFound,
    /// Registry: another digest in the header than the content's.
    WrongDigest,
}

impl Fault {
    /// The refusal that stands in for the answer, for faults that are one.
    pub fn refusal(&self) -> Option<Refusal> {
        Some(match self {
            Fault::Throttled => Refusal::new(429, "ThrottlingException", "Rate exceeded"),
            Fault::Internal => Refusal::new(500, "InternalFailure", "An internal error occurred"),
            Fault::ClockSkew => Refusal::new(
                403,
                "InvalidSignatureException",
                "Signature expired: 20200101T000000Z is now earlier than 20200101T001500Z (20200101T002000Z - 5 min.)",
            ),
            Fault::SessionExpired => {
                Refusal::new(403, "ExpiredTokenException", "The security token included in the request is expired")
            }
            Fault::UnknownKey => Refusal::new(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Fault::Says(words) => Refusal::new(400, "AccessDeniedException", *words),
            Fault::NotFound => Refusal::new(404, "NOT_FOUND", "not found"),
            _ => return None,
        })
    }

    /// The answer after the fault, for faults that spoil a good one.
    pub fn spoil(&self, reply: Reply) -> Reply {
        match self {
            Fault::Html => Reply::of(
                403,
                "text/html",
                "<html><head><title>Blocked</title></head>\n<body>Blocked by policy</body></html>\n",
            ),
            Fault::LongRefusal => Reply::of(403, "application/json", r#"{"errors":[{"code":"DENIED","message":""#)
                .with("x-amzn-errortype", "A"),
            Fault::Garbage => Reply::of(200, "application/x-amz-json-1.1", &b"\x00\xff\xfe\x01{{{\x80"[..]),
            Fault::Truncated => Reply { body: reply.body.slice(..reply.body.len() / 2), ..reply },
            Fault::OddAccessKey => {
                let text = String::from_utf8_lossy(&reply.body);
                let odd = text.replace("AccessKeyId>ASIA", "AccessKeyId>ASIA\nCANARY");
                let odd = odd.replace(r#""AccessKeyId":"ASIA"#, r#""AccessKeyId":"ASIA\nCANARY"#);
                Reply { body: odd.into(), ..reply }
            }
            Fault::LongHead => {
                (0..2048).fold(reply, |reply, number| reply.with(&format!("x-filler-{number}"), "a".repeat(4096)))
            }
            Fault::WrongContent => Reply::of(200, "application/x-amz-json-1.1", r#"{"hello":"world"}"#),
            Fault::Appends(words) => match serde_json::from_slice::<serde_json::Value>(&reply.body) {
                Ok(mut value) => {
                    append(&mut value, words);
                    Reply { body: value.to_string().into(), ..reply }
                }
                Err(_) => reply,
            },
            Fault::Without(field) => match serde_json::from_slice::<serde_json::Value>(&reply.body) {
                Ok(mut value) => {
                    remove(&mut value, field);
                    Reply { body: value.to_string().into(), ..reply }
                }
                Err(_) => reply,
            },
            _ => reply,
        }
    }
}

/// Appends to every text, wherever it stands.
fn append(value: &mut serde_json::Value, words: &str) {
    match value {
        serde_json::Value::String(text) => text.push_str(words),
        serde_json::Value::Array(array) => array.iter_mut().for_each(|inner| append(inner, words)),
        serde_json::Value::Object(object) => object.values_mut().for_each(|inner| append(inner, words)),
        _ => {}
    }
}

/// Takes a field out of every object.
fn remove(value: &mut serde_json::Value, field: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(field);
        object.values_mut().for_each(|inner| remove(inner, field));
    } else if let Some(array) = value.as_array_mut() {
        array.iter_mut().for_each(|inner| remove(inner, field));
    }
}

/// The faults that are set. Safe to change while it is served.
///
/// An operation is named as in the call log: `GetAuthorizationToken`, or with its service where
/// two have one of that name: `ecr-public:GetAuthorizationToken`.
#[derive(Default)]
pub struct Faults {
    set: Mutex<HashMap<String, Vec<(Fault, u32)>>>,
    delays: Mutex<HashMap<String, Duration>>,
}

impl Faults {
    /// Plays a fault on an operation from now on.
    pub fn always(&self, operation: &str, fault: Fault) {
        self.times(operation, fault, u32::MAX);
    }

    /// Plays a fault on the next `times` calls of an operation, after those that were set before.
    pub fn times(&self, operation: &str, fault: Fault, times: u32) {
        self.set.lock().expect("no holder panics").entry(operation.into()).or_default().push((fault, times));
    }

    /// Answers an operation this much later.
    pub fn delay(&self, operation: &str, delay: Duration) {
        self.delays.lock().expect("no holder panics").insert(operation.into(), delay);
    }

    /// Ends all faults and delays.
    pub fn clear(&self) {
        self.set.lock().expect("no holder panics").clear();
        self.delays.lock().expect("no holder panics").clear();
    }

    /// The fault and the delay of a call that comes in now.
    pub fn next(&self, service: &str, operation: &str) -> (Option<Fault>, Duration) {
        let names = [format!("{service}:{operation}"), operation.to_owned()];
        let delays = self.delays.lock().expect("no holder panics");
        let delay = names.iter().find_map(|name| delays.get(name)).copied().unwrap_or_default();
        let mut set = self.set.lock().expect("no holder panics");
        let Some(name) = names.iter().find(|name| set.get(*name).is_some_and(|queue| !queue.is_empty())) else {
            return (None, delay);
        };
        let Some(queue) = set.get_mut(name) else { return (None, delay) };
        let fault = queue.first_mut().map(|(fault, times)| {
            *times -= u32::from(*times != u32::MAX);
            fault.clone()
        });
        queue.retain(|(_, times)| *times > 0);
        (fault, delay)
    }
}
