//! What a profile's credentials hang on, followed through `source_profile`. Pure.
//!
//! The order of choices is that of the AWS CLI (botocore, `credentials.py`:
//! `create_credential_resolver`, `ProfileProviderBuilder`, `AssumeRoleProvider`). What comes of it is
//! what mints: [`crate::aws`] takes exactly the source and the roles that stand here.

use super::{
    Base, IdentityError, Keys, Role, SessionRenewal, WebIdentity, WebToken, ambient,
    ini::Section,
    profiles::{Profile, Profiles},
};
use crate::environment::Environment;

/// What a profile's chain comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProfileChain {
    /// Where the first credentials come from.
    pub(super) base: Base,
    /// The roles that are assumed on top of them, first to last.
    pub(super) roles: Vec<Role>,
    /// How a person renews the session at the chain's end.
    pub(super) renewal: Option<SessionRenewal>,
    /// The first `mfa_serial` on the way.
    pub(super) mfa_serial: Option<String>,
    /// The account of the identity: of the role, the SSO account or the stated one.
    pub(super) account: Option<String>,
}

/// Follows a profile; `None` when there is no such profile or it has no credentials of any sort, so
/// that the next source is tried.
///
/// # Errors
/// A line that cannot be read, or a chain that does not say whole whose credentials it means.
pub(super) fn follow(
    profiles: &Profiles,
    environment: &Environment,
    name: &str,
) -> Result<Option<ProfileChain>, IdentityError> {
    let (mut roles, mut mfa_serial, mut visited) = (Vec::new(), None, vec![name]);
    let Some(mut profile) = profiles.get(name)? else { return Ok(None) };
    let mut name = name;
    let (base, renewal, own_account) = loop {
        let read = Reader { profiles, environment, name, profile };
        let first = visited.len() == 1;
        if assumes_role(profile) && (first || !has_keys(profile)) {
            mfa_serial = mfa_serial.or(read.text("mfa_serial")?.map(String::from));
            roles.push(Role {
                arn: read.needed("role_arn")?.to_owned(),
                external_id: read.text("external_id")?.map(String::from),
                session_name: read.text("role_session_name")?.map(String::from),
            });
            match (read.text("source_profile")?, read.text("credential_source")?) {
                (Some(_), Some(_)) => return Err(read.broken("it has both source_profile and credential_source")),
                (None, None) => return Err(read.broken("role_arn needs a source_profile or a credential_source")),
                (None, Some(source)) => break (read.named_source(source)?, None, None),
                (Some(source), None) if source == name && has_keys(profile) => {}
                (Some(source), None) if visited.contains(&source) => {
                    return Err(read.broken(format!("its source_profile leads back to {source}")));
                }
                (Some(source), None) => {
                    let missing = || read.broken(format!("there is no profile {source}, its source_profile"));
                    profile = profiles.get(source)?.ok_or_else(missing)?;
                    (name, visited) = (source, [visited, vec![source]].concat());
                    continue;
                }
            }
        }
        match read.base()? {
            Some(base) => break base,
            None if roles.is_empty() => return Ok(None),
            None => return Err(read.broken("it is a source_profile and has no credentials")),
        }
    };
    let account = roles.first().map_or(own_account, |role: &Role| account_of(&role.arn));
    roles.reverse();
    Ok(Some(ProfileChain { base, roles, renewal, mfa_serial, account }))
}

/// Whether a profile is a role on top of other credentials; one with a web identity is its own source.
pub(super) fn assumes_role(profile: &Profile) -> bool {
    profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none()
}

/// Whether a source profile is taken for its keys, whatever else it says.
fn has_keys(profile: &Profile) -> bool {
    profile.get("aws_access_key_id").is_some() || profile.get("aws_secret_access_key").is_some()
}

/// The account in an ARN.
fn account_of(arn: &str) -> Option<String> {
    arn.split(':').nth(4).filter(|account| !account.is_empty()).map(String::from)
}

/// Reads one profile.
struct Reader<'a> {
    profiles: &'a Profiles,
    environment: &'a Environment,
    name: &'a str,
    profile: &'a Profile,
}

