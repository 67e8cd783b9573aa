//! What `setup` tells besides: who reads which login now, and what may get in our way.

use super::world::{World, assert_no_secret, write};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const LOGIN: &str = "{\"auth\":\"QVdTOmNhbmFyeS1zZWNyZXQ=\"}"; // AWS:canary-secret

/// The file, the arguments, the warnings with a part of their hints, and why.
type Row = (String, &'static str, Vec<(String, String)>, &'static str);

#[test]
fn each_warning_has_its_cause_and_one_thing_to_do() {
    let auths = |host: &str, rest: &str| format!("{{\"auths\":{{\"{host}\":{LOGIN}}}{rest}}}");
    let rows: [Row; 16] = [
        ("{}".into(), "docker", vec![], "all is well"),
        (auths("https://ghcr.io/v2/", ",\"credsStore\":\"pass\""), "docker", vec![], "a login that pass hid already"),
        (
            auths(ECR, ""),
            "docker",
            vec![(format!("an old token of {ECR} stays in clear text in `auths` of FILE; docker asks ecr-rs and no longer reads it"), format!("docker logout {ECR}"))],
            "a stale token",
        ),
        (
            auths("ghcr.io", ""),
            "docker",
            vec![("the login of ghcr.io stays in clear text in `auths` of FILE, and docker no longer reads it: it asks ecr-rs".into(), "docker-credential-ecr-rs setup docker --import, which moves it into the keychain".into())],
            "a login of another registry",
        ),
        (
            "{\"auths\":{\"ghcr.io\":{\"registrytoken\":\"x\"}}}".into(),
            "docker",
            vec![("the login of ghcr.io stays in clear text in `auths` of FILE, and docker no longer reads it: it asks ecr-rs".into(), "docker login ghcr.io, which moves it into the keychain".into())],
            "a login that no helper can answer with",
        ),
        (auths("ghcr.io", ""), "docker --registry public.ecr.aws", vec![], "docker goes on reading it"),
        (
            auths(ECR, ""),
            "docker --registry public.ecr.aws",
            vec![(format!("{ECR} is served by a token in `auths` of FILE, which ends 12 hours after it was made"), format!("docker-credential-ecr-rs setup docker --registry {ECR}"))],
            "an ECR host that was not named",
        ),
        (auths(ECR, &format!(",\"credHelpers\":{{\"{ECR}\":\"ecr-login\"}}")), "docker --registry public.ecr.aws", vec![], "another helper serves it"),
        (
            format!("{{\"credHelpers\":{{\"{ECR}\":\"prod\",\"gcr.io\":\"gcloud\"}}}}"),
            "docker",
            vec![(format!("`credHelpers` of FILE gives {ECR} to docker-credential-prod, which goes before `credsStore`"), format!("docker-credential-ecr-rs setup docker --registry {ECR}"))],
            "an entry that goes before us",
        ),
        (format!("{{\"credHelpers\":{{\"{ECR}\":\"ecr-login\"}}}}"), "docker --registry 123456789012.dkr.ecr.eu-west-1.amazonaws.com", vec![], "the entry is replaced"),
        (format!("{{\"credHelpers\":{{\"{ECR}\":\"ecr-login\"}}}}"), "docker", vec![], "an entry of the helper that we replace is taken over"),
        (
            "{\"credsStore\":\"desktop\"}".into(),
            "docker",
            vec![
                ("Docker Desktop may write its own `credsStore` into FILE when it starts or updates".into(), "setup docker` once more".into()),
                ("docker-credential-desktop, which FILE names for the logins of other registries, is not on PATH: until it is, they cannot be pulled from".into(), "put docker-credential-desktop into a folder of PATH, or write `[other-registries]`".into()),
            ],
            "f3_19: a helper that is not there",
        ),
        (
            "{\"currentContext\":\"desktop-linux\"}".into(),
            "docker",
            vec![("Docker Desktop may write its own `credsStore` into FILE when it starts or updates".into(), "setup docker` once more".into())],
            "Docker Desktop",
        ),
        (
            "\u{feff}{}".into(),
            "docker",
            vec![("FILE begins with a byte order mark, and docker refuses such a file whole".into(), "without a byte order mark".into())],
            "a byte order mark",
        ),
        ("{\"auths\":{\"ghcr.io\":{},\"gcr.io\":{\"email\":\"x\"}}}".into(), "docker", vec![], "no login stands in these"),
        ("{\"auths\":[7]}".into(), "docker", vec![], "what docker would refuse is docker's to say"),
    ];
    for (config, arguments, expected, why) in rows {
        let world = World::new();
        world.install("docker-credential-pass");
        write(&world.docker(), &config);
        let printed = world.setup(arguments).unwrap();
        assert_no_secret(&(printed.stdout + &printed.stderr));
        check(&printed.stderr.replace(&world.docker().display().to_string(), "FILE"), &expected, why);
    }
}

