//! Logins that stand in a client's file in clear text: read, and taken out of it.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{
    client::{ClientFile, Logins, is_login},
    json_object::Object,
};
use crate::{
    config::Config,
    names::{DOCKER_HUB, HELPER},
    oci::IDENTITY_TOKEN,
    registry::Server,
    report::Report,
    secret::{Secret, Wiped},
};

/// A login that can go from a client's file into the keychain.
#[derive(Debug)]
pub struct ClearLogin {
    /// The server's canonical name, as the keychain has it.
    pub server: String,
    /// The server as the file has it.
    pub spelled: String,
    /// The user name; `<token>` says that the secret is an identity token.
    pub username: String,
    /// The password or the identity token.
    pub secret: Secret,
    /// The file.
    pub path: PathBuf,
}

/// The logins of a file that our helper can answer with, once it is asked for these hosts; none means every one.
///
/// A login that another helper hid until now is not one of them: it may be an old one. Nor is a token of ECR,
/// which ends within 12 hours and is made anew, nor a login of one path of a registry, which only podman's own
/// files know (containers-auth.json(5)).
pub(super) fn movable(path: &Path, text: &str, hosts: &[String], config: &Config) -> Result<Vec<ClearLogin>, Report> {
    let file = ClientFile::parse(path, text)?;
    let logins = Logins::of(path, text)?;
    if logins.store.as_ref().is_some_and(|store| store != HELPER) {
        return Ok(Vec::new());
    }
    let mut movable: Vec<ClearLogin> = Vec::new();
    let mut staying = Vec::new();
    for member in auths(&file).0.into_iter().filter(|member| is_login(&member.value)) {
        let Some(Server::Other(server)) = Server::parse(&member.name, |host| config.custom(host)) else { continue };
        let is_registry = server == DOCKER_HUB || !server.contains('/');
        let Some((username, secret)) = login(&member.value).filter(|_| is_registry) else {
            staying.push(server);
            continue;
        };
        match movable.iter().find(|one| one.server == server) {
            Some(one) if one.username == username && one.secret.expose() == secret.expose() => {}
            // Two spellings with two logins: the keychain has room for one.
            Some(_) => staying.push(server),
            None => movable.push(ClearLogin { server, spelled: member.name, username, secret, path: path.into() }),
        }
    }
    movable.retain(|one| !staying.contains(&one.server) && logins.are_asked_of_us(hosts, &one.server));
    Ok(movable)
}

/// The text without the secrets of these servers, which stay named: so docker leaves a login that a helper keeps
/// (docker/cli `nativeStore.Store`).
pub(super) fn without(path: &Path, text: &str, servers: &[&str]) -> Result<String, Report> {
    let mut file = ClientFile::parse(path, text)?;
    let mut auths = auths(&file);
    let named = |name: &str| match Server::parse(name, |_| None) {
        Some(Server::Other(server)) => servers.contains(&&*server),
        _ => false,
    };
    let mut changed = false;
    for member in auths.0.iter_mut().filter(|member| named(&member.name)) {
        let Ok(mut entry) = serde_json::from_str::<Object<'_>>(&member.value) else { continue };
        let all = entry.0.len();
        entry.0.retain(|one| !SECRETS.contains(&&*one.name));
        if entry.0.len() != all {
            changed = true;
            let spelled = file.spell(&entry, 3);
            member.value = spelled.into();
        }
    }
    if !changed {
        return Ok(text.into());
    }
    let auths = file.spell(&auths, 2);
    file.top.set(AUTHS, Some(auths));
    Ok(file.print())
}

const AUTHS: &str = "auths";

/// What docker empties (docker/cli `nativeStore.Store`).
const SECRETS: [&str; 4] = ["auth", "username", "password", "identitytoken"];

