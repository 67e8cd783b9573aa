//! Edits of TOML files: `[other-registries] store` of our config.toml and `credential-helpers` of
//! podman's registries.conf. Comments, order and layout stay; a byte order mark and CRLF do not.

use std::path::{Path, PathBuf};

use toml_edit::{Array, Decor, DocumentMut, Item, RawString, TableLike, Value, value};

use super::{file, places};
use crate::{environment::Environment, names::HELPER, report::Report};

/// The helper of containers/image that stands for its own auth files (`sysregistriesv2.AuthenticationFileHelper`).
const AUTH_FILES: &str = "containers-auth.json";

const TABLE: &str = "other-registries";
const STORE: &str = "store";
const HELPERS: &str = "credential-helpers";

/// The store that our config.toml names for other registries' logins; `None` when it names none.
pub(super) fn store(path: &Path, text: &str) -> Result<Option<String>, Report> {
    match parse(path, text)?.get(TABLE).and_then(|table| table.get(STORE)) {
        None => Ok(None),
        Some(store) => match store.as_str() {
            Some(store) => Ok(Some(store.into())),
            None => Err(unusable(path, "`[other-registries] store` is no string")),
        },
    }
}

/// The text with this store for other registries' logins.
pub(super) fn set_store(path: &Path, text: &str, store: &str) -> Result<String, Report> {
    let mut document = parse(path, text)?;
    let table = document.entry(TABLE).or_insert_with(toml_edit::table).as_table_like_mut();
    let table = table.ok_or_else(|| unusable(path, "`other-registries` is no table"))?;
    match table.get_mut(STORE).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = store.into();
            *old.decor_mut() = decor;
        }
        None => drop(table.insert(STORE, value(store))),
    }
    Ok(document.to_string())
}

/// The text without the store that `setup` set, `before` being what it was: that itself if nothing
/// else was changed since.
pub(super) fn unset_store(path: &Path, now: &str, before: &str) -> Result<String, Report> {
    let (Some(ours), was) = (store(path, now)?, store(path, before)?) else { return Ok(now.into()) };
    if set_store(path, before, &ours)? == now {
        return Ok(before.into());
    }
    if let Some(was) = was {
        return set_store(path, now, &was);
    }
    let mut document = parse(path, now)?;
    let mut comments = String::new();
    if let Some(table) = document.get_mut(TABLE).and_then(Item::as_table_like_mut) {
        comments += &remove(table, STORE);
    }
    let is_left = document.get(TABLE).and_then(Item::as_table_like).is_some_and(|table| table.is_empty());
    if is_left && !parse(path, before)?.contains_key(TABLE) {
        comments.insert_str(0, &remove(document.as_table_mut(), TABLE));
    }
    Ok(print(document, &comments))
}

/// The helpers that podman asks for every registry, with the file that names them.
pub(crate) fn podman_helpers(environment: &Environment) -> Result<Option<(PathBuf, Vec<String>)>, Report> {
    let (file, drop_in) = places::podman_registries(environment)?;
    // A drop-in is read after the file and goes over it.
    for path in [drop_in, file] {
        if let Some(text) = file::read_if_there(&path)?
            && let Some(helpers) = helpers(&path, &text)?
        {
            return Ok(Some((path, helpers)));
        }
    }
    Ok(None)
}

