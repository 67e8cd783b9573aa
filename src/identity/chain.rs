//! What a profile's credentials hang on, followed through `source_profile`. Pure.
//!
//! The order of choices is that of the AWS SDK for Rust (`aws-config`,
//! `src/profile/credentials/repr.rs`: `resolve_chain` and `base_provider`), so that the identity
//! that keys the cache is the identity that mints.

use super::{
    SessionRenewal,
    profiles::{Profiles, Section},
};

/// What a profile's chain comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProfileChain {
    /// What selects the identity, in one text; see [`super::Profile::selects`].
    pub(super) selects: String,
    /// How a person renews the session at the chain's end.
    pub(super) renewal: Option<SessionRenewal>,
    /// The first `mfa_serial` on the way.
    pub(super) mfa_serial: Option<String>,
    /// The account of the identity: of the role, the SSO account or the stated one.
    pub(super) account: Option<String>,
    /// The `web_identity_token_file` at the chain's end.
    pub(super) token_file: Option<String>,
}

/// Follows a profile; `None` when there is no such profile or it has no credentials of any sort, so
/// that the next source is tried.
///
/// A broken chain (a loop, a missing source) still has a text: the SDK names the fault when it is
/// asked for credentials, and no token can be under that text.
pub(super) fn follow(profiles: &Profiles, name: &str) -> Option<ProfileChain> {
    let mut chain =
        ProfileChain { selects: String::new(), renewal: None, mfa_serial: None, account: None, token_file: None };
    let mut visited: Vec<&str> = Vec::new();
    let mut name = name;
    loop {
        let Some(profile) = profiles.get(name) else {
            chain.add("missing source", name);
            return Some(chain).filter(|_| !visited.is_empty());
        };
        let looped = visited.contains(&name);
        let source_is_static = !visited.is_empty() && profile.contains_key("aws_secret_access_key");
        visited.push(name);
        let role = profile.get("role_arn").filter(|_| !profile.contains_key("web_identity_token_file"));
        match role {
            Some(role) if !looped && !source_is_static => {
                chain.add("role", role);
                chain.add("external id", profile.get("external_id").map_or("", String::as_str));
                chain.account = chain.account.or_else(|| role.split(':').nth(4).map(String::from));
                chain.mfa_serial = chain.mfa_serial.or_else(|| profile.get("mfa_serial").cloned());
                match profile.get("source_profile") {
                    Some(source) if source != name => name = source,
                    _ => break chain.base(profiles, profile, name),
                }
            }
            _ if looped => {
                chain.add("loop", name);
                return Some(chain);
            }
            _ => break chain.base(profiles, profile, name),
        }
    }
}

impl ProfileChain {
    /// Adds a line; lengths keep two values from reading as one.
    fn add(&mut self, what: &str, value: &str) {
        self.selects.push_str(&format!("{what} {}:{value}\n", value.len()));
    }

