//! The parts of a server name, and what they say. Pure.

use crate::names::DOCKER_HUB;

/// Names that clients use for the Hub when they do not send [`DOCKER_HUB`] (oras-py sends `docker.io`).
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The parts of a server name, borrowed from what the client sent.
pub(super) struct Address<'a> {
    /// Lower-case, without user, with a port that is not 443.
    pub(super) authority: String,
    /// The authority without any port.
    pub(super) host: String,
    /// From the first `/` or `\` on, without query.
    path: &'a str,
}

impl<'a> Address<'a> {
    /// Splits a text, whatever it is.
    pub(super) fn of(text: &'a str) -> Address<'a> {
        let rest = ["https://", "http://"]
            .iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)))
            .map_or(text, |scheme| &text[scheme.len()..]);
        let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
        // What stands before the last `@` is a user name: `ecr-host@evil.example` asks for evil.example.
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
        let authority = authority.strip_suffix(":443").map(String::from).unwrap_or(authority);
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.to_owned(),
            _ => authority.clone(),
        };
        Address { authority, host, path }
    }

    /// The key of a server that is not ECR. API roots are no part of it, any other path is:
    /// `ghcr.io/v2/` is `ghcr.io`, but `https://index.docker.io/v1/access-token` is its own entry.
    pub(super) fn canonical(&self) -> String {
        let root = matches!(self.path.trim_end_matches('/'), "" | "/v1" | "/v2");
        match (HUB_HOSTS.contains(&self.host.as_str()), root) {
            (true, true) => DOCKER_HUB.into(),
            (true, false) => format!("https://index.docker.io{}", self.path.trim_end_matches('/')),
            (false, true) => self.authority.clone(),
            (false, false) => format!("{}{}", self.authority, self.path.trim_end_matches('/')),
        }
    }
}