/// The helpers that podman asks, in order; `None` when registries.conf names none.
pub(super) fn helpers(path: &Path, text: &str) -> Result<Option<Vec<String>>, Report> {
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
pub(super) fn is_first_version(path: &Path, text: &str) -> Result<bool, Report> {
    Ok(parse(path, text)?.contains_key("registries"))
}

/// The text with our helper as the first that podman asks; its auth files stay the last.
pub(super) fn add_helper(path: &Path, text: &str) -> Result<String, Report> {
    if names_us(path, text)? {
        return Ok(text.into());
    }
    let mut document = parse(path, text)?;
    match document.get_mut(HELPERS).and_then(Item::as_array_mut) {
        Some(helpers) => helpers.insert(0, HELPER),
        None => drop(document.insert(HELPERS, value(Array::from_iter([HELPER, AUTH_FILES])))),
    }
    Ok(document.to_string())
}

/// The text without our helper; `before` itself if nothing else was changed since, and `None` when
/// nothing of ours is in it.
pub(super) fn remove_helper(path: &Path, now: &str, before: &str) -> Result<Option<String>, Report> {
    if !names_us(path, now)? || names_us(path, before)? {
        return Ok(None);
    }
    if add_helper(path, before)? == now {
        return Ok(Some(before.into()));
    }
    let mut document = parse(path, now)?;
    let mut comments = String::new();
    if let Some(helpers) = document.get_mut(HELPERS).and_then(Item::as_array_mut) {
        helpers.retain(|name| name.as_str() != Some(HELPER));
        let is_left = helpers.iter().all(|name| name.as_str() == Some(AUTH_FILES));
        if is_left && self::helpers(path, before)?.is_none() {
            comments = remove(document.as_table_mut(), HELPERS);
        }
    }
    Ok(Some(print(document, &comments)))
}

fn names_us(path: &Path, text: &str) -> Result<bool, Report> {
    Ok(helpers(path, text)?.is_some_and(|names| names.iter().any(|name| name == HELPER)))
}

/// Takes an entry out. Gives the comments around it: they are the user's.
fn remove(table: &mut dyn TableLike, name: &str) -> String {
    let mut comments = String::new();
    let mut keep = |decor: Option<&Decor>| {
        let around = decor.into_iter().flat_map(|decor| [decor.prefix(), decor.suffix()]).flatten();
        for line in around.filter_map(RawString::as_str).flat_map(str::lines).filter(|line| line.contains('#')) {
            comments += line.trim();
            comments.push('\n');
        }
    };
    keep(table.key(name).map(|key| key.leaf_decor()));
    let entry = table.remove(name).unwrap_or_default();
    keep(entry.as_table().map(|table| table.decor()).or(entry.as_value().map(Value::decor)));
    comments
}

fn print(mut document: DocumentMut, comments: &str) -> String {
    let end = format!("{comments}{}", document.trailing().as_str().unwrap_or_default());
    document.set_trailing(end);
    document.to_string()
}

pub(super) fn parse(path: &Path, text: &str) -> Result<DocumentMut, Report> {
    text.parse().map_err(|err: toml_edit::TomlError| {
        let before = &text[..err.span().map_or(0, |span| span.start).min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        Report::new(format!("{}:{line}:{column}: {}", path.display(), err.message()))
            .hint("repair the file by hand; it was not touched")
    })
}

fn unusable(path: &Path, what: &str) -> Report {
    Report::new(format!("{}: {what}", path.display())).hint("repair the file by hand; it was not touched")
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
            ("a = 1\r\n", "a = 1\n\n[other-registries]\nstore = \"desktop\"\n", "CRLF"),
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
            ("\u{feff}a = 1\n", "a = 1\n\n[other-registries]\nstore = \"desktop\"\n", "a byte order mark"),
            ("other-registries = {}\n", "other-registries = { store = \"desktop\" }\n", "an empty inline table"),
            ("# all\n# comments\n", "[other-registries]\nstore = \"desktop\"\n# all\n# comments\n", "a template"),
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
        for (now, after, why) in [
            ("[other-registries]\nstore = \"desktop\"\n\n[cache]\n", "\n[cache]\n", "a table"),
            (
                "a = 1\n\n# the Hub\n[other-registries] # all\n# by Desktop\nstore = \"desktop\" # for now\n[cache]\n# end\n",
                "a = 1\n[cache]\n# the Hub\n# all\n# by Desktop\n# for now\n# end\n",
                "comments",
            ),
        ] {
            assert_eq!(unset_store(path, now, "").unwrap(), after, "what others added stays: {why}");
        }
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
                "credential-helpers = [\"ecr-rs\", 'pass' ] # c\n",
                "before another",
            ),
            ("credential-helpers = []\n", "credential-helpers = [\"ecr-rs\"]\n", "an empty array"),
            (
                "credential-helpers = [\n  \"pass\", # why\n]\n",
                "credential-helpers = [\"ecr-rs\",\n  \"pass\", # why\n]\n",
                "several lines",
            ),
        ] {
            let now = add_helper(path, before).unwrap();
            assert_eq!(now, after, "{why}");
            assert_eq!(add_helper(path, &now).unwrap(), now, "{why}, again");
            assert_eq!(remove_helper(path, &now, before).unwrap().as_deref(), Some(before), "{why}, back");
            let touched = remove_helper(path, &format!("{now}# touched\n"), before).unwrap().unwrap();
            assert_eq!(helpers(path, &touched).unwrap(), helpers(path, before).unwrap(), "{why}, touched");
        }
        let now = "# ours\ncredential-helpers = [\"ecr-rs\", \"containers-auth.json\"] # first\na = 1\n";
        assert_eq!(remove_helper(path, now, "").unwrap().unwrap(), "a = 1\n# ours\n# first\n", "comments stay");
    }
}
