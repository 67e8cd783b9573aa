//! Amazon ECR and ECR Public: GetAuthorizationToken.

use serde_json::{Value, json};

use super::super::loopback::State;
use super::{Asked, Refusal, Reply, Request, Service, Wording, faults::Fault, tokens::epoch};

/// Private registries (ECR API reference, GetAuthorizationToken).
pub struct Ecr;

impl Service for Ecr {
    fn name(&self) -> &'static str {
        "ecr"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        request.target("AmazonEC2ContainerRegistry_V20150921")
    }

    fn wording(&self) -> Wording {
        Wording::Json
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        if asked.operation != "GetAuthorizationToken" {
            return Err(Refusal::new(400, "UnknownOperationException", "no such operation on loopback"));
        }
        let principal = &asked.caller().principal;
        let mut accounts: Vec<String> = asked.request.json()["registryIds"]
            .as_array()
            .map(|ids| ids.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        if accounts.is_empty() {
            accounts.push(principal.account.clone());
        }
        if asked.fault == Some(Fault::OtherAccount) {
            accounts = vec!["999999999999".into()];
        }
        if let Some(bad) = accounts.iter().find(|id| id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit())) {
            let message = format!("Invalid parameter at 'registryIds' failed to satisfy constraint: '{bad}'");
            return Err(Refusal::new(400, "InvalidParameterException", message));
        }
        let region = asked.request.region();
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let data: Vec<Value> = accounts
            .iter()
            .map(|account| {
                let minted = state.tokens.mint(principal, false, asked.fault == Some(Fault::ExpiredToken));
                json!({
                    "authorizationToken": minted.authorization_token(),
                    "expiresAt": epoch(minted.expires_at) as f64 + 0.123, // AWS sends milliseconds
                    "proxyEndpoint": format!("https://{account}.dkr.ecr.{region}.{suffix}"),
                })
            })
            .collect();
        Ok(Reply::json(&json!({ "authorizationData": data })))
    }
}

/// The public gallery, whose API is in us-east-1 alone (ECR Public API reference).
pub struct EcrPublic;

impl Service for EcrPublic {
    fn name(&self) -> &'static str {
        "ecr-public"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        request.target("SpencerFrontendService")
    }

    fn wording(&self) -> Wording {
        Wording::Json
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        if asked.operation != "GetAuthorizationToken" {
            return Err(Refusal::new(400, "UnknownOperationException", "no such operation on loopback"));
        }
        if asked.request.region() != "us-east-1" {
            let message = "Credential should be scoped to a valid region. ";
            return Err(Refusal::new(403, "InvalidSignatureException", message));
        }
        let minted = state.tokens.mint(&asked.caller().principal, true, asked.fault == Some(Fault::ExpiredToken));
        Ok(Reply::json(&json!({ "authorizationData": {
            "authorizationToken": minted.authorization_token(),
            "expiresAt": epoch(minted.expires_at) as f64 + 0.123,
        }})))
    }
}
