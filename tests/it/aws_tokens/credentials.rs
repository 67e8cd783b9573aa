//! Failures before ECR is asked: no credentials, roles, profiles.

use super::*;

#[test]
fn what_no_call_can_help_with_is_refused_at_once() {
    let world = Loopback::start();
    let home = Home::new();
    let mut needs_mfa = home.alice(&world.endpoint());
    if let Source::Profile(profile) = &mut needs_mfa.source {
        profile.mfa_serial = Some("arn:aws:iam::111122223333:mfa/alice".into());
    }
    check(
        mint(HOST, &needs_mfa),
        FailureKind::NoCredentials,
        "profile p needs an MFA code, which a credential helper cannot ask for",
        "get a session first, for example with `aws configure export-credentials --profile p --format env`",
        "mfa_serial, which the SDK ignores",
    );
    let nobody = Identity { source: Source::None, ..home.alice(&world.endpoint()) };
    check(
        mint(HOST, &nobody),
        FailureKind::NoCredentials,
        "this machine has no AWS credentials",
        "run `aws configure sso` or `aws configure`, or set AWS_PROFILE to a profile that has credentials",
        "no credentials at all",
    );
    assert!(world.calls().is_empty(), "nothing was asked");
}

#[test]
fn roles_of_our_configuration_are_assumed() {
    let world = Loopback::start();
    let home = Home::new();
    let identity = |arn: &str, external_id: Option<&str>, session: Option<&str>| Identity {
        role: Some(Role {
            arn: arn.into(),
            external_id: external_id.map(str::to_owned),
            session_name: session.map(str::to_owned),
        }),
        ..home.alice(&world.endpoint())
    };
    for (arn, external_id, session, account, principal, why) in [
        (ROLE, None, None, ACCOUNT, "puller/docker-credential-ecr-rs", "our own name in CloudTrail"),
        (OTHER_ROLE, None, Some("ci"), OTHER_ACCOUNT, "puller/ci", "another account, a session name"),
        (GUARDED_ROLE, Some(EXTERNAL_ID), None, ACCOUNT, "guarded/docker-credential-ecr-rs", "an external id"),
    ] {
        let token = mint(HOST, &identity(arn, external_id, session)).unwrap_or_else(|err| panic!("{why}: {err:?}"));
        let minted = world.tokens.valid(token.password.expose()).expect(why);
        assert_eq!(minted.principal.arn, format!("arn:aws:sts::{account}:assumed-role/{principal}"), "{why}");
    }
    for (external_id, trust, why) in [
        (None, "it; it may also ask for an external-id", "no external id"),
        (Some("wrong"), "it with this external id", "a wrong one"),
    ] {
        check(
            mint(HOST, &identity(GUARDED_ROLE, external_id, None)),
            FailureKind::NoCredentials,
            &format!("AWS refused to let profile p assume {GUARDED_ROLE}"),
            &format!(
                "allow sts:AssumeRole on {GUARDED_ROLE} to arn:aws:iam::111122223333:user/alice, and let the role's \
                 trust policy name {trust}"
            ),
            why,
        );
    }
}

