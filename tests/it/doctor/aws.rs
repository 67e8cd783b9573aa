//! What is broken between identity and token: credentials, keychain, ECR; and notation.

use std::time::Duration;

use super::row::{HOST, Row, install, keys, row, without_keys};
use crate::support::{
    aws::faults::Fault,
    bus::Knob,
    loopback::{ACCESS_KEY_ID, GUARDED_ROLE},
};

pub(super) const IDENTITY: &[Row] = &[
    row("no credentials anywhere", ("identity", "failed"), "no AWS credentials", "aws configure", |_, program| {
        without_keys(program)
    }),
    row(
        "session keys without their token",
        ("identity", "failed"),
        "is a session's",
        "AWS_SESSION_TOKEN",
        |_, program| program.with("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    ),
    row(
        "a profile that does not exist",
        ("identity", "failed"),
        "AWS_PROFILE names",
        "exist: dev",
        |machine, program| {
            machine.write(".aws/credentials", &keys("dev"));
            without_keys(program).with("AWS_PROFILE", "prod")
        },
    ),
    row("a rule's profile does not exist", ("identity", "failed"), "line 1", "aws configure", |machine, program| {
        machine.configure("[[registry]]\nmatch = \"*\"\nprofile = \"prod\"\n");
        program
    }),
    row(
        "the SSO session has ended",
        ("credentials", "failed"),
        "profile sso",
        "aws sso login --profile sso",
        |machine, program| {
            machine.write(
                ".aws/config",
                "[profile sso]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = puller\n\
             [sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n",
            );
            without_keys(program).with("AWS_PROFILE", "sso")
        },
    ),
    row(
        "a credential_process fails",
        ("credentials", "failed"),
        "credential_process",
        "by hand",
        |machine, program| {
            machine.write(".aws/config", "[profile tool]\ncredential_process = /bin/false\n");
            without_keys(program).with("AWS_PROFILE", "tool")
        },
    ),
    row("a profile that needs a code", ("credentials", "failed"), "MFA", "export-credentials", |machine, program| {
        machine.write(".aws/credentials", &keys("base"));
        machine.write(
            ".aws/config",
            "[profile mfa]\nrole_arn = arn:aws:iam::111122223333:role/puller\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/me\n",
        );
        without_keys(program).with("AWS_PROFILE", "mfa")
    }),
    row("a container in an instance", ("credentials", "failed"), "instance metadata", "hop limit", |_, program| {
        without_keys(program)
            .without("AWS_EC2_METADATA_DISABLED")
            .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    }),
    row("a wrong external id", ("credentials", "failed"), "guarded", "this external id", |machine, program| {
        machine
            .configure(&format!("[[registry]]\nmatch = \"*\"\nrole-arn = \"{GUARDED_ROLE}\"\nexternal-id = \"x\"\n"));
        program
    }),
    row(
        "a role of China for another partition",
        ("credentials", "failed"),
        "partition aws-cn",
        "arn:aws:iam",
        |machine, program| {
            machine.configure("[[registry]]\nmatch = \"*\"\nrole-arn = \"arn:aws-cn:iam::111122223333:role/puller\"\n");
            program
        },
    ),
    row("a bundle without certificates", ("credentials", "failed"), "CA bundle", "PEM file", |machine, program| {
        program.with("AWS_CA_BUNDLE", machine.write("bundle.pem", "hello"))
    }),
];

pub(super) const KEYCHAIN: &[Row] = &[
    row(
        "a server without a keychain",
        ("cache", "warning"),
        "no usable Secret Service",
        "keyutils",
        |machine, program| {
            machine.bus.set(Knob::NoService);
            program
        },
    ),
    row(
        "a locked keychain with tokens",
        ("cache", "warning"),
        "is locked",
        "unlock the keychain",
        |machine, program| {
            assert_eq!(program.run(&["get"], HOST).status, Some(0));
            machine.bus.set(Knob::Locked);
            program
        },
    ),
    row("a keychain that hides its lock", ("cache", "warning"), "is locked", "open the wallet", |machine, program| {
        machine.bus.set(Knob::LockedAndBlind);
        program
    }),
    row(
        "a service that has no collection",
        ("cache", "warning"),
        "no other can be kept: the Secret Service has no place",
        "make a default keyring",
        |machine, program| {
            machine.bus.set(Knob::NoCollection);
            program
        },
    ),
    row(
        "KeePassXC without a database",
        ("cache", "warning"),
        "no database is open",
        "open and unlock a database in KeePassXC",
        |machine, program| {
            machine.bus.set(Knob::NoDatabase);
            program
        },
    ),
    row(
        "logins where nothing can be kept, tokens elsewhere",
        ("logins", "warning"),
        "no other can be kept: the Secret Service has no place",
        "make a default keyring",
        |machine, program| {
            machine.configure("[cache]\nstore = \"file\"\n");
            machine.bus.set(Knob::NoCollection);
            program
        },
    ),
    row("nowhere to write", ("lock", "warning"), "a call to AWS each", "XDG_CACHE_HOME", |_, program| {
        program.with("XDG_CACHE_HOME", "/dev/null/x").with("TMPDIR", "/dev/null/x")
    }),
];

pub(super) const ECR: &[Row] = &[
    row(
        "the policy lacks the action",
        ("ecr", "failed"),
        "AccessDenied",
        "allow ecr:GetAuthorizationToken",
        |machine, program| {
            machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
            program
        },
    ),
    row("the clock is wrong", ("ecr", "failed"), "Signature expired", "clock", |machine, program| {
        machine.aws.faults.always("GetAuthorizationToken", Fault::ClockSkew);
        program
    }),
    row("the key was deleted", ("ecr", "failed"), ACCESS_KEY_ID, "check the access key", |machine, program| {
        machine.aws.iam.remove(ACCESS_KEY_ID);
        program
    }),
    row("session keys have ended", ("ecr", "failed"), "have expired", "get new credentials", |machine, program| {
        machine.aws.faults.always("GetAuthorizationToken", Fault::SessionExpired);
        program
    }),
    row("nobody at the endpoint", ("ecr", "failed"), "asked http://127.0.0.1:1", "check the network", |_, program| {
        program.with("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1").with("AWS_MAX_ATTEMPTS", "1")
    }),
    row("a proxy answers with its own page", ("ecr", "failed"), "no usable answer", "proxy", |machine, program| {
        machine.aws.faults.always("GetAuthorizationToken", Fault::Html);
        program
    }),
    row(
        "AWS is down and a token still lives",
        ("ecr", "warning"),
        "serves until",
        "wait a little",
        |machine, program| {
            machine.aws.tokens.set_life(Duration::from_secs(2 * 60 * 60)); // less than a `get` wants
            assert_eq!(program.run(&["get"], HOST).status, Some(0));
            machine.aws.faults.always("GetAuthorizationToken", Fault::Throttled);
            program.with("AWS_MAX_ATTEMPTS", "1")
        },
    ),
    Row {
        host: "public.ecr.aws",
        ..row(
            "ECR Public needs two permissions",
            ("ecr", "warning"),
            "go on anonymously",
            "and sts:GetServiceBearerToken",
            |machine, program| {
                machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
                program
            },
        )
    },
    Row {
        host: "public.ecr.aws",
        ..row(
            "ECR Public without credentials",
            ("identity", "warning"),
            "go on anonymously",
            "aws configure",
            |_, program| without_keys(program),
        )
    },
    Row {
        host: "ghcr.io",
        ..row(
            "another registry without a login",
            ("login", "warning"),
            "has no login",
            "docker login ghcr.io",
            |_, program| program,
        )
    },
    Row {
        host: "ghcr.io",
        ..row(
            "another registry without a keychain",
            ("login", "failed"),
            "ghcr.io",
            "start a keychain",
            |machine, program| {
                machine.bus.set(Knob::NoService);
                program
            },
        )
    },
];

pub(super) const SIGNER: &[Row] = &[
    row("notation does not run", ("notation", "warning"), "does not run", "install notation", |machine, program| {
        install(machine, program, "bin/notation", "exit 3")
    }),
    row("notation hangs", ("notation", "warning"), "within 5 s", "install notation", |machine, program| {
        install(machine, program, "bin/notation", "kill -STOP $$")
    }),
    row(
        "the plugin is another program",
        ("notation", "warning"),
        "its answer is not the protocol's",
        "install the plugin",
        |machine, program| {
            const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";
            install(
                machine,
                program.clone(),
                &format!(".config/notation/plugins/{PLUGIN}/notation-{PLUGIN}"),
                "echo hello",
            );
            install(machine, program, "bin/notation", "echo 'Version: 1.3.2'")
        },
    ),
];
