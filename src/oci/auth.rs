//! Logging in at a registry: Basic (ECR) and Bearer tokens (distribution, "Token Authentication").

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use url::Url;

use super::{
    challenge::Challenge,
    http::{Answer, Call, Http, MAX_SMALL_BODY, without_secrets},
    reference::{HUB_REGISTRY, is_loopback},
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

    /// Whether a request is let in at once, as far as is known.
    pub(super) fn knows_authorization(&self) -> bool {
        self.known().is_some()
    }

    fn known(&self) -> Option<Arc<Secret>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the challenges of a 401 lead to; `None` when they ask for what was sent already.
    async fn log_in(&self, answer: &Answer, sent: bool) -> Result<Option<Secret>, Report> {
        if let RegistryAuth::Failed(err) = &*self.auth {
            return Err(err.clone());
        }
        let challenges = Challenge::read_all(answer.headers("www-authenticate"));
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
        let mut realm = realm(challenge, &self.base, &self.auth).map_err(bad)?;
        let service = challenge.parameter("service").unwrap_or_default().to_owned();
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
                .hint(login_hint(&self.base)));
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

/// What a registry is called where one logs in: its host, and the port that is not that of its scheme.
pub(super) fn authority(base: &Url) -> String {
    let host = base.host_str().unwrap_or_default();
    base.port().map_or_else(|| host.into(), |port| format!("{host}:{port}"))
}

/// How to log in to a registry. Docker Hub's login has a key of its own, which docker takes where none is named.
pub(super) fn login_hint(base: &Url) -> String {
    match authority(base).as_str() {
        HUB_REGISTRY => "run: docker login".into(),
        registry => format!("run: docker login {registry}"),
    }
}

fn basic(username: &str, secret: &Secret) -> Secret {
    let pair = Secret::from(format!("{username}:{}", secret.expose()));
    Secret::from(format!("Basic {}", STANDARD.encode(pair.expose())))
}

/// Where a Bearer token is asked for, if the login may go there.
fn realm(challenge: &Challenge, registry: &Url, auth: &RegistryAuth) -> Result<Url, &'static str> {
    let realm = challenge.parameter("realm").ok_or("does not say where to get it")?;
    let realm = Url::parse(realm).map_err(|_| "its realm is not an address")?;
    // Plain HTTP is for a registry that is itself spoken to so: for its own host, or this machine.
    let near = realm.host_str() == registry.host_str() || is_loopback(realm.host_str().unwrap_or_default());
    let plain = realm.scheme() == "http" && registry.scheme() == "http" && near;
    if realm.scheme() != "https" && !plain {
        return Err("its realm is not HTTPS");
    }
    match auth {
        // An ECR password is for its own registry alone: scheme, host and port.
        RegistryAuth::Known { username, .. } if username == USERNAME && realm.origin() != registry.origin() => {
            Err("sends its ECR password elsewhere")
        }
        _ => Ok(realm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_10_where_a_password_may_go() {
        const ECR: &str = "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com/v2/app/";
        let elsewhere = Some("sends its ECR password elsewhere");
        let plain = Some("its realm is not HTTPS");
        for (registry, realm_text, username, refusal, why) in [
            (ECR, "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com/token", "AWS", None, "ECR's own"),
            (ECR, "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com:443/token", "AWS", None, "the port of HTTPS"),
            ("https://public.ecr.aws/v2/a/", "https://public.ecr.aws/token/", "AWS", None, "ECR Public's own"),
            (ECR, "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com:8443/t", "AWS", elsewhere, "another port"),
            (ECR, "http://111122223333.dkr.ecr.eu-west-1.amazonaws.com/token", "AWS", plain, "plain HTTP"),
            (ECR, "https://evil.example/token", "AWS", elsewhere, "another host"),
            (ECR, "http://localhost/token", "AWS", plain, "this machine, in the clear"),
            (ECR, "http://127.0.0.1:5000/token", "AWS", plain, "the same"),
            (
                "http://localhost:5000/v2/a/",
                "http://localhost:5001/token",
                "AWS",
                elsewhere,
                "another port of this machine",
            ),
            ("http://localhost:5000/v2/a/", "http://localhost:5001/token", "carol", None, "no ECR password"),
            ("https://ghcr.io/v2/a/", "http://localhost:5001/token", "carol", plain, "a step down from HTTPS"),
            ("https://ghcr.io/v2/a/", "https://auth.example/token", "carol", None, "the Hub does so"),
            ("https://ghcr.io/v2/a/", "ftp://ghcr.io/token", "carol", plain, "another scheme"),
            ("https://ghcr.io/v2/a/", "/token", "carol", Some("its realm is not an address"), "a path"),
        ] {
            let header = format!("Bearer realm=\"{realm_text}\"");
            let challenge = &Challenge::read_all([header.as_str()].into_iter())[0];
            let auth = RegistryAuth::Known { username: username.into(), secret: Secret::from(String::from("s")) };
            let found = realm(challenge, &Url::parse(registry).unwrap(), &auth);
            assert_eq!(found.err(), refusal, "{why}: {realm_text}");
        }
    }
}
