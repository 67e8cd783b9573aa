//! From the server name that a client sends to what it is: ECR private, ECR Public or another
//! registry. Pure: no I/O, no clock, no environment.

mod address;
mod look_alike;
mod partition;

use std::time::Duration;

pub use look_alike::look_alike;
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

/// A registry of Amazon ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// The host as the key of tokens: lower-case, without port.
    pub host: String,
    /// Private or public.
    pub kind: Kind,
    /// The region whose API mints the token.
    pub region: String,
    /// Whether the host is a FIPS one, so that the FIPS endpoint must be called.
    pub fips: bool,
    /// Whether the host is a dual-stack one, so that the dual-stack endpoint must be called.
    pub dual_stack: bool,
}

/// The two kinds of ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `ACCOUNT.dkr.ecr.REGION.SUFFIX`, or a custom domain that the configuration maps.
    Private {
        /// The 12-digit AWS account that owns the registry.
        account: String,
    },
    /// `public.ecr.aws` and `ecr-public.aws.com`.
    Public,
}

/// A custom domain in front of a private registry, from a `[[registry]]` rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// The registry's 12-digit account.
    pub account: String,
    /// The registry's region.
    pub region: String,
}

/// How long a login token of ECR lives (AWS documentation, ECR `GetAuthorizationToken`): 12 hours.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// The one region of ECR Public's API (AWS documentation, ecr-public GetAuthorizationToken).
pub const PUBLIC_REGION: &str = "us-east-1";

/// The host that keys ECR Public's token; both public hosts share it.
pub const PUBLIC_HOST: &str = "public.ecr.aws";

/// ECR Public's hosts: IPv4 and dual-stack.
pub(crate) const PUBLIC_HOSTS: [(&str, bool); 2] = [(PUBLIC_HOST, false), ("ecr-public.aws.com", true)];

/// The user name of every ECR token (ECR API reference, GetAuthorizationToken: `AWS:password`).
pub const USERNAME: &str = "AWS";

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
        Some(match Registry::at(&address, custom).filter(|_| clear) {
            Some(registry) => Server::Ecr(registry),
            None => Server::Other(address.canonical()),
        })
    }
}

impl Registry {
    /// The registry's 12-digit account; empty for ECR Public.
    pub fn account(&self) -> &str {
        match &self.kind {
            Kind::Private { account } => account,
            Kind::Public => "",
        }
    }

    fn at(address: &Address<'_>, custom: impl Fn(&str) -> Option<Custom>) -> Option<Registry> {
        if address.host == address.authority
            && let Some(registry) = Registry::private(&address.host).or_else(|| Registry::public(&address.host))
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

    fn private(host: &str) -> Option<Registry> {
        let (account, rest) = host.split_once('.')?;
        // `dkr.ecr` is the classic shape, `dkr-ecr` the dual-stack one; each has a FIPS twin.
        let (service, rest, dual_stack) = match rest.strip_prefix("dkr.") {
            Some(rest) => {
                let (service, rest) = rest.split_once('.')?;
                (service, rest, false)
            }
            None => {
                let (service, rest) = rest.strip_prefix("dkr-")?.split_once('.')?;
                (service, rest, true)
            }
        };
        let fips = match service {
            "ecr" => false,
            "ecr-fips" => true,
            _ => return None,
        };
        let (region, suffix) = rest.split_once('.')?;
        // The suffix says the rest: the classic shape has both in China.
        let dual_stack = dual_stack || PARTITIONS.iter().any(|one| one.classic_dual_stack_suffix == Some(suffix));
        let known = PARTITIONS.iter().any(|partition| match dual_stack {
            true => partition.registry_dual_stack_suffix == Some(suffix),
            false => partition.dns_suffix == suffix,
        });
        (is_account(account) && is_region(region) && known).then(|| Registry {
            host: host.into(),
            kind: Kind::Private { account: account.into() },
            region: region.into(),
            fips,
            dual_stack,
        })
    }

    fn public(host: &str) -> Option<Registry> {
        let (_, dual_stack) = PUBLIC_HOSTS.iter().find(|(name, _)| *name == host)?;
        Some(Registry {
            host: PUBLIC_HOST.into(),
            kind: Kind::Public,
            region: PUBLIC_REGION.into(),
            fips: false,
            dual_stack: *dual_stack,
        })
    }
}

/// Whether this is an AWS account id: 12 digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether this is the ARN of an IAM role: `arn:PARTITION:iam::ACCOUNT:role/NAME` (IAM user guide, "ARN format").
pub fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws") && is_account(account) && resource.len() > 5 && resource.starts_with("role/"))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this can be an AWS region: it becomes a part of a host name that we call.
pub fn is_region(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
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
    fn private_registries() {
        const A: &str = "123456789012";
        for (host, region, fips, dual_stack, why) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", false, false, "commercial"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", true, false, "GovCloud FIPS"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, false, "China"),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
                false,
                false,
                "European Sovereign Cloud",
            ),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", false, false, "ISO"),
            ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", false, false, "ISO-B"),
            ("123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", false, false, "ISO-E"),
            ("123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", false, false, "ISO-F"),
            ("123456789012.dkr-ecr.us-west-2.on.aws", "us-west-2", false, true, "dual-stack"),
            ("123456789012.dkr-ecr-fips.us-west-2.on.aws", "us-west-2", true, true, "dual-stack FIPS"),
            (
                "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
                "cn-north-1",
                false,
                true,
                "dual-stack China",
            ),
            (
                "123456789012.dkr.ecr.xx-new-9.amazonaws.com",
                "xx-new-9",
                false,
                false,
                "a region of tomorrow needs no release",
            ),
        ] {
            check(host, ecr(host, A, region, fips, dual_stack), why);
        }
    }

    /// A row of amazon-ecr-credential-helper's own table.
    #[test]
    fn f1_15_china_has_dual_stack_hosts_of_the_classic_shape() {
        const HOST: &str = "210987654321.dkr.ecr.cn-north-1.on.amazonwebservices.com.cn";
        check(HOST, ecr(HOST, "210987654321", "cn-north-1", false, true), "dual-stack by its suffix");
        let attack = format!("{HOST}.evil.example");
        check(&attack, other(&attack), "suffix attack");
        let elsewhere = "210987654321.dkr.ecr.us-east-1.on.aws";
        check(elsewhere, other(elsewhere), "AWS's other dual-stack suffix has the other shape alone");
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
