//! Logins of other registries in the keychain: one entry for each server.

use super::wire::Login;
use crate::{
    keychain::{Entry, EntryKind, Error, Inventory, Key, Keychain, Label, Selection},
    secret::Secret,
};

/// The entries of logins. The server is the canonical one (`registry::Server::Other`), so that all
/// spellings meet.
pub static LOGIN: EntryKind = EntryKind {
    name: "login",
    key: &["server"],
    further: &["spelled", "username"],
    title: "Registry login for",
    titled_by: "spelled",
    ends: None,
    restored_by: Some("log in again"),
};

/// A login without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginLabel {
    /// The canonical server, the key.
    pub server: String,
    /// The server as the client wrote it, which `list` gives back.
    pub spelled: String,
    /// The user name, `<token>` for an identity token.
    pub username: String,
}

/// The login of a server; `None` when the store was asked and has none.
pub fn get(store: &dyn Keychain, server: &str) -> Result<Option<Login>, Error> {
    Ok(store.get(&key(server))?.map(|Entry { label, secret }| Login { username: text(&label, "username"), secret }))
}

/// Keeps the login of a server in place of the one before; `spelled` is the server as the client
/// wrote it.
pub fn put(store: &dyn Keychain, server: &str, spelled: &str, login: &Login) -> Result<(), Error> {
    let label = Label::new(key(server), &[spelled, &login.username]);
    store.put(&Entry { label, secret: Secret::from(login.secret.expose().to_owned()) })
}

/// Forgets the login of a server, if there is one.
pub fn remove(store: &dyn Keychain, server: &str) -> Result<(), Error> {
    store.remove(&key(server))
}

/// The labels of the logins, of one server or of all, and why there may be more where not all could be
/// read. No secret is read.
pub fn list(store: &dyn Keychain, server: Option<&str>) -> Result<(Vec<LoginLabel>, Option<Error>), Error> {
    let read = |label: &Label| LoginLabel {
        server: text(label, "server"),
        spelled: text(label, "spelled"),
        username: text(label, "username"),
    };
    let all = Selection::all(&LOGIN);
    let which = match server {
        Some(server) => all.with("server", server),
        None => all,
    };
    let Inventory { labels, incomplete, .. } = store.inventory(&which)?;
    Ok((labels.iter().map(read).collect(), incomplete))
}

fn key(server: &str) -> Key {
    Key::new(&LOGIN, &[server])
}

/// The value of an attribute that every login has.
fn text(label: &Label, name: &str) -> String {
    label.attribute(name).unwrap_or_default().to_owned()
}
