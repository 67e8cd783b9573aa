//! Names of images as docker reads them. Pure.

use std::{fmt, path::Path};

use crate::{digest::Digest, report::Report};

/// The Hub's name in references, and the host that serves its API (distribution/reference).
const HUB: (&str, &str) = ("docker.io", HUB_REGISTRY);

/// The host that answers for Docker Hub.
pub(super) const HUB_REGISTRY: &str = "registry-1.docker.io";

/// Longest repository name, registry included (distribution/reference, `NameTotalLengthMax`).
const MAX_NAME: usize = 255;

/// The name of an image: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host and port, in lower case; `docker.io` where the name has none. Empty for an image layout on disk,
    /// which has no registry.
    pub registry: String,
    /// The path below the registry; `library/` is put before the Hub's official images. Of an image layout,
    /// its folder.
    pub repository: String,
    /// The tag, if one was written.
    pub tag: Option<String>,
    /// The digest, if one was written. It decides; the tag beside it is decoration.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Reads a name; the error names the part that is wrong.
    ///
    /// The grammar is distribution/reference's: the first part is a registry when it has a `.` or
    /// `:`, is `localhost`, or has an upper-case letter. No tag and no digest means `latest`.
    pub fn parse(text: &str) -> Result<Reference, Report> {
        let bad = |part: &str, value: &str, why: &str| {
            Report::new(format!("`{text}` is not an image: the {part} `{value}` {why}"))
        };
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(bad("scheme", scheme, "must not be there").hint("write REGISTRY/REPOSITORY:TAG"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (
                name,
                Some(Digest::parse(digest).map_err(|e| e.under(bad("digest", digest, "cannot be read").what()))?),
            ),
            None => (text, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first, rest),
            _ => (HUB.0, name),
        };
        check_registry(registry).map_err(|why| bad("registry", registry, why))?;
        let (path, tag) = match path.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (path, None),
        };
        if let Some(tag) = tag {
            check_tag(tag).map_err(|why| bad("tag", tag, why))?;
        }
        check_repository(path).map_err(|why| bad("repository", path, why))?;
        if registry.len() + 1 + path.len() > MAX_NAME {
            return Err(bad("name", name, "is longer than 255 characters"));
        }
        let registry = match canonical(registry) {
            hub if hub == "index.docker.io" => HUB.0.to_owned(),
            other => other,
        };
        let repository =
            if registry == HUB.0 && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let tag = match (tag, &digest) {
            (None, None) => Some("latest".to_owned()),
            (tag, _) => tag.map(str::to_owned),
        };
        Ok(Reference { registry, repository, tag, digest })
    }

    /// Reads the name of an image in a layout on disk: `FOLDER:TAG` or `FOLDER@DIGEST`, as Notation and ORAS
    /// take it.
    pub fn parse_layout(text: &str) -> Result<Reference, Report> {
        let bad = |why: &str| {
            Report::new(format!("`{text}` is not an image in a layout: {why}"))
                .hint("write FOLDER:TAG or FOLDER@DIGEST")
        };
        let of = |folder: &str, tag, digest| match folder.is_empty() {
            true => Err(bad("the folder is missing")),
            false => Ok(Reference { registry: String::new(), repository: folder.to_owned(), tag, digest }),
        };
        if let Some((folder, digest)) = text.rsplit_once('@') {
            let digest = Digest::parse(digest).map_err(|err| err.under(bad("the digest cannot be read").what()))?;
            return of(folder, None, Some(digest));
        }
        let (folder, tag) = text.rsplit_once(':').ok_or_else(|| bad("it has neither tag nor digest"))?;
        check_tag(tag).map_err(|why| bad(&format!("the tag `{tag}` {why}")))?;
        of(folder, Some(tag.to_owned()), None)
    }

    /// The folder of an image layout, where the image is in one.
    pub fn layout(&self) -> Option<&Path> {
        self.registry.is_empty().then(|| Path::new(&self.repository))
    }

    /// The host and port that serve this registry's API.
    pub fn host(&self) -> &str {
        if self.registry == HUB.0 { HUB.1 } else { &self.registry }
    }

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        match self.layout() {
            Some(_) => self.repository.clone(),
            None => format!("{}/{}", self.registry, self.repository),
        }
    }

    /// The same repository at a digest: from here on a tag cannot move under us.
    pub fn at(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.name())
    }

    /// What a registry is asked for: the digest where there is one, else the tag.
    pub fn selector(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest", // `parse` has filled it in; a caller may have cleared it
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Checks a name of exactly a registry and a repository, with nothing implied: `REGISTRY/REPOSITORY`.
///
/// # Errors
/// The part that is wrong, and why.
pub fn check_name(name: &str) -> Result<(), String> {
    let (registry, repository) = name.split_once('/').ok_or("it has no registry before a `/`")?;
    check_registry(registry).map_err(|why| format!("the registry `{registry}` {why}"))?;
    check_repository(repository).map_err(|why| format!("the repository `{repository}` {why}"))
}

/// A name of a registry and a repository with its host in lower case, since all spellings of a host are one registry:
/// none is another one to a trust policy. A host that would be none in lower case stays as it is.
pub fn canonical_name(name: &str) -> String {
    match name.split_once('/') {
        Some((registry, repository)) => format!("{}/{repository}", canonical(registry)),
        None => name.to_owned(),
    }
}

fn canonical(registry: &str) -> String {
    let lower = registry.to_ascii_lowercase();
    if is_registry(&lower) { lower } else { registry.to_owned() }
}

/// Whether a registry's host is this machine, so that plain HTTP is spoken to it, as docker does.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_registry(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':']) || part.bytes().any(|b| b.is_ascii_uppercase())
}

