//! From the text of `config.toml` to a checked [`Config`].

use std::{ops::Range, path::Path, time::Duration};

use toml_edit::{Document, Item, TableLike};

use super::{AssumedRole, CacheStore, Config, ConfigError, Glob, LoginStore, ProfileChoice, Rule};
use crate::registry::{Custom, is_account, is_region};

/// Where in the text something stands, in bytes.
type Span = Option<Range<usize>>;

/// The longest life of an ECR token (AWS documentation, GetAuthorizationToken): 12 hours.
const TOKEN_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Reads and checks the whole file.
pub(super) fn config(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let file = File { text, path };
    let document = Document::parse(text).map_err(|err| {
        file.error(err.span(), format!("not TOML: {}", err.message().replace('\n', " ")), "correct the line")
    })?;
    let root = Section { file: &file, table: document.as_table(), name: "the file" };
    root.only(&["cache", "other-registries", "defaults", "registry"])?;
    let mut config = Config { path: Some(path.into()), ..Config::default() };
    if let Some(cache) = root.section("cache", "[cache]")? {
        cache.only(&["store", "refresh-before"])?;
        config.cache = cache.choice("store", &CACHE_STORES)?;
        if let Some((text, span)) = cache.text("refresh-before")? {
            config.refresh_before = duration(text).filter(|margin| *margin < TOKEN_LIFE).ok_or_else(|| {
                let what = format!("refresh-before = {text:?} is no time under 12 hours");
                file.error(span, what, "write a number with h, m or s, such as \"3h\" or \"90m\"")
            })?;
        }
    }
    if let Some(others) = root.section("other-registries", "[other-registries]")? {
        others.only(&["store"])?;
        config.logins = others.logins()?;
    }
    if let Some(defaults) = root.section("defaults", "[defaults]")? {
        defaults.only(&["profile"])?;
        config.default_profile = defaults.profile()?;
    }
    config.rules = root.rules()?;
    Ok(config)
}

const CACHE_STORES: [(&str, CacheStore); 4] = [
    ("keychain", CacheStore::Keychain),
    ("keyutils", CacheStore::Keyutils),
    ("file", CacheStore::File),
    ("none", CacheStore::None),
];

const RULE_KEYS: [&str; 7] = ["match", "profile", "role-arn", "external-id", "session-name", "account", "region"];

/// The file, to say where something is wrong.
struct File<'a> {
    text: &'a str,
    path: &'a Path,
}

impl File<'_> {
    fn line(&self, span: Span) -> Option<usize> {
        let before = self.text.get(..span?.start)?;
        Some(before.matches('\n').count() + 1)
    }

    fn error(&self, span: Span, what: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError { path: self.path.into(), line: self.line(span), what: what.into(), hint: hint.into() }
    }
}

/// One table of the file.
struct Section<'a> {
    file: &'a File<'a>,
    table: &'a dyn TableLike,
    name: &'a str,
}

