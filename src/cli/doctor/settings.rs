//! Our config.toml, and environment variables that change the way or override each other.

use super::finding::Finding;
use crate::{aws::Settings, config::Config, environment::Environment, registry::Registry, report::Report};

/// Our config.toml.
pub(super) fn config(loaded: &Result<Config, Report>) -> Finding {
    const CHECK: &str = "config.toml";
    match loaded {
        Err(err) => Finding::failed(CHECK, err.to_string(), err.advice().unwrap_or_default()),
        Ok(Config { path: None, .. }) => Finding::ok(CHECK, "there is none, and none is needed"),
        Ok(Config { path: Some(path), rules, .. }) => {
            Finding::ok(CHECK, format!("{}, registry rules: {}", path.display(), rules.len()))
        }
    }
}

/// The rule of config.toml for a registry.
pub(super) fn rule(config: &Config, registry: &Registry) -> Finding {
    match config.rule_for(&registry.host) {
        Some(rule) => Finding::ok("rule", rule.place()),
        None => Finding::ok("rule", "no rule of config.toml is for it"),
    }
}

/// AWS variables that override each other or cannot work.
pub(super) fn variables(environment: &Environment) -> Vec<Finding> {
    const CHECK: &str = "variables";
    let text = |name: &str| environment.text(name);
    let mut findings = Vec::new();
    let mut warn = |what: String, hint: String| findings.push(Finding::warning(CHECK, what, hint));
    let (id, secret) = (text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY"));
    if let (Some(_), Some(_), Some(profile)) = (&id, &secret, text("AWS_PROFILE")) {
        warn(
            format!("AWS_PROFILE={profile} is not used: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go before it"),
            "unset the keys, or AWS_PROFILE".into(),
        );
    }
    if id.is_none() && secret.is_some() {
        warn(
            "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID, so it is not used".into(),
            "set AWS_ACCESS_KEY_ID too, or unset AWS_SECRET_ACCESS_KEY".into(),
        );
    }
    if let (Some(first), Some(second)) = (text("AWS_DEFAULT_PROFILE"), text("AWS_PROFILE"))
        && first != second
    {
        warn(
            format!("AWS_DEFAULT_PROFILE={first} counts before AWS_PROFILE={second}, as for the AWS CLI"),
            "unset AWS_DEFAULT_PROFILE".into(),
        );
    }
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        if let Some(path) = environment.path(name).filter(|path| !path.is_file()) {
            warn(format!("{name} names {}, which is no file", path.display()), format!("correct or unset {name}"));
        }
    }
    if let Some(mode) =
        text("AWS_RETRY_MODE").filter(|mode| !["standard", "adaptive", "legacy"].contains(&mode.as_str()))
    {
        warn(
            format!(
                "AWS_RETRY_MODE={mode} is no mode that the AWS SDKs know; it is ignored here, and other programs may fail"
            ),
            "set it to standard, or unset it".into(),
        );
    }
    findings.extend(legacy(environment));
    findings
}

/// The variables of amazon-ecr-credential-helper, which mean the same here.
fn legacy(environment: &Environment) -> Vec<Finding> {
    const CHECK: &str = "variables";
    let mut findings = Vec::new();
    let mut warn = |what: &str, hint: &str| findings.push(Finding::warning(CHECK, what, hint));
    if environment.text("AWS_ECR_DISABLE_CACHE").is_some() {
        warn(
            "AWS_ECR_DISABLE_CACHE is set: nothing is cached, and every `get` asks AWS",
            "unset AWS_ECR_DISABLE_CACHE",
        );
    } else if environment.text("AWS_ECR_CACHE_DIR").is_some() {
        warn(
            "AWS_ECR_CACHE_DIR is set: tokens are kept in clear text in that folder, unless config.toml names a store",
            "unset AWS_ECR_CACHE_DIR to use the keychain",
        );
    }
    if environment.is_true("AWS_ECR_IGNORE_CREDS_STORAGE") {
        warn(
            "AWS_ECR_IGNORE_CREDS_STORAGE is set: `docker login` of any registry is not kept",
            "unset AWS_ECR_IGNORE_CREDS_STORAGE",
        );
    }
    findings
}

/// The way to AWS: proxy and certificates.
pub(super) fn network(environment: &Environment, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let plain = ["HTTP_PROXY", "http_proxy"].iter().find(|name| environment.text(name).is_some());
    match (&settings.proxy, plain) {
        (Some(proxy), _) => findings.push(Finding::ok("proxy", format!("AWS is reached through {proxy}"))),
        (None, Some(name)) => findings.push(Finding::warning(
            "proxy",
            format!("{name} is set and HTTPS_PROXY is not: AWS speaks https, so no proxy is used"),
            "set HTTPS_PROXY too",
        )),
        (None, None) => {}
    }
    if let Some(path) = &settings.ca_bundle {
        findings.push(if path.is_file() {
            Finding::ok("ca bundle", format!("the certificates of {} alone are trusted", path.display()))
        } else {
            Finding::failed(
                "ca bundle",
                format!("AWS_CA_BUNDLE names {}, which is no file", path.display()),
                "correct or unset AWS_CA_BUNDLE",
            )
        });
    }
    findings
}
