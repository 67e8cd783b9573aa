//! What is broken on the machine itself: the program, the home folder, the clients, the settings.

use std::fs;

use super::row::{HOST, Row, docker_says, folder, install, keys, row};

pub(super) const PROGRAM: &[Row] = &[
    row("it was never put on PATH", ("program", "failed"), "is not on PATH", "to PATH", |_, program| {
        program.with("PATH", "/nonexistent")
    }),
    row("its mode was lost in a copy", ("program", "failed"), "may not be run", "chmod +x", |machine, program| {
        let file = machine.write("bin/docker-credential-ecr-rs", "");
        program.with("PATH", folder(&file))
    }),
    row("an old copy comes first", ("program", "warning"), "which runs now", "remove the one", |machine, program| {
        let program = install(machine, program, "bin/docker-credential-ecr-rs", "exit 1");
        program.with("PATH", machine.home.path().join("bin"))
    }),
    row("an old copy comes later", ("program", "warning"), "another copy is", "remove ", |machine, program| {
        install(machine, program, "bin/docker-credential-ecr-rs", "exit 1")
    }),
];

pub(super) const HOME: &[Row] = &[
    row("a systemd service", ("home", "warning"), "HOME is not set", "systemd unit", |machine, program| {
        let home = machine.home.path();
        let program = program.without("HOME").with("DOCKER_CONFIG", home.join(".docker"));
        program.with("XDG_CONFIG_HOME", home.join(".config")).with("XDG_CACHE_HOME", home.join(".cache"))
    }),
    row("sudo docker pull", ("home", "warning"), "not alice's", "as alice without sudo", |_, program| {
        program.with("SUDO_USER", "alice")
    }),
    row("a home that is gone", ("home", "warning"), "does not exist", "correct HOME", |machine, program| {
        program.with("HOME", machine.home.path().join("gone"))
    }),
    row("docker from the snap store", ("home", "warning"), "is a snap", "own packages", |machine, program| {
        install(machine, program, "snap/bin/docker", "exit 0")
    }),
];

