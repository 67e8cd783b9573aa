//! Failures before ECR is asked: no credentials, roles, profiles.

use super::*;

#[test]
fn what_no_call_can_help_with_is_refused_at_once() {
    let machine = Machine::new();
    let needs_mfa = alice(&machine.aws.endpoint()).replace("[profile p]", "[profile base]")
        + &format!(
            "[profile p]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/alice\n"
        );
    for (nobody, what, hint, why) in [
        (
            program(&machine, "").without("AWS_PROFILE"),
            "this machine has no AWS credentials",
            "run `aws configure sso` or `aws configure`, or set AWS_PROFILE to a profile that has credentials",
            "no credentials at all",
        ),
        (
            program(&machine, "[profile p]\nregion = eu-west-1\n"),
            "the AWS profile \"p\", which AWS_PROFILE names, has no credentials",
            "run `aws configure --profile p`, or name another profile",
            "a profile without credentials",
        ),
    ] {
        check(&nobody.run(&["get"], HOST), HOST, what, hint, why);
        check_public(&nobody, Public::Silent, why);
    }
    let program = program(&machine, &needs_mfa);
    check(
        &program.run(&["get"], HOST),
        HOST,
        "profile p needs an MFA code, which a credential helper cannot ask for",
        "get a session first, for example with `aws configure export-credentials --profile p --format env`",
        "mfa_serial, which the SDK ignores",
    );
    check_public(&program, Public::Silent, "mfa_serial");
    assert!(machine.aws.calls().is_empty(), "nothing was asked");
}

/// A rule that assumes a role on top of the profile.
fn rule(role: &str, external_id: Option<&str>, session_name: Option<&str>) -> String {
    let option =
        |name: &str, value: Option<&str>| value.map(|value| format!("{name} = \"{value}\"\n")).unwrap_or_default();
    format!(
        "[[registry]]\nmatch = \"*\"\nrole-arn = \"{role}\"\n{}{}",
        option("external-id", external_id),
        option("session-name", session_name)
    )
}

#[test]
fn roles_of_our_configuration_are_assumed() {
    let machine = Machine::new();
    let program = as_alice(&machine);
    for (arn, external_id, session, account, principal, why) in [
        (ROLE, None, None, ACCOUNT, "puller/docker-credential-ecr-rs", "our own name in CloudTrail"),
        (OTHER_ROLE, None, Some("ci"), OTHER_ACCOUNT, "puller/ci", "another account, a session name"),
        (GUARDED_ROLE, Some(EXTERNAL_ID), None, ACCOUNT, "guarded/docker-credential-ecr-rs", "an external id"),
    ] {
        machine.configure(&rule(arn, external_id, session));
        let minted = machine.aws.tokens.valid(&password(&program.run(&["get"], HOST), why)).expect(why);
        assert_eq!(minted.principal.arn, format!("arn:aws:sts::{account}:assumed-role/{principal}"), "{why}");
    }
    for (external_id, trust, why) in [
        (None, "it; it may also ask for an external-id", "no external id"),
        (Some("wrong"), "it with this external id", "a wrong one"),
    ] {
        machine.configure(&rule(GUARDED_ROLE, external_id, None));
        let hint = format!(
            "allow sts:AssumeRole on {GUARDED_ROLE} to arn:aws:iam::111122223333:user/alice, and let the role's trust \
             policy name {trust}"
        );
        let what = format!("AWS refused to let profile p assume {GUARDED_ROLE}");
        check(&program.run(&["get"], HOST), HOST, &what, &hint, why);
        check_public(&program, Public::Silent, why);
    }
}

