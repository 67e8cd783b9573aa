//! What is known of an entry without reading its secret, as named attributes. No I/O.
//!
//! A store that has attributes (Secret Service) writes [`Label::attributes`] one by one; a store
//! that has a single text (Windows, macOS, keyutils) writes [`Label::to_text`].

/// What finds an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A login of another registry.
    Login {
        /// The canonical server (`registry::Server::Other`), so that all spellings meet.
        server: String,
    },
    /// A cached ECR token: two identities never share one.
    Token {
        /// The registry's host, lower-case, without port.
        host: String,
        /// The fingerprint of the AWS identity that minted it.
        identity: String,
    },
}

/// An entry without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// Of a login.
    Login(LoginLabel),
    /// Of a cached token.
    Token(TokenLabel),
}

/// A login of another registry, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginLabel {
    /// The canonical server, the key.
    pub server: String,
    /// The server as the client wrote it, which `list` gives back.
    pub spelled: String,
    /// The user name, `<token>` for an identity token.
    pub username: String,
}

/// A cached ECR token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenLabel {
    /// The registry's host, lower-case, without port.
    pub host: String,
    /// The fingerprint of the AWS identity that minted it.
    pub identity: String,
    /// The registry's 12-digit AWS account; empty for ECR Public.
    pub account: String,
    /// The registry's AWS region.
    pub region: String,
    /// When the token ends, in seconds since 1970.
    pub expires: u64,
}

impl Key {
    /// The attributes that find the entry, each a part of [`Label::attributes`].
    pub fn attributes(&self) -> Vec<(&'static str, &str)> {
        match self {
            Key::Login { server } => vec![("kind", "login"), ("server", server)],
            Key::Token { host, identity } => vec![("kind", "token"), ("host", host), ("identity", identity)],
        }
    }
}

impl Label {
    /// What finds this entry.
    pub fn key(&self) -> Key {
        match self {
            Label::Login(login) => Key::Login { server: login.server.clone() },
            Label::Token(token) => Key::Token { host: token.host.clone(), identity: token.identity.clone() },
        }
    }

    /// Everything, as named attributes; [`Label::from_attributes`] is the way back.
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        match self {
            Label::Login(login) => vec![
                ("kind", "login".into()),
                ("server", login.server.clone()),
                ("spelled", login.spelled.clone()),
                ("username", login.username.clone()),
            ],
            Label::Token(token) => vec![
                ("kind", "token".into()),
                ("host", token.host.clone()),
                ("identity", token.identity.clone()),
                ("account", token.account.clone()),
                ("region", token.region.clone()),
                ("expires", token.expires.to_string()),
            ],
        }
    }

    /// Reads a label back; `None` when an attribute is missing or makes no sense.
    pub fn from_attributes<'a>(attribute: impl Fn(&str) -> Option<&'a str>) -> Option<Label> {
        let text = |name: &str| attribute(name).map(String::from);
        match attribute("kind")? {
            "login" => Some(Label::Login(LoginLabel {
                server: text("server")?,
                spelled: text("spelled")?,
                username: text("username")?,
            })),
            "token" => Some(Label::Token(TokenLabel {
                host: text("host")?,
                identity: text("identity")?,
                account: text("account")?,
                region: text("region")?,
                expires: attribute("expires")?.parse().ok()?,
            })),
            _ => None,
        }
    }

    /// All attributes as one JSON object on one line.
    pub fn to_text(&self) -> String {
        let object: serde_json::Map<_, _> =
            self.attributes().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        serde_json::Value::Object(object).to_string()
    }

    /// Reads [`Label::to_text`] back.
    pub fn from_text(text: &str) -> Option<Label> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        Label::from_attributes(|name| object.get(name)?.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_survive_attributes_and_text() {
        for (label, why) in [
            (
                Label::Login(LoginLabel {
                    server: "ghcr.io".into(),
                    spelled: "https://ghcr.io".into(),
                    username: "<token>".into(),
                }),
                "an identity token's user name",
            ),
            (
                Label::Login(LoginLabel {
                    server: "r.example:5000".into(),
                    spelled: "r.example:5000".into(),
                    username: "ünï \"q\"\n".into(),
                }),
                "unicode, quotes and a newline",
            ),
            (
                Label::Token(TokenLabel {
                    host: "public.ecr.aws".into(),
                    identity: "f00d".into(),
                    account: String::new(),
                    region: "us-east-1".into(),
                    expires: u64::MAX,
                }),
                "ECR Public has no account",
            ),
        ] {
            let attributes = label.attributes();
            let find = |name: &str| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
            assert_eq!(Label::from_attributes(find).as_ref(), Some(&label), "{why}");
            assert_eq!(Label::from_text(&label.to_text()).as_ref(), Some(&label), "{why}");
            for (name, value) in label.key().attributes() {
                assert_eq!(find(name), Some(value), "the key is a part of the label: {why}");
            }
        }
        for (text, why) in [
            ("", "nothing"),
            ("{}", "no kind"),
            (r#"{"kind":"login","server":"a","spelled":"a"}"#, "no user name"),
            (r#"{"kind":"token","host":"h","identity":"i","account":"","region":"r","expires":"soon"}"#, "no number"),
            (r#"{"kind":"other"}"#, "a kind of a later version"),
        ] {
            assert_eq!(Label::from_text(text), None, "{why}");
        }
    }
}
