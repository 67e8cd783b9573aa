//! What docker's and notation's config.json (and podman's auth.json) say about logins, and the two
//! edits that name our helper in it.

use std::path::Path;

use super::{
    Error, HELPER,
    json::{self, Layout, Object},
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

/// What a client reads of its file.
#[derive(Debug)]
pub(super) struct Client<'a> {
    top: Object<'a>,
    /// `credsStore`; `None` when it is absent, null or empty.
    pub(super) store: Option<String>,
    /// `credHelpers`: host and suffix of the helper, in order. Duplicates are merged, the last wins.
    pub(super) helpers: Vec<(String, String)>,
}

impl<'a> Client<'a> {
    /// Reads a file's text. What a client would refuse, or read in another way than we do, is an error.
    pub(super) fn of(path: &Path, text: &'a str) -> Result<Client<'a>, Error> {
        let top = Object::of(text).map_err(|defect| unusable(path, &defect))?;
        for member in &top.members {
            let known = [STORE, HELPERS].into_iter().find(|known| member.name.eq_ignore_ascii_case(known));
            if let Some(known) = known.filter(|known| member.name != *known) {
                // Go's encoding/json takes any case, oras-go only the exact one: clients would disagree.
                let defect = json::defect(text, member.key, &format!("`{}` is not spelt `{known}`", member.name));
                return Err(unusable(path, &defect));
            }
        }
        let mut client = Client { top, store: None, helpers: Vec::new() };
        for member in &client.top.members {
            let broken = |part: &str, what: &str| unusable(path, &json::defect(text, part, what));
            if member.name == STORE {
                let store: Option<String> = serde_json::from_str(member.value)
                    .map_err(|_| broken(member.value, "`credsStore` is no string"))?;
                client.store = store.filter(|store| !store.is_empty());
            }
            if member.name == HELPERS && member.value != "null" {
                let helpers = Object::within(text, member.value)
                    .map_err(|_| broken(member.value, "`credHelpers` is no object of strings"))?;
                for entry in helpers.members {
                    let helper = serde_json::from_str(entry.value)
                        .map_err(|_| broken(entry.value, "this entry of `credHelpers` is no string"))?;
                    client.helpers.retain(|(host, _)| *host != entry.name);
                    client.helpers.push((entry.name, helper));
                }
            }
        }
        Ok(client)
    }

    /// The helper that serves a host by name.
    pub(super) fn helper(&self, host: &str) -> Option<&str> {
        self.helpers.iter().find(|(name, _)| name == host).map(|(_, helper)| &**helper)
    }

    /// Whether this edit is in the file.
    pub(super) fn has(&self, edit: &Edit) -> bool {
        match edit {
            Edit::Store => self.store.as_deref() == Some(HELPER),
            Edit::Host(host) => self.helper(host) == Some(HELPER),
        }
    }

    /// Whether any edit of ours is in the file.
    pub(super) fn has_any(&self) -> bool {
        self.has(&Edit::Store) || self.helpers.iter().any(|(_, helper)| helper == HELPER)
    }

    /// Whether the file says anything about logins: notation then does not look at docker's (oras-go
    /// `Config.IsAuthConfigured`, which counts entries: an empty `auths` says nothing).
    pub(super) fn has_logins(&self) -> bool {
        let auths = self.top.member("auths").and_then(|auths| Object::within(self.top.text(), auths.value).ok());
        self.store.is_some() || !self.helpers.is_empty() || auths.is_some_and(|auths| !auths.members.is_empty())
    }

    /// The hosts whose login stands in the file itself.
    pub(super) fn clear_text_logins(&self) -> Vec<String> {
        let auths = self.top.member("auths").map(|auths| serde_json::from_str(auths.value));
        let Some(Ok(serde_json::Value::Object(auths))) = auths else { return Vec::new() };
        let filled = |login: &serde_json::Value, key: &str| login[key].as_str().is_some_and(|text| !text.is_empty());
        let is_login = |login: &serde_json::Value| {
            ["auth", "password", "identitytoken", "registrytoken"].iter().any(|key| filled(login, key))
        };
        auths.into_iter().filter(|(_, login)| is_login(login)).map(|(host, _)| host).collect()
    }

    /// The text of a member at the top that is a string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.top.member(name)?.value).ok()
    }

    /// Our edits in the file, in its order.
    fn ours(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for member in &self.top.members {
            match &*member.name {
                STORE => edits.push(Edit::Store),
                HELPERS => edits.extend(self.helpers.iter().map(|(host, _)| Edit::Host(host.clone()))),
                _ => {}
            }
        }
        edits.retain(|edit| self.has(edit));
        edits
    }