    /// Ends the chain at a profile that assumes nothing further.
    fn base(mut self, profiles: &Profiles, profile: &Section, name: &str) -> Option<ProfileChain> {
        let text = |key: &str| profile.get(key).map(String::as_str);
        if let Some(source) = text("credential_source") {
            self.add("credential source", source);
        } else if let Some(token_file) = text("web_identity_token_file") {
            self.add("web identity role", text("role_arn").unwrap_or_default());
            self.add("web identity token", token_file);
            self.token_file = Some(token_file.into());
            self.account = self.account.or_else(|| text("role_arn")?.split(':').nth(4).map(String::from));
        } else if profile.keys().any(|key| key.starts_with("sso_")) {
            let session = text("sso_session").and_then(|session| profiles.sso_session(session));
            let start_url = text("sso_start_url").or_else(|| session?.get("sso_start_url").map(String::as_str));
            self.add("sso session", text("sso_session").unwrap_or_default());
            self.add("sso start url", start_url.unwrap_or_default());
            self.add("sso account", text("sso_account_id").unwrap_or_default());
            self.add("sso role", text("sso_role_name").unwrap_or_default());
            self.account = self.account.or_else(|| text("sso_account_id").map(String::from));
            self.renewal = Some(SessionRenewal::Sso { profile: name.into() });
        } else if let Some(session) = text("login_session") {
            self.add("login session", session);
            self.account = self.account.or_else(|| session.split(':').nth(4).map(String::from));
            self.renewal = Some(SessionRenewal::Console { profile: name.into() });
        } else if let Some(process) = text("credential_process") {
            self.add("credential process", process);
            self.account = self.account.or_else(|| text("aws_account_id").map(String::from));
        } else if let Some(id) = text("aws_access_key_id") {
            self.add("access key", id);
            self.account = self.account.or_else(|| text("aws_account_id").map(String::from));
        } else if self.selects.is_empty() {
            return None;
        } else {
            self.add("no credentials", name);
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
[profile keys]
aws_access_key_id = AKIA1
aws_secret_access_key = canary
[profile region-only]
region = eu-west-1
[profile sso]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = dev
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = eu-west-1
[profile legacy-sso]
sso_start_url = https://corp.example/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = dev
[profile role]
role_arn = arn:aws:iam::222233334444:role/puller
source_profile = sso
[profile role-external]
role_arn = arn:aws:iam::222233334444:role/puller
external_id = x
source_profile = sso
[profile mfa]
role_arn = arn:aws:iam::222233334444:role/admin
source_profile = keys
mfa_serial = arn:aws:iam::111122223333:mfa/me
[profile self]
role_arn = arn:aws:iam::222233334444:role/puller
source_profile = self
aws_access_key_id = AKIA2
aws_secret_access_key = canary
[profile loop-a]
role_arn = arn:aws:iam::222233334444:role/a
source_profile = loop-b
[profile loop-b]
role_arn = arn:aws:iam::222233334444:role/b
source_profile = loop-a
[profile orphan]
role_arn = arn:aws:iam::222233334444:role/a
source_profile = nobody
[profile ec2]
role_arn = arn:aws:iam::222233334444:role/a
credential_source = Ec2InstanceMetadata
[profile irsa]
role_arn = arn:aws:iam::222233334444:role/a
web_identity_token_file = /token
[profile process]
credential_process = /bin/tool
[profile console]
login_session = arn:aws:iam::333344445555:user/Admin
";

    #[test]
    fn chains_end_where_the_sdk_ends_them() {
        let profiles = Profiles::parse(CONFIG, "");
        let mut texts = std::collections::BTreeMap::new();
        for (name, account, login, mfa, why) in [
            ("keys", None, None, false, "an access key says no account"),
            ("sso", Some("111122223333"), Some("sso"), false, "the session's account"),
            ("legacy-sso", Some("111122223333"), Some("legacy-sso"), false, "the older form"),
            ("role", Some("222233334444"), Some("sso"), false, "the role's account, the source's session"),
            ("role-external", Some("222233334444"), Some("sso"), false, "another external id is another session"),
            ("mfa", Some("222233334444"), None, true, "needs a person"),
            ("self", Some("222233334444"), None, false, "a profile may be its own source"),
            ("loop-a", Some("222233334444"), None, false, "a loop ends"),
            ("orphan", Some("222233334444"), None, false, "a missing source ends"),
            ("ec2", Some("222233334444"), None, false, "a role on the instance's credentials"),
            ("irsa", Some("222233334444"), None, false, "web identity in a profile is no chain"),
            ("process", None, None, false, "a program's word"),
            ("console", Some("333344445555"), Some("console"), false, "aws login"),
        ] {
            let chain = follow(&profiles, name).unwrap_or_else(|| panic!("{name} has credentials"));
            assert_eq!(chain.account.as_deref(), account, "{why}");
            assert_eq!(chain.mfa_serial.is_some(), mfa, "{why}");
            let session = chain.renewal.as_ref().map(|login| match login {
                SessionRenewal::Sso { profile } | SessionRenewal::Console { profile } => profile.as_str(),
            });
            assert_eq!(session, login, "{why}");
            assert!(!chain.selects.contains("canary"), "a secret selects nothing: {}", chain.selects);
            assert_eq!(texts.insert(chain.selects, name), None, "{name} is an identity of its own");
        }
        assert_eq!(follow(&profiles, "region-only"), None, "no credentials: the next source is tried");
    }
}
