//! The way of one registry's token: identity, credentials, the call.

use std::time::SystemTime;

use super::{
    cache,
    finding::{Finding, Verdict},
    settings,
};
use crate::{
    app::App,
    aws::endpoint,
    cli::output,
    docker::logins,
    identity::{Identity, NO_DEFAULT, Source, Target},
    keychain::{ErrorKind, Keychain},
    names::PROGRAM,
    registry::{Kind, PUBLIC_REGION, Registry, look_alike},
    report::Report,
    token::{TokenSource, cache::TokenLabel},
};

/// Whose credentials this machine has, where no registry is known to ask for.
pub(super) fn identity(app: &App) -> Finding {
    const CHECK: &str = "identity";
    let target = Target { host: String::new(), account: String::new(), region: PUBLIC_REGION.into() };
    match app.identities().find(&target) {
        // Each registry may have the one profile of its account.
        Ok(identity) if identity.why == NO_DEFAULT => {
            let hint = format!("{PROGRAM} doctor HOST --offline says which profile serves a registry");
            Finding::warning(CHECK, identity.why, hint)
        }
        Ok(identity) => match whose(&identity) {
            Ok(what) => Finding::ok(CHECK, what),
            Err(report) => Finding::reported(CHECK, Verdict::Failed, &report),
        },
        Err(cause) => {
            let report = Report::from(cause).prefixed("no AWS identity");
            Finding::reported(CHECK, Verdict::Failed, &report)
        }
    }
}

/// All checks of one ECR registry, until one fails that the rest hang on; without `call` AWS is not asked.
pub(super) fn registry(app: &App, registry: &Registry, labels: &[TokenLabel], call: bool) -> Vec<Finding> {
    let mut findings = vec![settings::rule(&app.config, registry)];
    let identity = match app.identities().find(&Target::from(registry)) {
        Ok(identity) => identity,
        Err(cause) => {
            let report = Report::from(cause).prefixed(&format!("no AWS identity for {}", registry.host));
            findings.push(unusable("identity", registry, None, &report));
            return findings;
        }
    };
    let valid_until = cache::valid_until(labels, &registry.host, &identity.fingerprint(), app.now);
    match whose(&identity) {
        Ok(what) => findings.push(Finding::ok("identity", what)),
        Err(report) => {
            findings.push(unusable("identity", registry, valid_until, &report));
            return findings; // credentials that are not there are not asked for
        }
    }
    if !call {
        let key = format!("{} for identity {}", registry.host, identity.fingerprint());
        findings.push(Finding::ok("cache key", key));
        findings.push(cache::token(valid_until, app.now));
        findings.push(Finding::ok("endpoint", format!("{} would be asked", place(app, registry))));
        return findings;
    }
    match app.aws.credentials(registry, &identity) {
        Ok(credentials) => {
            let end = credentials
                .expires
                .map_or("they do not say when they end".into(), |end| format!("they end {}", output::local(end)));
            findings.push(Finding::ok("credentials", format!("access key {}; {end}", credentials.access_key_id)));
        }
        Err(err) => {
            findings.push(unusable("credentials", registry, valid_until, &err.report));
            return findings;
        }
    }
    findings.push(cache::token(valid_until, app.now));
    findings.push(ask(app, registry, &identity, valid_until));
    findings
}

/// The identity, and the rule that chose it.
fn whose(identity: &Identity) -> Result<String, Report> {
    let mut what = match &identity.source {
        // Ids of session keys begin with ASIA (IAM user guide, "unique ID prefixes").
        Source::Environment(keys) if keys.access_key_id.starts_with("ASIA") && keys.session_token().is_none() => {
            let what = format!("access key {} is a session's, and AWS_SESSION_TOKEN is not set", keys.access_key_id);
            return Err(Report::new(what).hint("set AWS_SESSION_TOKEN, which came with the keys"));
        }
        Source::Environment(keys) => format!("access key {}", keys.access_key_id),
        Source::Profile(profile) => format!("profile {}", profile.name),
        Source::WebIdentity(web) => format!("web identity for {}", web.role_arn),
        Source::Container(container) => format!("the container's credentials at {}", container.uri),
        Source::InstanceMetadata => "the instance's role".into(),
        Source::None => {
            return Err(Report::new(identity.why.clone()).hint(identity.advice.clone()));
        }
    };
    if let Some(role) = &identity.role {
        what += &format!(", then role {}", role.arn);
    }
    Ok(format!("{what}, chosen by {}", identity.why))
}

/// GetAuthorizationToken itself. The token is not kept: a check changes nothing.
fn ask(app: &App, registry: &Registry, identity: &Identity, valid_until: Option<SystemTime>) -> Finding {
    let place = place(app, registry);
    match app.aws.mint(registry, identity) {
        Ok(token) => Finding::ok("ecr", format!("{place} gave a token until {}", output::local(token.expires_at))),
        Err(err) => unusable("ecr", registry, valid_until, &err.report.cause(format!("asked {place}"))),
    }
}

/// Who is asked for the token.
fn place(app: &App, registry: &Registry) -> String {
    endpoint(&app.environment, registry).unwrap_or_else(|| format!("AWS in {}", registry.region))
}

/// What keeps a new token away. A `get` still answers where a token lives, and ECR Public serves anybody.
fn unusable(check: &'static str, registry: &Registry, valid_until: Option<SystemTime>, report: &Report) -> Finding {
    let what = report.full();
    let hint = report.advice().unwrap_or("set ECR_RS_LOG=1 and run the client again to see each step");
    match (valid_until, &registry.kind) {
        (Some(end), _) => {
            Finding::warning(check, format!("the cached token serves until {}, then: {what}", output::local(end)), hint)
        }
        (None, Kind::Public) => Finding::warning(check, format!("pulls go on anonymously: {what}"), hint),
        (None, Kind::Private { .. }) => Finding::failed(check, what, hint),
    }
}

/// A registry that is not ECR: is there a login? No secret is read.
pub(super) fn other(store: &dyn Keychain, server: &str) -> Finding {
    const CHECK: &str = "login";
    if let Some(wrong) = look_alike(server) {
        return Finding::failed("host", format!("{server} is no registry of Amazon ECR: {wrong}"), "correct the name");
    }
    match logins::list(store, Some(server)) {
        Ok((labels, _)) => match labels.first() {
            Some(login) => Finding::ok(CHECK, format!("{} keeps the login of {}", store.name(), login.username)),
            None => Finding::warning(
                CHECK,
                format!("{server} is no registry of Amazon ECR, and {} has no login for it", store.name()),
                format!(
                    "docker login {server}; if it is a custom domain of ECR, give it a [[registry]] rule with account and region"
                ),
            ),
        },
        // Clients go on without a login, which is what there is.
        Err(err) if err.kind == ErrorKind::Absent => {
            Finding::warning(CHECK, format!("{server} is pulled from without a login: {err}"), err.hint())
        }
        Err(err) => Finding::failed(CHECK, format!("cannot look for the login of {server}: {err}"), err.hint()),
    }
}
