//! The profiles of both AWS files, and the sessions and services that they name. Pure.
//!
//! Source: botocore, `configloader.py` (`build_profile_map`) and `session.py` (`full_config`).

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{
    error::IdentityError,
    ini::{self, Fault, IDENTITY_KEYS, Section},
};

/// All profiles of both files, with the `sso-session` and `services` sections they refer to.
#[derive(Default, Clone)]
pub(super) struct Profiles {
    files: [PathBuf; 2],
    profiles: BTreeMap<String, Profile>,
    sso_sessions: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
}

/// A profile as the two files have it.
#[derive(Default, Clone)]
pub(super) struct Profile {
    /// What the config file says.
    pub(super) config: Section,
    /// What the credentials file says, which counts where both say something.
    pub(super) credentials: Section,
}

impl Profile {
    /// A setting, from whichever file.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.credentials.settings.get(key).or_else(|| self.config.settings.get(key));
        found.map(|value| value.as_str())
    }
}

/// The names alone: the settings hold secrets.
impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Profiles {
    /// Reads the bytes of both files: config, then credentials.
    ///
    /// # Errors
    /// [`IdentityError::Line`] where nobody can tell whose the lines of a file are.
    pub(super) fn parse(files: [PathBuf; 2], config: &[u8], credentials: &[u8]) -> Result<Profiles, IdentityError> {
        let mut all = Profiles { files, ..Profiles::default() };
        let config = ini::parse(config).map_err(|fault| all.line(0, fault))?;
        let credentials = ini::parse(credentials).map_err(|fault| all.line(1, fault))?;
        for (heading, section) in config {
            if heading == "default" {
                all.profiles.insert(heading, Profile { config: section, ..Profile::default() });
                continue;
            }
            let Some([_, name]) = ini::words(&heading).and_then(|words| <[String; 2]>::try_from(words).ok()) else {
                continue; // a profile without its prefix, or of three words: nobody's
            };
            // By the beginning of the heading, and the last of one name counts: so does the AWS CLI.
            if heading.starts_with("profile") {
                all.profiles.insert(name, Profile { config: section, ..Profile::default() });
            } else if heading.starts_with("sso-session") {
                all.sso_sessions.insert(name, section);
            } else if heading.starts_with("services") {
                all.services.insert(name, section);
            }
        }
        for (name, section) in credentials {
            all.profiles.entry(name).or_default().credentials = section;
        }
        Ok(all)
    }

    /// A profile, whose lines are all in order; `None` where there is none of this name.
    pub(super) fn get(&self, name: &str) -> Result<Option<&Profile>, IdentityError> {
        let Some(profile) = self.profiles.get(name) else { return Ok(None) };
        for (file, section) in [&profile.config, &profile.credentials].into_iter().enumerate() {
            self.check(file, section)?;
        }
        Ok(Some(profile))
    }

    /// Whether there is a profile of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.profiles.contains_key(name)
    }

    /// The files that were read: config, then credentials.
    pub(super) fn files(&self) -> &[PathBuf; 2] {
        &self.files
    }

    /// An `sso-session` section.
    pub(super) fn sso_session(&self, name: &str) -> Result<Option<&Section>, IdentityError> {
        let session = self.sso_sessions.get(name);
        session.map(|section| self.check(0, section).map(|()| section)).transpose()
    }

    /// The names of all profiles, in alphabetical order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// What a profile says beside its credentials (endpoints, FIPS, dual-stack), as a text for the
    /// SDK's parser: one `[default]` section, its services, and nothing secret. Empty where there is none.
    pub(super) fn settings(&self, name: &str) -> Result<String, IdentityError> {
        let Some(profile) = self.get(name)? else { return Ok(String::new()) };
        let mut text = String::from("[default]\n");
        let mut keys: Vec<&String> =
            profile.config.settings.keys().chain(profile.credentials.settings.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let value = profile.get(key).unwrap_or_default();
            let plain = is_identifier(key) && !value.contains('\n') && !value.is_empty();
            if plain && key != "services" && !IDENTITY_KEYS.contains(&key.as_str()) {
                text += &format!("{key} = {value}\n");
            }
        }
        if let Some(services) = profile.get("services").and_then(|name| self.services.get(name)) {
            self.check(0, services)?;
            text += "services = services\n[services services]\n";
            for (service, nested) in services.settings.iter().filter(|(service, _)| is_identifier(service)) {
                let says = |line: &&str| line.split_once('=').is_some_and(|(_, value)| !value.trim().is_empty());
                let lines = nested.lines().filter(says);
                text += &lines.fold(format!("{service} =\n"), |text, line| format!("{text}  {line}\n"));
            }
        }
        Ok(text)
    }

    fn check(&self, file: usize, section: &Section) -> Result<(), IdentityError> {
        section.fault.as_ref().map_or(Ok(()), |fault| Err(self.line(file, fault.clone())))
    }

    fn line(&self, file: usize, fault: Fault) -> IdentityError {
        IdentityError::Line { path: self.files[file].clone(), line: fault.line, what: fault.what }
    }
}

