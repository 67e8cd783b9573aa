//! The text of `DBUS_SESSION_BUS_ADDRESS` as places to connect to. No I/O.
//!
//! Source: D-Bus specification 0.43, "Server Addresses" and "unix" transports.

use std::{
    ffi::OsString,
    fmt,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// Where a bus may listen. Transports other than `unix:` reach another machine or start a
/// program, and a credential helper wants neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket file.
    Path(PathBuf),
    /// A name in Linux's abstract namespace.
    Abstract(Vec<u8>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Path(path) => write!(f, "{}", path.display()),
            Address::Abstract(name) => write!(f, "the abstract socket {}", String::from_utf8_lossy(name)),
        }
    }
}

/// The addresses in the order they are to be tried; without a text, the user's runtime folder's.
pub(super) fn parse(text: Option<&str>, runtime_folder: Option<&Path>) -> Vec<Address> {
    let runtime = || runtime_folder.map(|folder| Address::Path(folder.join("bus")));
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => text.trim().split(';').filter_map(|one| parse_one(one, runtime)).collect(),
        None => runtime().into_iter().collect(),
    }
}

fn parse_one(text: &str, runtime: impl Fn() -> Option<Address>) -> Option<Address> {
    text.strip_prefix("unix:")?.split(',').find_map(|pair| match pair.split_once('=')? {
        ("path", path) => Some(Address::Path(OsString::from_vec(unescape(path)?).into())),
        ("abstract", name) => Some(Address::Abstract(unescape(name)?)),
        ("runtime", "yes") => runtime(),
        _ => None, // `guid`, and `dir` and `tmpdir`, which are for listening only
    })
}

/// Undoes `%XX`; `None` for a broken escape or an empty value.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit(rest.next()?)? << 4) | digit(rest.next()?)?
            }
            byte => byte,
        });
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let runtime = Path::new("/run/user/7");
        let path = |text: &str| Address::Path(text.into());
        for (text, expected, why) in [
            (None, vec![path("/run/user/7/bus")], "systemd's place"),
            (Some(""), vec![path("/run/user/7/bus")], "an empty variable is no variable"),
            (Some("unix:path=/a/bus"), vec![path("/a/bus")], "as systemd sets it"),
            (Some("unix:path=/a/bus,guid=00"), vec![path("/a/bus")], "as dbus-launch sets it"),
            (Some("unix:guid=00,path=/a/bus"), vec![path("/a/bus")], "keys come in any order"),
            (Some("unix:path=/a%20b/%62us"), vec![path("/a b/bus")], "percent escapes"),
            (Some("unix:abstract=/tmp/dbus-x"), vec![Address::Abstract(b"/tmp/dbus-x".to_vec())], "older systems"),
            (Some("unix:runtime=yes"), vec![path("/run/user/7/bus")], "by name"),
            (
                Some("tcp:host=h,port=1;unix:path=/a;unix:path=/b"),
                vec![path("/a"), path("/b")],
                "several, in order, another transport skipped",
            ),
            (Some("unixexec:path=ssh"), vec![], "starts a program"),
            (Some("autolaunch:"), vec![], "starts a bus"),
            (Some("unix:path=/a%2"), vec![], "a broken escape"),
            (Some("unix:path=/a%zz"), vec![], "a broken escape"),
            (Some("unix:path="), vec![], "an empty path"),
            (Some("unix:tmpdir=/tmp"), vec![], "for listening only"),
            (Some("nonsense"), vec![], "no transport"),
            (Some(";;"), vec![], "nothing, three times"),
        ] {
            assert_eq!(parse(text, Some(runtime)), expected, "{why}: {text:?}");
        }
        assert_eq!(parse(None, None), [], "neither variable");
        assert_eq!(parse(Some("unix:runtime=yes"), None), [], "a runtime folder that is not there");
    }
}
