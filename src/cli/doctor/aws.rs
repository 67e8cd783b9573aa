//! The way of one registry's token: identity, credentials, the call.

use std::time::SystemTime;

use super::{
    cache,
    finding::{Finding, Verdict},
    settings,
};
use crate::{
    aws::{Failure, TokenSource, endpoint},
    cli::{
        machine::{AwsArguments, Opened},
        output,
    },
    docker::logins,
    environment::Environment,
    error::Error,
    identity::{self, Identity, Source},
    registry::{Kind, Registry},
    token::cache::TokenLabel,
    world::World,
};

/// All checks of one ECR registry, until one fails that the rest hang on.
pub(super) fn registry(
    opened: &Opened,
    world: &World<'_>,
    aws: &AwsArguments,
    registry: &Registry,
    labels: &[TokenLabel],
) -> Vec<Finding> {
    let mut findings = vec![settings::rule(world.config, registry)];
    let identity = match identity::find(world.environment, world.config, world.instance, registry) {
        Ok(identity) => identity,
        Err(cause) => {
            let hint = cause.hint();
            let cause = aws.blame(Error::Identity { host: registry.host.clone(), cause });
            findings.push(unusable("identity", registry, None, cause.to_string(), hint));
            return findings;
        }
    };
    let living = cache::living(labels, &registry.host, &identity.fingerprint(), world.now);
    findings.push(whose(world.environment, aws, registry, &identity, living));
    if findings.last().is_some_and(|finding| finding.verdict != Verdict::Ok) {
        return findings; // credentials that are not there are not asked for
    }
    match opened.aws.credentials(registry, &identity) {
        Ok(credentials) => {
            let end = credentials
                .expires
                .map_or("they do not say when they end".into(), |end| format!("they end {}", output::local(end)));
            findings.push(Finding::ok("credentials", format!("access key {}; {end}", credentials.access_key_id)));
        }
        Err(failure) => {
            findings.push(failed("credentials", registry, living, &failure));
            return findings;
        }
    }
    findings.push(cache::token(living, world.now));
    findings.push(call(opened, world, registry, &identity, living));
    findings
}

/// The identity, and the rule that chose it.
fn whose(
    environment: &Environment,
    aws: &AwsArguments,
    registry: &Registry,
    identity: &Identity,
    living: Option<SystemTime>,
) -> Finding {
    const CHECK: &str = "identity";
    let mut what = match &identity.source {
        // Ids of session keys begin with ASIA (IAM user guide, "unique ID prefixes").
        Source::Environment { access_key_id }
            if access_key_id.starts_with("ASIA") && environment.text("AWS_SESSION_TOKEN").is_none() =>
        {
            let what = format!("access key {access_key_id} is a session's, and AWS_SESSION_TOKEN is not set");
            let hint = "set AWS_SESSION_TOKEN, which came with the keys";
            return unusable(CHECK, registry, living, what, hint.into());
        }
        Source::Environment { access_key_id } => format!("access key {access_key_id}"),
        Source::Profile(profile) => format!("profile {}", profile.name),
        Source::WebIdentity { role_arn } => format!("web identity for {role_arn}"),
        Source::Container { uri } => format!("the container's credentials at {uri}"),
        Source::InstanceMetadata => "the instance's role".into(),
        Source::None => {
            let hint =
                "run `aws configure sso` or `aws configure`, or set AWS_PROFILE to a profile that has credentials";
            return unusable(CHECK, registry, living, "no AWS credentials were found".into(), hint.into());
        }
    };
    if let Some(role) = &identity.role {
        what += &format!(", then role {}", role.arn);
    }
    Finding::ok(CHECK, format!("{what}, chosen by {}", aws.chooser(&identity.why)))
}

/// GetAuthorizationToken itself. The token is not kept: a check changes nothing.
fn call(
    opened: &Opened,
    world: &World<'_>,
    registry: &Registry,
    identity: &Identity,
    living: Option<SystemTime>,
) -> Finding {
    let place = endpoint(world.environment, registry).unwrap_or_else(|| "AWS".into());
    match opened.aws.mint(registry, identity) {
        Ok(token) => Finding::ok("ecr", format!("{place} gave a token until {}", output::local(token.expires_at))),
        Err(mut failure) => {
            failure.causes.push(format!("asked {place}"));
            failed("ecr", registry, living, &failure)
        }
    }
}

fn failed(check: &'static str, registry: &Registry, living: Option<SystemTime>, failure: &Failure) -> Finding {
    let causes: String = failure.causes.iter().map(|cause| format!(": {cause}")).collect();
    let hint =
        failure.hint.clone().unwrap_or_else(|| "set ECR_RS_LOG=1 and run the client again to see each step".into());
    unusable(check, registry, living, format!("{failure}{causes}"), hint)
}

/// What keeps a new token away. A `get` still answers where a token lives, and ECR Public serves anybody.
fn unusable(
    check: &'static str,
    registry: &Registry,
    living: Option<SystemTime>,
    what: String,
    hint: String,
) -> Finding {
    match (living, &registry.kind) {
        (Some(end), _) => {
            Finding::warning(check, format!("the cached token serves until {}, then: {what}", output::local(end)), hint)
        }
        (None, Kind::Public) => Finding::warning(check, format!("pulls go on anonymously: {what}"), hint),
        (None, Kind::Private { .. }) => Finding::failed(check, what, hint),
    }
}

/// A registry that is not ECR: is there a login? No secret is read.
pub(super) fn other(world: &World<'_>, server: &str) -> Finding {
    const CHECK: &str = "login";
    match logins::list(world.logins) {
        Ok(labels) => match labels.into_iter().find(|login| login.server == server) {
            Some(login) => Finding::ok(CHECK, format!("{} keeps the login of {}", world.logins.name(), login.username)),
            None => Finding::warning(
                CHECK,
                format!("{server} is no registry of Amazon ECR, and {} has no login for it", world.logins.name()),
                format!(
                    "docker login {server}; if it is a custom domain of ECR, give it a [[registry]] rule with account and region"
                ),
            ),
        },
        Err(fault) => Finding::failed(CHECK, format!("cannot look for the login of {server}: {fault}"), fault.hint()),
    }
}
