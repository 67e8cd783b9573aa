//! Logging in at a registry: Basic (ECR) and Bearer tokens (distribution, "Token Authentication").

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use url::Url;

use super::{
    http::{Answer, Call, Http, MAX_SMALL_BODY, without_secrets},
    reference::is_loopback,
};
use crate::{registry::USERNAME, report::Report, secret::Secret};

/// Most redirects that one request follows.
const MAX_REDIRECTS: usize = 5;

/// What is known about a registry's login.
#[derive(Debug)]
pub enum RegistryAuth {
    /// A user name and a password; under the name `<token>` the secret is an identity token.
    Known {
        /// The user name.
        username: String,
        /// The password or token.
        secret: Secret,
    },
    /// There is none: what needs no login works.
    Anonymous,
    /// It could not be looked up. Told when the registry asks for one.
    Failed(Report),
}

/// A user name that marks an identity token (docker/cli, `native_store.go`).
pub const IDENTITY_TOKEN: &str = "<token>";

/// One repository's conversation with its registry: the address, the login, and the authorization that worked.
pub(super) struct Access {
    http: Http,
    base: Url,
    scope: String,
    auth: Arc<RegistryAuth>,
    authorization: Mutex<Option<Arc<Secret>>>,
}

impl Access {
    /// `actions` is what a Bearer token is asked for: `pull` or `pull,push`.
    pub(super) fn new(http: Http, base: Url, repository: &str, actions: &str, auth: Arc<RegistryAuth>) -> Access {
        // Sent at once, which saves the answer 401 that asks for it. It only goes to the host it is for.
        let basic = match &*auth {
            RegistryAuth::Known { username, secret } if username != IDENTITY_TOKEN => {
                Some(Arc::new(basic(username, secret)))
            }
            _ => None,
        };
        let scope = format!("repository:{repository}:{actions}");
        Access { http, base, scope, auth, authorization: Mutex::new(basic) }
    }

