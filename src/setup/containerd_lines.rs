//! Edits of containerd's config.toml: lines of the verifier's table. Comments, order and layout stay.

use std::path::Path;

use toml_edit::{DocumentMut, Item, TableLike, Value, value};

use super::{containerd_config::VERIFIER, tables::parse};
use crate::report::Report;

/// What a verifier gets where the line is needed.
pub(super) const LINES: [(&str, &str); 2] = [("per_verifier_timeout", "10s"), ("max_verifiers", "10")];

/// The text with these lines in the verifier's table.
pub(super) fn with_lines(path: &Path, text: &str, lines: &[(&str, Value)]) -> Result<String, Report> {
    let mut document = parse(path, text)?;
    if let Some(table) = verifiers(&mut document) {
        for (key, line) in lines {
            match table.get_mut(key).and_then(Item::as_value_mut) {
                Some(old) => {
                    let decor = old.decor().clone();
                    *old = line.clone();
                    *old.decor_mut() = decor;
                }
                None => drop(table.insert(key, value(line.clone()))),
            }
        }
    }
    Ok(document.to_string())
}

/// The text with the values that the lines had before; `before` itself where nothing else was changed since.
pub(super) fn without_lines(path: &Path, now: &str, before: &str) -> Result<String, Report> {
    let mut was = parse(path, before)?;
    let mut lines = Vec::new();
    let mut document = parse(path, now)?;
    for (key, text) in LINES {
        let ours = |document: &mut DocumentMut| {
            let item = verifiers(document).and_then(|table| table.get(key).cloned());
            let word = item.as_ref().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            (word.is_some_and(|word| word.trim() == text), item)
        };
        let ((now_ours, _), (was_ours, item)) = (ours(&mut document), ours(&mut was));
        if let (true, false, Some(Item::Value(old))) = (now_ours, was_ours, item) {
            lines.push((key, old));
        }
    }
    let reverted = with_lines(path, now, &lines)?;
    // The values' own layout is the file's: where that is all there was, the text is what it was.
    Ok(if parse(path, &reverted)?.to_string() == parse(path, before)?.to_string() {
        before.to_owned()
    } else {
        reverted
    })
}

/// The verifier's table, where the file has one.
fn verifiers(document: &mut DocumentMut) -> Option<&mut dyn TableLike> {
    document.get_mut("plugins")?.get_mut(VERIFIER)?.as_table_like_mut()
}

/// What a verifier's table says, for people: the keys that `setup` may change.
pub(super) fn told(path: &Path, text: &str) -> Result<Vec<(&'static str, Option<String>)>, Report> {
    let mut document = parse(path, text)?;
    Ok(LINES
        .map(|(key, _)| {
            let item = verifiers(&mut document).and_then(|table| table.get(key));
            (key, item.map(|item| item.to_string().trim().to_owned()))
        })
        .into())
}