pub(super) const CLIENTS: &[Row] = &[
    row("never set up", ("docker", "warning"), "asks no helper", "setup docker", |machine, program| {
        fs::remove_file(machine.home.path().join(".docker/config.json")).unwrap();
        program
    }),
    row("another DOCKER_CONFIG", ("docker", "warning"), "elsewhere", "setup docker", |machine, program| {
        program.with("DOCKER_CONFIG", machine.home.path().join("elsewhere"))
    }),
    row("a comma too many", ("docker", "failed"), "config.json:1:", "", |machine, program| {
        docker_says(machine, r#"{"credsStore": "ecr-rs",}"#);
        program
    }),
    row("saved by an editor with a mark", ("docker", "failed"), "byte order mark", "UTF-8", |machine, program| {
        docker_says(machine, "\u{feff}{\"credsStore\": \"ecr-rs\"}");
        program
    }),
    row(
        "a folder made by a mount",
        ("docker", "failed"),
        "it is a folder, not a regular file",
        "remove the folder",
        |machine, program| {
            fs::remove_file(machine.home.path().join(".docker/config.json")).unwrap();
            fs::create_dir(machine.home.path().join(".docker/config.json")).unwrap();
            program
        },
    ),
    row(
        "Docker Desktop's helper",
        ("docker", "warning"),
        "docker-credential-desktop",
        "setup docker",
        |machine, program| {
            docker_says(machine, r#"{"credsStore": "desktop"}"#);
            program
        },
    ),
    row(
        "credHelpers goes before credsStore",
        ("docker", "warning"),
        "`credHelpers` of",
        "setup docker --registry 111122223333",
        |machine, program| {
            docker_says(machine, &format!(r#"{{"credsStore": "ecr-rs", "credHelpers": {{"{HOST}": "ecr-login"}}}}"#));
            program
        },
    ),
    row("an old login", ("docker", "warning"), "in clear text", "docker logout", |machine, program| {
        docker_says(machine, &format!(r#"{{"credsStore": "ecr-rs", "auths": {{"{HOST}": {{"auth": "QVdTOngK"}}}}}}"#));
        program
    }),
    Row {
        why: "the only copy of a login is not advised away",
        breaks: |machine, program| {
            docker_says(machine, r#"{"credsStore": "ecr-rs", "auths": {"ghcr.io": {"auth": "QVdTOngK"}}}"#);
            program
        },
        host: "ghcr.io",
        first: ("docker", "warning"),
        what: "a login of ghcr.io is in clear text",
        hint: "docker login ghcr.io",
    },
    row(
        "a login in place of a helper",
        ("docker", "warning"),
        "ends 12 hours after",
        "setup docker",
        |machine, program| {
            docker_says(machine, &format!(r#"{{"auths": {{"https://{HOST}": {{"auth": "QVdTOngK"}}}}}}"#));
            program
        },
    ),
    row("logins in the environment", ("docker", "warning"), "DOCKER_AUTH_CONFIG", "unset", |_, program| {
        program.with("DOCKER_AUTH_CONFIG", format!(r#"{{"auths": {{"{HOST}": {{"auth": "QVdTOngK"}}}}}}"#))
    }),
    row(
        "notation has a file of its own",
        ("notation", "warning"),
        "docker-credential-pass",
        "setup notation",
        |machine, program| {
            machine.write(".config/notation/config.json", r#"{"credsStore": "pass"}"#);
            program
        },
    ),
    row(
        "podman reads no credsStore",
        ("podman", "warning"),
        "read no `credsStore`",
        "setup podman",
        |machine, program| install(machine, program, "bin/podman", "exit 0"),
    ),
    row(
        "podman has a login of this session",
        ("podman", "warning"),
        "takes a login",
        "podman logout",
        |machine, program| {
            machine.write("run/containers/auth.json", &format!(r#"{{"auths": {{"{HOST}": {{"auth": "QVdTOngK"}}}}}}"#));
            let program = program.with("XDG_RUNTIME_DIR", machine.home.path().join("run"));
            install(machine, program, "bin/podman", "exit 0")
        },
    ),
];

pub(super) const SETTINGS: &[Row] = &[
    row("a misspelt key", ("config.toml", "failed"), "config.toml:3: ", "\"profile\"", |machine, program| {
        machine.configure("[[registry]]\nmatch = \"*\"\nprofil = \"prod\"\n");
        program
    }),
    row("a file that is not there", ("config.toml", "failed"), "gone.toml", "ECR_RS_CONFIG", |machine, program| {
        program.with("ECR_RS_CONFIG", machine.home.path().join("gone.toml"))
    }),
    row(
        "keys go before a profile",
        ("variables", "warning"),
        "AWS_PROFILE=dev is not used",
        "unset",
        |machine, program| {
            machine.write(".aws/credentials", &keys("dev"));
            program.with("AWS_PROFILE", "dev")
        },
    ),
    row(
        "half of the keys",
        ("identity", "failed"),
        "and AWS_SECRET_ACCESS_KEY is not",
        "set both",
        |machine, program| {
            machine.write(".aws/credentials", &keys("default"));
            program.without("AWS_SECRET_ACCESS_KEY")
        },
    ),
    row("the other half", ("variables", "warning"), "it is not used", "set AWS_ACCESS_KEY_ID", |machine, program| {
        machine.write(".aws/credentials", &keys("default"));
        program.without("AWS_ACCESS_KEY_ID")
    }),
    row(
        "the AWS CLI's old variable",
        ("variables", "warning"),
        "counts before AWS_PROFILE=other",
        "unset AWS_DEFAULT_PROFILE",
        |machine, program| {
            machine.write(".aws/credentials", &(keys("dev") + &keys("other")));
            let program = program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
            program.with("AWS_DEFAULT_PROFILE", "dev").with("AWS_PROFILE", "other")
        },
    ),
    row("AWS files moved away", ("variables", "warning"), "AWS_CONFIG_FILE", "unset", |_, program| {
        program.with("AWS_CONFIG_FILE", "/nonexistent/config")
    }),
    row("an unknown retry mode", ("variables", "warning"), "AWS_RETRY_MODE=often", "standard", |_, program| {
        program.with("AWS_RETRY_MODE", "often")
    }),
    row("the cache is off", ("variables", "warning"), "nothing is cached", "unset", |_, program| {
        program.with("AWS_ECR_DISABLE_CACHE", "1")
    }),
    row("tokens in clear text", ("variables", "warning"), "clear text", "unset", |machine, program| {
        program.with("AWS_ECR_CACHE_DIR", machine.home.path().join("ecr"))
    }),
    row("logins are dropped", ("variables", "warning"), "is not kept", "unset", |_, program| {
        program.with("AWS_ECR_IGNORE_CREDS_STORAGE", "true")
    }),
    row("a proxy for http alone", ("proxy", "warning"), "HTTPS_PROXY is not", "HTTPS_PROXY too", |_, program| {
        program.with("HTTP_PROXY", "http://127.0.0.1:1")
    }),
    row("a bundle that is gone", ("ca bundle", "failed"), "is no file", "unset AWS_CA_BUNDLE", |_, program| {
        program.with("AWS_CA_BUNDLE", "/nonexistent.pem")
    }),
    row(
        "a helper that is gone",
        ("logins", "warning"),
        "docker-credential-gone",
        "install that helper",
        |machine, program| {
            machine.configure("[other-registries]\nstore = \"gone\"\n");
            program
        },
    ),
];
