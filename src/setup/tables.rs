//! Edits of TOML texts where they stand: `[other-registries] store` of our config.toml and
//! `credential-helpers` of podman's registries.conf.
//!
//! toml_edit parses and says where things lie; the text is cut there. Its own printer would turn
//! CRLF into LF and drop a byte order mark.

use std::{ops::Range, path::Path};

use toml_edit::{Document, Item};

use super::{Error, HELPER};

/// The helper of containers/image that stands for its own auth files (`sysregistriesv2.AuthenticationFileHelper`).
const AUTH_FILES: &str = "containers-auth.json";

const TABLE: &str = "other-registries";
const STORE: &str = "store";
const HELPERS: &str = "credential-helpers";

/// The store that our config.toml names for other registries' logins; `None` when it names none.
pub(super) fn store(path: &Path, text: &str) -> Result<Option<String>, Error> {
    let document = parse(path, text)?;
    match document.get(TABLE).and_then(Item::as_table_like).and_then(|table| table.get(STORE)) {
        None => Ok(None),
        Some(item) => match item.as_str() {
            Some(store) => Ok(Some(store.into())),
            None => Err(unusable(path, "`[other-registries] store` is no string")),
        },
    }
}

/// The text with this store for other registries' logins.
pub(super) fn set_store(path: &Path, text: &str, store: &str) -> Result<String, Error> {
    let value = quote(store);
    let document = parse(path, text)?;
    let newline = newline(text);
    let now = match document.get(TABLE).map(Item::as_table_like) {
        None => {
            let gap = match text {
                text if text.trim_matches('\u{feff}').is_empty() => "",
                text if text.ends_with('\n') => newline,
                _ => &newline.repeat(2),
            };
            format!("{text}{gap}[{TABLE}]{newline}{STORE} = {value}{newline}")
        }
        Some(table) => match table.and_then(|table| table.get(STORE)).and_then(Item::span) {
            Some(span) => splice(text, span, &value),
            None => {
                let header = document.as_table().key(TABLE).and_then(|key| key.span());
                let header = header.filter(|_| document[TABLE].is_table()).ok_or_else(|| by_hand(path))?;
                let end = line(text, header).end;
                let gap = if text[..end].ends_with('\n') { "" } else { newline };
                splice(text, end..end, &format!("{gap}{STORE} = {value}{newline}"))
            }
        },
    };
    drop(document);
    match self::store(path, &now)?.as_deref() == Some(store) {
        true => Ok(now),
        false => Err(by_hand(path)),
    }
}

/// The text without the store that `setup` set, `before` being what it was: that itself if nothing
/// else was changed since.
pub(super) fn unset_store(path: &Path, now: &str, before: &str) -> Result<String, Error> {
    let (Some(ours), was) = (store(path, now)?, store(path, before)?) else { return Ok(now.into()) };
    if set_store(path, before, &ours).is_ok_and(|again| again == now) {
        return Ok(before.into());
    }
    if let Some(was) = was {
        return set_store(path, now, &was);
    }
    let document = parse(path, now)?;
    let table = document.get(TABLE).and_then(Item::as_table_like).ok_or_else(|| by_hand(path))?;
    let key = table.key(STORE).and_then(|key| key.span()).ok_or_else(|| by_hand(path))?;
    let mut cut = line(now, key);
    let header = document.as_table().key(TABLE).and_then(|key| key.span()).map(|span| line(now, span));
    if let Some(header) = header.filter(|header| table.len() == 1 && header.end == cut.start) {
        cut.start = header.start;
    }
    let text = splice(now, cut, "");
    match store(path, &text)? {
        None => Ok(text),
        Some(_) => Err(by_hand(path)),
    }
}

/// The helpers that podman asks, in order; `None` when registries.conf names none.
pub(super) fn helpers(path: &Path, text: &str) -> Result<Option<Vec<String>>, Error> {
    let document = parse(path, text)?;
    let Some(item) = document.get(HELPERS) else { return Ok(None) };
    let names = item.as_array().map(|array| array.iter().map(|name| name.as_str().map(Into::into)).collect());
    match names {
        Some(Some(names)) => Ok(Some(names)),
        _ => Err(unusable(path, "`credential-helpers` is no array of strings")),
    }
}

