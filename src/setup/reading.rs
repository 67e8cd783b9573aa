//! What the clients' files say of logins, read with no thought of changing them.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{Error, client::Client, file, places, tables};
use crate::environment::Environment;

/// What a client's JSON file says of logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logins {
    /// `credsStore`.
    pub(crate) store: Option<String>,
    /// `credHelpers`: host and suffix of the helper.
    pub(crate) helpers: Vec<(String, String)>,
    /// The hosts whose login stands in the file itself.
    pub(crate) clear_text: Vec<String>,
    /// Whether it says anything of logins: notation then looks at no other file.
    pub(crate) has_any: bool,
}

impl Logins {
    /// Reads docker's, notation's or podman's file; `None` when there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Logins>, Error> {
        let Some(text) = text(path)? else { return Ok(None) };
        if text.starts_with('\u{feff}') {
            return Err(Error::new(
                format!("{} begins with a byte order mark, and clients refuse it whole", path.display()),
                "save the file as UTF-8 without a byte order mark",
            ));
        }
        let client = Client::of(path, &text)?;
        Ok(Some(Logins {
            clear_text: client.clear_text_logins(),
            has_any: client.has_logins(),
            store: client.store,
            helpers: client.helpers,
        }))
    }

    /// The helper of a host: `credHelpers` of exactly this host, else `credsStore`.
    pub(crate) fn helper(&self, host: &str) -> Option<&str> {
        let named = self.helpers.iter().find(|(name, _)| name == host).map(|(_, helper)| helper.as_str());
        named.or(self.store.as_deref())
    }
}

/// The helpers that podman asks for every registry, with the file that names them.
pub(crate) fn podman_helpers(environment: &Environment) -> Result<Option<(PathBuf, Vec<String>)>, Error> {
    let (file, drop_in) = places::podman_registries(environment)?;
    // A drop-in is read after the file and goes over it.
    for path in [drop_in, file] {
        if let Some(text) = text(&path)?
            && let Some(helpers) = tables::helpers(&path, &text)?
        {
            return Ok(Some((path, helpers)));
        }
    }
    Ok(None)
}

/// The auth.json files that podman reads, in its order.
pub(crate) fn podman_logins(environment: &Environment) -> Vec<PathBuf> {
    places::podman_runtime_logins(environment).into_iter().chain(places::podman_logins(environment).ok()).collect()
}

fn text(path: &Path) -> Result<Option<String>, Error> {
    match fs::metadata(path) {
        // Opening a named pipe would wait for ever.
        Ok(metadata) if !metadata.is_file() => Err(Error::new(
            format!("{} is no regular file", path.display()),
            "move it away: a container that mounts a missing file makes a folder in its place",
        )),
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Ok(_) | Err(_) => file::read_text(path, path).map(Some),
    }
}
