//! From the server name that a client sends to what it is: ECR private, ECR Public or another
//! registry. Pure: no I/O, no clock, no environment.

mod address;
mod ecr;
mod look_alike;
mod names;
mod partition;

pub(crate) use ecr::PUBLIC_HOSTS;
pub use ecr::{Kind, PUBLIC_HOST, PUBLIC_REGION, Registry, TOKEN_LIFETIME, USERNAME};
pub use look_alike::look_alike;
pub use names::{is_account, is_region, is_role_arn};
pub use partition::{PARTITIONS, Partition};

use address::Address;

/// What a client asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// A registry of Amazon ECR: we mint its tokens.
    Ecr(Registry),
    /// Any other server; the text is canonical, so that all spellings of a server meet.
    Other(String),
}

/// A custom domain in front of a private registry, from a `[[registry]]` rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// The registry's 12-digit account.
    pub account: String,
    /// The registry's region.
    pub region: String,
}

impl Server {
    /// Reads the server name as a client sent it; `None` when it is empty.
    ///
    /// `custom` says whether the configuration maps a host to a private registry. A token leaves
    /// only for a host that is matched whole: known suffixes, never a shape. And only for a text that
    /// every reader of addresses reads alike: plain ASCII, no blanks, no backslash (a browser reads
    /// `https://evil.example\@HOST` as evil.example, others as HOST).
    pub fn parse(line: &str, custom: impl Fn(&str) -> Option<Custom>) -> Option<Server> {
        let line = line.trim();
        let text: String = line.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        if text.is_empty() {
            return None;
        }
        let clear = line.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let address = Address::of(&text);
        Some(match at(&address, custom).filter(|_| clear) {
            Some(registry) => Server::Ecr(registry),
            None => Server::Other(address.canonical()),
        })
    }
}

