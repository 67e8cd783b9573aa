//! What docker's and notation's config.json (and podman's auth.json) say of logins, and the two edits
//! that name our helper in it.
//!
//! An edit keeps every other name and value as it is spelt, numbers and escapes too, in its order,
//! duplicates included. The white space between the members that it lists is the file's own style.

use std::path::Path;

use serde_json::value::RawValue;

use super::{
    file,
    json_object::{Member, Object, position, quote},
};
use crate::{
    names::{HELPER, REPLACED_HELPER},
    report::Report,
};

/// The keys that clients read, by docker/cli `configfile.ConfigFile`; oras-go and containers/image
/// use the same ones.
const STORE: &str = "credsStore";
const HELPERS: &str = "credHelpers";

/// One edit of a client's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    /// `credsStore` names our helper: every registry.
    Store,
    /// `credHelpers` names our helper for this host.
    Host(String),
}

/// What a client's file says of logins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Logins {
    /// `credsStore`; `None` when it is absent, null or empty.
    pub(crate) store: Option<String>,
    /// `credHelpers`: host and suffix of the helper, in order. Duplicates are merged, the last wins.
    pub(crate) helpers: Vec<(String, String)>,
    /// The hosts whose login stands in the file itself.
    pub(crate) clear_text: Vec<String>,
    /// The hosts that `auths` names without a login: a helper has it (docker/cli `nativeStore.Store`).
    pub(super) named: Vec<String>,
    /// Whether it says anything: notation then does not look at docker's file (oras-go
    /// `Config.IsAuthConfigured`, which counts entries: an empty `auths` says nothing).
    pub(crate) has_any: bool,
    /// `currentContext`: which docker the client talks to.
    pub(super) context: Option<String>,
}

impl Logins {
    /// Reads docker's, notation's or podman's file; `None` when there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Logins>, Report> {
        let Some(text) = file::read_if_there(path)? else { return Ok(None) };
        if text.starts_with('\u{feff}') {
            let what = "begins with a byte order mark, and clients refuse it whole";
            return Err(Report::new(format!("{} {what}", path.display()))
                .hint("save the file as UTF-8 without a byte order mark"));
        }
        Logins::of(path, &text).map(Some)
    }

    /// Reads a file's text. What a client would refuse, or read in another way than we do, is an error.
    pub(super) fn of(path: &Path, text: &str) -> Result<Logins, Report> {
        Ok(ClientFile::parse(path, text)?.logins)
    }

    /// The helper of a host: `credHelpers` of exactly this host, else `credsStore`.
    pub(crate) fn helper(&self, host: &str) -> Option<&str> {
        self.own_helper(host).or(self.store.as_deref())
    }

    /// The helper that `credHelpers` names for a host.
    pub(super) fn own_helper(&self, host: &str) -> Option<&str> {
        self.helpers.iter().find(|(name, _)| name == host).map(|(_, helper)| &**helper)
    }

    /// The hosts whose entries name the helper that we replace.
    pub(super) fn replaced(&self) -> impl Iterator<Item = String> {
        let entries = self.helpers.iter().filter(|(_, helper)| helper == REPLACED_HELPER);
        entries.map(|(host, _)| host.clone())
    }

    /// Whether this edit is in the file.
    pub(super) fn has(&self, edit: &Edit) -> bool {
        match edit {
            Edit::Store => self.store.as_deref() == Some(HELPER),
            Edit::Host(host) => self.own_helper(host) == Some(HELPER),
        }
    }

    /// Whether our helper is asked for the login of a host once these hosts are set up; none means every one.
    pub(super) fn are_asked_of_us(&self, hosts: &[String], host: &str) -> bool {
        match self.own_helper(host) {
            Some(HELPER) => true,
            named => hosts.iter().any(|one| one == host) || hosts.is_empty() && named.is_none(),
        }
    }

    /// Whether any edit of ours is in the file.
    pub(super) fn has_ours(&self) -> bool {
        self.has(&Edit::Store) || self.helpers.iter().any(|(_, helper)| helper == HELPER)
    }
}

/// The text with these edits; the same text where they are all in it.
pub(super) fn edit(path: &Path, text: &str, edits: &[Edit]) -> Result<String, Report> {
    let mut file = ClientFile::parse(path, text)?;
    if edits.iter().all(|edit| file.logins.has(edit)) {
        return Ok(text.into());
    }
    edits.iter().for_each(|edit| file.set(edit, Some(quote(HELPER))));
    Ok(file.print())
}