/// Whether this is a registries.conf of the first version, which may not be mixed with newer keys
/// (containers/image `sysregistriesv2`: "mixing sysregistry v1/v2 is not supported").
pub(super) fn is_first_version(path: &Path, text: &str) -> Result<bool, Error> {
    Ok(parse(path, text)?.get("registries").is_some())
}

/// The text with our helper as the first that podman asks; its auth files stay the last.
pub(super) fn add_helper(path: &Path, text: &str) -> Result<String, Error> {
    let ours = quote(HELPER);
    let now = match helpers(path, text)? {
        Some(names) if names.iter().any(|name| name == HELPER) => return Ok(text.into()),
        Some(names) => {
            let span = parse(path, text)?.get(HELPERS).and_then(Item::span).ok_or_else(|| by_hand(path))?;
            let comma = if names.is_empty() { "" } else { ", " };
            splice(text, span.start + 1..span.start + 1, &format!("{ours}{comma}"))
        }
        None => {
            // Keys of the top must stand before the first table, so ours is the first line.
            let start = text.len() - text.trim_start_matches('\u{feff}').len();
            let setting = format!("{HELPERS} = [{ours}, {}]{}", quote(AUTH_FILES), newline(text));
            splice(text, start..start, &setting)
        }
    };
    match helpers(path, &now)?.is_some_and(|names| names.first().is_some_and(|name| name == HELPER)) {
        true => Ok(now),
        false => Err(by_hand(path)),
    }
}

/// The text without our helper; `before` itself if nothing else was changed since.
pub(super) fn remove_helper(path: &Path, now: &str, before: &str) -> Result<String, Error> {
    let ours = |text: &str| Ok::<_, Error>(helpers(path, text)?.is_some_and(|names| names.iter().any(|n| n == HELPER)));
    if !ours(now)? || ours(before)? {
        return Ok(now.into());
    }
    if add_helper(path, before).is_ok_and(|again| again == now) {
        return Ok(before.into());
    }
    let (document, absent) = (parse(path, now)?, helpers(path, before)?.is_none());
    let array = document.get(HELPERS).and_then(Item::as_array).ok_or_else(|| by_hand(path))?;
    let names: Vec<&str> = array.iter().filter_map(|name| name.as_str()).filter(|name| *name != HELPER).collect();
    let text = if absent && names.iter().all(|name| *name == AUTH_FILES) {
        let key = document.as_table().key(HELPERS).and_then(|key| key.span()).ok_or_else(|| by_hand(path))?;
        let value = array.span().ok_or_else(|| by_hand(path))?;
        splice(now, line(now, key).start..line(now, value).end, "")
    } else {
        let index = array.iter().position(|name| name.as_str() == Some(HELPER)).ok_or_else(|| by_hand(path))?;
        let span = |index: usize| array.get(index).and_then(|name| name.span());
        let cut = match (index, span(index), span(index + 1)) {
            (_, Some(own), Some(next)) => own.start..next.start,
            (0, Some(own), None) => own,
            (_, Some(own), None) => span(index - 1).map_or(own.start, |before| before.end)..own.end,
            _ => return Err(by_hand(path)),
        };
        splice(now, cut, "")
    };
    match ours(&text)? {
        false => Ok(text),
        true => Err(by_hand(path)),
    }
}

fn parse<'a>(path: &Path, text: &'a str) -> Result<Document<&'a str>, Error> {
    Document::parse(text).map_err(|err| {
        let before = &text[..err.span().map_or(0, |span| span.start).min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        let what = err.message().lines().next().unwrap_or("not TOML").to_owned();
        Error::new(format!("{}:{line}:{column}: {what}", path.display()), "repair the file by hand; it was not touched")
    })
}

