//! From the text of `config.toml` to a checked [`Config`].

use std::{
    env::consts::OS,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_spanned::Spanned;
use toml_edit::{
    Document,
    de::{self, Deserializer},
};

use super::{
    file::{ConfigFile, RegistryRule, Text},
    glob::Glob,
    model::{AssumedRole, CacheStore, Config, LoginStore, ProfileChoice, Rule},
};
use crate::{
    names::HELPER,
    registry::{Custom, TOKEN_LIFETIME, is_account, is_region, is_role_arn},
    report::{Report, nearest},
};

impl Config {
    /// Reads the file's text.
    pub fn parse(text: &str, path: PathBuf) -> Result<Config, Report> {
        let source = Source { text, path: &path };
        let file = source.file()?;
        let mut config = Config::default();
        if let Some(store) = file.cache.store {
            config.cache = Some(source.cache(&store, OS)?);
        }
        if let Some(margin) = file.cache.refresh_before {
            config.refresh_before = source.refresh_before(&margin)?;
        }
        if let Some(store) = file.other_registries.store {
            config.logins = source.logins(&store)?;
        }
        config.default_profile = file.defaults.profile.map(profile);
        for rule in file.registry {
            let rule = source.rule(rule, &config.rules)?;
            config.rules.push(rule);
        }
        config.path = Some(path);
        Ok(config)
    }
}

/// The text, to say where something is wrong.
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn line(&self, at: &Range<usize>) -> usize {
        self.text.get(..at.start).unwrap_or_default().matches('\n').count() + 1
    }

    /// Refuses the file for what stands here.
    fn refuse<T>(&self, at: Range<usize>, what: impl fmt::Display, hint: impl Into<String>) -> Result<T, Report> {
        Err(Report::new(format!("{}:{}: {what}", self.path.display(), self.line(&at))).hint(hint))
    }

    fn file(&self) -> Result<ConfigFile, Report> {
        match Document::parse(self.text) {
            Ok(document) => ConfigFile::deserialize(Deserializer::from(document)).or_else(|err| self.mismatch(err)),
            Err(err) => {
                self.refuse(err.span().unwrap_or_default(), format!("not TOML: {}", err.message()), "correct the line")
            }
        }
    }

    /// Puts serde's words for what a key or a value should have been (`serde::de::Error`) into ours.
    fn mismatch<T>(&self, mut err: de::Error) -> Result<T, Report> {
        let (at, message) = (err.span().unwrap_or_default(), err.message().to_owned());
        err.set_input(None); // else it quotes the line in place of the path of the key
        let shown = err.to_string();
        let key = shown.lines().next_back().and_then(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let table = key.map_or("the file".into(), |key| format!("[{key}]"));
        let key = key.unwrap_or("the file");
        let (given, known) = message.rsplit_once("`, expected ").unwrap_or((&message, ""));
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        if let Some(word) = given.strip_prefix("unknown field `") {
            self.refuse(at, format!("{table} has no key {word:?}"), nearest(word, &known))
        } else if let Some(word) = given.strip_prefix("unknown variant `") {
            self.refuse(at, format!("{key} = {word:?} is none of {}", known.join(", ")), nearest(word, &known))
        } else {
            let hint = "texts stand in quotes, keys below [NAME] of their table, each rule below [[registry]]";
            self.refuse(at, format!("{key}: {message}"), hint)
        }
    }

    fn refresh_before(&self, text: &Spanned<Text>) -> Result<Duration, Report> {
        let Text(margin) = text.get_ref();
        match duration(margin) {
            Some(margin) if margin < TOKEN_LIFETIME => Ok(margin),
            _ => {
                let what = format!("refresh-before = {margin:?} is no time under 12 hours");
                self.refuse(text.span(), what, "write a number with h, m or s, such as \"3h\" or \"90m\"")
            }
        }
    }

    /// The store of tokens, if this system has it.
    fn cache(&self, store: &Spanned<CacheStore>, os: &str) -> Result<CacheStore, Report> {
        match *store.get_ref() {
            CacheStore::Keyutils if os != "linux" => {
                let what = "store = \"keyutils\" is Linux's alone: this system's kernel keeps no keys";
                self.refuse(store.span(), what, "write \"keychain\", or \"file\" for clear text")
            }
            store => Ok(store),
        }
    }

    fn logins(&self, store: &Spanned<Text>) -> Result<LoginStore, Report> {
        let Text(suffix) = store.get_ref();
        let (what, hint) = match suffix.as_str() {
            "keychain" => return Ok(LoginStore::Keychain),
            "file" => return Ok(LoginStore::File),
            "none" => return Ok(LoginStore::None),
            HELPER => ("this program itself", "write \"keychain\" to keep logins in the OS keychain"),
            _ if suffix.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) => {
                return Ok(LoginStore::Helper(suffix.clone()));
            }
            _ => (
                "no credential helper's suffix",
                "write what follows docker-credential- in its name, such as \"desktop\"",
            ),
        };
        self.refuse(store.span(), format!("store = {suffix:?} is {what}"), hint)
    }

    /// Checks a rule, also against those before it.
    fn rule(&self, rule: Spanned<RegistryRule>, earlier: &[Rule]) -> Result<Rule, Report> {
        let (at, mut keys) = (rule.span(), rule.into_inner());
        let Some(hosts) = &keys.hosts else {
            return self.refuse(at, "a rule has no match", "add match = \"111122223333.dkr.ecr.*.amazonaws.com\"");
        };
        let Text(pattern) = hosts.get_ref();
        let hosts = Glob::parse(pattern).or_else(|why| {
            let hint = "name a host, with * for any part of it";
            self.refuse(hosts.span(), format!("match = {pattern:?}: {why}"), hint)
        })?;
        if let Some(first) = earlier.iter().find(|earlier| earlier.hosts.covers(&hosts)) {
            let (wide, narrow) = (first.hosts.as_str(), hosts.as_str());
            let what = format!("the rule for {narrow:?} can never apply: line {} for {wide:?} comes first", first.line);
            return self.refuse(at, what, "put the narrower rule first, or remove one of the two");
        }
        let (custom, profile) = (self.custom(&keys, &hosts)?, keys.profile.take().map(profile));
        let signing_profile = keys.signing_profile.take().map(|arn| self.signing_profile(&arn)).transpose()?;
        let rule = Rule { hosts, profile, role: self.role(keys)?, custom, signing_profile, line: self.line(&at) };
        if rule.profile.is_none() && rule.role.is_none() && rule.custom.is_none() && rule.signing_profile.is_none() {
            let hint = "give it a profile, a role-arn, a signing-profile, or an account with a region";
            return self.refuse(at, "a rule has no effect", hint);
        }
        Ok(rule)
    }

    /// The ARN of a signing profile: a name alone may be any account's. Who uses it reads the rest of it.
    fn signing_profile(&self, arn: &Spanned<Text>) -> Result<String, Report> {
        let Text(text) = arn.get_ref();
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts[..] {
            ["arn", _, "signer", _, _, _] => Ok(text.clone()),
            _ => {
                let what = format!("signing-profile = {text:?} is no ARN of a signing profile");
                self.refuse(arn.span(), what, "write arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME")
            }
        }
    }

    fn role(&self, keys: RegistryRule) -> Result<Option<AssumedRole>, Report> {
        let Some(role) = keys.role_arn else {
            return match keys.external_id.or(keys.session_name) {
                Some(alone) => {
                    let what = "external-id or session-name without role-arn";
                    self.refuse(alone.span(), what, "name the role that is assumed")
                }
                None => Ok(None),
            };
        };
        let (at, Text(arn)) = (role.span(), role.into_inner());
        if !is_role_arn(&arn) {
            let what = format!("role-arn = {arn:?} is no ARN of a role");
            return self.refuse(at, what, "write arn:aws:iam::ACCOUNT:role/NAME");
        }
        let text = |value: Spanned<Text>| value.into_inner().0;
        let (external_id, session_name) = (keys.external_id.map(text), keys.session_name.map(text));
        Ok(Some(AssumedRole { arn, external_id, session_name }))
    }

    /// `account` and `region`, which make a host of the user's own a registry: it is named whole, so
    /// that no token leaves for a host that merely looks alike.
    fn custom(&self, keys: &RegistryRule, hosts: &Glob) -> Result<Option<Custom>, Report> {
        let (account, region) = match (&keys.account, &keys.region) {
            (None, None) => return Ok(None),
            (Some(account), Some(region)) => (account, region),
            (Some(alone), None) | (None, Some(alone)) => {
                let hint = "a custom domain needs both; an ECR host name holds both already";
                return self.refuse(alone.span(), "account and region go together", hint);
            }
        };
        let (Text(id), Text(name)) = (account.get_ref(), region.get_ref());
        if !is_account(id) {
            let what = format!("account = {id:?} is not 12 digits");
            return self.refuse(account.span(), what, "write the AWS account id in quotes");
        }
        if !is_region(name) {
            let what = format!("region = {name:?} is no AWS region");
            return self.refuse(region.span(), what, "write it as in \"eu-west-1\"");
        }
        if !hosts.is_literal() {
            let what = format!("a custom domain cannot be a pattern: {:?}", hosts.as_str());
            return self.refuse(account.span(), what, "name each host whole, so that no other host gets a token");
        }
        Ok(Some(Custom { account: id.clone(), region: name.clone() }))
    }
}