/// The text without our edits: `before` itself if nothing else was changed since, otherwise `now`
/// with what we set put back. `None` when nothing of ours is in it.
pub(super) fn revert(path: &Path, now: &str, before: &str) -> Result<Option<String>, Report> {
    let (mut file, was) = (ClientFile::parse(path, now)?, ClientFile::parse(path, before)?);
    let mut ours = file.ours();
    ours.retain(|edit| !was.logins.has(edit));
    if ours.is_empty() {
        return Ok(None);
    }
    if edit(path, before, &ours)? == now {
        return Ok(Some(before.into()));
    }
    for edit in &ours {
        let value = match edit {
            Edit::Store => was.top.get(STORE).map(Into::into),
            Edit::Host(host) => was.logins.own_helper(host).map(quote),
        };
        file.set(edit, value);
    }
    if ours.iter().any(|edit| *edit != Edit::Store) && file.top.get(HELPERS) == Some("{}") {
        file.top.set(HELPERS, was.top.get(HELPERS).map(Into::into));
    }
    Ok(Some(file.print()))
}

/// Whether a text holds no member: what is left of a file that we created.
pub(super) fn is_empty(text: &str) -> bool {
    ClientFile::parse(Path::new(""), text).is_ok_and(|file| file.top.0.is_empty())
}

/// A client's file in parts that can be put together again. No `Debug`: it holds logins.
pub(super) struct ClientFile<'a> {
    /// What stands before and after the object, such as a byte order mark and the last newline.
    around: (&'a str, &'a str),
    newline: &'static str,
    /// One step of indentation; `None` where all is on one line.
    indent: Option<&'a str>,
    pub(super) top: Object<'a>,
    logins: Logins,
}