    /// Sends a request. After a 401 it logs in as the registry asks and sends it once more. A GET
    /// or HEAD follows redirects. The authorization never goes to another host.
    pub(super) async fn send(&self, mut call: Call) -> Result<Answer, Report> {
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.authorized(&call).await?;
            let follow = matches!(call.method, "GET" | "HEAD") && matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            if !follow {
                return Ok(answer);
            }
            call.url = self.location(&call.url, &answer)?;
        }
        Err(Report::new(format!("{} redirects more than {MAX_REDIRECTS} times", self.base)))
    }

    /// Where an answer points, which must not step down from HTTPS to plain HTTP.
    pub(super) fn location(&self, from: &Url, answer: &Answer) -> Result<Url, Report> {
        let bad = |why: &str| Report::new(format!("{} points to an address that {why}", without_secrets(from)));
        let target = answer.header("location").ok_or_else(|| bad("is missing"))?;
        let target = from.join(target).map_err(|_| bad("cannot be read"))?;
        match (from.scheme(), target.scheme()) {
            (_, "https") | ("http", "http") => Ok(target),
            _ => Err(bad("is not HTTPS")),
        }
    }

    async fn authorized(&self, call: &Call) -> Result<Answer, Report> {
        if call.url.origin() != self.base.origin() {
            return self.http.send(call, None).await;
        }
        let tried = self.known();
        let answer = self.http.send(call, tried.as_deref()).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let Some(fresh) = self.log_in(&answer, tried.is_some()).await? else { return Ok(answer) };
        let fresh = Arc::new(fresh);
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&fresh));
        self.http.send(call, Some(&fresh)).await
    }

    fn known(&self) -> Option<Arc<Secret>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the challenges of a 401 lead to; `None` when they ask for what was sent already.
    async fn log_in(&self, answer: &Answer, sent: bool) -> Result<Option<Secret>, Report> {
        if let RegistryAuth::Failed(err) = &*self.auth {
            return Err(err.clone());
        }
        let challenges: Vec<Challenge> = answer.headers("www-authenticate").filter_map(Challenge::read).collect();
        if let Some(bearer) = challenges.iter().find(|challenge| challenge.scheme == "bearer") {
            return self.token(bearer).await.map(Some);
        }
        match &*self.auth {
            RegistryAuth::Known { username, secret } if !sent && challenges.iter().any(|c| c.scheme == "basic") => {
                Ok(Some(basic(username, secret)))
            }
            _ => Ok(None),
        }
    }

    async fn token(&self, challenge: &Challenge) -> Result<Secret, Report> {
        let bad = |why: &str| Report::new(format!("{} asks for a token but {why}", self.base));
        let realm = challenge.value("realm").ok_or_else(|| bad("does not say where to get it"))?;
        let mut realm = Url::parse(realm).map_err(|_| bad("its realm is not an address"))?;
        let plain = realm.scheme() == "http" && is_loopback(realm.host_str().unwrap_or_default());
        if realm.scheme() != "https" && !plain {
            return Err(bad("its realm is not HTTPS"));
        }
        if let RegistryAuth::Known { username, .. } = &*self.auth
            && username == USERNAME
            && realm.host() != self.base.host()
        {
            // An ECR password is for its own registry alone.
            return Err(bad("sends its ECR password to another host"));
        }
        let service = challenge.value("service").unwrap_or_default().to_owned();
        let (call, authorization) = match &*self.auth {
            RegistryAuth::Known { username, secret } if username == IDENTITY_TOKEN => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs([
                    ("grant_type", "refresh_token"),
                    ("service", &service),
                    ("client_id", env!("CARGO_PKG_NAME")),
                    ("scope", &self.scope),
                    ("refresh_token", secret.expose()),
                ]);
                let body = form.finish().into_bytes();
                (Call::with_body("POST", realm.clone(), "application/x-www-form-urlencoded", body), None)
            }
            login => {
                realm.query_pairs_mut().extend_pairs([("service", service.as_str()), ("scope", self.scope.as_str())]);
                let authorization = match login {
                    RegistryAuth::Known { username, secret } => Some(basic(username, secret)),
                    _ => None,
                };
                (Call::get(realm.clone(), MAX_SMALL_BODY), authorization)
            }
        };
        let answer = self.http.send(&call, authorization.as_ref()).await?;
        if !answer.is_success() {
            return Err(Report::new(format!("{} gave no token for {}", without_secrets(&realm), self.scope))
                .cause(format!("it answered {}", answer.status))
                .hint(format!("run: docker login {}", self.base.host_str().unwrap_or_default())));
        }
        #[derive(Deserialize)]
        struct Granted {
            token: Option<String>,
            access_token: Option<String>,
        }
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| bad("the answer is not JSON"))?;
        let token = granted.token.or(granted.access_token).filter(|token| !token.is_empty());
        let token = Secret::from(token.ok_or_else(|| bad("the answer holds none"))?);
        Ok(Secret::from(format!("Bearer {}", token.expose())))
    }
}

fn basic(username: &str, secret: &Secret) -> Secret {
    let pair = Secret::from(format!("{username}:{}", secret.expose()));
    Secret::from(format!("Basic {}", STANDARD.encode(pair.expose())))
}

/// One `WWW-Authenticate` header (RFC 9110, 11.6.1).
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    /// Lower-case.
    scheme: String,
    values: Vec<(String, String)>,
}

impl Challenge {
    fn read(header: &str) -> Option<Challenge> {
        let (scheme, mut rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        let mut values = Vec::new();
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            values.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            rest = after.trim_start().trim_start_matches(',');
        }
        Some(Challenge { scheme: scheme.to_ascii_lowercase(), values })
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        for (header, scheme, realm, why) in [
            (
                r#"Basic realm="https://x.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#,
                "basic",
                Some("https://x.dkr.ecr.eu-west-1.amazonaws.com/"),
                "ECR",
            ),
            (
                r#"Bearer realm="https://auth.docker.io/token", service="registry.docker.io", scope="repository:a:pull,push""#,
                "bearer",
                Some("https://auth.docker.io/token"),
                "the Hub, blanks, a comma in quotes",
            ),
            ("BASIC", "basic", None, "no values"),
            ("Bearer realm=https://h/t,service=s", "bearer", Some("https://h/t"), "no quotes"),
        ] {
            let challenge = Challenge::read(header).unwrap();
            assert_eq!((challenge.scheme.as_str(), challenge.value("realm")), (scheme, realm), "{why}");
        }
        assert_eq!(Challenge::read(r#"Bearer realm="https://h"#), None, "an open quote");
    }
}
