//! Which AWS profile pulls from an account that has several: `setup` asks at a terminal, and tells elsewhere.

use std::io::BufRead;

use crate::{
    identity::SharedAccount,
    log::Log,
    report::{Report, fold},
    setup::NewRule,
};

/// Most questions: who has more accounts writes patterns of their own.
const MAX_QUESTIONS: usize = 8;

/// Most accounts that a warning names.
const MAX_NAMED: usize = 4;

/// Asks for each account; nothing, or what is none of its profiles, is no rule.
pub(super) fn ask(accounts: &[SharedAccount], stdin: &mut dyn BufRead, log: &Log<'_>) -> Vec<NewRule> {
    let asked = accounts.iter().take(MAX_QUESTIONS);
    asked.filter_map(|account| Some(account.rule(choose(account, stdin, log)?))).collect()
}

/// The profile that a person chooses.
fn choose<'a>(shared: &'a SharedAccount, stdin: &mut dyn BufRead, log: &Log<'_>) -> Option<&'a str> {
    let SharedAccount { account, profiles, .. } = shared;
    let mut answer = String::new();
    let asked = log.with_stderr(|stderr| {
        writeln!(stderr, "account {account} has more than one AWS profile:")?;
        for (number, profile) in profiles.iter().enumerate() {
            writeln!(stderr, "  {}  {}", number + 1, fold(profile))?;
        }
        write!(stderr, "which one pulls its images? [1-{}, Enter for none] ", profiles.len())?;
        stderr.flush()
    });
    asked.and_then(|()| stdin.read_line(&mut answer)).ok()?;
    let answer = answer.trim();
    let by_number = || profiles.get(answer.parse::<usize>().ok()?.checked_sub(1)?);
    profiles.iter().find(|profile| *profile == answer).or_else(by_number).map(String::as_str)
}

impl SharedAccount {
    fn rule(&self, profile: &str) -> NewRule {
        NewRule { account: self.account.clone(), pattern: self.pattern.clone(), profile: profile.to_owned() }
    }
}

/// What to know of the accounts that got no rule.
pub(super) fn without_rule(accounts: &[SharedAccount], rules: &[NewRule]) -> Option<Report> {
    let has_rule = |account: &&SharedAccount| !rules.iter().any(|rule| rule.account == account.account);
    let left: Vec<&SharedAccount> = accounts.iter().filter(has_rule).collect();
    let first = left.first()?;
    let names: Vec<String> = left
        .iter()
        .take(MAX_NAMED)
        .map(|shared| format!("{} ({})", shared.account, shared.profiles.join(", ")))
        .collect();
    let more = left.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = format!(
        "more than one AWS profile is of account {}{more}: a pull takes none of them by itself",
        names.join(", ")
    );
    let rule = first.rule(&first.profiles[0]);
    Some(Report::new(what).hint(format!(
        "write [[registry]] with match = {:?} and profile = {:?}, or another of them, into config.toml",
        rule.pattern, rule.profile
    )))
}
