//! Our table of partitions against the AWS SDK's own endpoint rules.

use aws_sdk_ecr::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use ecr_rs::registry::{PARTITIONS, Partition};

/// A region of each partition, with what the SDK knows of it.
const REGIONS: [(&str, &str); 9] = [
    ("us-east-1", "aws"),
    ("eu-central-1", "aws"),
    ("cn-north-1", "aws-cn"),
    ("us-gov-west-1", "aws-us-gov"),
    ("eusc-de-east-1", "aws-eusc"),
    ("us-iso-east-1", "aws-iso"),
    ("us-isob-east-1", "aws-iso-b"),
    ("eu-isoe-west-1", "aws-iso-e"),
    ("us-isof-south-1", "aws-iso-f"),
];

#[tokio::test]
async fn every_suffix_is_the_sdks() {
    for (region, name) in REGIONS {
        let partition = Partition::of_region(region);
        assert_eq!(partition.name, name, "{region}");
        let params = Params::builder().region(region).use_fips(false).use_dual_stack(false).build().unwrap();
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.unwrap();
        assert_eq!(endpoint.url(), format!("https://api.ecr.{region}.{}", partition.dns_suffix), "{region}");
    }
    for partition in PARTITIONS {
        assert!(REGIONS.iter().any(|(_, name)| *name == partition.name), "{} has a row", partition.name);
    }
}
