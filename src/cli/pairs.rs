//! Options of the form KEY=VALUE that may be given several times.

use std::collections::BTreeMap;

use crate::report::Report;

/// Reads `KEY=VALUE`.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("write KEY=VALUE".into()),
    }
}

/// The values of an option by their keys.
///
/// # Errors
/// A key that has two values: neither may be passed over in silence.
pub(super) fn by_key(option: &str, pairs: &[(String, String)]) -> Result<BTreeMap<String, String>, Report> {
    let mut values = BTreeMap::new();
    for (key, value) in pairs {
        if let Some(other) = values.insert(key.clone(), value.clone()).filter(|other| other != value) {
            return Err(Report::new(format!("{option} gives `{key}` two values, `{other}` and `{value}`"))
                .hint("leave one of the two out"));
        }
    }
    Ok(values)
}
