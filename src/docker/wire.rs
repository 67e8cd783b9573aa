//! Docker's side of the wire: what comes in on stdin, what goes out on stdout.
//!
//! Source: docker-credential-helpers, `credentials/credentials.go` and `error.go`.

use std::io::Read;

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::Error;
use crate::{
    door,
    secret::{Secret, Wiped},
};

/// The longest server name that is read: the reference helper's limit of a line.
const MAX_SERVER: usize = 64 * 1024;

/// The longest login that is read; the longest seen in the field are 5,000 bytes.
const MAX_LOGIN: usize = 256 * 1024;

/// A user name with its secret.
#[derive(Debug)]
pub struct Login {
    /// The user name; `<token>` says that the secret is an identity token.
    pub username: String,
    /// The password or token.
    pub secret: Secret,
}

/// What `store` is given.
#[derive(Debug)]
pub(super) struct StoreRequest {
    /// The server, as the client wrote it.
    pub server: String,
    /// What to keep for it.
    pub login: Login,
}

/// What `get` answers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetAnswer<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    username: &'a str,
    secret: &'a str,
}

/// Reads the server name that `get` and `erase` are given, as the client wrote it, trimmed.
pub(super) fn read_server(stdin: &mut dyn Read) -> Result<String, Error> {
    let bytes = read(stdin, 256, MAX_SERVER)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::Input { what: "the server URL is not UTF-8".into() })?;
    server_name(text)
}

/// A server name as clients write it, whatever the verb: trimmed, its lines joined as the reference helper
/// joins them. A name with other control characters is no name.
fn server_name(text: &str) -> Result<String, Error> {
    let server: String = text.trim().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    if server.is_empty() {
        return Err(Error::MissingServerUrl);
    }
    if server.chars().any(char::is_control) {
        return Err(Error::Input { what: "the server URL has control characters".into() });
    }
    Ok(server)
}

/// Reads what `store` is given.
pub(super) fn read_store(stdin: &mut dyn Read) -> Result<StoreRequest, Error> {
    let bytes = read(stdin, 4096, MAX_LOGIN)?;
    if bytes.trim_ascii().is_empty() {
        return Err(Error::Input { what: "there is nothing to store".into() });
    }
    // The reader's own message can quote the text, which holds a password: only its place is told.
    let mut fields: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|err| Error::Input {
        what: format!("not a JSON object of a login (line {}, column {})", err.line(), err.column()),
    })?;
    let mut take = |name: &str| -> Result<Option<String>, Error> {
        // Go's decoder takes any case of a field's name.
        let Some(key) = fields.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned() else { return Ok(None) };
        match fields.remove(&key) {
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Null) | None => Ok(None),
            Some(_) => Err(Error::Input { what: format!("the field {name} is not text") }),
        }
    };
    let (server, username, secret) = (take("ServerURL")?, take("Username")?, take("Secret")?.map(Secret::from));
    Ok(StoreRequest {
        server: server_name(&server.ok_or(Error::MissingServerUrl)?)?,
        login: Login {
            username: username.filter(|username| !username.is_empty()).ok_or(Error::MissingUsername)?,
            secret: secret.ok_or_else(|| Error::Input { what: "the field Secret is missing".into() })?,
        },
    })
}

/// The answer of `get`: one JSON object on one line. `server` is what was asked for, to the letter:
/// testcontainers looks its answer up by it.
pub(super) fn get_answer(server: &str, login: &Login) -> Wiped<Vec<u8>> {
    let answer = GetAnswer { server_url: server, username: &login.username, secret: login.secret.expose() };
    // Room for all of it and for some escapes: a buffer that grows leaves copies of the secret behind.
    let texts = server.len() + login.username.len() + login.secret.expose().len();
    let mut line = Wiped::new(Vec::with_capacity(texts + 256));
    serde_json::to_writer(&mut *line, &answer).expect("text becomes JSON");
    line.push(b'\n');
    line
}

/// The answer of `list`: servers and their user names; `{}` when there are none.
pub(super) fn list_answer(logins: impl IntoIterator<Item = (String, String)>) -> String {
    let object: Map<String, Value> = logins.into_iter().map(|(server, username)| (server, username.into())).collect();
    format!("{}\n", Value::Object(object))
}

