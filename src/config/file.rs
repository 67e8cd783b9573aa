//! `config.toml` as it is written: its tables, their keys, and the sort of value that each takes.

use serde::Deserialize;
use serde_spanned::Spanned;

use super::model::CacheStore;

/// The file as it is written. A key that is not here is an error.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ConfigFile {
    pub(super) cache: Cache,
    pub(super) other_registries: OtherRegistries,
    pub(super) defaults: Defaults,
    pub(super) registry: Vec<Spanned<RegistryRule>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Cache {
    pub(super) store: Option<Spanned<CacheStore>>,
    pub(super) refresh_before: Option<Spanned<Text>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OtherRegistries {
    pub(super) store: Option<Spanned<Text>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Defaults {
    pub(super) profile: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RegistryRule {
    #[serde(rename = "match")]
    pub(super) hosts: Option<Spanned<Text>>,
    pub(super) profile: Option<Text>,
    pub(super) role_arn: Option<Spanned<Text>>,
    pub(super) external_id: Option<Spanned<Text>>,
    pub(super) session_name: Option<Spanned<Text>>,
    pub(super) account: Option<Spanned<Text>>,
    pub(super) region: Option<Spanned<Text>>,
    pub(super) signing_profile: Option<Spanned<Text>>,
}

/// A text that is not empty.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text(pub(super) String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Text, &'static str> {
        if text.is_empty() { Err("an empty text is no value: remove the line") } else { Ok(Text(text)) }
    }
}