/// What the SDK's parser takes for a name (`aws-runtime`, `src/env_config/normalize.rs`).
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(config: &str, credentials: &str) -> Profiles {
        Profiles::parse(["config".into(), "credentials".into()], config.as_bytes(), credentials.as_bytes()).unwrap()
    }

    #[test]
    fn both_files_are_read_as_the_aws_cli_reads_them() {
        let config = "
[default]
region = us-east-1
[profile dev]  # a comment
SSO_Session = corp
sso_account_id=111122223333 ; a comment
credential_process = /bin/tool --hash a#b
s3 =
  max_concurrent_requests = 20
region = eu-west-1
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start#/
[plain]
region = ignored
[profile three words]
region = ignored
[services s]
ecr =
  endpoint_url = http://x
[profile twice]
region = nobody
[profile twice]
region = eu-west-1
[profile \"my prof\"]
region = a
[profile prüf]
region = b
[profile \"open]
region = ignored
";
        let credentials = "[dev]\r\naws_access_key_id = AKIA1\r\n[profile dev]\naws_access_key_id = other\n[default]\nregion=eu-north-1\n";
        let profiles = parse(config, credentials);
        for (profile, key, value, why) in [
            ("default", "region", Some("eu-north-1"), "the credentials file wins"),
            ("dev", "sso_session", Some("corp"), "keys have no case"),
            ("dev", "sso_account_id", Some("111122223333"), "blanks and comment"),
            ("dev", "credential_process", Some("/bin/tool --hash a#b"), "a # inside a word is no comment"),
            ("dev", "max_concurrent_requests", None, "nested properties are not the profile's"),
            ("dev", "region", Some("eu-west-1"), "what follows them is"),
            ("dev", "aws_access_key_id", Some("AKIA1"), "CRLF"),
            ("profile dev", "aws_access_key_id", Some("other"), "in credentials the whole heading is the name"),
            ("my prof", "region", Some("a"), "a name in quotes"),
            ("prüf", "region", Some("b"), "a name in any alphabet"),
        ] {
            assert_eq!(profiles.get(profile).unwrap().and_then(|p| p.get(key)), value, "{why}");
        }
        let names: Vec<_> = profiles.names().collect();
        assert_eq!(names, ["default", "dev", "my prof", "profile dev", "prüf", "twice"], "others need their prefix");
        let session = profiles.sso_session("corp").unwrap().unwrap();
        assert_eq!(session.settings["sso_start_url"].as_str(), "https://corp.awsapps.com/start#/");
        let twice = profiles.get("twice").map(|_| ()).unwrap_err().to_string();
        assert_eq!(
            twice, "line 22 of config cannot be read",
            "a section that stands twice is refused where it is used"
        );
        assert!(!format!("{profiles:?}").contains("AKIA1"), "names alone are printed");
    }

    #[test]
    fn of_two_headings_for_one_profile_the_last_counts() {
        for (text, key) in
            [("[default]\na=1\n[profile default]\nb=2", "b"), ("[profile default]\nb=2\n[default]\na=1", "a")]
        {
            let profiles = parse(text, "");
            let profile = profiles.get("default").unwrap().unwrap();
            assert_eq!(profile.config.settings.keys().collect::<Vec<_>>(), [key], "{text:?}");
        }
    }

    #[test]
    fn the_sdk_is_handed_settings_and_no_secret() {
        let config = "
[profile my prof]
region = x
[profile \"my prof\"]
endpoint_url = http://a
use_fips_endpoint: true
role_arn = canary
services = s 1
s3 =
  addressing_style = path
odd key = x
empty =
[services \"s 1\"]
ecr =
  endpoint_url = http://b
[profile other]
nonsense
";
        let profiles = parse(config, "[my prof]\naws_secret_access_key = canary\naws_access_key_id = canary\n");
        let expected = "[default]\nendpoint_url = http://a\nuse_fips_endpoint = true\nservices = services\n\
                        [services services]\necr =\n  endpoint_url = http://b\n";
        assert_eq!(profiles.settings("my prof").unwrap(), expected);
        assert_eq!(profiles.settings("nobody").unwrap(), "");
        assert!(profiles.settings("other").is_err(), "what cannot be read is not passed over where it is used");
    }
}