/// Reads all of stdin, some `usual` bytes; more than `limit` are an error.
fn read(stdin: &mut dyn Read, usual: usize, limit: usize) -> Result<Wiped<Vec<u8>>, Error> {
    door::read_input(stdin, usual, limit).map_err(|what| Error::Input { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for (input, expected, why) in [
            ("ghcr.io", Some("ghcr.io"), "docker sends no newline"),
            (" ghcr.io\r\n", Some("ghcr.io"), "a shell does"),
            ("ghcr\n.io", Some("ghcr.io"), "the reference helper joins lines"),
            ("a\0b", None, "a control character"),
            ("a\x1b[31mb", None, "a terminal sequence"),
            ("\n", None, "nothing"),
        ] {
            assert_eq!(read_server(&mut input.as_bytes()).ok().as_deref(), expected, "{why}");
        }
        assert!(matches!(read_server(&mut "".as_bytes()), Err(Error::MissingServerUrl)));
        assert!(matches!(read_server(&mut [0xff, 0xfe].as_slice()), Err(Error::Input { .. })), "not UTF-8");
        assert!(matches!(read_server(&mut vec![b'a'; 1 << 20].as_slice()), Err(Error::Input { .. })), "1 MiB");
    }

    #[test]
    fn stores() {
        for (input, why) in [
            (r#"{"ServerURL":"h","Username":"u","Secret":"s"}"#, "docker's"),
            ("{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"s\"}\n", "with a newline"),
            (
                r#"{"serverurl":"h","USERNAME":"u","secret":"s","Extra":[1]}"#,
                "Go's decoder ignores case and unknown fields",
            ),
        ] {
            let request = read_store(&mut input.as_bytes()).expect(why);
            assert_eq!(
                (&*request.server, &*request.login.username, request.login.secret.expose()),
                ("h", "u", "s"),
                "{why}"
            );
        }
        let empty = read_store(&mut r#"{"ServerURL":"h","Username":"u","Secret":""}"#.as_bytes()).unwrap();
        assert_eq!(empty.login.secret.expose(), "", "an empty secret is accepted");
        for (input, expected, why) in [
            ("", "cannot read standard input: there is nothing to store", "empty"),
            ("{", "cannot read standard input: not a JSON object of a login (line 1, column 1)", "cut short"),
            ("[]", "cannot read standard input: not a JSON object of a login (line 1, column 0)", "another type"),
            (r#"{"Username":"u","Secret":"s"}"#, "no credentials server URL", "Docker's sentence"),
            (r#"{"ServerURL":" ","Username":"u","Secret":"s"}"#, "no credentials server URL", "blank"),
            (r#"{"ServerURL":"h","Secret":"s"}"#, "no credentials username", "Docker's sentence"),
            (
                r#"{"ServerURL":"h","Username":"u"}"#,
                "cannot read standard input: the field Secret is missing",
                "no secret",
            ),
            (
                r#"{"ServerURL":"h","Username":"u","Secret":["canary"]}"#,
                "cannot read standard input: the field Secret is not text",
                "a type",
            ),
            (
                r#"{"ServerURL":"h","Username":"u","Secret":"canary"} x"#,
                "cannot read standard input: not a JSON object of a login (line 1, column 52)",
                "a second value",
            ),
        ] {
            let report = crate::report::Report::from(read_store(&mut input.as_bytes()).unwrap_err());
            assert_eq!(report.what(), expected, "{why}");
        }
    }

    #[test]
    fn f1_11_store_takes_the_names_that_get_takes() {
        for (name, why) in [
            ("ghcr.io", "plain"),
            (" ghcr.io\r\n", "blanks around"),
            ("gh\ncr.io", "two lines"),
            ("a\0b", "a control character"),
            ("a\u{1b}[31mb", "a terminal sequence"),
            ("a\u{9b}2Jb", "one of 8 bits"),
            ("a\tb", "a tab"),
            ("\n", "nothing"),
        ] {
            let login = serde_json::json!({ "ServerURL": name, "Username": "u", "Secret": "s" }).to_string();
            let stored = read_store(&mut login.as_bytes()).map(|request| request.server);
            let asked = read_server(&mut name.as_bytes());
            assert_eq!(format!("{stored:?}"), format!("{asked:?}"), "{why}");
        }
    }

    #[test]
    fn answers() {
        let login = Login { username: "<token>".into(), secret: Secret::from(String::from("a\"b\n")) };
        assert_eq!(
            String::from_utf8_lossy(&get_answer("https://h", &login)),
            "{\"ServerURL\":\"https://h\",\"Username\":\"<token>\",\"Secret\":\"a\\\"b\\n\"}\n"
        );
        assert_eq!(list_answer([]), "{}\n", "never null");
        assert_eq!(list_answer([("h".into(), "u".into())]), "{\"h\":\"u\"}\n");
    }
}