#[test]
fn profiles_of_every_kind_fail_in_their_own_words() {
    let machine = Machine::new();
    let endpoint = machine.aws.endpoint();
    let on_base = |role: &str, base: &str| {
        format!("role_arn = {role}\nsource_profile = base\nendpoint_url = {endpoint}\n[profile base]\n{base}")
    };
    let keys = alice(&endpoint).replace("[profile p]\n", "");
    for (config, what, hint, cause, why) in [
        (
            "credential_process = sh -c 'echo CANARY; echo CANARY >&2; exit 3'\n".to_owned(),
            "the credential_process of profile p failed",
            "run the command of credential_process by hand to see what it says",
            "the command ended with exit status: 3",
            "a credential process that fails: its output may hold secrets",
        ),
        (
            "credential_process = echo CANARY\n".into(),
            "the credential_process of profile p failed",
            "run the command of credential_process by hand to see what it says",
            "the command did not print credentials",
            "a credential process that prints something else",
        ),
        (
            "role_arn = arn:aws:iam::111122223333:role/puller\nweb_identity_token_file = /nonexistent/token\n".into(),
            "the web identity token cannot be used",
            "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy",
            "No such file or directory",
            "a token file that is not there",
        ),
        (
            on_base(
                ROLE,
                "sso_session = s\nsso_account_id = 111122223333\nsso_role_name = puller\n[sso-session s]\n\
                 sso_region = eu-west-1\nsso_start_url = https://nobody.awsapps.com/start\n",
            ),
            "profile p has no session on this machine",
            "run: aws sso login --profile base",
            "failed to load the cached SSO token",
            "an sso-session that was never opened",
        ),
        (
            on_base(
                ROLE,
                "sso_account_id = 111122223333\nsso_role_name = puller\nsso_region = eu-west-1\n\
                 sso_start_url = https://nobody.awsapps.com/start\n",
            ),
            "profile p has no session on this machine",
            "run: aws sso login --profile base",
            ".json`",
            "the older kind of SSO profile",
        ),
        (
            on_base(ROLE, "login_session = arn:aws:iam::111122223333:user/nobody\n"),
            "profile p has no session on this machine",
            "run: aws login --profile base",
            ".json`",
            "`aws login` that was never run",
        ),
        (
            on_base(GUARDED_ROLE, &keys),
            "AWS refused credentials to profile p",
            "allow sts:AssumeRole on arn:aws:iam::111122223333:role/guarded to arn:aws:iam::111122223333:user/alice, \
             and let the role's trust policy name it",
            "is not authorized to perform: sts:AssumeRole",
            "the role of a profile",
        ),
    ] {
        let program = program(&machine, &format!("[profile p]\n{config}"));
        let causes = check(&program.run(&["get"], HOST), HOST, what, hint, why).join("\n");
        assert!(causes.contains(cause), "{why}: {causes}");
        check_public(&program, Public::Silent, why);
    }
    for (config, profile, cause, why) in [
        (
            "role_arn = a\nsource_profile = q\n[profile q]\nrole_arn = b\nsource_profile = p\n",
            "q",
            "its source_profile leads back to p",
            "a loop",
        ),
        (
            "role_arn = a\nsource_profile = gone\n",
            "p",
            "there is no profile gone, its source_profile",
            "a source that is not there",
        ),
        (
            "sso_session = gone\nsso_account_id = 1\nsso_role_name = r\n",
            "p",
            "there is no [sso-session gone], which it names",
            "a session that is not there",
        ),
    ] {
        let program = program(&machine, &format!("[profile p]\n{config}"));
        let outcome = program.run(&["get"], HOST);
        let what = format!("no AWS identity for {HOST}: the AWS profile {profile:?} has no usable credentials");
        let hint = format!("check the profile in {}", machine.home.path().join(".aws/config").display());
        assert_eq!((outcome.status, outcome.stdout.trim_end()), (Some(1), what.as_str()), "{why}: {outcome:?}");
        let lines: Vec<_> = outcome.stderr.lines().skip(1).collect();
        assert_eq!(lines, [format!("  caused by: {cause}"), format!("  hint: {hint}")], "{why}");
        check_public(&program, Public::Silent, why);
    }
}

#[test]
fn faults_on_the_way_to_credentials_are_told_apart_from_ecrs() {
    let machine = Machine::new();
    machine.configure(&rule(ROLE, None, None));
    let program = as_alice(&machine);
    for (fault, public, what, hint, why) in [
        (
            Fault::Throttled,
            Public::Told,
            "AWS is throttling requests for account 111122223333 in eu-west-1".to_owned(),
            "wait a little and try again",
            "STS throttles",
        ),
        (
            Fault::UnknownKey,
            Public::Silent,
            "AWS does not know the access key of profile p".into(),
            "check the access key and that it belongs to this AWS partition",
            "a deleted key",
        ),
        (
            Fault::SessionExpired,
            Public::Silent,
            "the AWS credentials of profile p have expired".into(),
            "get new credentials; session keys end",
            "session keys that ended",
        ),
        (
            Fault::ClockSkew,
            Public::Silent,
            "AWS refused the request because of its time".into(),
            "set this machine's clock; AWS accepts 5 minutes of difference",
            "a clock that is wrong",
        ),
        (
            Fault::Cut,
            Public::Told,
            "127.0.0.1 cut the connection for a token of account 111122223333 in eu-west-1".into(),
            "check the network; behind a proxy, set HTTPS_PROXY",
            "cut in the middle",
        ),
        (
            Fault::Garbage,
            Public::Told,
            format!("AWS gave no usable answer to assume {ROLE}"),
            "check that no proxy or endpoint_url answers in place of AWS",
            "an answer of someone else",
        ),
    ] {
        machine.aws.faults.clear();
        machine.aws.faults.always("AssumeRole", fault);
        check(&program.run(&["get"], HOST), HOST, &what, hint, why);
        check_public(&program, public, why);
    }
    assert_eq!(machine.minted(), 0, "ECR need not be asked");
    machine.configure(""); // no role
    let wrong = alice(&machine.aws.endpoint()).replace(SECRET_ACCESS_KEY, "another-secret-access-key");
    check(
        &crate::aws_tokens::program(&machine, &wrong).run(&["get"], HOST),
        HOST,
        "AWS does not accept the secret access key of profile p",
        "check that the secret access key belongs to the access key id",
        "a secret of another key",
    );
}
