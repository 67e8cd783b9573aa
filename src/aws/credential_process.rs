//! Credentials from the program that a profile's `credential_process` names, run under bounds: the SDK's
//! own way reads whatever it prints and leaves behind what it started.
//!
//! Source of the contract: AWS SDK reference guide, "Process credential provider".

use std::{process::Command, time::Duration};

use aws_credential_types::{Credentials, provider::error::CredentialsError};
use chrono::DateTime;
use serde_json::{Map, Value};

use crate::{
    process::{self, Error, Limits, Stderr},
    secret::Wiped,
};

/// Most bytes that it may print. Credentials have a few thousand.
const MAX_OUTPUT: usize = 1 << 20;

/// Runs the command with the system's shell. What it prints on standard error may hold secrets, and goes
/// nowhere; its standard input is empty.
///
/// # Errors
/// In the words that `error_class` knows: it could not be run, it failed, or what it printed are no
/// credentials.
pub(super) fn run(command: &str, time: Duration) -> Result<Credentials, CredentialsError> {
    let limits = Limits { time, output: MAX_OUTPUT };
    let output = process::run(&mut shell(command), Wiped::default(), limits, Stderr::Discard);
    let output = output.map_err(|err| {
        CredentialsError::provider_error(match err {
            Error::Start(err) => format!("the command could not be run: {err}"),
            other => format!("the command did not print credentials: {other}"),
        })
    })?;
    if !output.status.success() {
        return Err(CredentialsError::provider_error(format!("the command ended with {}", output.status)));
    }
    read(&output.stdout)
        .map_err(|why| CredentialsError::provider_error(format!("the command did not print credentials: {why}")))
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

/// `cmd /C` takes a line, not words: it is handed over as it is, in the quotes that `cmd` takes off.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;
    let mut shell = Command::new("cmd.exe");
    shell.arg("/C").raw_arg(format!("\"{command}\""));
    shell
}

/// Credentials as the contract has them, or what is wrong, without a value.
fn read(printed: &[u8]) -> Result<Credentials, String> {
    let mut fields: Map<String, Value> = serde_json::from_slice(printed).map_err(|_| "it is no JSON object")?;
    if fields.get("Version").and_then(Value::as_u64) != Some(1) {
        return Err("Version is not 1".into());
    }
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(format!("{name} is no text")),
    };
    let id = text("AccessKeyId")?.ok_or("AccessKeyId is missing")?;
    let secret = text("SecretAccessKey")?.ok_or("SecretAccessKey is missing")?;
    let token = text("SessionToken")?;
    let expires = text("Expiration")?.map(|text| DateTime::parse_from_rfc3339(&text)).transpose();
    let expires = expires.map_err(|_| "Expiration is no time")?.map(Into::into);
    Ok(Credentials::new(id, secret, token, expires, "CredentialProcess"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_whole_or_not_at_all() {
        let keys = r#""AccessKeyId": "AKIA1", "SecretAccessKey": "canary""#;
        for (printed, expected, why) in [
            (format!(r#"{{"Version": 1, {keys}}}"#), Ok((None, None)), "keys"),
            (
                format!(
                    r#"{{"Version": 1, {keys}, "SessionToken": "t", "Expiration": "2026-11-25T12:00:00Z", "x": 1}}"#
                ),
                Ok((Some("t"), Some(1_795_608_000))),
                "a session",
            ),
            (
                format!(r#"{{"Version": 1, {keys}, "SessionToken": null, "Expiration": null}}"#),
                Ok((None, None)),
                "nulls",
            ),
            (format!("{{{keys}}}"), Err("Version is not 1"), "no version"),
            (format!(r#"{{"Version": 2, {keys}}}"#), Err("Version is not 1"), "another version"),
            (r#"{"Version": 1, "AccessKeyId": "AKIA1"}"#.into(), Err("SecretAccessKey is missing"), "half a pair"),
            (r#"{"Version": 1, "AccessKeyId": 1}"#.into(), Err("AccessKeyId is no text"), "a number"),
            (format!(r#"{{"Version": 1, {keys}, "Expiration": "soon"}}"#), Err("Expiration is no time"), "no time"),
            ("canary".into(), Err("it is no JSON object"), "no JSON"),
            (format!("[{keys}]").replace(':', ","), Err("it is no JSON object"), "a list"),
            (String::new(), Err("it is no JSON object"), "nothing"),
        ] {
            let read = read(printed.as_bytes());
            match (&read, expected) {
                (Ok(found), Ok((token, expires))) => {
                    assert_eq!((found.access_key_id(), found.secret_access_key()), ("AKIA1", "canary"), "{why}");
                    let seconds =
                        |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
                    assert_eq!((found.session_token(), found.expiry().map(seconds)), (token, expires), "{why}");
                }
                (Err(what), Err(expected)) => assert_eq!(what, expected, "{why}"),
                other => panic!("{why}: {other:?}"),
            }
        }
    }
}
