//! What servers, files, signatures, keychains and arguments say reaches the terminal folded to one
//! printable line: it cannot move the cursor, begin a line of its own, or be read in another order.

use std::{fs, os::unix::fs::PermissionsExt, time::SystemTime};

use serde_json::json;

use crate::support::{
    aws::faults::Fault,
    bus::Knob,
    loopback::{ACCESS_KEY_ID, ACCOUNT, REGION, ROLE, SECRET_ACCESS_KEY},
    program::{Outcome, Program},
    registry::{PLAIN_PASSWORD, PLAIN_USER, digest},
    signer::envelope::Draft,
    signing_fixture::{MANIFEST, SigningFixture},
};

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// A screen that is cleared (7 and 8 bits), a line of somebody else's, a line that is written over, and
/// text that is read from right to left.
const HOSTILE: &str =
    "MARK\u{1b}[2J\u{9b}2J\nFORGED: all is well\rFORGED: again\u{202e}\u{2066}\u{2028}FORGED\u{85}end";

/// The same for places that hold one line: names of profiles, keys of D-Bus.
const HOSTILE_LINE: &str = "MARK\u{1b}[2J\u{9b}2J\u{202e}\u{2066}\u{2028}FORGED\u{85}end";

/// The same without control characters, which no server has.
const NO_CONTROL: &str = "MARK\u{202e}\u{2066}FORGED.example";

/// The same as texts of JSON and TOML write it.
const ESCAPED: &str = r"MARK\u001b[2J\u009b2J\nFORGED: all is well\rFORGED: again\u202e\u2066\u2028FORGED\u0085end";

/// A machine with an image that is signed, and with the keys of `alice` in its environment.
struct Machine {
    fixture: SigningFixture,
    image: String,
}

impl Machine {
    fn new() -> Machine {
        let fixture = SigningFixture::new();
        fixture.push("app", "v1");
        let image = format!("{}/app:v1", fixture.host());
        Machine { fixture, image }
    }

