//! Hosts that are no registry of ECR and were surely meant as one: a digit or a letter is missing.
//!
//! A token never leaves for such a host; that it is misspelt is said wherever a person would else hear
//! of a missing login. Pure.

use super::{
    address::Address,
    names::{is_account, is_region},
    partition::PARTITIONS,
};

/// What is wrong with a host that looks like a private registry of ECR; `None` where it does not.
///
/// Of the three parts that every such host has, the account, `dkr.ecr` and AWS's suffix, two must be
/// right and the third near.
pub fn look_alike(server: &str) -> Option<String> {
    let host = Address::of(server.trim()).host;
    let (account, rest) = host.split_once('.')?;
    let (service, rest) = split_service(rest)?;
    let suffixes = || PARTITIONS.iter().map(|partition| partition.dns_suffix);
    let near = |text: &str, known: &str| strsim::damerau_levenshtein(text, known) <= 2;
    let (region, suffix) = rest.split_once('.').filter(|(region, _)| is_region(region))?;
    let has_account = is_account(account);
    let has_service = ["dkr.ecr", "dkr.ecr-fips"].contains(&service);
    let has_suffix = suffixes().any(|known| known == suffix);
    match (has_account, has_service, has_suffix) {
        (false, true, true) if account.len() >= 6 && account.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("its account {account} has {} digits, and an AWS account has 12", account.len()))
        }
        (true, false, true) if ["dkr.ecr", "dkr.ecr-fips"].iter().any(|known| near(service, known)) => {
            Some(format!("it has `{service}` in place of `dkr.ecr`"))
        }
        (true, true, false) if suffixes().any(|known| rest == known) => {
            Some("it names no region, as in `dkr.ecr.eu-west-1`".into())
        }
        (true, true, false) => {
            let meant = suffixes().find(|known| near(suffix, known))?;
            Some(format!("it ends in `{suffix}` after the region {region}, and not in `{meant}`"))
        }
        _ => None,
    }
}

/// The two labels after the account, and the rest.
fn split_service(text: &str) -> Option<(&str, &str)> {
    let (at, _) = text.match_indices('.').nth(1)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_7_what_was_meant_as_a_registry_of_ecr_is_known() {
        for (server, words, why) in [
            ("11112222333.dkr.ecr.eu-west-1.amazonaws.com", Some("11 digits"), "a digit is missing"),
            ("https://1111222233334.dkr.ecr.eu-west-1.amazonaws.com/v2/", Some("13 digits"), "one too many, as a URL"),
            ("111122223333.dkr.ecr.eu-west-1.amazonws.com", Some("`amazonaws.com`"), "a letter of the suffix"),
            ("111122223333.dkr.ecr.cn-north-1.amazonaws.cm.cn", Some("`amazonaws.com.cn`"), "China's suffix"),
            ("111122223333.dkr.erc.eu-west-1.amazonaws.com", Some("`dkr.erc`"), "swapped letters"),
            ("111122223333.drk.ecr.eu-west-1.amazonaws.com", Some("`drk.ecr`"), "in the other label"),
            ("111122223333.dkr.ecr.amazonaws.com", Some("no region"), "no region"),
            ("111122223333.dkr.ecr.eu-west-1.example.com", None, "somebody's own domain"),
            ("11112222333.dkr.erc.eu-west-1.amazonaws.com", None, "two parts are wrong: nobody knows"),
            ("111122223333.s3.eu-west-1.amazonaws.com", None, "another service"),
            ("build.dkr.ecr.eu-west-1.amazonaws.com", None, "no account at all"),
            ("ghcr.io", None, "another registry"),
            ("", None, "nothing"),
        ] {
            let found = look_alike(server);
            match words {
                Some(words) => assert!(found.as_deref().is_some_and(|found| found.contains(words)), "{why}: {found:?}"),
                None => assert_eq!(found, None, "{why}"),
            }
        }
    }
}