#[track_caller]
fn check(stderr: &str, expected: &[(String, String)], why: &str) {
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2 * expected.len(), "{why}: {stderr}");
    for (pair, (what, hint)) in lines.chunks(2).zip(expected) {
        assert_eq!(pair[0], format!("docker-credential-ecr-rs: warning: {what}"), "{why}");
        assert!(pair[1].starts_with("  hint: ") && pair[1].contains(hint), "{why}: {}", pair[1]);
    }
}

#[test]
fn the_machine_is_looked_at_too() {
    let mut world = World::new();
    world.set("DOCKER_AUTH_CONFIG", format!("{{\"auths\":{{\"ghcr.io\":{LOGIN}}}}}"));
    world.set("SUDO_USER", "alice");
    world.set("PATH", world.path("snap/bin"));
    world.install_in("snap/bin", "docker");
    let printed = world.setup("docker").unwrap();
    assert_no_secret(&printed.stderr);
    for (what, hint) in [
        (
            "DOCKER_AUTH_CONFIG holds a login of ghcr.io, which docker takes before it asks a helper",
            "unset DOCKER_AUTH_CONFIG",
        ),
        (
            "docker-credential-ecr-rs is not on PATH, so no client can start it",
            "move the program into a folder of PATH",
        ),
        (
            "/docker is a snap: it reads ~/snap/docker/current/.docker/config.json",
            "install docker from its own packages",
        ),
        ("root's keychain are used, not alice's", "as alice without sudo"),
    ] {
        let found = printed.stderr.split("warning: ").find(|warning| warning.contains(what));
        assert!(found.is_some_and(|warning| warning.contains(hint)), "{what}: {}", printed.stderr);
    }
}

/// A relative folder of PATH is another one wherever a client runs.
#[test]
fn a_helper_in_a_relative_folder_of_path_is_not_there() {
    let mut world = World::new();
    world.set("PATH", ".:src:");
    assert!(world.setup("docker").unwrap().stderr.contains("is not on PATH"));
    world.set("PATH", world.path("bin"));
    assert_eq!(world.setup("docker").unwrap().stderr, "");
}

#[test]
fn logins_of_other_hosts_in_the_environment_are_nothing_to_single_hosts() {
    let mut world = World::new();
    world.set("DOCKER_AUTH_CONFIG", format!("{{\"auths\":{{\"ghcr.io\":{LOGIN},\"{ECR}\":{LOGIN}}}}}"));
    for (arguments, host) in [("public.ecr.aws", None), (ECR, Some(ECR)), ("ghcr.io", Some("ghcr.io"))] {
        let stderr = world.setup(&format!("docker --registry {arguments}")).unwrap().stderr;
        let warning = |host| format!("warning: DOCKER_AUTH_CONFIG holds a login of {host}, which");
        assert!(host.map_or(stderr.is_empty(), |host| stderr.contains(&warning(host))), "{arguments}: {stderr}");
    }
}

/// A file on PATH that may not be run is no program.
#[cfg(unix)]
#[test]
fn a_helper_that_cannot_be_run_is_not_there() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let helper = world.path("bin/docker-credential-ecr-rs");
    std::fs::set_permissions(helper, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        world.setup("docker").unwrap().stderr.contains("docker-credential-ecr-rs may not be run\n  hint: chmod +x ")
    );
}

#[test]
fn podmans_login_of_this_session_goes_before_a_host_of_auth_json() {
    let mut world = World::new();
    world.set("XDG_RUNTIME_DIR", world.path("run"));
    write(&world.path("run/containers/auth.json"), format!("{{\"auths\":{{\"{ECR}\":{LOGIN},\"ghcr.io\":{LOGIN}}}}}"));
    let printed = world.setup(&format!("podman --registry {ECR}")).unwrap();
    let path = world.path("run/containers/auth.json");
    let what = format!("podman reads the login of {ECR} in {} first", path.display());
    check(&printed.stderr, &[(what, format!("podman logout {ECR}"))], "a stale token");
    let what = format!("the login of ghcr.io stays in clear text in `auths` of {}", path.display());
    let stderr = world.setup("podman").unwrap().stderr;
    check(&stderr, &[(what, "setup podman --import".into())], "registries.conf asks us first of all");
}