fn check_registry(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or("has no `]`")?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| "is not an IPv6 address")?;
            (None, port.strip_prefix(':').or(if port.is_empty() { None } else { Some("") }))
        }
        None => {
            let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
            (Some(name), port)
        }
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with('+')) {
        return Err("has no port number after `:`");
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.is_some_and(|name| !name.split('.').all(label)) {
        return Err("is not a host name");
    }
    Ok(())
}

fn check_repository(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("must be lower case");
    }
    // A part is letters and digits, with `.`, `_`, `__` or any number of `-` between them.
    let part = |part: &str| {
        let mut rest = part;
        loop {
            let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit())).unwrap_or(rest.len());
            if end == 0 {
                return false;
            }
            rest = &rest[end..];
            if rest.is_empty() {
                return true;
            }
            let dashes = rest.len() - rest.trim_start_matches('-').len();
            rest = match dashes {
                0 => match rest.strip_prefix("__").or_else(|| rest.strip_prefix(['.', '_'])) {
                    Some(rest) => rest,
                    None => return false,
                },
                count => &rest[count..],
            };
        }
    };
    if path.split('/').all(part) {
        Ok(())
    } else {
        Err("has a part that is not letters and digits with single `.`, `_`, `__` or `-` between them")
    }
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut bytes = tag.bytes();
    match bytes.next() {
        None => Err("is empty"),
        Some(first) if !word(first) => Err("must start with a letter, a digit or `_`"),
        Some(_) if tag.len() > 128 => Err("is longer than 128 characters"),
        Some(_) if !bytes.all(|b| word(b) || matches!(b, b'.' | b'-')) => {
            Err("has a character that is not a letter, a digit, `_`, `.` or `-`")
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn names_as_docker_reads_them() {
        let digest = format!("sha256:{HEX}");
        for (text, registry, repository, tag, with_digest, why) in [
            ("alpine", "docker.io", "library/alpine", Some("latest"), false, "an official image"),
            ("alpine:3", "docker.io", "library/alpine", Some("3"), false, "with a tag"),
            ("team/app", "docker.io", "team/app", Some("latest"), false, "a user's image on the Hub"),
            ("docker.io/alpine", "docker.io", "library/alpine", Some("latest"), false, "the Hub by name"),
            ("index.docker.io/alpine", "docker.io", "library/alpine", Some("latest"), false, "the Hub's old name"),
            ("localhost/app", "localhost", "app", Some("latest"), false, "localhost is a registry"),
            ("localhost:5000/app:v1", "localhost:5000", "app", Some("v1"), false, "a port and a tag"),
            ("localhost:5000/app", "localhost:5000", "app", Some("latest"), false, "a port is no tag"),
            ("host.example/a/b/c:v1", "host.example", "a/b/c", Some("v1"), false, "a deep path"),
            ("HOST/app", "HOST", "app", Some("latest"), false, "upper case makes a registry, lower case would not"),
            ("Host.Example/app", "host.example", "app", Some("latest"), false, "a host has no case"),
            ("LocalHost:5000/app", "localhost:5000", "app", Some("latest"), false, "with a port"),
            ("Index.Docker.io/alpine", "docker.io", "library/alpine", Some("latest"), false, "the Hub, too"),
            ("[2001:DB8::1]:5000/app", "[2001:db8::1]:5000", "app", Some("latest"), false, "IPv6"),
            ("[::1]:5000/app:v1", "[::1]:5000", "app", Some("v1"), false, "IPv6"),
            ("a.b/x__y/z--z.q:T_1.-", "a.b", "x__y/z--z.q", Some("T_1.-"), false, "separators"),
            (&format!("h.x/app@{digest}"), "h.x", "app", None, true, "a digest needs no tag"),
            (&format!("h.x:1/app:v1@{digest}"), "h.x:1", "app", Some("v1"), true, "tag and digest"),
        ] {
            let reference = Reference::parse(text).unwrap_or_else(|err| panic!("{why}: {}", err.full()));
            let expected = Reference {
                registry: registry.into(),
                repository: repository.into(),
                tag: tag.map(str::to_owned),
                digest: with_digest.then(|| Digest::parse(&digest).unwrap()),
            };
            assert_eq!(reference, expected, "{why}");
            assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference, "{why}: reads what it wrote");
        }
        assert_eq!(Reference::parse("alpine").unwrap().host(), "registry-1.docker.io");
    }

    #[test]
    fn names_in_layouts() {
        let digest = format!("sha256:{HEX}");
        for (text, folder, selector, why) in [
            ("layout:v1", "layout", "v1", "a tag"),
            (&format!("./a/b@{digest}"), "./a/b", &digest, "a digest"),
            ("/a:b/c:v1", "/a:b/c", "v1", "a colon in the path"),
            (&format!("/a@b/c@{digest}"), "/a@b/c", &digest, "an at sign in the path"),
            ("/a b/Ü:v1", "/a b/Ü", "v1", "a folder may have any name"),
        ] {
            let found = Reference::parse_layout(text).unwrap_or_else(|err| panic!("{why}: {}", err.full()));
            assert_eq!((found.layout(), found.selector()), (Some(Path::new(folder)), selector), "{why}");
            assert_eq!((found.name(), found.to_string()), (folder.into(), text.to_owned()), "{why}");
        }
        for (text, part) in [
            ("layout", "neither tag nor digest"),
            (":v1", "the folder is missing"),
            (&format!("@{digest}"), "the folder is missing"),
            ("layout@v1", "the digest cannot be read"),
            ("layout:", "the tag `` is empty"),
            ("a:b/c", "the tag `b/c` has a character"),
        ] {
            let err = Reference::parse_layout(text).unwrap_err();
            assert!(err.what().contains(part), "{text}: {err}");
        }
        assert_eq!(Reference::parse("alpine").unwrap().layout(), None);
    }

    #[test]
    fn errors_name_the_part() {
        let long = format!("h.x/{}", "a".repeat(252));
        for (text, part) in [
            ("", "the repository `` is empty"),
            ("h.x/", "the repository `` is empty"),
            ("h.x/App", "the repository `App` must be lower case"),
            ("h.x/a//b", "the repository `a//b` has a part"),
            ("h.x/a..b", "the repository `a..b` has a part"),
            ("h.x/a___b", "the repository `a___b` has a part"),
            ("h.x/-a", "the repository `-a` has a part"),
            ("h.x/a-", "the repository `a-` has a part"),
            ("h.x/../etc", "the repository `../etc` has a part"),
            ("h.x/a?x=y", "the repository `a?x=y` has a part"),
            ("h.x/a b", "the repository `a b` has a part"),
            ("h.x/app:", "the tag `` is empty"),
            ("h.x/app:-v", "the tag `-v` must start"),
            ("h.x/app:v/1", "the tag `v/1` has a character"),
            ("h.x/app:v:1", "the tag `v:1` has a character"),
            ("h.x/app@sha256:abc", "the digest `sha256:abc` cannot be read"),
            ("h.x/app@", "the digest `` cannot be read"),
            ("h_x.y/app", "the registry `h_x.y` is not a host name"),
            ("h..x/app", "the registry `h..x` is not a host name"),
            ("h.x:port/app", "the registry `h.x:port` has no port number"),
            ("h.x:70000/app", "the registry `h.x:70000` has no port number"),
            ("user@h.x/app", "the digest `h.x/app` cannot be read"),
            ("https://h.x/app", "the scheme `https` must not be there"),
            (&long, "is longer than 255"),
        ] {
            let err = Reference::parse(text).unwrap_err();
            assert!(err.what().contains(part), "{text}: {err}");
        }
        assert!(Reference::parse(&format!("h.x/app:{}", "v".repeat(129))).is_err(), "a tag has 128 characters");
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        for (host, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("[::1]:5000", true),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1:5000", false),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