/// The logins of a file as they are spelt; none where that is no object.
fn auths<'a>(file: &ClientFile<'a>) -> Object<'a> {
    let auths = file.top.0.iter().rfind(|member| member.name == AUTHS);
    // What the file has is borrowed from its text; only what was edited is owned, and nothing was.
    let text = auths.and_then(|member| if let Cow::Borrowed(text) = member.value { Some(text) } else { None });
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// User name and secret of an entry, as docker reads it (docker/cli `configfile.decodeAuth`, `types.AuthConfig`).
/// `None` where it has more than one secret, or one that no helper can answer with.
fn login(entry: &str) -> Option<(String, Secret)> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Entry {
        auth: String,
        username: String,
        password: String,
        identitytoken: String,
    }
    let Entry { auth, username, password, identitytoken } = serde_json::from_str(entry).ok()?;
    let [auth, password, token] = [auth, password, identitytoken].map(Wiped::new);
    let decoded = Wiped::new(BASE64_STANDARD.decode(&*auth).ok()?);
    let decoded = std::str::from_utf8(&decoded).ok()?;
    // Where there is a token, docker leaves the user name alone before the colon.
    let (name, word) = decoded.split_once(':').or_else(|| decoded.is_empty().then_some(("", "")))?;
    let word = word.trim_matches('\0');
    let (username, secret) = match (word, password.as_str(), token.as_str()) {
        ("", "", token) => (IDENTITY_TOKEN, token),
        ("", password, "") => (username.as_str(), password),
        (word, "", "") => (name, word),
        _ => return None,
    };
    let is_whole = !username.is_empty() && !secret.is_empty();
    is_whole.then(|| (username.to_owned(), Secret::from(secret.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `me:canary`, `me:other`.
    const AUTH: &str = "\"auth\":\"bWU6Y2FuYXJ5\"";
    const OTHER: &str = "\"auth\":\"bWU6b3RoZXI=\"";

    #[test]
    fn entries_are_read_as_docker_reads_them() {
        for (entry, expected, why) in [
            (format!("{{{AUTH}}}"), Some(("me", "canary")), "docker's own"),
            ("{\"auth\":\"bWU6Y2E6bmFyeQAA\"}".into(), Some(("me", "ca:nary")), "a colon, and zeros at the end"),
            ("{\"username\":\"me\",\"password\":\"canary\"}".into(), Some(("me", "canary")), "written by hand"),
            (
                "{\"auth\":\"bWU6\",\"identitytoken\":\"canary\"}".into(),
                Some(("<token>", "canary")),
                "an identity token goes first",
            ),
            ("{}".into(), None, "nothing"),
            ("{\"auth\":\"%\"}".into(), None, "no base64"),
            ("{\"auth\":\"bWU=\"}".into(), None, "no password"),
            ("{\"auth\":\"OmNhbmFyeQ==\"}".into(), None, "no user"),
            ("{\"registrytoken\":\"canary\"}".into(), None, "no helper can answer with it"),
            (format!("{{{AUTH},\"identitytoken\":\"canary\"}}"), None, "a password and a token: one would be lost"),
            (format!("{{{AUTH},\"password\":\"canary\"}}"), None, "two passwords"),
            (format!("{{{AUTH},{AUTH}}}"), None, "twice"),
            ("[7]".into(), None, "no object"),
        ] {
            let read = login(&entry);
            let read = read.as_ref().map(|(username, secret)| (username.as_str(), secret.expose()));
            assert_eq!(read, expected, "{why}");
        }
    }

    #[test]
    fn only_what_our_helper_would_be_asked_for_goes() {
        let entry = format!("{{{AUTH}}}");
        let file = |hosts: &[&str], rest: &str| {
            let auths: Vec<String> = hosts.iter().map(|host| format!("\"{host}\":{entry}")).collect();
            format!("{{\"auths\":{{{}}}{rest}}}", auths.join(","))
        };
        let hub = "https://index.docker.io/v1/";
        for (text, hosts, expected, why) in [
            (file(&["ghcr.io", hub], ""), vec![], vec!["ghcr.io", hub], "every registry"),
            (file(&["https://ghcr.io/v2/"], ""), vec![], vec!["ghcr.io"], "in an old spelling"),
            (file(&["ghcr.io", "quay.io"], ""), vec!["quay.io".to_owned()], vec!["quay.io"], "one registry"),
            (file(&["ghcr.io"], ",\"credsStore\":\"ecr-rs\""), vec![], vec!["ghcr.io"], "after `setup`"),
            (file(&["ghcr.io"], ",\"credsStore\":\"pass\""), vec![], vec![], "pass hid it"),
            (file(&["gcr.io"], ",\"credHelpers\":{\"gcr.io\":\"gcloud\"}"), vec![], vec![], "gcloud serves it"),
            (file(&["ghcr.io", "https://ghcr.io/v2/"], ""), vec![], vec!["ghcr.io"], "twice the same"),
            (
                file(&["ghcr.io"], "").replacen("}}", &format!("}},\"https://ghcr.io\":{{{OTHER}}}}}"), 1),
                vec![],
                vec![],
                "two logins of one server",
            ),
            (
                file(&["ghcr.io"], "").replacen("}}", "},\"https://ghcr.io\":{\"auth\":\"%\"}}", 1),
                vec![],
                vec![],
                "one that nobody can read beside it",
            ),
            (file(&["quay.io/org"], ""), vec![], vec![], "a path, which no helper is asked for"),
            (file(&["111122223333.dkr.ecr.eu-west-1.amazonaws.com"], ""), vec![], vec![], "a token of ECR"),
            ("{\"auths\":[7]}".into(), vec![], vec![], "docker's to say"),
        ] {
            let found = movable(Path::new("config.json"), &text, &hosts, &Config::default()).expect(why);
            let servers: Vec<&str> = found.iter().map(|login| login.server.as_str()).collect();
            assert_eq!(servers, expected, "{why}");
            assert!(!format!("{found:?}").contains("canary"), "{why}");
            let after = without(Path::new("config.json"), &text, &servers).expect(why);
            let left = movable(Path::new("config.json"), &after, &hosts, &Config::default()).expect(why);
            assert!(left.is_empty(), "{why}: {after}");
            assert_eq!(after == text, servers.is_empty(), "{why}: {after}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is_spelt() {
        let path = Path::new("config.json");
        for (text, expected, why) in [
            (
                format!(
                    "{{\n\t\"auths\": {{\n\t\t\"ghcr.io\": {{{AUTH}, \"email\": \"a\\u0040b\"}},\n\t\t\"quay.io\": {{{AUTH}}}\n\t}},\n\t\"a\": 1.0\n}}\n"
                ),
                format!(
                    "{{\n\t\"auths\": {{\n\t\t\"ghcr.io\": {{\n\t\t\t\"email\": \"a\\u0040b\"\n\t\t}},\n\t\t\"quay.io\": {{{AUTH}}}\n\t}},\n\t\"a\": 1.0\n}}\n"
                ),
                "another member, and another login",
            ),
            (format!("{{\"auths\":{{\"ghcr.io\":{{{AUTH}}}}}}}"), "{\"auths\":{\"ghcr.io\":{}}}".into(), "in one line"),
            (
                format!("{{\"auths\":{{\"ghcr.io\":{{{AUTH}}},\"ghcr.io\":{{{AUTH}}}}}}}"),
                "{\"auths\":{\"ghcr.io\":{},\"ghcr.io\":{}}}".into(),
                "twice: both",
            ),
        ] {
            assert_eq!(without(path, &text, &["ghcr.io"]).expect(why), expected, "{why}");
        }
    }

    /// Every shape with a byte replaced here and there: what can go is gone afterwards, and the rest is still read.
    #[test]
    fn damaged_files_lose_what_can_go_and_nothing_else() {
        let (path, config) = (Path::new("config.json"), Config::default());
        let (mut moved, mut refused) = (0, 0);
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/setup/shapes")).unwrap() {
            let shape = std::fs::read(file.unwrap().path()).unwrap();
            for (at, new) in (0..shape.len()).zip(b"\"{}[],: \n\\a7".iter().cycle()) {
                let mut bytes = shape.clone();
                bytes[at] = *new;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let Ok(found) = movable(path, &text, &[], &config) else {
                    refused += 1;
                    continue;
                };
                let servers: Vec<&str> = found.iter().map(|login| &*login.server).collect();
                let after = without(path, &text, &servers).unwrap();
                assert!(movable(path, &after, &[], &config).unwrap().is_empty(), "{text}");
                let (before, after) = (Logins::of(path, &text).unwrap(), Logins::of(path, &after).unwrap());
                assert_eq!((before.store, before.helpers), (after.store, after.helpers), "{text}");
                moved += servers.len();
            }
        }
        assert!(moved > 100 && refused > 1_000, "{moved} moved, {refused} refused");
    }
}
