//! AWS's partitions: which DNS suffixes are AWS's own.

/// A group of regions with its own DNS names and its own identities.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name in ARNs.
    pub name: &'static str,
    /// What its region names begin with.
    pub region_prefixes: &'static [&'static str],
    /// The suffix of classic hosts (`ACCOUNT.dkr.ecr.REGION.SUFFIX`).
    pub dns_suffix: &'static str,
    /// The suffix of dual-stack registry hosts (`ACCOUNT.dkr-ecr.REGION.SUFFIX`), where AWS has them.
    pub registry_dual_stack_suffix: Option<&'static str>,
    /// The same suffix, where classic hosts (`ACCOUNT.dkr.ecr.REGION.SUFFIX`) have it too: a row of the
    /// table in amazon-ecr-credential-helper's `ecr-login/api/client_test.go`.
    pub classic_dual_stack_suffix: Option<&'static str>,
    /// Whether its identities may call ECR Public, whose API is in the `aws` partition alone.
    pub reaches_ecr_public: bool,
}

/// All partitions. Names and suffixes as in the AWS SDKs' `partitions.json`
/// (`tests/it/partitions.rs` holds them against the SDK's own endpoint resolver); dual-stack registry
/// hosts as in the ECR user guide, "Amazon ECR registry endpoints", and in
/// amazon-ecr-credential-helper's `ecr-login/api/client.go`.
pub const PARTITIONS: &[Partition] = &[
    // First, because it is the default of a region that no other prefix claims.
    Partition {
        name: "aws",
        region_prefixes: &["us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"],
        dns_suffix: "amazonaws.com",
        registry_dual_stack_suffix: Some("on.aws"),
        classic_dual_stack_suffix: None,
        reaches_ecr_public: true,
    },
    Partition {
        name: "aws-cn",
        region_prefixes: &["cn-"],
        dns_suffix: "amazonaws.com.cn",
        registry_dual_stack_suffix: Some("on.amazonwebservices.com.cn"),
        classic_dual_stack_suffix: Some("on.amazonwebservices.com.cn"),
        reaches_ecr_public: false,
    },
    Partition {
        name: "aws-us-gov",
        region_prefixes: &["us-gov-"],
        dns_suffix: "amazonaws.com",
        registry_dual_stack_suffix: Some("on.aws"),
        classic_dual_stack_suffix: None,
        reaches_ecr_public: false,
    },
    Partition {
        name: "aws-eusc",
        region_prefixes: &["eusc-"],
        dns_suffix: "amazonaws.eu",
        registry_dual_stack_suffix: None,
        classic_dual_stack_suffix: None,
        reaches_ecr_public: false,
    },
    Partition {
        name: "aws-iso",
        region_prefixes: &["us-iso-"],
        dns_suffix: "c2s.ic.gov",
        registry_dual_stack_suffix: None,
        classic_dual_stack_suffix: None,
        reaches_ecr_public: false,
    },
    Partition {
        name: "aws-iso-b",
        region_prefixes: &["us-isob-"],
        dns_suffix: "sc2s.sgov.gov",
        registry_dual_stack_suffix: None,
        classic_dual_stack_suffix: None,
        reaches_ecr_public: false,
    },
    Partition {
        name: "aws-iso-e",
        region_prefixes: &["eu-isoe-"],
        dns_suffix: "cloud.adc-e.uk",
        registry_dual_stack_suffix: None,
        classic_dual_stack_suffix: None,
        reaches_ecr_public: false,
    },
    Partition {
        name: "aws-iso-f",
        region_prefixes: &["us-isof-"],
        dns_suffix: "csp.hci.ic.gov",
        registry_dual_stack_suffix: None,
        classic_dual_stack_suffix: None,
        reaches_ecr_public: false,
    },
];

impl Partition {
    /// The partition of a region, by its longest matching prefix; `aws` for one that none claims.
    pub fn of_region(region: &str) -> &'static Partition {
        PARTITIONS
            .iter()
            .filter_map(|partition| {
                let prefixes = partition.region_prefixes.iter().filter(|prefix| region.starts_with(**prefix));
                prefixes.map(|prefix| prefix.len()).max().map(|length| (length, partition))
            })
            .max_by_key(|(length, _)| *length)
            .map_or(&PARTITIONS[0], |(_, partition)| partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_find_their_partition() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("eu-central-1", "aws"),
            ("eusc-de-east-1", "aws-eusc"),
            ("cn-north-1", "aws-cn"),
            ("xx-new-9", "aws"),
        ] {
            assert_eq!(Partition::of_region(region).name, partition, "{region}");
        }
    }
}