impl<'a> ClientFile<'a> {
    pub(super) fn parse(path: &Path, text: &'a str) -> Result<ClientFile<'a>, Report> {
        let refused = |line: usize, column: usize, what: &str| {
            Report::new(format!("{}:{line}:{column}: {what}", path.display()))
                .hint("repair the file by hand; it was not touched")
        };
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        if body.trim().is_empty() {
            // Clients read it as an object without members.
            let (top, logins) = (Object::default(), Logins::default());
            return Ok(ClientFile { around: ("", newline), newline, indent: Some(DOCKERS_INDENT), top, logins });
        }
        // First as any value: a number at the top is another mistake than a missing comma.
        let object: &RawValue = serde_json::from_str(body).map_err(|err| {
            let words = err.to_string();
            refused(err.line(), err.column(), words.rsplit_once(" at line ").map_or(&words, |(what, _)| what))
        })?;
        let object = object.get();
        let refused = |part: &str, what: &str| {
            let (line, column) = position(body, part);
            refused(line, column, what)
        };
        let top: Object<'a> = serde_json::from_str(object).map_err(|_| refused(object, "expected an object"))?;
        let logins = logins(&top, refused)?;
        let start = text.len() - body.trim_start().len();
        let around = (&text[..start], &text[start + object.len()..]);
        let lead = object[1..].split('"').next().unwrap_or_default();
        let indent = match top.0.is_empty() {
            true => Some(DOCKERS_INDENT),
            false => lead.rsplit_once('\n').map(|(_, indent)| indent),
        };
        Ok(ClientFile { around, newline, indent, top, logins })
    }

    /// Gives what an edit is about this value, spelt as JSON; `None` takes it out.
    fn set(&mut self, edit: &Edit, value: Option<String>) {
        match edit {
            Edit::Store => self.top.set(STORE, value),
            Edit::Host(host) => {
                let helpers = self.top.get(HELPERS).and_then(|helpers| serde_json::from_str(helpers).ok());
                let mut helpers: Object<'_> = helpers.unwrap_or_default();
                helpers.set(host, value);
                let helpers = self.spell(&helpers, 2);
                self.top.set(HELPERS, Some(helpers));
            }
        }
    }

    /// Our edits in the file, in its order.
    fn ours(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for member in &self.top.0 {
            match &*member.name {
                STORE => edits.push(Edit::Store),
                HELPERS => edits.extend(self.logins.helpers.iter().map(|(host, _)| Edit::Host(host.clone()))),
                _ => {}
            }
        }
        edits.retain(|edit| self.logins.has(edit));
        edits
    }

    pub(super) fn print(&self) -> String {
        format!("{}{}{}", self.around.0, self.spell(&self.top, 1), self.around.1)
    }

    /// An object as JSON whose members stand at this depth.
    pub(super) fn spell(&self, object: &Object<'_>, depth: usize) -> String {
        let line = |depth| self.indent.map(|indent| format!("{}{}", self.newline, indent.repeat(depth)));
        let (colon, open, close) = match (line(depth), line(depth - 1)) {
            (Some(open), Some(close)) if !object.0.is_empty() => (": ", open, close),
            _ => (":", String::new(), String::new()),
        };
        let members: Vec<String> =
            object.0.iter().map(|member| format!("{}{colon}{}", member.key, member.value)).collect();
        format!("{{{open}{}{close}}}", members.join(&format!(",{open}")))
    }
}

/// Docker's own, for a file that shows none (docker/cli `ConfigFile.SaveToWriter`).
const DOCKERS_INDENT: &str = "\t";

/// What the members at the top say of logins.
fn logins(top: &Object<'_>, refused: impl Fn(&str, &str) -> Report) -> Result<Logins, Report> {
    let mut logins = Logins::default();
    let mut has_auths = false;
    for Member { name, key, value } in &top.0 {
        if let Some(known) = [STORE, HELPERS].iter().find(|known| name != *known && name.eq_ignore_ascii_case(known)) {
            // Go's encoding/json takes any case, oras-go only the exact one: clients would disagree.
            return Err(refused(key, &format!("`{name}` is not spelt `{known}`")));
        }
        match &**name {
            STORE => {
                let store: Option<String> =
                    serde_json::from_str(value).map_err(|_| refused(value, "`credsStore` is no string"))?;
                logins.store = store.filter(|store| !store.is_empty());
            }
            HELPERS => {
                let helpers: Option<Object<'_>> =
                    serde_json::from_str(value).map_err(|_| refused(value, "`credHelpers` is no object of strings"))?;
                for Member { name, value, .. } in helpers.unwrap_or_default().0 {
                    let helper = serde_json::from_str(&value)
                        .map_err(|_| refused(&value, "this entry of `credHelpers` is no string"))?;
                    logins.helpers.retain(|(host, _)| *host != name);
                    logins.helpers.push((name, helper));
                }
            }
            "auths" => {
                let auths: Object<'_> = serde_json::from_str(value).unwrap_or_default();
                has_auths = !auths.0.is_empty();
                let (full, empty): (Vec<_>, Vec<_>) = auths.0.into_iter().partition(|auth| is_login(&auth.value));
                logins.clear_text = full.into_iter().map(|auth| auth.name).collect();
                logins.named = empty.into_iter().map(|auth| auth.name).collect();
            }
            "currentContext" => logins.context = serde_json::from_str(value).ok(),
            _ => {}
        }
    }
    logins.has_any = has_auths || logins.store.is_some() || !logins.helpers.is_empty();
    Ok(logins)
}

/// Whether an entry of `auths` holds a secret.
pub(super) fn is_login(auth: &str) -> bool {
    let auth: serde_json::Value = serde_json::from_str(auth).unwrap_or_default();
    let filled = |key: &&str| auth[*key].as_str().is_some_and(|text| !text.is_empty());
    ["auth", "password", "identitytoken", "registrytoken"].iter().any(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Every shape with a byte replaced here and there: what is accepted is edited and taken back to
    /// the same bytes, also in parts; what is not is an error. Nothing panics.
    #[test]
    fn damaged_files_are_edited_and_taken_back_or_refused() {
        let (path, host) = (Path::new("config.json"), Edit::Host("public.ecr.aws".into()));
        let (mut edited, mut refused) = (0, 0);
        for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/setup/shapes"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            let shape = fs::read(file).unwrap();
            for (at, new) in (0..shape.len()).zip(b"\"{}[],: \n\\a7".iter().cycle()) {
                let mut bytes = shape.clone();
                bytes[at] = *new;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let Ok(now) = edit(path, &text, &[host.clone(), Edit::Store]) else {
                    refused += 1;
                    continue;
                };
                let again = edit(path, &now, &[Edit::Store, host.clone()]).unwrap();
                assert_eq!(again, now, "twice is once: {text}");
                if Logins::of(path, &text).is_ok_and(|logins| !logins.has_ours()) {
                    assert_eq!(revert(path, &now, &text).unwrap().as_deref(), Some(&*text));
                    let moved = format!("{now} ");
                    let back = revert(path, &moved, &text).unwrap().unwrap();
                    assert_eq!(Logins::of(path, &back).unwrap(), Logins::of(path, &text).unwrap(), "{text}");
                }
                edited += 1;
            }
        }
        assert!(edited > 1_000 && refused > 1_000, "{edited} edited, {refused} refused");
    }
}
