//! The log of every call that reached the loopback.

use std::sync::Mutex;

use serde_json::{Value, json};

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// "ecr", "sts", "registry", …; "unknown" where no service claimed it.
    pub service: String,
    /// "GetAuthorizationToken", "PutManifest", …
    pub operation: String,
    /// The host that the client believes to speak to.
    pub host: String,
    /// The access key id of the signature.
    pub access_key_id: Option<String>,
    /// Whose key that is: an ARN.
    pub principal: Option<String>,
    /// GET, POST, …
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Whether it came through the proxy.
    pub proxied: bool,
    /// Whether it carried an `Authorization` header.
    pub authorization: bool,
    /// The client's own name.
    pub user_agent: String,
    /// The status of the answer; `None` while there is none, and for ever where a fault is silent.
    pub status: Option<u16>,
}

impl Call {
    /// `SERVICE:OPERATION`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// One line for a file.
    pub fn to_json(&self) -> Value {
        json!({
            "service": self.service, "operation": self.operation, "host": self.host,
            "access_key_id": self.access_key_id, "principal": self.principal, "method": self.method, "path": self.path,
            "proxied": self.proxied, "authorization": self.authorization,
            "user_agent": self.user_agent, "status": self.status,
        })
    }
}

/// What is told of each call once it is answered.
pub type Listener = Box<dyn Fn(&Call) + Send + Sync>;

/// The log. A call is in it from the moment it came in.
#[derive(Default)]
pub struct Calls {
    log: Mutex<Vec<Call>>,
    listener: Mutex<Option<Listener>>,
}

impl Calls {
    /// Adds a call that came in and gives its place.
    pub fn came(&self, call: Call) -> usize {
        let mut log = self.log.lock().expect("no holder panics");
        log.push(call);
        log.len() - 1
    }

    /// Notes the answer, or that there will be none.
    pub fn answered(&self, place: usize, status: Option<u16>) {
        let call = {
            let mut log = self.log.lock().expect("no holder panics");
            log[place].status = status;
            log[place].clone()
        };
        if let Some(listener) = &*self.listener.lock().expect("no holder panics") {
            listener(&call);
        }
    }

    /// Every call since the start.
    pub fn all(&self) -> Vec<Call> {
        self.log.lock().expect("no holder panics").clone()
    }

    /// Tells someone of each call from now on.
    pub fn listen(&self, listener: Listener) {
        *self.listener.lock().expect("no holder panics") = Some(listener);
    }
}
