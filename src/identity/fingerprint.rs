//! The name of an identity in cache keys: a hash of everything that selects the principal.

use super::{Base, Container, Identity, Role, Source, WebIdentity, WebToken};
use crate::digest::sha256;

impl Identity {
    /// The name of this identity in cache keys: a SHA-256 over what selects it, 32 hex digits.
    ///
    /// Session keys that rotate under one profile or role keep one fingerprint; another profile,
    /// role or account has another. A region selects no identity and is left out. What is secret in it
    /// (a command, an authorization token) is hashed with all the rest.
    pub fn fingerprint(&self) -> String {
        let mut text = Selector::default();
        let instance = match &self.source {
            Source::Environment(keys) => {
                text.add("environment", &keys.access_key_id);
                false
            }
            Source::Profile(profile) => {
                text.base(&profile.base);
                profile.roles.iter().for_each(|role| text.role(role));
                profile.base == Base::InstanceMetadata
            }
            Source::WebIdentity(web) => {
                text.web_identity(web);
                false
            }
            Source::Container(container) => {
                text.container(container);
                false
            }
            Source::InstanceMetadata => {
                text.add("instance metadata", "");
                true
            }
            Source::None => {
                text.add("none", "");
                false
            }
        };
        if instance && self.metadata.stated {
            text.add("metadata endpoint", &self.metadata.endpoint);
        }
        if let Some(role) = &self.role {
            text.role(role);
        }
        sha256(text.0.as_bytes())[..32].to_owned()
    }
}

/// The text that is hashed.
#[derive(Default)]
struct Selector(String);

impl Selector {
    /// Adds a line; lengths keep two values from reading as one.
    fn add(&mut self, what: &str, value: &str) {
        self.0.push_str(&format!("{what} {}:{value}\n", value.len()));
    }

    /// Adds a value that may be there or not, which is more than being empty.
    fn add_some(&mut self, what: &str, value: Option<&str>) {
        value.into_iter().for_each(|value| self.add(what, value));
    }

    fn role(&mut self, role: &Role) {
        self.add("role", &role.arn);
        self.add_some("external id", role.external_id.as_deref());
        self.add_some("session name", role.session_name.as_deref());
    }

    fn container(&mut self, container: &Container) {
        self.add("container", &container.uri);
        match &container.token_file {
            Some(file) => self.add("authorization file", &file.to_string_lossy()),
            None => self.add_some("authorization", container.authorization.as_deref()),
        }
    }

    fn web_identity(&mut self, web: &WebIdentity) {
        self.add("web identity role", &web.role_arn);
        match &web.token {
            WebToken::File(path) => self.add("web identity token", &path.to_string_lossy()),
            // Whoever brings another one must show it to STS, though the role is the same.
            WebToken::Given(token) => self.add("given web identity token", &sha256(token.expose().as_bytes())),
        }
        self.add_some("session name", web.session_name.as_deref());
    }

    fn base(&mut self, base: &Base) {
        match base {
            Base::Keys(keys) => self.add("access key", &keys.access_key_id),
            Base::WebIdentity(web) => self.web_identity(web),
            Base::Sso { session, start_url, account, role, .. } => {
                self.add_some("sso session", session.as_deref());
                self.add("sso start url", start_url);
                self.add("sso account", account);
                self.add("sso role", role);
            }
            Base::Login { arn } => self.add("login session", arn),
            Base::Process { command } => self.add("credential process", command),
            Base::Container(container) => self.container(container),
            Base::InstanceMetadata => self.add("instance metadata", ""),
        }
    }
}
