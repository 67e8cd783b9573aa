//! Every source that fails, with its own words and hint.

use super::*;

#[test]
fn every_source_that_fails_says_what_to_do() {
    let rows: &[(Setup, &str, &str, &str, &str)] = &[
        (
            |machine, program| {
                let ended = SystemTime::now() - hours(1);
                machine.config(&sso_session()).sso_login("corp", "CANARY", ended, None);
                program
            },
            "the session of profile default has expired",
            "the SSO token has expired and cannot be refreshed",
            "run: aws sso login --profile default",
            "an SSO session that ended",
        ),
        (
            |machine, program| {
                let ended = SystemTime::now() - hours(1);
                machine.config(&sso_session()).sso_login("corp", "CANARY", ended, Some("CANARY"));
                program
            },
            "the session of profile default has expired",
            "UnauthorizedException: Session token not found or invalid",
            "run: aws sso login --profile default",
            "an SSO session that ended for good",
        ),
        (
            |machine, program| {
                machine.config(&legacy_sso()).sso_login(START_URL, "CANARY", SystemTime::now() + hours(1), None);
                program
            },
            "the session of profile default has expired",
            "UnauthorizedException: Session token not found or invalid",
            "run: aws sso login --profile default",
            "the older kind of SSO, signed out",
        ),
        (
            |machine, program| {
                machine.config(&sso_session());
                program
            },
            "profile default has no session on this machine",
            "failed to load the cached SSO token",
            "run: aws sso login --profile default",
            "an SSO session that was never opened",
        ),
        (
            |machine, program| {
                let token = machine.aws.sessions.open();
                machine.config(&sso_session().replace("puller", "nobody")).sso_login(
                    "corp",
                    &token,
                    SystemTime::now() + hours(1),
                    None,
                );
                program
            },
            "AWS refused credentials to profile default",
            "ForbiddenException: No access",
            "ask for access to that role or permission set",
            "an SSO role that is not the user's",
        ),
        (
            |machine, program| {
                machine
                    .config(&format!("[default]\nlogin_session = {CONSOLE}\n"))
                    .login(SystemTime::now() - hours(1), "CANARY");
                program
            },
            "the session of profile default has expired",
            "Your session has expired. Please reauthenticate.",
            "run: aws login --profile default",
            "a session of `aws login` that ended",
        ),
        (
            |machine, program| {
                machine.config(&format!("[default]\nlogin_session = {CONSOLE}\n"));
                program
            },
            "profile default has no session on this machine",
            "login/cache",
            "run: aws login --profile default",
            "`aws login` that was never run",
        ),
        (
            |machine, program| {
                machine.write("token", "CANARY");
                program
                    .with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("token"))
                    .with("AWS_ROLE_ARN", ROLE)
            },
            "the web identity token cannot be used",
            "InvalidIdentityToken",
            "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy",
            "a web identity that AWS refuses",
        ),
        (
            |machine, program| {
                program.with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("gone")).with("AWS_ROLE_ARN", ROLE)
            },
            "the web identity token cannot be used",
            "No such file or directory",
            "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy",
            "a web identity token that is not there",
        ),
        (
            |machine, program| container(machine, program).with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARY"),
            "the container's credential endpoint gave no credentials",
            "",
            "check AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI, its token, and the task's or pod's role",
            "a container endpoint that refuses",
        ),
        (
            |_, program| program.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", nobody()),
            "the container's credential endpoint gave no credentials",
            "Connection refused",
            "check AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI, its token, and the task's or pod's role",
            "a container endpoint that is not there",
        ),
        (
            |machine, program| {
                machine.aws.faults.always("ImdsRole", Fault::NotFound);
                instance(machine, program)
            },
            "the instance metadata service gave no credentials",
            "received 404 from IMDS",
            "attach a role to the instance; in a container also raise the metadata hop limit to 2",
            "an instance without a role",
        ),
        (
            |machine, program| {
                machine.aws.faults.always("ImdsToken", Fault::Silent);
                instance(machine, program)
            },
            "the instance metadata service gave no credentials",
            "timeout occurred after 1s",
            "attach a role to the instance; in a container also raise the metadata hop limit to 2",
            "the hop limit: the answer never comes",
        ),
        (
            |_, program| {
                program.without("AWS_EC2_METADATA_DISABLED").with("AWS_EC2_METADATA_SERVICE_ENDPOINT", nobody())
            },
            "the instance metadata service gave no credentials",
            "Connection refused",
            "attach a role to the instance; in a container also raise the metadata hop limit to 2",
            "no metadata service",
        ),
    ];
    for (setup, what, cause, hint, why) in rows {
        let machine = Machine::new();
        let outcome = setup(&machine, machine.program()).run(&["get"], HOST);
        refused(&outcome, what, cause, hint, why);
        assert_eq!(machine.aws.count("GetAuthorizationToken"), 0, "{why}: ECR need not be asked");
    }
}
