//! Amazon ECR's registries and the hosts that they have: the classic and the dual-stack shape, each with a FIPS twin, and
//! ECR Public's. Pure.

use std::time::Duration;

use super::{
    names::{is_account, is_region},
    partition::PARTITIONS,
};

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

impl Registry {
    /// The registry's 12-digit account; empty for ECR Public.
    pub fn account(&self) -> &str {
        match &self.kind {
            Kind::Private { account } => account,
            Kind::Public => "",
        }
    }

    /// The registry of a host that is Amazon's own, lower-case and without port.
    pub(super) fn of_host(host: &str) -> Option<Registry> {
        Registry::private(host).or_else(|| Registry::public(host))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn private(host: &str, account: &str, region: &str, fips: bool, dual_stack: bool) -> Registry {
        Registry {
            host: host.into(),
            kind: Kind::Private { account: account.into() },
            region: region.into(),
            fips,
            dual_stack,
        }
    }

    #[track_caller]
    fn check(host: &str, expected: Option<Registry>, why: &str) {
        assert_eq!(Registry::of_host(host), expected, "{why}: {host:?}");
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
            check(host, Some(private(host, A, region, fips, dual_stack)), why);
        }
    }

    /// A row of amazon-ecr-credential-helper's own table.
    #[test]
    fn f1_15_china_has_dual_stack_hosts_of_the_classic_shape() {
        const HOST: &str = "210987654321.dkr.ecr.cn-north-1.on.amazonwebservices.com.cn";
        check(HOST, Some(private(HOST, "210987654321", "cn-north-1", false, true)), "dual-stack by its suffix");
        let attack = format!("{HOST}.evil.example");
        check(&attack, None, "suffix attack");
        let elsewhere = "210987654321.dkr.ecr.us-east-1.on.aws";
        check(elsewhere, None, "AWS's other dual-stack suffix has the other shape alone");
    }
}
