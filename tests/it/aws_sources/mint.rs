//! Every source of credentials, and for whom AWS minted.

use super::*;

#[test]
fn every_source_of_credentials_mints() {
    let rows: &[(Setup, &str, &str)] = &[
        (
            |_, program| {
                program.with("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).with("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            },
            "user/alice",
            "keys in the environment",
        ),
        (
            |machine, program| {
                let session = machine.aws.iam.open_session(&Role::new(ACCOUNT, "ci"), "job", hours(1));
                program
                    .with("AWS_ACCESS_KEY_ID", session.access_key_id)
                    .with("AWS_SECRET_ACCESS_KEY", session.secret_access_key)
                    .with("AWS_SESSION_TOKEN", session.session_token.unwrap())
            },
            "assumed-role/ci/job",
            "session keys in the environment",
        ),
        (
            |machine, program| {
                machine.write(".aws/credentials", alice("default"));
                program
            },
            "user/alice",
            "the shared credentials file",
        ),
        (
            |machine, program| {
                machine.write("elsewhere/config", alice("profile work"));
                program
                    .with("AWS_CONFIG_FILE", machine.home.path().join("elsewhere/config"))
                    .with("AWS_PROFILE", "work")
            },
            "user/alice",
            "a profile of another config file",
        ),
        (
            |machine, program| {
                let chain = format!(
                    "[default]\nrole_arn = {ROLE}\nrole_session_name = last\nsource_profile = middle\n\
                     [profile middle]\nrole_arn = {OTHER_ROLE}\nsource_profile = base\n{}",
                    alice("profile base")
                );
                machine.config(&chain);
                program
            },
            "assumed-role/puller/last",
            "a chain of roles",
        ),
        (
            |machine, program| {
                machine.write(".aws/credentials", alice("default"));
                machine.write("config.toml", format!("[[registry]]\nmatch = \"{HOST}\"\nrole-arn = \"{ROLE}\"\n"));
                program.with("ECR_RS_CONFIG", machine.home.path().join("config.toml"))
            },
            "assumed-role/puller/docker-credential-ecr-rs",
            "a role of our configuration",
        ),
        (
            |machine, program| {
                let token = machine.aws.sessions.open();
                machine.config(&sso_session()).sso_login("corp", &token, SystemTime::now() + hours(8), None);
                program
            },
            "assumed-role/puller/alice",
            "an SSO session",
        ),
        (
            |machine, program| {
                let refresh = machine.aws.sessions.open();
                let ended = SystemTime::now() - hours(1);
                machine.config(&sso_session()).sso_login("corp", "ended", ended, Some(&refresh));
                program
            },
            "assumed-role/puller/alice",
            "an SSO session that renews itself",
        ),
        (
            |machine, program| {
                let token = machine.aws.sessions.open();
                machine.config(&legacy_sso()).sso_login(START_URL, &token, SystemTime::now() + hours(8), None);
                program
            },
            "assumed-role/puller/alice",
            "the older kind of SSO",
        ),
        (
            |machine, program| {
                machine
                    .config(&format!("[default]\nlogin_session = {CONSOLE}\n"))
                    .login(SystemTime::now() + hours(1), "unused");
                program
            },
            "assumed-role/console/alice",
            "a session of `aws login`",
        ),
        (
            |machine, program| {
                let refresh = machine.aws.sessions.open();
                machine
                    .config(&format!("[default]\nlogin_session = {CONSOLE}\n"))
                    .login(SystemTime::now() - hours(1), &refresh);
                program
            },
            "assumed-role/console/alice",
            "a session of `aws login` that renews itself",
        ),
        (
            |machine, program| {
                let printed = json!({
                    "Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY,
                });
                machine.write("printed.json", printed.to_string());
                let path = machine.home.path().join("printed.json");
                machine.config(&format!("[default]\ncredential_process = cat {}\n", path.display()));
                program
            },
            "user/alice",
            "a credential process",
        ),
        (
            |machine, program| {
                machine.write("token", WEB_IDENTITY_TOKEN);
                program
                    .with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("token"))
                    .with("AWS_ROLE_ARN", ROLE)
                    .with("AWS_ROLE_SESSION_NAME", "pod")
            },
            "assumed-role/puller/pod",
            "a web identity of the environment (IRSA)",
        ),
        (
            |machine, program| {
                machine.write("token", WEB_IDENTITY_TOKEN);
                let path = machine.home.path().join("token");
                machine.config(&format!(
                    "[default]\nrole_arn = {ROLE}\nrole_session_name = ci\nweb_identity_token_file = {}\n",
                    path.display()
                ));
                program
            },
            "assumed-role/puller/ci",
            "a web identity of a profile",
        ),
        (
            |machine, program| container(machine, program).with("HTTP_PROXY", nobody()),
            "assumed-role/task/task-1",
            "a container (ECS), which no proxy can reach",
        ),
        (
            |machine, program| {
                machine.write("authorization", CONTAINER_AUTHORIZATION);
                let path = machine.home.path().join("authorization");
                container(machine, program)
                    .without("AWS_CONTAINER_AUTHORIZATION_TOKEN")
                    .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path)
            },
            "assumed-role/task/task-1",
            "a pod (EKS Pod Identity), whose token is in a file",
        ),
        (
            |machine, program| {
                machine.config(&format!(
                    "[default]\nrole_arn = {ROLE}\nrole_session_name = from-task\ncredential_source = EcsContainer\n"
                ));
                container(machine, program).with("HTTP_PROXY", nobody())
            },
            "assumed-role/puller/from-task",
            "a role on top of a container",
        ),
        (
            |machine, program| instance(machine, program).with("HTTP_PROXY", nobody()),
            "assumed-role/puller/i-0123456789abcdef0",
            "an instance (IMDSv2), which no proxy can reach",
        ),
        (
            |machine, program| {
                machine.config(&format!(
                    "[default]\nrole_arn = {OTHER_ROLE}\nrole_session_name = from-instance\n\
                     credential_source = Ec2InstanceMetadata\n"
                ));
                instance(machine, program).with("HTTP_PROXY", nobody())
            },
            "assumed-role/puller/from-instance",
            "a role on top of an instance",
        ),
    ];
    for (setup, principal, why) in rows {
        let machine = Machine::new();
        let outcome = setup(&machine, machine.program()).run(&["get"], HOST);
        let arn = machine.principal(&outcome, why);
        assert!(arn.ends_with(&format!(":{principal}")), "{why}: {arn}");
    }
}