impl<'a> Section<'a> {
    /// Refuses keys that are not in `known`, with the nearest one that is.
    fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        for (key, _) in self.table.iter() {
            if !known.contains(&key) {
                let span = self.table.key(key).and_then(|key| key.span());
                let what = format!("{} has no key {key:?}", self.name);
                return Err(self.file.error(span, what, nearest(key, known)));
            }
        }
        Ok(())
    }

    fn section(&self, key: &str, name: &'a str) -> Result<Option<Section<'a>>, ConfigError> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let table = item.as_table_like().ok_or_else(|| {
            self.file.error(item.span(), format!("{key} is not a table"), format!("write {name} on a line of its own"))
        })?;
        Ok(Some(Section { file: self.file, table, name }))
    }

    fn text(&self, key: &str) -> Result<Option<(&'a str, Span)>, ConfigError> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        match item.as_str() {
            Some(text) if !text.is_empty() => Ok(Some((text, item.span()))),
            Some(_) => {
                Err(self.file.error(item.span(), format!("{key} is empty"), "give it a value or remove the line"))
            }
            None => {
                Err(self.file.error(item.span(), format!("{key} is no text"), format!("write {key} = \"…\" in quotes")))
            }
        }
    }

    fn owned(&self, key: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.text(key)?.map(|(text, _)| text.to_owned()))
    }

    fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some((text, span)) = self.text(key)? else { return Ok(None) };
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(Some(*value));
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let what = format!("{key} = {text:?} is none of {}", names.join(", "));
        Err(self.file.error(span, what, nearest(text, &names)))
    }

    fn logins(&self) -> Result<LoginStore, ConfigError> {
        match self.text("store")? {
            None | Some(("keychain", _)) => Ok(LoginStore::Keychain),
            Some(("ecr-rs", span)) => Err(self.file.error(
                span,
                "store = \"ecr-rs\" is this program itself",
                "write \"keychain\" to keep logins in the OS keychain",
            )),
            Some((suffix, span)) => {
                let fine = suffix.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
                fine.then(|| LoginStore::Helper(suffix.to_owned())).ok_or_else(|| {
                    let what = format!("store = {suffix:?} is no credential helper's suffix");
                    self.file.error(
                        span,
                        what,
                        "write what follows docker-credential- in its name, such as \"desktop\"",
                    )
                })
            }
        }
    }

    fn profile(&self) -> Result<Option<ProfileChoice>, ConfigError> {
        Ok(self.text("profile")?.map(|(name, _)| match name {
            "auto" => ProfileChoice::Auto,
            name => ProfileChoice::Named(name.into()),
        }))
    }

    fn rules(&self) -> Result<Vec<Rule>, ConfigError> {
        let Some(item) = self.table.get("registry") else { return Ok(Vec::new()) };
        let Item::ArrayOfTables(tables) = item else {
            let hint = "write [[registry]] with two brackets on each side";
            return Err(self.file.error(item.span(), "registry is not a list of rules", hint));
        };
        let mut rules: Vec<Rule> = Vec::new();
        for table in tables {
            let section = Section { file: self.file, table, name: "[[registry]]" };
            let rule = section.rule(table.span())?;
            if let Some(earlier) = rules.iter().find(|earlier| earlier.hosts.covers(&rule.hosts)) {
                let (first, later) = (earlier.hosts.as_str(), rule.hosts.as_str());
                let what =
                    format!("the rule for {later:?} can never apply: line {} for {first:?} comes first", earlier.line);
                return Err(self.file.error(
                    table.span(),
                    what,
                    "put the narrower rule first, or remove one of the two",
                ));
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    fn rule(&self, span: Span) -> Result<Rule, ConfigError> {
        self.only(&RULE_KEYS)?;
        let error = |what: &str, hint: &str| self.file.error(span.clone(), what, hint);
        let Some((pattern, at)) = self.text("match")? else {
            return Err(error("a rule has no match", "add match = \"111122223333.dkr.ecr.*.amazonaws.com\""));
        };
        let hosts = Glob::parse(pattern).map_err(|why| {
            self.file.error(at, format!("match = {pattern:?}: {why}"), "name a host, with * for any part of it")
        })?;
        let rule = Rule {
            profile: self.profile()?,
            role: self.role()?,
            custom: self.custom(&hosts)?,
            line: self.file.line(span.clone()).unwrap_or_default(),
            hosts,
        };
        if rule.profile.is_none() && rule.role.is_none() && rule.custom.is_none() {
            return Err(error("a rule has no effect", "give it a profile, a role-arn, or an account with a region"));
        }
        Ok(rule)
    }

    fn role(&self) -> Result<Option<AssumedRole>, ConfigError> {
        let Some((arn, span)) = self.text("role-arn")? else {
            for key in ["external-id", "session-name"] {
                if let Some((_, span)) = self.text(key)? {
                    return Err(self.file.error(
                        span,
                        format!("{key} without role-arn"),
                        "name the role that is assumed",
                    ));
                }
            }
            return Ok(None);
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let sound = matches!(parts[..], ["arn", partition, "iam", "", account, resource]
            if partition.starts_with("aws") && is_account(account) && resource.len() > 5 && resource.starts_with("role/"));
        if !sound {
            let what = format!("role-arn = {arn:?} is no ARN of a role");
            return Err(self.file.error(span, what, "write arn:aws:iam::ACCOUNT:role/NAME"));
        }
        Ok(Some(AssumedRole {
            arn: arn.into(),
            external_id: self.owned("external-id")?,
            session_name: self.owned("session-name")?,
        }))
    }

    /// `account` and `region`, which make a host of the user's own a registry: it is named whole, so
    /// that no token leaves for a host that merely looks alike.
    fn custom(&self, hosts: &Glob) -> Result<Option<Custom>, ConfigError> {
        let (account, region) = match (self.text("account")?, self.text("region")?) {
            (None, None) => return Ok(None),
            (Some(account), Some(region)) => (account, region),
            (Some((_, span)), None) | (None, Some((_, span))) => {
                let hint = "a custom domain needs both; an ECR host name holds both already";
                return Err(self.file.error(span, "account and region go together", hint));
            }
        };
        if !is_account(account.0) {
            return Err(self.file.error(
                account.1,
                format!("account = {:?} is not 12 digits", account.0),
                "write the AWS account id in quotes",
            ));
        }
        if !is_region(region.0) {
            return Err(self.file.error(
                region.1,
                format!("region = {:?} is no AWS region", region.0),
                "write it as in \"eu-west-1\"",
            ));
        }
        if !hosts.is_literal() {
            let what = format!("a custom domain cannot be a pattern: {:?}", hosts.as_str());
            return Err(self.file.error(account.1, what, "name each host whole, so that no other host gets a token"));
        }
        Ok(Some(Custom { account: account.0.into(), region: region.0.into() }))
    }
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

/// The hint for a word that is not known: the nearest that is, or all.
fn nearest(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|candidate| (distance(word, candidate), candidate)).min();
    match near {
        Some((distance, candidate)) if distance <= 2.max(candidate.len() / 3) => format!("did you mean {candidate:?}?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// How many characters must be added, removed or changed to make one word the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
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
        let config = config(text, Path::new("config.toml")).unwrap();
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
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, what, hint) in [
            ("a = ", 1, "not TOML", "correct"),
            ("[keychain]\nsession = \"plain\"", 1, "no key \"keychain\"", "cache"),
            ("[cahce]\n", 1, "no key \"cahce\"", "did you mean \"cache\"?"),
            ("[cache]\n\nstor = \"file\"", 3, "[cache] has no key \"stor\"", "\"store\""),
            ("[cache]\nstore = \"keychian\"", 2, "none of keychain, keyutils, file, none", "\"keychain\""),
            ("[cache]\nstore = 7", 2, "store is no text", "quotes"),
            ("[cache]\nstore = \"\"", 2, "store is empty", "remove"),
            ("cache = 1", 1, "cache is not a table", "[cache]"),
            ("[cache]\nrefresh-before = \"3 days\"", 2, "refresh-before", "3h"),
            ("[cache]\nrefresh-before = \"12h\"", 2, "under 12 hours", "3h"),
            ("[cache]\nrefresh-before = \"ü\"", 2, "under 12 hours", "3h"),
            ("[other-registries]\nstore = \"/bin/sh\"", 2, "suffix", "desktop"),
            ("[other-registries]\nstore = \"ecr-rs\"", 2, "itself", "keychain"),
            ("[registry]\nmatch = \"x\"", 1, "list of rules", "[[registry]]"),
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
            let err = config(text, Path::new("c.toml")).expect_err(text);
            assert_eq!(err.line, Some(line), "{text:?}: {err}");
            assert!(err.to_string().contains(what), "{text:?}: {err}");
            assert!(err.hint.contains(hint), "{text:?}: {}", err.hint);
        }
    }
}
