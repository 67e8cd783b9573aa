//! AWS STS: AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity (STS API reference).

use std::time::Duration;

use super::{
    super::loopback::{State, WEB_IDENTITY_TOKEN},
    Asked, REQUEST_ID, Refusal, Reply, Request, Service, Wording,
    iam::{Credential, Role, timestamp},
};

/// The service.
pub struct Sts;

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        if request.path != "/" {
            return None;
        }
        let action = request.form("Action").or_else(|| request.query("Action"))?;
        ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"].contains(&action.as_str()).then_some(action)
    }

    fn wording(&self) -> Wording {
        Wording::QueryXml
    }

    fn signed(&self, operation: &str) -> bool {
        operation != "AssumeRoleWithWebIdentity"
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        match asked.operation {
            "AssumeRole" => {
                let (role, session, life) = wanted(state, asked)?;
                let caller = &asked.caller().principal;
                let trusted = role.trusts.as_ref().is_none_or(|accounts| accounts.contains(&caller.account));
                let known = role.external_id.is_none() || role.external_id == asked.request.form("ExternalId");
                if !trusted || !known {
                    return Err(not_trusted(&caller.arn, "sts:AssumeRole", &role.arn));
                }
                let credential = state.iam.open_session(&role, &session, life);
                Ok(result("AssumeRole", &credentials(&role, &session, &credential)))
            }
            "AssumeRoleWithWebIdentity" => {
                let (role, session, life) = wanted(state, asked)?;
                if asked.request.form("WebIdentityToken").as_deref().map(str::trim) != Some(WEB_IDENTITY_TOKEN) {
                    let message = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
                    return Err(Refusal::new(400, "InvalidIdentityTokenException", message));
                }
                let credential = state.iam.open_session(&role, &session, life);
                let subject =
                    "<SubjectFromWebIdentityToken>system:serviceaccount:default:puller</SubjectFromWebIdentityToken>";
                let body = format!("{subject}{}", credentials(&role, &session, &credential));
                Ok(result("AssumeRoleWithWebIdentity", &body))
            }
            _ => {
                let Credential { access_key_id, principal, .. } = asked.caller();
                let body = format!(
                    "<Arn>{}</Arn><UserId>{access_key_id}</UserId><Account>{}</Account>",
                    principal.arn, principal.account
                );
                Ok(result("GetCallerIdentity", &body))
            }
        }
    }
}

/// The role, session name and life that a call asks for.
fn wanted(state: &State, asked: &Asked<'_>) -> Result<(Role, String, Duration), Refusal> {
    let missing = |name: &str| {
        let message = format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        );
        Refusal::new(400, "ValidationError", message)
    };
    let arn = asked.request.form("RoleArn").ok_or_else(|| missing("roleArn"))?;
    let session = asked.request.form("RoleSessionName").ok_or_else(|| missing("roleSessionName"))?;
    let caller = asked.caller.as_ref().map_or("", |caller| &caller.principal.arn);
    let action = format!("sts:{}", asked.operation);
    let role = state.iam.role(&arn).ok_or_else(|| not_trusted(caller, &action, &arn))?;
    let seconds = asked.request.form("DurationSeconds").and_then(|text| text.parse().ok()).unwrap_or(3600);
    Ok((role, session, Duration::from_secs(seconds)))
}

fn not_trusted(caller: &str, action: &str, role: &str) -> Refusal {
    let who = if caller.is_empty() { String::new() } else { format!("User: {caller} is ") };
    let message = match who.as_str() {
        "" => format!("Not authorized to perform {action}"),
        who => format!("{who}not authorized to perform: {action} on resource: {role}"),
    };
    Refusal::new(403, "AccessDeniedException", message)
}

fn credentials(role: &Role, session: &str, credential: &Credential) -> String {
    format!(
        "<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:{session}</AssumedRoleId><Arn>arn:aws:sts::{}:assumed-role/{}/\
         {session}</Arn></AssumedRoleUser><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}\
         </SecretAccessKey><SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        role.account(),
        role.name(),
        credential.access_key_id,
        credential.secret_access_key,
        credential.session_token.as_deref().unwrap_or_default(),
        timestamp(credential.expires_at),
    )
}

fn result(operation: &str, body: &str) -> Reply {
    let xml = format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{body}\
         </{operation}Result><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>\
         </{operation}Response>"
    );
    Reply::of(200, "text/xml", xml)
}