/// A source, how its session is renewed, and its account.
type Found = (Base, Option<SessionRenewal>, Option<String>);

impl<'a> Reader<'a> {
    fn broken(&self, what: impl Into<String>) -> IdentityError {
        let files = self.profiles.files().clone();
        IdentityError::BrokenProfile { profile: self.name.into(), what: what.into(), files }
    }

    /// A setting that is not there or says something.
    fn text(&self, key: &str) -> Result<Option<&'a str>, IdentityError> {
        match self.profile.get(key) {
            Some("") => Err(self.broken(format!("{key} is empty"))),
            found => Ok(found),
        }
    }

    fn needed(&self, key: &str) -> Result<&'a str, IdentityError> {
        self.text(key)?.ok_or_else(|| self.broken(format!("{key} is missing")))
    }

    /// What `credential_source` names.
    fn named_source(&self, source: &str) -> Result<Base, IdentityError> {
        match source {
            "Environment" => {
                let missing = || self.broken("credential_source is Environment, and AWS_ACCESS_KEY_ID is not set");
                Ok(Base::Keys(ambient::keys(self.environment)?.ok_or_else(missing)?))
            }
            "EcsContainer" => {
                let missing = || {
                    self.broken("credential_source is EcsContainer, and AWS_CONTAINER_CREDENTIALS_FULL_URI is not set")
                };
                Ok(Base::Container(ambient::container(self.environment).ok_or_else(missing)?))
            }
            "Ec2InstanceMetadata" => Ok(Base::InstanceMetadata),
            other => Err(self.broken(format!(
                "credential_source is {other:?}: it can be Environment, EcsContainer or Ec2InstanceMetadata"
            ))),
        }
    }

    /// The credentials of a profile that assumes no role on top of others.
    fn base(&self) -> Result<Option<Found>, IdentityError> {
        let stated_account = || self.profile.get("aws_account_id").map(String::from);
        if let Some(token_file) = self.text("web_identity_token_file")? {
            let role_arn = self.needed("role_arn")?;
            let session_name = self.text("role_session_name")?.map(String::from);
            let token = WebToken::File(token_file.into());
            let base = Base::WebIdentity(WebIdentity { role_arn: role_arn.into(), token, session_name });
            return Ok(Some((base, None, account_of(role_arn))));
        }
        if self.profile.get("sso_account_id").is_some() || self.profile.get("sso_role_name").is_some() {
            return self.sso().map(Some);
        }
        if let Some(keys) = self.keys(&self.profile.credentials)? {
            return Ok(Some((Base::Keys(keys), None, stated_account())));
        }
        if let Some(arn) = self.text("login_session")? {
            let renewal = SessionRenewal::Console { profile: self.name.into() };
            return Ok(Some((Base::Login { arn: arn.into() }, Some(renewal), account_of(arn))));
        }
        if let Some(command) = self.text("credential_process")? {
            // The AWS CLI parts it into words; a line break would end the command for a shell.
            let command = command.split('\n').collect::<Vec<_>>().join(" ");
            return Ok(Some((Base::Process { command }, None, stated_account())));
        }
        let keys = self.keys(&self.profile.config)?;
        Ok(keys.map(|keys| (Base::Keys(keys), None, stated_account())))
    }

    /// The keys of one file. Half a pair is nobody's, and never a reason to take somebody else's.
    fn keys(&self, section: &Section) -> Result<Option<Keys>, IdentityError> {
        let text = |key: &str| section.settings.get(key).map(|value| value.as_str());
        let Some(id) = text("aws_access_key_id") else { return Ok(None) };
        let Some(secret) = text("aws_secret_access_key") else {
            return Err(self.broken("aws_access_key_id is there and aws_secret_access_key is not"));
        };
        let token = text("aws_security_token").or_else(|| text("aws_session_token"));
        Keys::new(id, secret, token).map(Some).map_err(|what| self.broken(format!("its {what}")))
    }

    fn sso(&self) -> Result<Found, IdentityError> {
        let session_name = self.text("sso_session")?;
        let session = match session_name {
            Some(name) => Some(
                self.profiles
                    .sso_session(name)?
                    .ok_or_else(|| self.broken(format!("there is no [sso-session {name}], which it names")))?,
            ),
            None => None,
        };
        // What both say must be the same.
        for (key, value) in session.into_iter().flat_map(|session| &session.settings) {
            if self.profile.get(key).is_some_and(|own| own != value.as_str()) {
                return Err(self.broken(format!("{key} is another one in the profile than in its sso-session")));
            }
        }
        let of_session = |key: &str| {
            let found = session.and_then(|session| session.settings.get(key)).map(|value| value.as_str());
            found.filter(|value| !value.is_empty()).map_or_else(|| self.needed(key), Ok).map(String::from)
        };
        let account = self.needed("sso_account_id")?;
        let base = Base::Sso {
            session: session_name.map(String::from),
            start_url: of_session("sso_start_url")?,
            region: of_session("sso_region")?,
            account: account.into(),
            role: self.needed("sso_role_name")?.into(),
        };
        Ok((base, Some(SessionRenewal::Sso { profile: self.name.into() }), Some(account.into())))
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

    fn environment(variables: &'static [(&'static str, &'static str)]) -> Environment {
        Environment {
            variable: Box::new(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())),
            home: None,
            config_folder: None,
            cache_folder: None,
            system_folder: std::path::PathBuf::new(),
            runtime_folder: "/run".into(),
            temporary_folder: std::path::PathBuf::new(),
            interactive: false,
        }
    }

    fn parse(config: &str, credentials: &str) -> Profiles {
        Profiles::parse(["config".into(), "credentials".into()], config.as_bytes(), credentials.as_bytes()).unwrap()
    }

    #[test]
    fn chains_end_where_the_aws_cli_ends_them() {
        let profiles = parse(CONFIG, "");
        let environment = environment(&[]);
        for (name, account, login, mfa, why) in [
            ("keys", None, None, false, "an access key says no account"),
            ("sso", Some("111122223333"), Some("sso"), false, "the session's account"),
            ("legacy-sso", Some("111122223333"), Some("legacy-sso"), false, "the older form"),
            ("role", Some("222233334444"), Some("sso"), false, "the role's account, the source's session"),
            ("role-external", Some("222233334444"), Some("sso"), false, "another external id is another session"),
            ("mfa", Some("222233334444"), None, true, "needs a person"),
            ("self", Some("222233334444"), None, false, "a profile may be its own source"),
            ("ec2", Some("222233334444"), None, false, "a role on the instance's credentials"),
            ("irsa", Some("222233334444"), None, false, "web identity in a profile is no chain"),
            ("process", None, None, false, "a program's word"),
            ("console", Some("333344445555"), Some("console"), false, "aws login"),
        ] {
            let chain =
                follow(&profiles, &environment, name).unwrap().unwrap_or_else(|| panic!("{name} has credentials"));
            assert_eq!(chain.account.as_deref(), account, "{why}");
            assert_eq!(chain.mfa_serial.is_some(), mfa, "{why}");
            let session = chain.renewal.as_ref().map(|login| match login {
                SessionRenewal::Sso { profile } | SessionRenewal::Console { profile } => profile.as_str(),
            });
            assert_eq!(session, login, "{why}");
            assert!(!format!("{chain:?}").contains("canary"), "no secret is printed: {chain:?}");
        }
        let none = follow(&profiles, &environment, "region-only").unwrap();
        assert_eq!(none, None, "no credentials: the next source is tried");
    }

    #[test]
    fn f6_7_a_profile_that_does_not_say_whose_is_an_error() {
        let environment = environment(&[("AWS_ACCESS_KEY_ID", "AKIA9")]);
        for (config, words) in [
            ("role_arn = r\nsource_profile = b\n[profile b]\nrole_arn = s\nsource_profile = a", "leads back to a"),
            ("role_arn = r\nsource_profile = a", "leads back to a"),
            ("role_arn = r\nsource_profile = nobody", "no profile nobody"),
            ("role_arn = r\nsource_profile = b\n[profile b]\nregion = x", "has no credentials"),
            ("role_arn = r\nsource_profile = b\n[profile b]\naws_secret_access_key = x", "has no credentials"),
            ("role_arn = r", "needs a source_profile"),
            ("role_arn = r\nsource_profile = b\ncredential_source = Environment", "both source_profile and"),
            ("role_arn = r\ncredential_source = Elsewhere", "it can be Environment"),
            ("role_arn = r\ncredential_source = EcsContainer", "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set"),
            ("role_arn =\nsource_profile = b", "role_arn is empty"),
            ("aws_access_key_id = AKIA1", "aws_secret_access_key is not"),
            ("aws_access_key_id = AKIA1\naws_secret_access_key =", "secret access key is empty"),
            ("web_identity_token_file = /t", "role_arn is missing"),
            ("sso_account_id = 1\nsso_start_url = u\nsso_region = r", "sso_role_name is missing"),
            ("sso_account_id = 1\nsso_role_name = r", "sso_start_url is missing"),
            ("sso_account_id = 1\nsso_role_name = r\nsso_session = s", "no [sso-session s]"),
            (
                "sso_account_id = 1\nsso_role_name = r\nsso_session = s\nsso_start_url = u\n\
                 [sso-session s]\nsso_start_url = other\nsso_region = r",
                "sso_start_url is another one",
            ),
        ] {
            let profiles = parse(&format!("[profile a]\n{config}\n"), "");
            let err = follow(&profiles, &environment, "a").expect_err(words);
            let report = crate::report::Report::from(err).full();
            assert!(report.contains(words), "{config}: {report}");
        }
        let source = parse("[profile a]\nrole_arn = r\ncredential_source = Environment", "");
        let err = follow(&source, &environment, "a").expect_err("half a pair in the environment").to_string();
        assert_eq!(err, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
    }

    #[test]
    fn f6_7_of_several_sources_in_one_profile_the_clis_counts() {
        const KEYS: &str = "aws_access_key_id = AKIA1\naws_secret_access_key = canary\n";
        const SSO: &str = "sso_account_id = 1\nsso_role_name = r\nsso_start_url = u\nsso_region = x\n";
        let environment = environment(&[]);
        let in_credentials = format!("[a]\n{KEYS}");
        for (config, credentials, kind, why) in [
            ("credential_process = p\n", in_credentials.as_str(), "keys", "keys in credentials"),
            ("login_session = l\n", in_credentials.as_str(), "keys", "keys in credentials"),
            (
                "credential_process = p\naws_access_key_id = AKIA1\naws_secret_access_key = x\n",
                "",
                "process",
                "one file",
            ),
            ("login_session = l\ncredential_process = p\n", "", "login", "a session before a process"),
            (SSO, in_credentials.as_str(), "sso", "SSO before all keys"),
            (
                "web_identity_token_file = /t\nrole_arn = r\n",
                in_credentials.as_str(),
                "web",
                "a web identity before them",
            ),
            ("sso_session = s\n", in_credentials.as_str(), "keys", "a session for something else than accounts"),
        ] {
            let profiles = parse(&format!("[profile a]\n{config}"), credentials);
            let chain = follow(&profiles, &environment, "a").unwrap().unwrap();
            let found = match chain.base {
                Base::Keys(_) => "keys",
                Base::Process { .. } => "process",
                Base::Login { .. } => "login",
                Base::Sso { .. } => "sso",
                Base::WebIdentity(_) => "web",
                Base::Container(_) | Base::InstanceMetadata => "machine",
            };
            assert_eq!(found, kind, "{why}: {config}");
        }
        let same = format!("{SSO}sso_session = s\n[sso-session s]\nsso_start_url = u\nsso_region = x\n");
        let chain = follow(&parse(&format!("[profile a]\n{same}"), ""), &environment, "a").unwrap().unwrap();
        assert!(matches!(chain.base, Base::Sso { session: Some(_), .. }), "what both say alike is no contradiction");
    }
}
