//! The AWS shared files, `~/.aws/config` and `~/.aws/credentials`, as far as selecting an identity
//! needs them. Pure: text in, profiles out.
//!
//! The grammar is that of the AWS SDK for Rust (`aws-runtime`, `src/env_config/{parse,normalize}.rs`),
//! read leniently: a line that makes no sense is skipped here, and the SDK names it when it is asked
//! for credentials. This reader exists because a cached token must be found without the SDK.

use std::collections::BTreeMap;

/// The settings of one profile or session: lower-case keys.
pub(super) type Section = BTreeMap<String, String>;

/// All profiles of both files, with the `sso-session` sections they refer to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Profiles {
    profiles: BTreeMap<String, Section>,
    sso_sessions: BTreeMap<String, Section>,
}

/// What counts as white space to the SDKs.
const BLANK: [char; 2] = [' ', '\t'];

impl Profiles {
    /// Reads both files' texts. Where both name a profile, the credentials file's settings win.
    pub(super) fn parse(config: &str, credentials: &str) -> Profiles {
        let mut all = Profiles::default();
        let sections = sections(config);
        // `[profile default]` puts `[default]` out of force.
        let prefixed_default = sections.iter().any(|(name, _)| split_prefix(name) == (Some("profile"), "default"));
        for (name, settings) in sections {
            match split_prefix(name) {
                (None, "default") if prefixed_default => {}
                (Some("profile"), name) | (None, name @ "default") => merge(&mut all.profiles, name, settings),
                (Some("sso-session"), name) => merge(&mut all.sso_sessions, name, settings),
                _ => {} // `[services x]`, or a profile without its prefix, which the SDKs ignore
            }
        }
        for (name, settings) in self::sections(credentials) {
            if split_prefix(name).0.is_none() {
                merge(&mut all.profiles, name.trim_matches(BLANK), settings);
            }
        }
        all
    }

    /// A profile's settings.
    pub(super) fn get(&self, name: &str) -> Option<&Section> {
        self.profiles.get(name)
    }

    /// An `sso-session` section's settings.
    pub(super) fn sso_session(&self, name: &str) -> Option<&Section> {
        self.sso_sessions.get(name)
    }

    /// The names of all profiles, in alphabetical order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }
}

fn merge(into: &mut BTreeMap<String, Section>, name: &str, settings: Section) {
    into.entry(name.to_owned()).or_default().extend(settings);
}

/// `profile NAME` and `sso-session NAME` to their two words; a lone name has no prefix.
fn split_prefix(name: &str) -> (Option<&str>, &str) {
    let name = name.trim_matches(BLANK);
    match name.split_once(BLANK) {
        Some((prefix, rest)) => (Some(prefix), rest.trim_matches(BLANK)),
        None => (None, name),
    }
}

/// The sections of one file in their order, each with its properties; nested ones are left out.
fn sections(text: &str) -> Vec<(&str, Section)> {
    let mut sections: Vec<(&str, Section)> = Vec::new();
    for line in text.lines() {
        if line.starts_with(['#', ';']) || line.starts_with(BLANK) {
            continue; // a comment, or a continuation of the property above, which no rule of ours reads
        }
        if line.starts_with('[') {
            let line = &line[..line.find(['#', ';']).unwrap_or(line.len())];
            let name = line.trim_matches(BLANK).trim_start_matches('[').strip_suffix(']');
            // After a broken heading, properties belong to nobody.
            sections.push((name.unwrap_or("services broken"), Section::new()));
        } else if let (Some((_, settings)), Some((key, value))) =
            (sections.last_mut(), without_comment(line).split_once('='))
        {
            settings.insert(key.trim_matches(BLANK).to_ascii_lowercase(), value.trim_matches(BLANK).to_owned());
        }
    }
    sections
}

/// Cuts off a comment, which in a property needs a blank before it.
fn without_comment(line: &str) -> &str {
    let comment = line
        .char_indices()
        .zip(line.chars().skip(1))
        .find_map(|((at, before), mark)| (before.is_whitespace() && matches!(mark, '#' | ';')).then_some(at));
    &line[..comment.unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_read_as_the_sdk_reads_them() {
        let config = "
stray = before any section
[default]
region = us-east-1
[profile dev]  # a comment
SSO_Session = corp
sso_account_id=111122223333 ; a comment
credential_process = /bin/tool --hash a#b
s3 =
  max_concurrent_requests = 20
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start#/
[plain]
region = ignored
[services s]
ecr =
  endpoint_url = http://x
[profile  broken
region = nobody
[profile dev]
region = eu-west-1
";
        let credentials = "[dev]\r\naws_access_key_id = AKIA1\r\n[profile dev]\naws_access_key_id = ignored\n[default]\nregion=eu-north-1\n";
        let profiles = Profiles::parse(config, credentials);
        for (profile, key, value, why) in [
            ("default", "region", Some("eu-north-1"), "the credentials file wins"),
            ("dev", "sso_session", Some("corp"), "keys have no case"),
            ("dev", "sso_account_id", Some("111122223333"), "blanks and comment"),
            ("dev", "credential_process", Some("/bin/tool --hash a#b"), "a # inside a word is no comment"),
            ("dev", "max_concurrent_requests", None, "nested properties are not the profile's"),
            ("dev", "region", Some("eu-west-1"), "a second section of the same name adds to the first"),
            ("dev", "aws_access_key_id", Some("AKIA1"), "CRLF; a prefixed profile in credentials is ignored"),
        ] {
            assert_eq!(profiles.get(profile).and_then(|p| p.get(key)).map(String::as_str), value, "{why}");
        }
        assert_eq!(profiles.get("plain"), None, "a profile in the config file needs its prefix");
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["default", "dev"]);
        assert_eq!(profiles.sso_session("corp").unwrap()["sso_start_url"], "https://corp.awsapps.com/start#/");
    }

    #[test]
    fn a_prefixed_default_puts_the_plain_one_out_of_force() {
        for text in ["[default]\na=1\n[profile default]\nb=2", "[profile default]\nb=2\n[default]\na=1"] {
            let profiles = Profiles::parse(text, "");
            assert_eq!(profiles.get("default"), Some(&Section::from([("b".into(), "2".into())])), "{text:?}");
        }
    }
}
