//! Roles that config.toml assumes: on top of any credentials, two accounts in one file, and the
//! mistakes that people make with them.

use crate::support::{
    aws::faults::Fault,
    loopback::{
        ACCESS_KEY_ID, ACCOUNT, EXTERNAL_ID, GUARDED_ROLE, OTHER_ACCESS_KEY_ID, OTHER_ACCOUNT, OTHER_ROLE,
        OTHER_SECRET_ACCESS_KEY, REGION, ROLE,
    },
    machine::Machine,
    program::{Outcome, Program},
};

fn ecr(account: &str) -> String {
    format!("{account}.dkr.ecr.{REGION}.amazonaws.com")
}

fn rule(account: &str, more: &str) -> String {
    format!("[[registry]]\nmatch = \"{account}.dkr.ecr.*.amazonaws.com\"\n{more}\n")
}

/// A profile of bob's, who is of the other account.
fn bob(machine: &Machine) {
    let keys =
        format!("aws_access_key_id = {OTHER_ACCESS_KEY_ID}\naws_secret_access_key = {OTHER_SECRET_ACCESS_KEY}\n");
    machine.write(".aws/credentials", &format!("[bob]\n{keys}"));
}

/// The keys that asked STS and ECR, in order.
fn askers(machine: &Machine) -> Vec<(String, String)> {
    let calls = machine.aws.calls().into_iter();
    calls.map(|call| (call.operation, call.access_key_id.unwrap_or_default())).collect()
}

#[track_caller]
fn refused(program: &Program, host: &str) -> String {
    let Outcome { status, stdout, stderr } = program.run(&["get"], host);
    assert_eq!((status, stdout.lines().count()), (Some(1), 1), "{stdout}{stderr}");
    assert!(stderr.contains("  hint: "), "{stderr}");
    stderr
}

#[test]
fn a_role_stands_on_a_profile_or_on_keys() {
    let role = format!("role-arn = \"{GUARDED_ROLE}\"\nexternal-id = \"{EXTERNAL_ID}\"\nsession-name = \"build-7\"");
    for (more, base, why) in [
        ("profile = \"bob\"\n", OTHER_ACCESS_KEY_ID, "a profile that the rule names"),
        ("", ACCESS_KEY_ID, "keys of the environment"),
    ] {
        let machine = Machine::new();
        bob(&machine);
        machine.configure(&rule(ACCOUNT, &format!("{more}{role}")));
        // AWS's refusal says who asked: the session of the role under the name of the rule.
        machine.aws.faults.times("GetAuthorizationToken", Fault::AccessDenied, 1);
        let stderr = refused(&machine.program(), &ecr(ACCOUNT));
        assert!(stderr.contains(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/guarded/build-7")), "{why}: {stderr}");
        assert_eq!(machine.program().run(&["get"], ecr(ACCOUNT)).status, Some(0), "{why}");
        let askers = askers(&machine);
        assert_eq!(askers[2], ("AssumeRole".into(), base.into()), "{why}");
        assert_eq!(askers[3].0, "GetAuthorizationToken", "{why}");
        assert!(askers[3].1.starts_with("ASIA"), "the role's own session asks ECR: {why}: {askers:?}");
        assert_eq!(machine.program().run(&["get"], ecr(ACCOUNT)).status, Some(0));
        assert_eq!(machine.aws.calls().len(), 4, "a hit assumes nothing: {why}");
    }
}

#[test]
fn two_accounts_share_one_file() {
    let machine = Machine::new();
    bob(&machine);
    machine.configure(&format!(
        "{}{}",
        rule(ACCOUNT, &format!("role-arn = \"{ROLE}\"")),
        rule(OTHER_ACCOUNT, &format!("profile = \"bob\"\nrole-arn = \"{OTHER_ROLE}\""))
    ));
    let tokens = [ACCOUNT, OTHER_ACCOUNT].map(|account| machine.program().run(&["get"], ecr(account)).stdout);
    assert_ne!(tokens[0], tokens[1]);
    let assumed: Vec<String> =
        askers(&machine).into_iter().filter(|(operation, _)| operation == "AssumeRole").map(|(_, key)| key).collect();
    assert_eq!(assumed, [ACCESS_KEY_ID, OTHER_ACCESS_KEY_ID], "each on the credentials of its rule");
    let identities: std::collections::BTreeSet<String> =
        machine.bus.items().into_iter().filter_map(|item| item.attributes.get("identity").cloned()).collect();
    assert_eq!(identities.len(), 2, "two identities, two entries");
}

#[test]
fn mistakes_with_roles_are_explained() {
    for (more, words, why) in [
        (
            format!("role-arn = \"{GUARDED_ROLE}\"\nexternal-id = \"customer-41\""),
            ["AWS refused to let access key AKIAIOSFODNN7EXAMPLE assume", "with this external id"],
            "a wrong external id",
        ),
        (
            format!("role-arn = \"{GUARDED_ROLE}\""),
            ["assume arn:aws:iam::111122223333:role/guarded", "it may also ask for an external-id"],
            "no external id",
        ),
        (
            format!("role-arn = \"arn:aws:iam::{ACCOUNT}:role/gone\""),
            ["sts:AssumeRole", "trust policy"],
            "a role that does not exist, which AWS tells as one that does not trust",
        ),
        (
            format!("role-arn = \"arn:aws-cn:iam::{ACCOUNT}:role/puller\""),
            ["is a role of the partition aws-cn", "which begins arn:aws:iam::111122223333:role/puller"],
            "a role of China on a registry of the first partition",
        ),
        (
            format!("role-arn = \"arn:aws-us-gov:iam::{ACCOUNT}:role/puller\""),
            ["is in aws", "which begins arn:aws:iam"],
            "a role of GovCloud",
        ),
    ] {
        let machine = Machine::new();
        machine.configure(&rule(ACCOUNT, &more));
        let stderr = refused(&machine.program(), &ecr(ACCOUNT));
        assert!(words.iter().all(|words| stderr.contains(words)), "{why}: {stderr}");
        assert_eq!(machine.minted(), 0, "{why}");
        assert!(!stderr.contains("customer-4"), "an external id is not for logs: {why}");
    }
    let china = Machine::new();
    china.configure(
        "[[registry]]\nmatch = \"*.amazonaws.com.cn\"\nrole-arn = \"arn:aws:iam::111122223333:role/puller\"\n",
    );
    let stderr = refused(&china.program(), "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn");
    assert!(stderr.contains("is in aws-cn") && stderr.contains("arn:aws-cn:iam"), "the other way round: {stderr}");
}