    /// The members that no edit of ours touches, as they are spelt: top, then `credHelpers`.
    fn others(&self, edits: &[Edit]) -> Vec<(&'a str, &'a str)> {
        let hosts = edits.iter().any(|edit| matches!(edit, Edit::Host(_)));
        let mut others = Vec::new();
        for member in &self.top.members {
            match &*member.name {
                STORE if edits.contains(&Edit::Store) => {}
                HELPERS if hosts => {
                    let Ok(helpers) = Object::within(self.top.text(), member.value) else { continue };
                    let foreign =
                        helpers.members.iter().filter(|entry| !edits.contains(&Edit::Host(entry.name.clone())));
                    others.extend(foreign.map(|entry| (entry.key, entry.value)));
                }
                _ => others.push((member.key, member.value)),
            }
        }
        others
    }
}

/// The text with these edits. The result is read again, and refused unless they are all that changed.
pub(super) fn edit(path: &Path, text: &str, edits: &[Edit]) -> Result<String, Error> {
    let mut now = text.to_owned();
    for edit in edits {
        let client = Client::of(path, &now)?;
        if !client.has(edit) {
            let helper = format!("\"{HELPER}\"");
            now = match edit {
                Edit::Store => client.top.set(STORE, &helper, &Layout::of(&client.top), 1),
                Edit::Host(host) => set_host(&client.top, host, &helper),
            };
        }
    }
    let (before, after) = (Client::of(path, text)?, Client::of(path, &now)?);
    if !edits.iter().all(|edit| after.has(edit)) || before.others(edits) != after.others(edits) {
        return Err(not_this_way(path));
    }
    Ok(now)
}

fn set_host(top: &Object<'_>, host: &str, helper: &str) -> String {
    let layout = Layout::of(top);
    let helpers = top.member(HELPERS).and_then(|member| Object::within(top.text(), member.value).ok());
    match helpers {
        Some(helpers) => helpers.set(host, helper, &layout, 2),
        None => top.set(HELPERS, &layout.object(host, helper, 2), &layout, 1),
    }
}

/// The text without our edits: `before` itself if nothing else was changed since, otherwise `now`
/// with what we set put back. `None` when nothing of ours is in it.
pub(super) fn revert(path: &Path, now: &str, before: &str) -> Result<Option<String>, Error> {
    let was = Client::of(path, before)?;
    let mut ours = Client::of(path, now)?.ours();
    ours.retain(|edit| !was.has(edit));
    if ours.is_empty() {
        return Ok(None);
    }
    if edit(path, before, &ours).is_ok_and(|again| again == now) {
        return Ok(Some(before.into()));
    }
    let mut text = now.to_owned();
    for edit in &ours {
        let client = Client::of(path, &text)?;
        let layout = Layout::of(&client.top);
        text = match edit {
            Edit::Store => match was.top.member(STORE) {
                Some(member) => client.top.set(STORE, member.value, &layout, 1),
                None => client.top.without(STORE),
            },
            Edit::Host(host) => unset_host(path, &client.top, host, &was)?,
        };
    }
    let (now, after) = (Client::of(path, now)?, Client::of(path, &text)?);
    let kept = now.others(&ours) == after.others(&ours);
    if !kept || ours.iter().any(|edit| after.has(edit)) {
        return Err(not_this_way(path));
    }
    Ok(Some(text))
}

fn unset_host(path: &Path, top: &Object<'_>, host: &str, was: &Client<'_>) -> Result<String, Error> {
    let Some(member) = top.member(HELPERS) else { return Ok(top.text().into()) };
    let helpers = Object::within(top.text(), member.value).map_err(|defect| unusable(path, &defect))?;
    Ok(match was.helper(host) {
        Some(helper) => helpers.set(host, &serde_json::Value::from(helper).to_string(), &Layout::of(top), 2),
        None if helpers.members.len() == 1 && was.top.member(HELPERS).is_none() => top.without(HELPERS),
        None => helpers.without(host),
    })
}

/// Whether a text holds no member: what is left of a file that we created.
pub(super) fn is_empty(text: &str) -> bool {
    Object::of(text).is_ok_and(|top| top.members.is_empty())
}

fn unusable(path: &Path, defect: &json::Defect) -> Error {
    Error::new(
        format!("{}:{}:{}: {}", path.display(), defect.line, defect.column, defect.what),
        "repair the file by hand; it was not touched",
    )
}

/// A last guard: an edit whose result does not read back as intended is not written.
fn not_this_way(path: &Path) -> Error {
    Error::new(
        format!("{} cannot be edited without changing more than the credential helper", path.display()),
        format!("set `\"credsStore\": \"{HELPER}\"` by hand, and report the file's layout as a bug"),
    )
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
                if Client::of(path, &text).is_ok_and(|client| !client.has_any()) {
                    assert_eq!(revert(path, &now, &text).unwrap().as_deref(), Some(&*text));
                    let moved = format!("{now} ");
                    let back = revert(path, &moved, &text).unwrap().unwrap();
                    let (was, is) = (Client::of(path, &text).unwrap(), Client::of(path, &back).unwrap());
                    assert_eq!((&was.store, &was.helpers), (&is.store, &is.helpers), "{text}");
                }
                edited += 1;
            }
        }
        assert!(edited > 1_000 && refused > 1_000, "{edited} edited, {refused} refused");
    }
}
