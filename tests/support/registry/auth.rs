//! Who may come in: ECR's Basic login with a minted token, ECR Public's Bearer flow, and user and
//! password of the plain registry.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{
    super::{
        aws::{
            Refusal, Reply, Request,
            faults::Fault,
            iam::{Principal, random_text},
        },
        loopback::State,
    },
    PLAIN_PASSWORD, PLAIN_USER,
};

/// Logins, and where they hold.
pub(super) struct Auth {
    /// Custom domains, with account and region.
    pub(super) domains: HashMap<String, (String, String)>,
    /// Owner and guest accounts.
    pub(super) shares: Vec<(String, String)>,
    /// Users of the plain registry.
    pub(super) logins: HashMap<String, String>,
    /// Bearer tokens of `/token/`, with whose they are; `None` is anonymous.
    bearers: HashMap<String, Option<Principal>>,
}

impl Default for Auth {
    fn default() -> Auth {
        Auth {
            domains: HashMap::new(),
            shares: Vec::new(),
            logins: HashMap::from([(PLAIN_USER.into(), PLAIN_PASSWORD.into())]),
            bearers: HashMap::new(),
        }
    }
}

/// Which registry a host is.
pub(super) enum Place {
    /// A private registry of ECR.
    Ecr { account: String, region: String },
    /// The public gallery.
    Public,
    /// Any other host.
    Plain,
}

impl Place {
    /// `ACCOUNT.dkr.ecr.REGION.amazonaws.com` and its FIPS, dual-stack and custom spellings.
    pub(super) fn of(host: &str, domains: &HashMap<String, (String, String)>) -> Place {
        if let Some((account, region)) = domains.get(host) {
            return Place::Ecr { account: account.clone(), region: region.clone() };
        }
        if matches!(host, "public.ecr.aws" | "ecr-public.aws.com") {
            return Place::Public;
        }
        let labels: Vec<&str> = host.split('.').collect();
        match labels[..] {
            [account, "dkr", "ecr" | "ecr-fips", region, "amazonaws", ..]
            | [account, "dkr-ecr" | "dkr-ecr-fips", region, "on", "aws"] => {
                Place::Ecr { account: account.into(), region: region.into() }
            }
            _ => Place::Plain,
        }
    }

    pub(super) fn key(&self) -> String {
        match self {
            Place::Ecr { account, region } => format!("{account}/{region}"),
            Place::Public => "public".into(),
            Place::Plain => "plain".into(),
        }
    }

    fn challenge(&self, host: &str) -> String {
        match self {
            Place::Ecr { .. } => format!("Basic realm=\"https://{host}/\",service=\"ecr.amazonaws.com\""),
            Place::Public => format!("Bearer realm=\"https://{host}/token/\",service=\"{host}\",scope=\"aws\""),
            Place::Plain => "Basic realm=\"loopback\"".into(),
        }
    }
}

/// Whether a host is the bucket that ECR sends downloads to.
pub(super) fn is_bucket(host: &str) -> bool {
    host.starts_with("prod-") && host.contains("-starport-layer-bucket.s3.")
}

/// Lets a request pass (`None`), or answers it.
pub(super) fn check(
    state: &State,
    request: &Request,
    repository: &str,
    fault: Option<&Fault>,
) -> Result<Option<Reply>, Refusal> {
    let place = state.registry.place(&request.host);
    let challenge = || {
        let asked = state.registry.personality().challenge.filter(|_| matches!(place, Place::Plain));
        Reply::of(401, "text/plain; charset=utf-8", "Not Authorized\n")
            .with("WWW-Authenticate", asked.unwrap_or_else(|| place.challenge(&request.host)))
            .with("Docker-Distribution-Api-Version", "registry/2.0")
    };
    if fault == Some(&Fault::Unauthorized) {
        return Ok(Some(challenge()));
    }
    if fault == Some(&Fault::AccessDenied) {
        return Err(Refusal::new(403, "DENIED", "requested access to the resource is denied"));
    }
    let auth = state.registry.auth.lock().expect("no holder panics");
    let header = request.header("authorization").unwrap_or_default();
    match &place {
        Place::Public => {
            let bearer = header.strip_prefix("Bearer ").and_then(|token| auth.bearers.get(token));
            let reads = matches!(request.method.as_str(), "GET" | "HEAD");
            Ok(match bearer {
                Some(Some(_)) => None,
                Some(None) if reads => None,
                Some(None) => return Err(Refusal::new(403, "DENIED", "Not Authorized")),
                None => Some(challenge()),
            })
        }
        Place::Plain => {
            let known = basic(header).is_some_and(|(user, password)| auth.logins.get(&user) == Some(&password));
            let bearer = header.strip_prefix("Bearer ").is_some_and(|token| auth.bearers.contains_key(token));
            let bearers_read = state.registry.personality().challenge.is_some();
            Ok((!(known || bearer && bearers_read)).then(challenge))
        }
        Place::Ecr { account, region } => {
            let Some((user, password)) = basic(header) else { return Ok(Some(challenge())) };
            let Some(token) = state.tokens.valid(&password).filter(|token| user == "AWS" && !token.public) else {
                let message = "Your authorization token has expired. Reauthenticate and try again.";
                return Err(Refusal::new(403, "DENIED", message));
            };
            let guest = (account.clone(), token.principal.account.clone());
            if token.principal.account == *account || auth.shares.contains(&guest) || repository.is_empty() {
                return Ok(None);
            }
            let message = format!(
                "User: {} is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:{region}:{account}:\
                 repository/{repository} because no resource-based policy allows the ecr:BatchGetImage action",
                token.principal.arn
            );
            Err(Refusal::new(403, "DENIED", message))
        }
    }
}

/// `GET /token/` of ECR Public: anonymous, or for a Basic login with a token of ECR Public.
pub(super) fn public_token(state: &State, request: &Request) -> Reply {
    let owner = match basic(request.header("authorization").unwrap_or_default()) {
        None => None,
        Some((_, password)) => match state.tokens.valid(&password).filter(|token| token.public) {
            Some(token) => Some(token.principal),
            None => {
                return Reply::of(
                    403,
                    "application/json",
                    r#"{"errors":[{"code":"DENIED","message":"Not Authorized"}]}"#,
                );
            }
        },
    };
    let token = random_text(300);
    state.registry.auth.lock().expect("no holder panics").bearers.insert(token.clone(), owner);
    Reply::of(200, "application/json", json!({ "token": token }).to_string())
}

/// User and password of a Basic login.
fn basic(header: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ")?).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.into(), password.into()))
}