/// The registry at an address: one of Amazon's own hosts, or a custom domain of the configuration.
fn at(address: &Address<'_>, custom: impl Fn(&str) -> Option<Custom>) -> Option<Registry> {
    if address.host == address.authority
        && let Some(registry) = Registry::of_host(&address.host)
    {
        return Some(registry);
    }
    // A custom domain may have a port of its own: the configuration names it with the port.
    let Custom { account, region } = custom(&address.authority)?;
    Some(Registry {
        host: address.authority.clone(),
        kind: Kind::Private { account },
        region,
        fips: false,
        dual_stack: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ecr(host: &str, account: &str, region: &str, fips: bool, dual_stack: bool) -> Server {
        Server::Ecr(Registry {
            host: host.into(),
            kind: Kind::Private { account: account.into() },
            region: region.into(),
            fips,
            dual_stack,
        })
    }

    fn public(dual_stack: bool) -> Server {
        Server::Ecr(Registry {
            host: PUBLIC_HOST.into(),
            kind: Kind::Public,
            region: PUBLIC_REGION.into(),
            fips: false,
            dual_stack,
        })
    }

    fn other(key: &str) -> Server {
        Server::Other(key.into())
    }

    #[track_caller]
    fn check(line: &str, expected: Server, why: &str) {
        assert_eq!(Server::parse(line, |_| None), Some(expected), "{why}: {line:?}");
    }

    #[test]
    fn every_spelling_of_a_registry_is_one_registry() {
        const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        for (line, why) in [
            (HOST.to_owned(), "as `docker pull` sends it"),
            (format!("{HOST}\n"), "a shell's echo"),
            (format!("  {HOST} \r\n"), "blanks and CRLF"),
            (format!("https://{HOST}"), "docker logout, second spelling"),
            (format!("http://{HOST}"), "docker logout, third spelling"),
            (format!("https://{HOST}/v2/"), "docker logout, fourth spelling"),
            (format!("HTTPS://{}", HOST.to_uppercase()), "host names have no case"),
            (format!("{HOST}:443"), "the default port"),
            (format!("{HOST}/team/app"), "crane asks with the repository first"),
            (format!("https://{HOST}/v2/?x=y#z"), "query and fragment"),
            (format!("https://AWS@{HOST}/"), "a user name in the URL"),
        ] {
            check(&line, ecr(HOST, "123456789012", "eu-west-1", false, false), why);
        }
        for (line, dual_stack, why) in [
            ("public.ecr.aws", false, "the gallery"),
            ("https://public.ecr.aws/docker/library/nginx", false, "a path"),
            ("ecr-public.aws.com", true, "the dual-stack host shares the entry"),
            ("public.ecr.aws:443", false, "the default port"),
        ] {
            check(line, public(dual_stack), why);
        }
    }

    #[test]
    fn attacks_are_other_servers() {
        const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        for (line, key, why) in [
            (format!("{HOST}.evil.example"), format!("{HOST}.evil.example"), "suffix attack"),
            (format!("{HOST}@evil.example"), "evil.example".into(), "user name attack"),
            (format!("https://{HOST}:pw@evil.example/v2/"), "evil.example".into(), "user name and password attack"),
            (format!("evil.example/{HOST}"), format!("evil.example/{HOST}"), "path attack"),
            (format!("evil.example?{HOST}"), "evil.example".into(), "query attack"),
            (format!("evil.example#{HOST}"), "evil.example".into(), "fragment attack"),
            (format!("evil.{HOST}"), format!("evil.{HOST}"), "prefix attack"),
            (format!("evil{HOST}"), format!("evil{HOST}"), "prefix without a dot"),
            (format!("{HOST}."), format!("{HOST}."), "a trailing dot is another name to a cookie, and to us"),
            (format!("{HOST}:8443"), format!("{HOST}:8443"), "a port that ECR does not have"),
            (format!("{HOST}\\@evil.example"), format!("{HOST}\\@evil.example"), "backslash attack"),
            (format!("{HOST}%2eevil.example"), format!("{HOST}%2eevil.example"), "percent attack"),
            (
                "12345678901.dkr.ecr.eu-west-1.amazonaws.com".into(),
                "12345678901.dkr.ecr.eu-west-1.amazonaws.com".into(),
                "11 digits",
            ),
            (
                "1234567890123.dkr.ecr.eu-west-1.amazonaws.com".into(),
                "1234567890123.dkr.ecr.eu-west-1.amazonaws.com".into(),
                "13 digits",
            ),
            (
                "١٢٣٤٥٦٧٨٩٠١٢.dkr.ecr.eu-west-1.amazonaws.com".into(),
                "١٢٣٤٥٦٧٨٩٠١٢.dkr.ecr.eu-west-1.amazonaws.com".into(),
                "digits of another script",
            ),
            ("123456789012.dkr.ecr..amazonaws.com".into(), "123456789012.dkr.ecr..amazonaws.com".into(), "no region"),
            (
                "123456789012.dkr.ecr.a.b.amazonaws.com".into(),
                "123456789012.dkr.ecr.a.b.amazonaws.com".into(),
                "a region with a dot",
            ),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.co".into(),
                "123456789012.dkr.ecr.eu-west-1.amazonaws.co".into(),
                "a suffix cut short",
            ),
            (
                "123456789012.dkr.ecr.eu-west-1.xamazonaws.com".into(),
                "123456789012.dkr.ecr.eu-west-1.xamazonaws.com".into(),
                "a suffix by its end only",
            ),
            (
                "123456789012.dkr.ecr.us-east-1.on.aws".into(),
                "123456789012.dkr.ecr.us-east-1.on.aws".into(),
                "dual-stack suffix, classic shape",
            ),
            (
                "123456789012.dkr-ecr.us-east-1.amazonaws.com".into(),
                "123456789012.dkr-ecr.us-east-1.amazonaws.com".into(),
                "classic suffix, dual-stack shape",
            ),
            (
                "123456789012.dkr.ecr-evil.us-east-1.amazonaws.com".into(),
                "123456789012.dkr.ecr-evil.us-east-1.amazonaws.com".into(),
                "not a FIPS host",
            ),
            (
                "123456789012.s3.us-east-1.amazonaws.com".into(),
                "123456789012.s3.us-east-1.amazonaws.com".into(),
                "anyone may own a bucket's name",
            ),
            ("public.ecr.aws.evil.example".into(), "public.ecr.aws.evil.example".into(), "public suffix attack"),
            ("xpublic.ecr.aws".into(), "xpublic.ecr.aws".into(), "public prefix attack"),
        ] {
            check(&line, other(&key), why);
        }
    }

    #[test]
    fn f1_10_a_text_that_readers_read_differently_is_no_ecr_host() {
        const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let custom = |host: &str| {
            (host == "docker.example.com")
                .then(|| Custom { account: "111122223333".into(), region: "eu-west-1".into() })
        };
        for (line, why) in [
            (format!("https://evil.example\\@{HOST}"), "a browser asks evil.example"),
            (format!("https://evil.example\\{HOST}"), "the same as a path"),
            (format!("{HOST}\\evil"), "a backslash behind the host"),
            (format!("https://evil.example\t@{HOST}"), "a tab, which browsers leave out"),
            (format!("evil.example @{HOST}"), "a blank"),
            (format!("{HOST}/a b"), "a blank in the path"),
            (format!("{HOST}\n/evil"), "a line break inside"),
            (format!("{HOST}/\u{1b}[2J"), "a terminal sequence"),
            (format!("{HOST}/\u{7f}"), "DEL"),
            (format!("evil.example\u{2044}@{HOST}"), "a slash of another script"),
            (format!("https://ü@{HOST}/"), "a user name that is not ASCII"),
            (format!("{HOST}\u{3002}"), "a full stop of another script"),
            ("docker.example.com\\@evil.example".into(), "a custom domain"),
            ("public.ecr.aws\\".into(), "ECR Public"),
        ] {
            let server = Server::parse(&line, custom).expect(why);
            assert!(matches!(&server, Server::Other(_)), "{why}: {server:?}");
        }
        check("https://bücher.example/v2/", other("bücher.example"), "other servers may have any name");
    }

    #[test]
    fn other_servers_meet_in_one_key() {
        for (line, key, why) in [
            ("ghcr.io", "ghcr.io", "docker login's spelling"),
            ("https://ghcr.io", "ghcr.io", "docker logout's second spelling"),
            ("http://GHCR.io/v2/", "ghcr.io", "docker logout's others"),
            ("ghcr.io:443", "ghcr.io", "the default port"),
            ("localhost:5000", "localhost:5000", "a port is a part of the server"),
            ("[::1]:5000", "[::1]:5000", "IPv6 with a port"),
            ("[::1]", "[::1]", "IPv6"),
            ("ghcr.io/owner/repo", "ghcr.io/owner/repo", "crane's first question is another entry"),
            ("https://index.docker.io/v1/", "https://index.docker.io/v1/", "the Hub as Docker names it"),
            ("docker.io", "https://index.docker.io/v1/", "the Hub as oras-py names it"),
            ("registry-1.docker.io", "https://index.docker.io/v1/", "the Hub's API host"),
            (
                "https://index.docker.io/v1/access-token",
                "https://index.docker.io/v1/access-token",
                "the Hub's second key",
            ),
            (
                "https://index.docker.io/v1/refresh-token",
                "https://index.docker.io/v1/refresh-token",
                "the Hub's third key",
            ),
            ("unix:///run/x", "unix:///run/x", "not a URL that we know; kept apart from others"),
        ] {
            check(line, other(key), why);
        }
        assert_eq!(Server::parse(" \n", |_| None), None, "empty");
    }

    #[test]
    fn a_custom_domain_is_ecr_only_when_the_configuration_says_so() {
        let custom = |host: &str| {
            (host == "docker.example.com")
                .then(|| Custom { account: "111122223333".into(), region: "eu-west-1".into() })
        };
        assert_eq!(
            Server::parse("https://Docker.Example.com/v2/", custom),
            Some(ecr("docker.example.com", "111122223333", "eu-west-1", false, false))
        );
        assert_eq!(
            Server::parse("docker.example.com.evil.example", custom),
            Some(other("docker.example.com.evil.example"))
        );
        assert_eq!(Server::parse("docker.example.com:8443", custom), Some(other("docker.example.com:8443")));
    }
}