fn quote(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The whole lines, newline and all, that a range lies in.
fn line(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    start..end
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

fn unusable(path: &Path, what: &str) -> Error {
    Error::new(format!("{}: {what}", path.display()), "repair the file by hand; it was not touched")
}

fn by_hand(path: &Path) -> Error {
    Error::new(
        format!("{} is laid out in a way that setup does not edit", path.display()),
        format!("write `[{TABLE}]` and `{HELPERS}` as plain TOML tables and arrays, or edit the file by hand"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_set_in_place_and_taken_back() {
        let path = Path::new("config.toml");
        for (before, after, why) in [
            ("", "[other-registries]\nstore = \"desktop\"\n", "no file"),
            (
                "# mine\n[cache]\nstore = \"file\"\n",
                "# mine\n[cache]\nstore = \"file\"\n\n[other-registries]\nstore = \"desktop\"\n",
                "another table",
            ),
            ("a = 1", "a = 1\n\n[other-registries]\nstore = \"desktop\"\n", "no final newline"),
            ("a = 1\r\n", "a = 1\r\n\r\n[other-registries]\r\nstore = \"desktop\"\r\n", "CRLF"),
            (
                "[other-registries] # where\n# what\n",
                "[other-registries] # where\nstore = \"desktop\"\n# what\n",
                "a bare table",
            ),
            ("[other-registries]", "[other-registries]\nstore = \"desktop\"\n", "a bare table without newline"),
            (
                "[other-registries]\n\nstore = 'pass'   # mine\n",
                "[other-registries]\n\nstore = \"desktop\"   # mine\n",
                "a value",
            ),
            (
                "other-registries = { store = \"pass\" }\n",
                "other-registries = { store = \"desktop\" }\n",
                "an inline table",
            ),
            ("other-registries.store = \"pass\"\n", "other-registries.store = \"desktop\"\n", "a dotted key"),
            ("\u{feff}a = 1\n", "\u{feff}a = 1\n\n[other-registries]\nstore = \"desktop\"\n", "a byte order mark"),
        ] {
            let now = set_store(path, before, "desktop").unwrap();
            assert_eq!(now, after, "{why}");
            assert_eq!(unset_store(path, &now, before).unwrap(), before, "{why}, back");
            let touched = format!("{now}# touched\n");
            assert_eq!(
                store(path, &unset_store(path, &touched, before).unwrap()).unwrap(),
                store(path, before).unwrap(),
                "{why}, touched"
            );
        }
        assert_eq!(
            unset_store(path, "[other-registries]\nstore = \"desktop\"\n\n[cache]\n", "").unwrap(),
            "\n[cache]\n",
            "what others added stays"
        );
    }

    #[test]
    fn the_helper_comes_first_and_goes_again() {
        let path = Path::new("registries.conf");
        for (before, after, why) in [
            ("", "credential-helpers = [\"ecr-rs\", \"containers-auth.json\"]\n", "no file"),
            (
                "# c\n[[registry]]\nlocation = \"x\"\n",
                "credential-helpers = [\"ecr-rs\", \"containers-auth.json\"]\n# c\n[[registry]]\nlocation = \"x\"\n",
                "before the first table",
            ),
            (
                "credential-helpers = [ 'pass' ] # c\n",
                "credential-helpers = [\"ecr-rs\",  'pass' ] # c\n",
                "before another",
            ),
            ("credential-helpers = []\n", "credential-helpers = [\"ecr-rs\"]\n", "an empty array"),
            (
                "credential-helpers = [\n  \"pass\", # why\n]\n",
                "credential-helpers = [\"ecr-rs\", \n  \"pass\", # why\n]\n",
                "several lines",
            ),
        ] {
            let now = add_helper(path, before).unwrap();
            assert_eq!(now, after, "{why}");
            assert_eq!(add_helper(path, &now).unwrap(), now, "{why}, again");
            assert_eq!(remove_helper(path, &now, before).unwrap(), before, "{why}, back");
            let touched = remove_helper(path, &format!("{now}# touched\n"), before).unwrap();
            assert_eq!(helpers(path, &touched).unwrap(), helpers(path, before).unwrap(), "{why}, touched");
        }
    }
}
