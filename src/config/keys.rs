//! The keys of `config.toml`: the words of the manual and the JSON schema are made from this one table, which a
//! test compares with what the reader takes.

use serde_json::{Map, Value, json};

/// What a value can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// One of these.
    Choice(&'static [&'static str]),
    /// A text that this regular expression describes (ECMA-262).
    Pattern(&'static str),
    /// Any text that is not empty.
    Text,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its table, without brackets.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub takes: Takes,
    /// What it is for, in a sentence or two.
    pub about: &'static str,
}

/// The table of rules, of which there may be any number.
const RULES: &str = "registry";

const fn key(table: &'static str, name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key { table, name, takes, about }
}

/// All keys, in the order in which a person would write them.
pub const KEYS: &[Key] = &[
    key(
        "cache",
        "store",
        Takes::Choice(&["keychain", "keyutils", "file", "none"]),
        "Where tokens are kept: keychain, keyutils (Linux kernel keys), file (clear text, mode 0600) or none.",
    ),
    key(
        "cache",
        "refresh-before",
        Takes::Pattern("^ *[0-9]+ *[hms]$"),
        "The life that a cached token must still have; \"3h\" unless set, and under 12 hours.",
    ),
    key(
        "other-registries",
        "store",
        Takes::Pattern("^[A-Za-z0-9._-]+$"),
        "Where other registries' logins are kept: keychain, file (clear text, mode 0600), none, or another credential helper by the suffix of its name.",
    ),
    key(
        "defaults",
        "profile",
        Takes::Text,
        "The AWS profile of registries without a rule; \"auto\" finds the one profile of the registry's account.",
    ),
    key(
        RULES,
        "match",
        Takes::Pattern("^[A-Za-z0-9.*?:_\\[\\]-]+$"),
        "The hosts that a rule is for; * and ? are wildcards, and the first rule that matches wins.",
    ),
    key(RULES, "profile", Takes::Text, "The AWS profile of these hosts; \"auto\" as in [defaults]."),
    key(
        RULES,
        "role-arn",
        Takes::Pattern("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+$"),
        "A role that is assumed on top of the credentials.",
    ),
    key(RULES, "external-id", Takes::Text, "The external id that the role's trust policy asks for."),
    key(RULES, "session-name", Takes::Text, "The name of the role's session in CloudTrail."),
    key(
        RULES,
        "account",
        Takes::Pattern("^[0-9]{12}$"),
        "With region: the account of the registry behind a custom domain of ECR.",
    ),
    key(
        RULES,
        "region",
        Takes::Pattern("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"),
        "With account: the region of the registry behind a custom domain of ECR.",
    ),
    key(
        RULES,
        "signing-profile",
        Takes::Pattern("^arn:[^:]*:signer:[^:]*:[^:]*:.*$"),
        "The profile of AWS Signer, by its ARN, for sign and verify.",
    ),
];

impl Key {
    /// The key as the manual names it: `[cache] store`, `[[registry]] match`.
    pub fn path(&self) -> String {
        match self.table {
            RULES => format!("[[{RULES}]] {}", self.name),
            table => format!("[{table}] {}", self.name),
        }
    }

    fn schema(&self) -> Value {
        let mut schema = json!({ "description": self.about, "type": "string" });
        match self.takes {
            Takes::Choice(words) => schema["enum"] = words.into(),
            Takes::Pattern(pattern) => schema["pattern"] = pattern.into(),
            Takes::Text => schema["minLength"] = 1.into(),
        }
        schema
    }
}

/// The JSON schema of `config.toml`, for editors (JSON Schema draft-07, which all of them know).
pub fn schema() -> Value {
    let mut tables = Map::new();
    for key in KEYS {
        let table = tables
            .entry(key.table)
            .or_insert_with(|| json!({ "type": "object", "additionalProperties": false, "properties": {} }));
        table["properties"][key.name] = key.schema();
    }
    let mut rule = tables.remove(RULES).unwrap_or_default();
    rule["required"] = json!(["match"]);
    // What a rule needs to have an effect, and what goes together.
    rule["anyOf"] = json!([
        { "required": ["profile"] },
        { "required": ["role-arn"] },
        { "required": ["account"] },
        { "required": ["signing-profile"] },
    ]);
    rule["dependencies"] = json!({
        "external-id": ["role-arn"],
        "session-name": ["role-arn"],
        "account": ["region"],
        "region": ["account"],
    });
    tables.insert(RULES.into(), json!({ "type": "array", "items": rule }));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "config.toml of docker-credential-ecr-rs",
        "type": "object",
        "additionalProperties": false,
        "properties": tables,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// The words that an error of the reader lists as known.
    fn known(text: &str) -> Vec<String> {
        let report = Config::parse(text, "config.toml".into()).expect_err(text);
        let hint = report.advice().unwrap_or_default().to_owned();
        let list = hint.strip_prefix("known here: ").unwrap_or_else(|| panic!("{text}: {hint}"));
        list.split(", ").map(String::from).collect()
    }

    #[test]
    fn the_table_is_what_the_reader_takes() {
        const UNKNOWN: &str = "zzzzzzzzzzzzzzzzzzzz";
        let mut tables: Vec<&str> = KEYS.iter().map(|key| key.table).collect();
        tables.dedup();
        assert_eq!(known(&format!("{UNKNOWN} = 1")), tables);
        for table in tables {
            let heading = if table == RULES { format!("[[{table}]]") } else { format!("[{table}]") };
            let names: Vec<&str> = KEYS.iter().filter(|key| key.table == table).map(|key| key.name).collect();
            assert_eq!(known(&format!("{heading}\n{UNKNOWN} = 1")), names, "{table}");
        }
        for key in KEYS {
            if let Takes::Choice(words) = key.takes {
                assert_eq!(known(&format!("[{}]\n{} = \"{UNKNOWN}\"", key.table, key.name)), words, "{}", key.path());
            }
        }
    }

    #[test]
    fn the_schema_is_in_the_tree() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.schema.json");
        let text = std::fs::read_to_string(path).expect(path);
        let expected = format!("{:#}\n", schema());
        assert_eq!(text, expected, "write it anew: docker-credential-ecr-rs config schema > docs/config.schema.json");
    }
}