#[test]
fn profiles_of_every_kind_fail_in_their_own_words() {
    let world = Loopback::start();
    let home = Home::new();
    let sso = Some(Login::Sso { profile: "base".into() });
    let console = Some(Login::Console { profile: "base".into() });
    let role = format!("role_arn = {GUARDED_ROLE}\nsource_profile = base\n{}", alice(&world.endpoint()));
    let role = role.replace("[profile p]", &format!("endpoint_url = {}\n[profile base]", world.endpoint()));
    for (config, login, what, hint, cause, why) in [
        (
            "credential_process = sh -c 'echo CANARY; echo CANARY >&2; exit 3'\n".to_owned(),
            None,
            "the credential_process of profile p failed",
            "run the command of credential_process by hand to see what it says",
            "the command ended with exit status: 3",
            "a credential process that fails: its output may hold secrets",
        ),
        (
            "credential_process = echo CANARY\n".into(),
            None,
            "the credential_process of profile p failed",
            "run the command of credential_process by hand to see what it says",
            "the command did not print credentials",
            "a credential process that prints something else",
        ),
        (
            "role_arn = arn:aws:iam::111122223333:role/puller\nweb_identity_token_file = /nonexistent/token\n".into(),
            None,
            "the web identity token cannot be used",
            "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy",
            "No such file or directory",
            "a token file that is not there",
        ),
        (
            "sso_session = s\nsso_account_id = 111122223333\nsso_role_name = puller\n[sso-session s]\n\
             sso_region = eu-west-1\nsso_start_url = https://nobody.awsapps.com/start\n"
                .into(),
            sso.clone(),
            "profile p has no session on this machine",
            "run: aws sso login --profile base",
            "failed to load the cached SSO token",
            "an sso-session that was never opened",
        ),
        (
            "sso_account_id = 111122223333\nsso_role_name = puller\nsso_region = eu-west-1\n\
             sso_start_url = https://nobody.awsapps.com/start\n"
                .into(),
            sso,
            "profile p has no session on this machine",
            "run: aws sso login --profile base",
            ".json`",
            "the older kind of SSO profile",
        ),
        (
            "login_session = arn:aws:iam::111122223333:user/nobody\n".into(),
            console,
            "profile p has no session on this machine",
            "run: aws login --profile base",
            ".json`",
            "`aws login` that was never run",
        ),
        (
            role,
            None,
            "AWS refused credentials to profile p",
            "allow sts:AssumeRole on arn:aws:iam::111122223333:role/guarded to arn:aws:iam::111122223333:user/alice, \
             and let the role's trust policy name it",
            "is not authorized to perform: sts:AssumeRole",
            "the role of a profile",
        ),
    ] {
        let mut identity = home.identity(&format!("[profile p]\n{config}"));
        if let Source::Profile(profile) = &mut identity.source {
            profile.login = login;
        }
        let failure = check(mint(HOST, &identity), FailureKind::NoCredentials, what, hint, why);
        assert!(failure.causes.join("\n").contains(cause), "{why}: {failure:?}");
    }
    for (config, cause, why) in [
        (
            "role_arn = a\nsource_profile = q\n[profile q]\nrole_arn = b\nsource_profile = p\n",
            "infinite loop",
            "a loop",
        ),
        ("role_arn = a\nsource_profile = gone\n", "`gone` was not defined", "a source that is not there"),
        ("sso_session = gone\nsso_account_id = 1\nsso_role_name = r\n", "`gone`", "a session that is not there"),
        ("region = eu-west-1\n", "", "no credentials"),
    ] {
        let identity = home.identity(&format!("[profile p]\n{config}"));
        let hint = format!("check the profile in {}", home.folder.path().join("config").display());
        let what = "profile p has no usable credentials";
        let failure = check(mint(HOST, &identity), FailureKind::NoCredentials, what, &hint, why);
        assert!(failure.causes.join("\n").contains(cause), "{why}: {failure:?}");
    }
}

#[test]
fn faults_on_the_way_to_credentials_are_told_apart_from_ecrs() {
    let world = Loopback::start();
    let home = Home::new();
    let role = Role { arn: ROLE.into(), external_id: None, session_name: None };
    let identity = Identity { role: Some(role), ..home.alice(&world.endpoint()) };
    for (fault, kind, what, hint, why) in [
        (
            Fault::Throttled,
            FailureKind::Unreachable,
            "AWS is throttling requests for account 111122223333 in eu-west-1".to_owned(),
            "wait a little and try again",
            "STS throttles",
        ),
        (
            Fault::UnknownKey,
            FailureKind::NoCredentials,
            "AWS does not know the access key of profile p".into(),
            "check the access key and that it belongs to this AWS partition",
            "a deleted key",
        ),
        (
            Fault::SessionExpired,
            FailureKind::NoCredentials,
            "the AWS credentials of profile p have expired".into(),
            "get new credentials; session keys end",
            "session keys that ended",
        ),
        (
            Fault::ClockSkew,
            FailureKind::NoCredentials,
            "AWS refused the request because of its time".into(),
            "set this machine's clock; AWS accepts 5 minutes of difference",
            "a clock that is wrong",
        ),
        (
            Fault::Cut,
            FailureKind::Unreachable,
            "127.0.0.1 cut the connection for a token of account 111122223333 in eu-west-1".into(),
            "check the network; behind a proxy, set HTTPS_PROXY",
            "cut in the middle",
        ),
        (
            Fault::Garbage,
            FailureKind::Garbled,
            format!("AWS gave no usable answer to assume {ROLE}"),
            "check that no proxy or endpoint_url answers in place of AWS",
            "an answer of someone else",
        ),
    ] {
        world.faults.clear();
        world.faults.always("AssumeRole", fault);
        check(mint(HOST, &identity), kind, &what, hint, why);
    }
    assert_eq!(world.count("GetAuthorizationToken"), 0, "ECR need not be asked");
    let wrong = alice(&world.endpoint()).replace(SECRET_ACCESS_KEY, "another-secret-access-key");
    check(
        mint(HOST, &home.identity(&wrong)),
        FailureKind::NoCredentials,
        "AWS does not accept the secret access key of profile p",
        "check that the secret access key belongs to the access key id",
        "a secret of another key",
    );
}