fn profile(Text(name): Text) -> ProfileChoice {
    if name == "auto" { ProfileChoice::Auto } else { ProfileChoice::Named(name) }
}

/// A number with a unit: `3h`, `90m`, `45s`.
fn duration(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].trim().parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(unit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file() {
        let text = r#"
[cache]
store = "file"
refresh-before = "90m"
[other-registries]
store = "desktop"
[defaults]
profile = "auto"
[[registry]]
match = "111122223333.dkr.ecr.*.amazonaws.com"
profile = "prod"
[[registry]]
match = "docker.example.com"
account = "111122223333"
region = "eu-west-1"
role-arn = "arn:aws:iam::111122223333:role/path/puller"
external-id = "x"
"#;
        let config = Config::parse(text, "config.toml".into()).unwrap();
        assert_eq!(config.cache, Some(CacheStore::File));
        assert_eq!(config.refresh_before, Duration::from_secs(5400));
        assert_eq!(config.logins, LoginStore::Helper("desktop".into()));
        assert_eq!(config.default_profile, Some(ProfileChoice::Auto));
        let rule = config.rule_for("111122223333.dkr.ecr.eu-west-1.amazonaws.com").unwrap();
        assert_eq!((rule.profile.clone(), rule.line), (Some(ProfileChoice::Named("prod".into())), 9));
        assert_eq!(config.custom("docker.example.com").unwrap().region, "eu-west-1");
        assert_eq!(config.custom("ghcr.io"), None);
        assert_eq!(config.rules[1].role.as_ref().unwrap().external_id.as_deref(), Some("x"));
    }

    #[test]
    fn f1_4_stores_of_logins() {
        for (word, expected) in [
            ("keychain", LoginStore::Keychain),
            ("file", LoginStore::File),
            ("none", LoginStore::None),
            ("pass", LoginStore::Helper("pass".into())),
        ] {
            let text = format!("[other-registries]\nstore = \"{word}\"");
            assert_eq!(Config::parse(&text, "config.toml".into()).unwrap().logins, expected, "{word}");
        }
    }

    #[test]
    fn f4_6_keyutils_is_linuxs_alone() {
        let text = "[cache]\n\nstore = \"keyutils\"";
        let source = Source { text, path: Path::new("config.toml") };
        let store = || source.file().unwrap().cache.store.unwrap();
        assert_eq!(source.cache(&store(), "linux").unwrap(), CacheStore::Keyutils);
        for os in ["macos", "windows", "freebsd"] {
            let err = source.cache(&store(), os).unwrap_err();
            assert!(err.what().starts_with("config.toml:3: ") && err.what().contains("Linux's alone"), "{os}: {err}");
            assert!(err.advice().is_some_and(|hint| hint.contains("file")), "{os}: {err:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, what, hint) in [
            ("a = ", 1, "not TOML", "correct"),
            ("[keychain]\nsession = \"plain\"", 1, "no key \"keychain\"", "cache"),
            ("[cahce]\n", 1, "no key \"cahce\"", "did you mean \"cache\"?"),
            ("[cache]\n\nstor = \"file\"", 3, "[cache] has no key \"stor\"", "\"store\""),
            ("[cache]\nstore = \"keychian\"", 2, "none of keychain, keyutils, file, none", "\"keychain\""),
            ("[cache]\nstore = 7", 2, "cache.store: wanted string", "quotes"),
            ("[cache]\nstore = \"\"", 2, "none of keychain", "known here: keychain"),
            ("[defaults]\nprofile = \"\"", 2, "defaults.profile: an empty text", "quotes"),
            ("[other-registries]\nstore = 7", 2, "other-registries.store: invalid type", "quotes"),
            (
                "\"a`, expected `b\" = 1",
                1,
                "has no key \"a`, expected `b\"",
                "known here: cache, other-registries, defaults, registry",
            ),
            ("cache = 1", 1, "cache: invalid type", "[NAME]"),
            ("[cache]\nrefresh-before = \"3 days\"", 2, "refresh-before", "3h"),
            ("[cache]\nrefresh-before = \"12h\"", 2, "under 12 hours", "3h"),
            ("[cache]\nrefresh-before = \"ü\"", 2, "under 12 hours", "3h"),
            ("[other-registries]\nstore = \"/bin/sh\"", 2, "suffix", "desktop"),
            ("[other-registries]\nstore = \"ecr-rs\"", 2, "itself", "keychain"),
            ("[registry]\nmatch = \"x\"", 1, "registry: invalid type: map, expected a sequence", "[[registry]]"),
            ("[[registry]]\nprofile = \"x\"", 1, "no match", "match ="),
            ("[[registry]]\nmatch = \"https://x\"\nprofile = \"x\"", 2, "no scheme", "host"),
            ("[[registry]]\nmatch = \"x\"", 1, "no effect", "profile"),
            ("[[registry]]\nmatch = \"x\"\nprofil = \"y\"", 3, "no key \"profil\"", "\"profile\""),
            ("[[registry]]\nmatch = \"x\"\nexternal-id = \"y\"", 3, "without role-arn", "role"),
            ("[[registry]]\nmatch = \"x\"\nrole-arn = \"arn:aws:iam::1:role/x\"", 3, "no ARN of a role", "arn:aws"),
            ("[[registry]]\nmatch = \"x\"\naccount = \"111122223333\"", 3, "together", "both"),
            ("[[registry]]\nmatch = \"x\"\naccount = \"1\"\nregion = \"eu-west-1\"", 3, "12 digits", "quotes"),
            (
                "[[registry]]\nmatch = \"x\"\naccount = \"111122223333\"\nregion = \"a.evil\"",
                4,
                "no AWS region",
                "eu-west-1",
            ),
            (
                "[[registry]]\nmatch = \"*.x\"\naccount = \"111122223333\"\nregion = \"eu-west-1\"",
                3,
                "pattern",
                "whole",
            ),
            (
                "[[registry]]\nmatch = \"*\"\nprofile = \"a\"\n[[registry]]\nmatch = \"x\"\nprofile = \"b\"",
                4,
                "never apply",
                "first",
            ),
        ] {
            let err = Config::parse(text, "c.toml".into()).expect_err(text);
            assert!(err.what().starts_with(&format!("c.toml:{line}: ")), "{text:?}: {err}");
            assert!(err.what().contains(what), "{text:?}: {err}");
            assert!(err.advice().is_some_and(|advice| advice.contains(hint)), "{text:?}: {err:?}");
        }
    }
}
