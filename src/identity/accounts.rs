//! The accounts for which this machine has more than one AWS profile, so that none is taken by itself.

use std::collections::BTreeMap;

use super::{Finder, IdentityError, Source, Target, chain, find::Files};
use crate::{
    config::Glob,
    registry::{Partition, is_account},
};

/// An account with several profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAccount {
    /// Its 12 digits.
    pub account: String,
    /// A pattern on the hosts of its registries, as a rule of config.toml has it.
    pub pattern: String,
    /// The profiles, in alphabetical order.
    pub profiles: Vec<String>,
}

impl Finder<'_> {
    /// The names of the AWS profiles; none where the files cannot be read.
    pub fn profile_names(&self) -> Vec<String> {
        Files::default()
            .read(self.environment)
            .map_or_else(|_| Vec::new(), |profiles| profiles.names().map(String::from).collect())
    }

    /// The accounts of which several profiles are, and whose registries get none of them: nothing says which is
    /// meant, or a profile of another account is taken. Those that a rule is for are not among them.
    ///
    /// # Errors
    /// The AWS files cannot be read.
    pub fn shared_accounts(&self) -> Result<Vec<SharedAccount>, IdentityError> {
        let mut files = Files::default();
        let profiles = files.read(self.environment)?;
        let mut accounts: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
        for name in profiles.names() {
            let chain = chain::follow(profiles, self.environment, name).ok().flatten();
            let Some(account) = chain.and_then(|chain| chain.account).filter(|account| is_account(account)) else {
                continue; // out of order, or of nobody knows which account
            };
            let profile = profiles.get(name)?;
            let region = profile.and_then(|profile| profile.get("region").or_else(|| profile.get("sso_region")));
            let (first, names) = accounts.entry(account).or_default();
            if let (true, Some(region)) = (first.is_empty(), region) {
                region.clone_into(first);
            }
            names.push(name.to_owned());
        }
        let shared = accounts.into_iter().filter(|(_, (_, profiles))| profiles.len() > 1);
        Ok(shared.filter_map(|(account, (region, profiles))| self.undecided(account, &region, profiles)).collect())
    }

    fn undecided(&self, account: String, region: &str, profiles: Vec<String>) -> Option<SharedAccount> {
        let region = if region.is_empty() { "us-east-1" } else { region };
        let suffix = Partition::of_region(region).dns_suffix;
        let pattern = format!("{account}.dkr.ecr.*.{suffix}");
        let hosts = Glob::parse(&pattern).ok()?;
        if self.config.rules.iter().any(|rule| rule.hosts.covers(&hosts) || rule.hosts.as_str().contains(&account)) {
            return None;
        }
        let host = format!("{account}.dkr.ecr.{region}.{suffix}");
        let undecided = match self.find(&Target { host, account: account.clone(), region: region.into() }) {
            Err(IdentityError::Ambiguous { .. }) => true,
            Ok(identity) => matches!(&identity.source, Source::Profile(profile) if !profiles.contains(&profile.name)),
            Err(_) => false,
        };
        undecided.then_some(SharedAccount { account, pattern, profiles })
    }
}