    fn program(&self) -> Program {
        let program = self.fixture.program().with("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).with("AWS_MAX_ATTEMPTS", "1");
        program.with("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY).with("AWS_REGION", REGION)
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.program().run(arguments, "")
    }

    /// `sign` of the image, with the profile and root of the loopback.
    fn sign(&self, arguments: &[&str]) -> Outcome {
        let root = self.fixture.root();
        let sign = ["sign", "--signing-profile", &self.fixture.profile, "--signer-root", &root];
        self.run(&[&sign, arguments].concat())
    }

    /// An answer to one operation goes wrong from now on.
    fn fault(&self, operation: &str, fault: Fault) -> &Machine {
        self.fixture.aws.faults.always(operation, fault);
        self
    }

    /// A signature of the image, by somebody who could write what she liked.
    fn push_signature(&self, change: impl FnOnce(&mut Draft)) {
        let (fixture, chain) = (&self.fixture, &self.fixture.signer.chain);
        let image = fixture.stored("app", "v1");
        let target = json!({ "mediaType": MANIFEST, "digest": digest(&image), "size": image.len() });
        let payload = json!({ "targetArtifact": target }).to_string();
        let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
        let mut draft = Draft::aws(chain, payload.as_bytes(), &version, "arn:aws:signer:job", SystemTime::now());
        change(&mut draft);
        let envelope = draft.jws(chain);
        fixture.push_blob("app", b"{}");
        fixture.push_blob("app", &envelope);
        let part = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.cncf.notary.signature",
            "config": part("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [part("application/jose+json", &envelope)],
            "subject": target,
        });
        fixture.push_manifest("app", &digest(manifest.to_string().as_bytes()), MANIFEST, &manifest);
    }
}

/// Whether a character acts on the terminal or hides: zero-width and direction marks, line and
/// paragraph separators.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What is wrong with what was printed.
fn wrong(Outcome { stdout, stderr, .. }: &Outcome) -> Option<String> {
    // Hosts are printed in lower case.
    let begins = |line: &str| line.trim_start().to_lowercase().starts_with("forged");
    let bad = |line: &&str| line.chars().any(hides) || begins(line);
    let lines = || stdout.split('\n').chain(stderr.split('\n'));
    match lines().find(bad) {
        Some(line) => Some(format!("{line:?}")),
        None if lines().any(|line| line.to_lowercase().contains("mark")) => None,
        None => Some(format!("the text is not printed at all: {stdout:.1000}{stderr:.1000}")),
    }
}

/// Why a row is there, and the command that prints.
type Row = (&'static str, fn(&Machine) -> Outcome);

/// What was printed, where the text need not be.
fn may_be_silent(outcome: Outcome) -> Outcome {
    Outcome { stdout: outcome.stdout + "MARK", ..outcome }
}

/// Runs every row on a machine of its own, and says of all of them what is wrong.
#[track_caller]
fn check_all(rows: &[Row]) {
    let wrong = |(why, run): &Row| Some(format!("{why}: {}", wrong(&run(&Machine::new()))?));
    let wrong: Vec<String> = rows.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn of_a_registry() {
    check_all(&[
        ("its refusal, in `sign`", |m| m.fault("GetManifest", Fault::Says(HOSTILE)).sign(&[&m.image])),
        ("its refusal of a push, in `sign`", |m| m.fault("PutManifest", Fault::Says(HOSTILE)).sign(&[&m.image])),
        ("its refusal of the one image of two", |m| {
            m.fault("PutManifest", Fault::Says(HOSTILE)).sign(&[&m.image, &format!("{}/app:v2", m.fixture.host())])
        }),
        ("its refusal, in `signatures list`", |m| {
            m.fault("GetManifest", Fault::Says(HOSTILE)).run(&["signatures", "list", &m.image])
        }),
        ("the type of a manifest", |m| {
            let manifest = json!({ "schemaVersion": 2, "mediaType": HOSTILE });
            m.fixture.push_manifest("app", "odd", MANIFEST, &manifest);
            m.sign(&[&format!("{}/app:odd", m.fixture.host())])
        }),
    ]);
}

#[test]
fn of_aws() {
    check_all(&[
        ("ECR's refusal, in `get`", |m| {
            m.fault("GetAuthorizationToken", Fault::Says(HOSTILE)).program().run(&["get"], ECR)
        }),
        ("ECR's refusal, in `token`", |m| m.fault("GetAuthorizationToken", Fault::Says(HOSTILE)).run(&["token", ECR])),
        ("ECR's refusal, in `doctor`", |m| {
            m.fault("GetAuthorizationToken", Fault::Says(HOSTILE)).run(&["doctor", ECR])
        }),
        ("ECR's refusal, in `sign`", |m| {
            // The registry by its own name, which asks for the login.
            let variables = m.fixture.aws.proxy_variables().into_iter();
            let program = variables.fold(m.program(), |program, (name, value)| program.with(name, value));
            m.fault("GetAuthorizationToken", Fault::Says(HOSTILE));
            program.run(&["sign", "--signing-profile", &m.fixture.profile, &format!("{ECR}/app:v1")], "")
        }),
        ("the refusal of a role", |m| {
            m.fixture.configure(&format!("[[registry]]\nmatch = \"*\"\nrole-arn = \"{ROLE}\"\n"));
            m.fault("AssumeRole", Fault::Says("MARK\nFORGED: all is well\u{202e}")).program().run(&["get"], ECR)
        }),
        ("AWS Signer's refusal to sign", |m| m.fault("SignPayload", Fault::Says(HOSTILE)).sign(&[&m.image])),
        ("AWS Signer's refusal to describe", |m| {
            m.fault("GetSigningProfile", Fault::Says(HOSTILE)).sign(&[&m.image, "--create-profile"])
        }),
        ("AWS Signer's refusal, in `profile show`", |m| {
            m.fault("GetSigningProfile", Fault::Says(HOSTILE)).run(&["profile", "show", "app"])
        }),
        ("AWS Signer's refusal, in `profile list`", |m| {
            m.fault("ListSigningProfiles", Fault::Says(HOSTILE)).run(&["profile", "list"])
        }),
        ("a profile, in `profile show`", |m| {
            m.fault("GetSigningProfile", Fault::Appends(HOSTILE)).run(&["profile", "show", "app"])
        }),
        ("profiles, in `profile list`", |m| {
            m.fault("ListSigningProfiles", Fault::Appends(HOSTILE)).run(&["profile", "list", "--all"])
        }),
        ("a tag of a profile", |m| {
            m.run(&["profile", "create", "tagged", "--tag", &format!("{HOSTILE}={HOSTILE}")]).exits(0, "created");
            m.run(&["profile", "show", "tagged"])
        }),
        ("a profile that was just created", |m| {
            m.fault("PutSigningProfile", Fault::Appends(HOSTILE)).run(&["profile", "create", "fresh"])
        }),
        ("a profile that was just created, in `sign`", |m| {
            let root = m.fixture.root();
            m.fault("PutSigningProfile", Fault::Appends(HOSTILE));
            let profile = ["--signing-profile", "fresh", "--create-profile", "--signer-root", &root];
            m.run(&[&["sign", &m.image], &profile[..]].concat())
        }),
        ("the question before a profile is canceled", |m| {
            m.fault("GetSigningProfile", Fault::Appends(HOSTILE)).run(&["profile", "cancel", "app"])
        }),
        ("a profile that was canceled", |m| {
            m.fault("GetSigningProfile", Fault::Appends(HOSTILE)).run(&["profile", "cancel", "app", "--yes"])
        }),
        ("the version of a profile that is revoked", |m| {
            let revoke = ["profile", "revoke", "app", "--reason", "leaked", "--yes"];
            m.fault("GetSigningProfile", Fault::Appends(HOSTILE)).run(&revoke)
        }),
    ]);
}

#[test]
fn of_a_signature() {
    fn list_and_inspect(m: &Machine) -> Outcome {
        let [list, inspect] = ["list", "inspect"].map(|command| m.run(&["signatures", command, &m.image]));
        assert!(list.stdout.contains("sha256:") && inspect.stdout.contains("sha256:"), "{list:?} {inspect:?}");
        Outcome { stdout: list.stdout + &inspect.stdout, stderr: list.stderr + &inspect.stderr, ..list }
    }
    check_all(&[
        ("metadata of a user", |m| {
            m.sign(&[&m.image, "-m", &format!("{HOSTILE}={HOSTILE}")]).exits(0, "signed");
            list_and_inspect(m)
        }),
        ("metadata, before it is signed", |m| m.sign(&[&m.image, "--dry-run", "-m", &format!("build={HOSTILE}")])),
        ("the agent", |m| {
            m.push_signature(|draft| drop(draft.header.insert("io.cncf.notary.signingAgent".into(), HOSTILE.into())));
            list_and_inspect(m)
        }),
        ("an attribute and its name", |m| {
            m.push_signature(|draft| draft.set(HOSTILE, HOSTILE));
            list_and_inspect(m)
        }),
        ("the profile and the job", |m| {
            m.push_signature(|draft| {
                draft.set("com.amazonaws.signer.signingProfileVersion", HOSTILE);
                draft.set("com.amazonaws.signer.signingJob", HOSTILE);
            });
            list_and_inspect(m)
        }),
        ("what is signed", |m| {
            m.push_signature(|draft| {
                draft.payload_json(|payload| payload["targetArtifact"]["annotations"] = json!({ HOSTILE: HOSTILE }));
            });
            list_and_inspect(m)
        }),
        ("the type of what is signed", |m| {
            m.push_signature(|draft| {
                draft.payload_json(|payload| payload["targetArtifact"]["mediaType"] = HOSTILE.into())
            });
            list_and_inspect(m)
        }),
        ("an algorithm", |m| {
            m.push_signature(|draft| draft.set("alg", HOSTILE));
            list_and_inspect(m)
        }),
        ("a scheme", |m| {
            m.push_signature(|draft| draft.set("io.cncf.notary.signingScheme", HOSTILE));
            list_and_inspect(m)
        }),
        ("a critical attribute that is not there", |m| {
            m.push_signature(|draft| draft.critical(HOSTILE));
            list_and_inspect(m)
        }),
        ("a time", |m| {
            m.push_signature(|draft| draft.set("io.cncf.notary.expiry", HOSTILE));
            may_be_silent(list_and_inspect(m))
        }),
    ]);
}

#[test]
fn of_a_file() {
    fn docker(m: &Machine, text: &str) -> Outcome {
        m.fixture.write(".docker/config.json", text);
        m.run(&["doctor", ECR])
    }
    fn script(m: &Machine, name: &str, text: &str) {
        let file = m.fixture.write(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    /// What a shell's printf makes of it.
    fn printed() -> String {
        format!(
            "printf '{}'",
            ESCAPED
                .replace(r"\u001b", r"\033")
                .replace(r"\u009b", "")
                .replace(r"\u202e", "\u{202e}")
                .replace(r"\u2066", "")
                .replace(r"\u2028", "\u{2028}")
                .replace(r"\u0085", "")
        )
    }
    check_all(&[
        ("a key of config.toml, in `get`", |m| {
            m.fixture.configure(&format!("[cache]\n\"{ESCAPED}\" = 1\n"));
            m.program().run(&["get"], ECR)
        }),
        ("a value of config.toml, in `status`", |m| {
            m.fixture.configure(&format!("[cache]\nstore = \"{ESCAPED}\"\n"));
            m.run(&["status"])
        }),
        ("a line of config.toml, in `doctor`", |m| {
            m.fixture.configure(&format!("[cache]\nMARK \u{202e}\u{1b}[2J = {HOSTILE}\n"));
            may_be_silent(m.run(&["doctor", ECR])) // the line need not be quoted
        }),
        ("a profile of config.toml, in `get`", |m| {
            m.fixture.configure(&format!("[[registry]]\nmatch = \"*\"\nprofile = \"{ESCAPED}\"\n"));
            m.program().run(&["get"], ECR)
        }),
        ("a profile of config.toml, in `doctor`", |m| {
            m.fixture.configure(&format!("[[registry]]\nmatch = \"*\"\nprofile = \"{ESCAPED}\"\n"));
            m.run(&["doctor", ECR])
        }),
        ("the pattern of a rule, in `doctor`", |m| {
            m.fixture.configure(&format!("[[registry]]\nmatch = \"{ESCAPED}\"\nprofile = \"p\"\n"));
            may_be_silent(m.run(&["doctor", ECR])) // it does not match: it need not be named
        }),
        ("the profiles of ~/.aws, in `get`", |m| {
            m.fixture.write("aws", &format!("[profile {HOSTILE_LINE}]\nregion = x\n"));
            let program = m.program().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
            program.with("AWS_PROFILE", "absent").run(&["get"], ECR)
        }),
        ("a role of config.toml, in `get`", |m| {
            m.fixture.configure(&format!("[[registry]]\nmatch = \"*\"\nrole-arn = \"{ESCAPED}\"\n"));
            m.program().run(&["get"], ECR)
        }),
        ("a source profile of ~/.aws, in `get`", |m| {
            m.fixture.write("aws", &format!("[profile p]\nrole_arn = {ROLE}\nsource_profile = {HOSTILE_LINE}\n"));
            let program = m.program().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
            program.with("AWS_PROFILE", "p").run(&["get"], ECR)
        }),
        ("the session of a profile of ~/.aws, in `doctor`", |m| {
            let session = format!("[profile p]\nsso_session = {HOSTILE_LINE}\nsso_account_id = 1\nsso_role_name = r\n");
            m.fixture.write("aws", &session);
            let program = m.program().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
            program.with("AWS_PROFILE", "p").run(&["doctor", ECR], "")
        }),
        ("docker's store", |m| docker(m, &format!(r#"{{"credsStore": "{ESCAPED}"}}"#))),
        ("docker's helper of a registry", |m| {
            docker(m, &format!(r#"{{"credsStore": "ecr-rs", "credHelpers": {{"{ECR}": "{ESCAPED}"}}}}"#))
        }),
        ("docker's store, in `setup`", |m| {
            m.fixture.write(".docker/config.json", &format!(r#"{{"credsStore": "{ESCAPED}"}}"#));
            m.run(&["setup", "docker", "--dry-run"])
        }),
        ("a registry with a login, in `setup`", |m| {
            let login = format!(r#"{{"auths": {{"{ESCAPED}": {{"auth": "YTpi"}}}}}}"#);
            m.fixture.write(".docker/config.json", &login);
            may_be_silent(m.run(&["setup", "docker", "--dry-run"])) // it need not be named
        }),
        ("what another helper says", |m| {
            m.fixture.configure("[other-registries]\nstore = \"hostile\"\n");
            script(m, "bin/docker-credential-hostile", &format!("cat > /dev/null; {}; exit 1", printed()));
            let program = m.program();
            program
                .with("PATH", format!("{}:/usr/bin:/bin", m.fixture.home.path().join("bin").display()))
                .run(&["get"], "ghcr.io")
        }),
        ("the version of notation, in `doctor`", |m| {
            script(m, "bin/notation", &format!("printf 'Version: '; {}", printed()));
            may_be_silent(m.run(&["doctor", ECR])) // its first line may be all that is told
        }),
        ("the version of notation, in `sign`", |m| {
            script(m, "bin/notation", &format!("printf 'Version: '; {}", printed()));
            let plugin = "com.amazonaws.signer.notation.plugin";
            script(m, &format!("libexec/plugins/{plugin}/notation-{plugin}"), "exit 0");
            m.sign(&[&m.image, "--engine", "notation"])
        }),
        ("a digest file", |m| {
            let file = m.fixture.write("digests", &format!("{HOSTILE}\n"));
            m.sign(&["--digest-file", file.to_str().unwrap()])
        }),
        ("a digest file of buildx", |m| {
            let metadata = json!({ "containerimage.digest": HOSTILE, "image.name": m.image });
            let file = m.fixture.write("metadata.json", &metadata.to_string());
            m.sign(&["--digest-file", file.to_str().unwrap()])
        }),
    ]);
}

#[test]
fn of_a_keychain() {
    fn add(m: &Machine, attributes: &[(&str, &str)]) {
        let ours = [("service", "docker-credential-ecr-rs")];
        m.fixture.bus.add("an entry", &[&ours, attributes].concat(), b"secret");
    }
    check_all(&[
        ("a token's registry, account, region and identity, in `status`", |m| {
            let end = "4102444800"; // in 2100
            let token = [
                ("kind", "token"),
                ("host", HOSTILE),
                ("account", HOSTILE),
                ("region", HOSTILE),
                ("identity", HOSTILE),
                ("expires", end),
            ];
            add(m, &token);
            m.run(&["status"])
        }),
        ("a token's registry, in `clear`", |m| {
            let token = [
                ("kind", "token"),
                ("host", HOSTILE),
                ("account", "1"),
                ("region", "r"),
                ("identity", "i"),
                ("expires", "1"),
            ];
            add(m, &token);
            m.run(&["clear", "--all"])
        }),
    ]);
}

#[test]
fn of_an_argument() {
    check_all(&[
        ("a server, in `get`", |m| {
            m.fixture.bus.set(Knob::Locked);
            m.program().run(&["get"], NO_CONTROL)
        }),
        ("a server with control characters, in `get`", |m| may_be_silent(m.program().run(&["get"], HOSTILE))),
        ("a server, in `store`", |m| {
            m.fixture.bus.set(Knob::Locked);
            let login = json!({ "ServerURL": NO_CONTROL, "Username": PLAIN_USER, "Secret": PLAIN_PASSWORD });
            m.program().run(&["store"], login.to_string())
        }),
        ("a server with control characters, in `store`", |m| {
            let login = json!({ "ServerURL": HOSTILE, "Username": PLAIN_USER, "Secret": PLAIN_PASSWORD });
            may_be_silent(m.program().run(&["store"], login.to_string()))
        }),
        ("a user name, in `store`", |m| {
            let login = json!({ "ServerURL": ECR, "Username": HOSTILE, "Secret": PLAIN_PASSWORD });
            m.program().run(&["store"], login.to_string())
        }),
        ("a server that is not kept, in `store`", |m| {
            let login = json!({ "ServerURL": NO_CONTROL, "Username": "u", "Secret": "s" }).to_string();
            m.program().with("AWS_ECR_IGNORE_CREDS_STORAGE", "true").run(&["store"], login)
        }),
        ("a server, in `erase`", |m| {
            m.fixture.bus.set(Knob::Locked);
            m.program().run(&["erase"], NO_CONTROL)
        }),
        ("a word that is no command", |m| m.run(&[HOSTILE])),
        ("an option that there is not", |m| m.run(&["status", &format!("--{HOSTILE}")])),
        ("a value of an option", |m| m.run(&["status", "--output", HOSTILE])),
        ("a shell", |m| m.run(&["completions", HOSTILE])),
        ("a command without a manual page", |m| m.run(&["man", HOSTILE])),
        ("a host, in `token`", |m| m.run(&["token", HOSTILE])),
        ("a host, in `clear`", |m| m.run(&["clear", HOSTILE])),
        ("a host, in `doctor`", |m| m.run(&["doctor", HOSTILE])),
        ("a profile, in `token`", |m| m.run(&["token", ECR, "--profile", HOSTILE])),
        ("a profile, in `doctor`", |m| m.run(&["doctor", ECR, "--profile", HOSTILE])),
        ("a profile, in `sign`", |m| m.sign(&[&m.image, "--profile", HOSTILE])),
        ("a region, in `profile show`", |m| {
            may_be_silent(m.run(&["profile", "show", "absent", "--region", HOSTILE])) // the SDK may refuse it before it is named
        }),
        ("an image", |m| m.sign(&[HOSTILE])),
        ("the tag of an image", |m| m.sign(&[&format!("{}{HOSTILE}", m.image)])),
        ("a signing profile", |m| m.run(&["sign", &m.image, "--signing-profile", HOSTILE])),
        ("the ARN of a signing profile", |m| {
            m.run(&["sign", &m.image, "--signing-profile", &format!("arn:aws:signer:{HOSTILE}:1:/signing-profiles/a")])
        }),
        ("the file of a root", |m| m.run(&["sign", &m.image, "--signing-profile", "app", "--signer-root", HOSTILE])),
        ("a digest file", |m| m.sign(&["--digest-file", HOSTILE])),
        ("metadata without a value", |m| m.sign(&[&m.image, "-m", HOSTILE])),
        ("an image, in `signatures list`", |m| m.run(&["signatures", "list", HOSTILE])),
        ("a signature to delete", |m| m.run(&["signatures", "delete", &m.image, "--signature", HOSTILE, "--yes"])),
        ("a profile to show", |m| m.run(&["profile", "show", HOSTILE])),
        ("a profile to create", |m| m.run(&["profile", "create", HOSTILE])),
        ("a validity", |m| m.run(&["profile", "create", "fresh", "--validity", HOSTILE])),
        ("a time", |m| m.run(&["profile", "revoke", "app", "--reason", "r", "--yes", "--from", HOSTILE])),
        ("a registry, in `setup`", |m| m.run(&["setup", "docker", "--dry-run", "--registry", HOSTILE])),
        ("a client, in `setup`", |m| m.run(&["setup", HOSTILE])),
    ]);
}

#[test]
fn of_the_environment() {
    check_all(&[
        ("AWS_PROFILE, in `get`", |m| {
            let program = m.program().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
            program.with("AWS_PROFILE", HOSTILE).run(&["get"], ECR)
        }),
        ("AWS_PROFILE, in `doctor`", |m| m.program().with("AWS_PROFILE", HOSTILE).run(&["doctor", ECR], "")),
        ("AWS_CA_BUNDLE, in `get`", |m| m.program().with("AWS_CA_BUNDLE", HOSTILE).run(&["get"], ECR)),
        ("ECR_RS_CONFIG, in `get`", |m| m.program().with("ECR_RS_CONFIG", HOSTILE).run(&["get"], ECR)),
        ("DBUS_SESSION_BUS_ADDRESS, in `status`", |m| {
            let address = format!("unix:path={HOSTILE}");
            may_be_silent(m.program().with("DBUS_SESSION_BUS_ADDRESS", address).run(&["status"], "")) // it need not be quoted
        }),
        ("HTTPS_PROXY, in `doctor`", |m| {
            m.program().with("HTTPS_PROXY", format!("http://127.0.0.1:1/{HOSTILE}")).run(&["doctor", ECR], "")
        }),
        ("SUDO_USER, in `doctor`", |m| m.program().with("SUDO_USER", HOSTILE).run(&["doctor", ECR], "")),
        ("AWS_RETRY_MODE, in `doctor`", |m| m.program().with("AWS_RETRY_MODE", HOSTILE).run(&["doctor", ECR], "")),
        ("PATH, in `doctor`", |m| {
            let file = m.fixture.write(&format!("{HOSTILE_LINE}\nFORGED/docker-credential-ecr-rs"), "");
            m.program().with("PATH", file.parent().unwrap()).run(&["doctor", ECR], "")
        }),
    ]);
}

/// A question is asked at a terminal alone.
#[test]
fn of_a_question() {
    let m = Machine::new();
    m.fault("GetSigningProfile", Fault::Appends(HOSTILE));
    let (status, screen) = m.fixture.run_at_terminal(&["profile", "cancel", "app"], "n\n");
    let stdout = screen.replace("\r\n", "\n"); // the terminal's own
    assert!(stdout.contains("[y/N]"), "{stdout}");
    assert_eq!(wrong(&Outcome { status: Some(status), stdout, stderr: String::new() }), None);
}

/// Programs read these: what was signed they get as it was signed.
#[test]
fn of_json_is_escaped() {
    let m = Machine::new();
    m.push_signature(|draft| {
        draft.payload_json(|payload| payload["targetArtifact"]["annotations"] = json!({ "build": HOSTILE }));
    });
    let told = m.run(&["signatures", "inspect", &m.image, "--output", "json"]).exits(0, "read");
    let hidden: Vec<char> = told.stdout.chars().filter(|c| hides(*c) && *c != '\n').collect();
    assert!(hidden.is_empty(), "these are there as they are: {hidden:?}");
    assert_eq!(told.json()["signatures"][0]["user_metadata"]["build"], HOSTILE);
}
