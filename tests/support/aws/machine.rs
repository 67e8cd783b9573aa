//! What a machine at AWS asks for its own role: instance metadata (EC2 user guide, "Use IMDSv2")
//! and the container credentials endpoint (ECS, EKS Pod Identity).

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{
    super::loopback::{CONTAINER_AUTHORIZATION, CONTAINER_PATH, OTHER_ACCOUNT, ROLE, State},
    Asked, Refusal, Reply, Request, Service, Wording,
    iam::{Role, timestamp},
};

const INSTANCE_TOKEN: &str = "AQAEAloopbackinstancemetadatatoken==";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// IMDSv2 of an instance whose role is [`ROLE`].
pub struct InstanceMetadata;

impl Service for InstanceMetadata {
    fn name(&self) -> &'static str {
        "imds"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        let name = match request.path.as_str() {
            "/latest/api/token" => "ImdsToken",
            ROLES => "ImdsRole",
            path if path.starts_with(ROLES) => "ImdsCredentials",
            path if path.starts_with("/latest/") => "ImdsOther",
            _ => return None,
        };
        Some(name.into())
    }

    fn wording(&self) -> Wording {
        Wording::Plain
    }

    fn signed(&self, _operation: &str) -> bool {
        false
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        if asked.operation == "ImdsToken" {
            if asked.request.method != "PUT" {
                return Err(Refusal::new(405, "MethodNotAllowed", "use PUT"));
            }
            let seconds = asked.request.header("x-aws-ec2-metadata-token-ttl-seconds").unwrap_or("21600");
            return Ok(
                Reply::of(200, "text/plain", INSTANCE_TOKEN).with("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", seconds)
            );
        }
        if asked.request.header("x-aws-ec2-metadata-token") != Some(INSTANCE_TOKEN) {
            return Err(Refusal::new(401, "Unauthorized", "no session token"));
        }
        let role = state.iam.role(ROLE).ok_or_else(|| Refusal::new(404, "NotFound", "the instance has no role"))?;
        match asked.operation {
            "ImdsRole" => Ok(Reply::of(200, "text/plain", role.name().to_owned())),
            "ImdsCredentials" if asked.request.path.ends_with(role.name()) => {
                let mut value = credentials(state, &role, "i-0123456789abcdef0");
                value["Code"] = "Success".into();
                value["Type"] = "AWS-HMAC".into();
                value["LastUpdated"] = timestamp(Some(SystemTime::now())).into();
                Ok(Reply::of(200, "application/json", value.to_string()))
            }
            _ => Err(Refusal::new(404, "NotFound", "there is no such metadata")),
        }
    }
}

/// The credentials endpoint of a container in [`OTHER_ACCOUNT`].
pub struct Container;

impl Service for Container {
    fn name(&self) -> &'static str {
        "container"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        (request.path == CONTAINER_PATH).then(|| "ContainerCredentials".into())
    }

    fn wording(&self) -> Wording {
        Wording::Plain
    }

    fn signed(&self, _operation: &str) -> bool {
        false
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        // What follows the token's text is another task's: tasks share one URI.
        let task = asked.request.header("authorization").and_then(|token| token.strip_prefix(CONTAINER_AUTHORIZATION));
        let Some(task) = task.filter(|task| task.is_empty() || task.starts_with('-')) else {
            return Err(Refusal::new(401, "Unauthorized", "the authorization token is wrong"));
        };
        let role = Role::new(OTHER_ACCOUNT, "task");
        let mut value = credentials(state, &role, &format!("task{}", if task.is_empty() { "-1" } else { task }));
        value["RoleArn"] = role.arn.into();
        Ok(Reply::of(200, "application/json", value.to_string()))
    }
}

fn credentials(state: &State, role: &Role, session: &str) -> Value {
    let session = state.iam.open_session(role, session, Duration::from_secs(6 * 60 * 60));
    json!({
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "Expiration": timestamp(session.expires_at),
    })
}
