//! An access key with its secret.

use std::{fmt, sync::Arc};

use crate::secret::Secret;

/// An access key. Clones share the secrets, which are wiped with the last of them.
#[derive(Clone)]
pub struct Keys {
    /// The id, which is no secret: `AKIA…`, of a session `ASIA…`.
    pub access_key_id: String,
    secret_access_key: Arc<Secret>,
    session_token: Option<Arc<Secret>>,
}

impl Keys {
    /// Takes keys as a file or the environment has them, without the blanks around them.
    ///
    /// # Errors
    /// Says what is wrong, and never the value: an id or token that cannot stand in a request, or nothing.
    pub(super) fn new(id: &str, secret: &str, token: Option<&str>) -> Result<Keys, String> {
        let (id, secret, token) = (id.trim(), secret.trim(), token.map(str::trim).filter(|token| !token.is_empty()));
        let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        for (what, text) in
            [("access key id", id), ("secret access key", secret), ("session token", token.unwrap_or("x"))]
        {
            if text.is_empty() {
                return Err(format!("{what} is empty"));
            }
            if !printable(text) {
                return Err(format!("{what} has a blank or another character that no key has"));
            }
        }
        Ok(Keys {
            access_key_id: id.into(),
            secret_access_key: Arc::new(Secret::from(secret.to_owned())),
            session_token: token.map(|token| Arc::new(Secret::from(token.to_owned()))),
        })
    }

    /// The secret access key.
    pub fn secret_access_key(&self) -> &str {
        self.secret_access_key.expose()
    }

    /// The token that keys of a session come with.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.expose())
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Keys) -> bool {
        self.access_key_id == other.access_key_id
            && self.secret_access_key() == other.secret_access_key()
            && self.session_token() == other.session_token()
    }
}

impl Eq for Keys {}

/// The id alone.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.access_key_id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_shown() {
        for (id, secret, token, expected) in [
            (" AKIA1\n", "canary\t", Some(" canary "), Ok("AKIA1")),
            ("AKIA1", "canary", Some(""), Ok("AKIA1")),
            ("", "canary", None, Err("access key id is empty")),
            ("AKIA1", " ", None, Err("secret access key is empty")),
            ("AKIA1\n\ncanary", "canary", None, Err("access key id has a blank")),
            ("AKIÄ", "canary", None, Err("access key id has a blank")),
            ("AKIA1", "canary \0", None, Err("secret access key has a blank")),
            ("AKIA1", "canary", Some("can\r\nary"), Err("session token has a blank")),
        ] {
            let keys = Keys::new(id, secret, token);
            match (&keys, expected) {
                (Ok(keys), Ok(id)) => assert_eq!(keys.access_key_id, id),
                (Err(what), Err(words)) => assert!(what.starts_with(words), "{what}"),
                other => panic!("{other:?}"),
            }
            assert!(!format!("{keys:?}").contains("canary"), "{keys:?}");
        }
    }
}
