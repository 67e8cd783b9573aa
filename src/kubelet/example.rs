//! `--config-example`: a `CredentialProviderConfig` for the kubelet, whose `matchImages` are the hosts that this
//! program takes for ECR.
//!
//! Source: kubernetes/kubelet, `config/v1/types.go`. It is JSON, which every kubelet reads beside YAML.

use serde_json::{Value, json};

use super::{
    service_account::ANNOTATIONS,
    wire::{API_VERSION, ARGUMENT, NAME},
};
use crate::registry::{PARTITIONS, PUBLIC_HOSTS};

/// The audience that AWS STS looks for in a token, unless the cluster's identity provider in IAM names another
/// (EKS user guide, "IAM roles for service accounts").
const AUDIENCE: &str = "sts.amazonaws.com";

/// The configuration for a program that is started as `name`.
pub(super) fn text(name: &str, service_accounts: bool) -> String {
    let mut provider = json!({ "name": name, "apiVersion": API_VERSION });
    if name != NAME {
        provider["args"] = json!([ARGUMENT]);
    }
    provider["matchImages"] = hosts().into();
    provider["defaultCacheDuration"] = "0s".into(); // each answer says its own
    if service_accounts {
        provider["tokenAttributes"] = json!({
            "serviceAccountTokenAudience": AUDIENCE,
            "cacheType": "ServiceAccount", // what STS gives hangs on the account, not on one pod's token
            "requireServiceAccount": false, // static pods have none, and pull as the node
            "optionalServiceAccountAnnotationKeys": ANNOTATIONS,
        });
    }
    let config: Value = json!({
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": [provider],
    });
    format!("{config:#}\n")
}

/// Every host of ECR. A star of the kubelet stands for one label.
fn hosts() -> Vec<String> {
    let mut hosts = Vec::new();
    for partition in PARTITIONS {
        let classic = ["dkr.ecr", "dkr.ecr-fips"].map(|service| (service, Some(partition.dns_suffix)));
        let dual_stack = ["dkr-ecr", "dkr-ecr-fips"].map(|service| (service, partition.registry_dual_stack_suffix));
        let both = [("dkr.ecr", partition.classic_dual_stack_suffix)];
        for (service, suffix) in classic.into_iter().chain(dual_stack).chain(both) {
            let Some(suffix) = suffix else { continue };
            let host = format!("*.{service}.*.{suffix}");
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    hosts.extend(PUBLIC_HOSTS.map(|(host, _)| host.to_owned()));
    hosts
}
