//! What renews a person's session: IAM Identity Center's portal and its OIDC token service
//! (`aws sso login`), and the sign-in service (`aws login`).

use std::{
    collections::HashSet,
    sync::Mutex,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::json;

use super::{
    super::loopback::State,
    Asked, Refusal, Reply, Request, Service, Wording,
    iam::{Role, random_text},
};

/// The access and refresh tokens that are valid now.
#[derive(Default)]
pub struct Sessions {
    tokens: Mutex<HashSet<String>>,
}

impl Sessions {
    /// Opens a session: an access or refresh token to write into a cache file of `~/.aws`.
    pub fn open(&self) -> String {
        let token = random_text(128);
        self.tokens.lock().expect("no holder panics").insert(token.clone());
        token
    }

    /// Ends a session, or every session with `None`.
    pub fn end(&self, token: Option<&str>) {
        self.tokens.lock().expect("no holder panics").retain(|kept| token.is_some_and(|token| kept != token));
    }

    fn knows(&self, token: &str) -> bool {
        self.tokens.lock().expect("no holder panics").contains(token)
    }
}

/// `portal.sso.REGION.amazonaws.com`: GetRoleCredentials.
pub struct Portal;

impl Service for Portal {
    fn name(&self) -> &'static str {
        "sso"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        (request.path == "/federation/credentials").then(|| "GetRoleCredentials".into())
    }

    fn wording(&self) -> Wording {
        Wording::RestJson
    }

    fn signed(&self, _operation: &str) -> bool {
        false
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let bearer = asked.request.header("x-amz-sso_bearer_token").unwrap_or_default();
        if !state.sessions.knows(bearer) {
            return Err(Refusal::new(401, "UnauthorizedException", "Session token not found or invalid"));
        }
        let account = asked.request.query("account_id").unwrap_or_default();
        let role = asked.request.query("role_name").unwrap_or_default();
        let role = state.iam.role(&Role::new(&account, &role).arn);
        let role = role.ok_or_else(|| Refusal::new(403, "ForbiddenException", "No access"))?;
        let session = state.iam.open_session(&role, "alice", Duration::from_secs(60 * 60));
        let end = session.expires_at.and_then(|end| end.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        Ok(Reply::json(&json!({ "roleCredentials": {
            "accessKeyId": session.access_key_id,
            "secretAccessKey": session.secret_access_key,
            "sessionToken": session.session_token,
            "expiration": end.as_secs() * 1000,
        }})))
    }
}

/// `oidc.REGION.amazonaws.com`: CreateToken with a refresh token.
pub struct Oidc;

impl Service for Oidc {
    fn name(&self) -> &'static str {
        "sso-oauth"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        (request.method == "POST" && request.path == "/token").then(|| "CreateToken".into())
    }

    fn wording(&self) -> Wording {
        Wording::RestJson
    }

    fn signed(&self, _operation: &str) -> bool {
        false
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let input = asked.request.json();
        let refresh = input["refreshToken"].as_str().unwrap_or_default();
        if input["grantType"] != "refresh_token" || !state.sessions.knows(refresh) {
            return Err(Refusal::new(400, "InvalidGrantException", "Invalid refresh token provided"));
        }
        Ok(Reply::json(&json!({
            "accessToken": state.sessions.open(), "refreshToken": refresh, "tokenType": "Bearer", "expiresIn": 3600,
        })))
    }
}

/// `REGION.signin.aws.amazon.com`: CreateOAuth2Token, which renews `aws login`.
pub struct Signin;

impl Service for Signin {
    fn name(&self) -> &'static str {
        "signin"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        (request.method == "POST" && request.path == "/v1/token").then(|| "CreateOAuth2Token".into())
    }

    fn wording(&self) -> Wording {
        Wording::RestJson
    }

    fn signed(&self, _operation: &str) -> bool {
        false
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let input = asked.request.json();
        let refresh = input["refreshToken"].as_str().unwrap_or_default();
        if asked.request.header("dpop").is_none() || !state.sessions.knows(refresh) {
            let message = "Your session has expired. Please reauthenticate.";
            return Err(Refusal::new(401, "AccessDeniedException", message));
        }
        let role = Role::new(super::super::loopback::ACCOUNT, "console");
        let session = state.iam.open_session(&role, "alice", Duration::from_secs(15 * 60));
        state.sessions.end(Some(refresh)); // a refresh token of `aws login` serves once
        Ok(Reply::json(&json!({
            "accessToken": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
            },
            "tokenType": "urn:aws:params:oauth:token-type:access_token_sigv4",
            "expiresIn": 900,
            "refreshToken": state.sessions.open(),
        })))
    }
}
