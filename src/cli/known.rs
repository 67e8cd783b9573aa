//! What this machine knows by name: registries, AWS profiles, signing profiles. Asks AWS nothing, and nobody.

use crate::{
    app::App,
    config::Config,
    environment::Environment,
    registry::{Server, look_alike},
    setup::{Logins, docker_path, notation_path, podman_auth_files},
    token::cache::TokenLabel,
    verify::{places::Named, trusted::Trusted},
};

/// The ECR registries that the clients' files, the rules of config.toml and the cache name, each once.
pub(super) fn registries(app: &App, labels: &[TokenLabel]) -> Vec<(String, Option<Server>)> {
    let mut hosts = clients_hosts(&app.environment);
    let rules = app.config.rules.iter().map(|rule| &rule.hosts);
    hosts.extend(rules.filter(|hosts| hosts.is_literal()).map(|hosts| hosts.as_str().to_owned()));
    hosts.extend(labels.iter().map(|label| label.host.clone()));
    let mut known: Vec<(String, Option<Server>)> = hosts.iter().map(|host| named(host, Some(&app.config))).collect();
    known.retain(|(name, server)| matches!(server, Some(Server::Ecr(_))) || look_alike(name).is_some());
    known.sort_by(|one, other| one.0.cmp(&other.0));
    known.dedup_by(|one, other| one.0 == other.0);
    known
}

/// The host that a person named, as clients send it, and what it is.
pub(super) fn named(text: &str, config: Option<&Config>) -> (String, Option<Server>) {
    let server = Server::parse(text, |host| config?.custom(host));
    let name = match &server {
        Some(Server::Ecr(registry)) => registry.host.clone(),
        Some(Server::Other(server)) => server.clone(),
        None => text.to_owned(),
    };
    (name, server)
}

/// The hosts that the clients' files name.
fn clients_hosts(environment: &Environment) -> Vec<String> {
    let paths = [docker_path(environment).ok(), notation_path(environment).ok()].into_iter().flatten();
    let mut hosts = Vec::new();
    for path in paths.chain(podman_auth_files(environment)) {
        // A file that cannot be read is doctor's to tell of.
        if let Ok(Some(logins)) = Logins::read(&path) {
            hosts.extend(logins.helpers.into_iter().map(|(host, _)| host));
            hosts.extend(logins.clear_text);
        }
    }
    hosts
}

/// The signing profiles that config.toml and the trust policy in force name, by ARN.
pub(super) fn signing_profiles(app: &App) -> Vec<String> {
    let rules = app.config.rules.iter().filter_map(|rule| rule.signing_profile.clone());
    // A policy that cannot be read is `trust check`'s to tell of.
    let found = Named::default().find(&app.environment).ok();
    let trusted = found.and_then(|found| Trusted::found(found).ok());
    let of_policy = trusted.as_ref().and_then(Trusted::signing_profile).map(ToString::to_string);
    let mut profiles: Vec<String> = rules.chain(of_policy).collect();
    profiles.sort();
    profiles.dedup();
    profiles
}
