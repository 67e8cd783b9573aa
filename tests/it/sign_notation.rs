//! The engine notation: as whom it signs, what it is told, and what becomes of what it did. A script stands in
//! for Notation and signs through this program, so that what it pushes is real.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    loopback::{ACCESS_KEY_ID, ACCOUNT, REGION, ROLE, SECRET_ACCESS_KEY},
    machine::Machine,
    program::{Outcome, Program},
    registry::{PLAIN_PASSWORD, PLAIN_USER},
    signer::chain::Chain,
    signing_fixture::SigningFixture,
};

const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";

fn script(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A machine with an image, and with a Notation whose `sign` does this after it has told all it was given.
struct Installed {
    fixture: SigningFixture,
    digest: String,
    image: String,
}

impl Installed {
    fn new(signs: &str) -> Installed {
        let fixture = SigningFixture::new();
        let digest = fixture.push("app", "v1");
        let installed = Installed { image: format!("{}/app:v1", fixture.host()), fixture, digest };
        installed.notation("1.3.2", signs);
        script(&installed.file(&format!("libexec/plugins/{PLUGIN}/notation-{PLUGIN}")), "exit 0", 0o755);
        installed
    }

    fn file(&self, name: &str) -> PathBuf {
        self.fixture.home.path().join(name)
    }

    /// `$SIGN` in the script signs as Notation with its plugin would, from what is in the environment alone.
    fn notation(&self, version: &str, signs: &str) {
        let home = self.fixture.home.path().display();
        let text = format!(
            "[ \"$1\" = version ] && echo 'Version:     {version}' && exit 0\n\
             echo \"$*\" >{home}/arguments; /usr/bin/env >{home}/environment\n\
             read -r line <$NOTATION_CONFIG/config.json; echo \"$line\" >{home}/config\n\
             /bin/ls -ld \"$NOTATION_CONFIG\" \"$NOTATION_CONFIG/config.json\" >{home}/modes\n\
             for image; do :; done\n\
             SIGN=\"/usr/bin/env HOME={home}/nowhere AWS_CONFIG_FILE={home}/nowhere {program} sign --signing-profile \
             {profile} --signer-root {root} $image\"\n{signs}",
            program = Machine::binary().display(),
            profile = self.fixture.profile,
            root = self.fixture.root(),
        );
        script(&self.file("bin/notation"), &text, 0o755);
    }

    fn sign(&self, arguments: &[&str]) -> Outcome {
        self.fixture.sign(&[&[self.image.as_str(), "--engine", "notation"], arguments].concat())
    }

    #[track_caller]
    fn told(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
    }

    /// A variable that Notation was given.
    fn variable(&self, name: &str) -> Option<String> {
        let told = self.told("environment");
        told.lines().find_map(|line| line.strip_prefix(&format!("{name}=")).map(str::to_owned))
    }
}

#[test]
fn the_installed_notation_signs_the_same_digest() {
    let installed = Installed::new("echo 'Warning: x' >&2; $SIGN -m a=b >/dev/null");
    let (cli, plugin) =
        (installed.file("bin/notation"), installed.file(&format!("libexec/plugins/{PLUGIN}/notation-{PLUGIN}")));
    let (notation, version) = (fs::read(&cli).unwrap(), |version: &str| format!("echo 'Version:     {version}'"));
    let fails = |expected: &str, hint: &str| {
        let ran = installed.sign(&[]).exits(1, expected);
        assert!(ran.stderr.contains(expected) && ran.stderr.contains(hint), "{expected}: {ran:?}");
    };
    fs::remove_file(&cli).unwrap();
    fails("Notation CLI is not on PATH", "--engine native");
    script(&cli, &version("0.12.0"), 0o755);
    fs::remove_file(&plugin).unwrap();
    fails("plugin of Notation is not installed", "--engine native");
    script(&plugin, "exit 0", 0o644);
    fails("is not executable", "chmod +x");
    script(&plugin, "exit 0", 0o755);
    fails("is too old or not Notation", "its version is 0.12.0");
    fs::write(&cli, notation).unwrap();

    let Installed { fixture, digest, image } = &installed;
    let ran = installed.sign(&["-m", "a=b"]).exits(0, "notation signs");
    let arguments = installed.told("arguments");
    // Its own folder has a name that nobody can guess.
    let root =
        arguments.split(' ').find_map(|word| word.strip_prefix("signer-root=")).expect("the root of --signer-root");
    assert!(root.ends_with("/root.pem") && root.contains("ecr-rs-notation-"), "{root}");
    let expected = format!(
        "sign --plugin {PLUGIN} --id {} --plugin-config aws-region=eu-west-1 --plugin-config signer-root={root} \
         --user-metadata a=b --force-referrers-tag=false --insecure-registry {}/app@{digest}\n",
        fixture.profile,
        fixture.host()
    );
    assert_eq!(arguments, expected);
    assert_eq!(installed.told("config"), "{\"credsStore\":\"ecr-rs\"}\n");
    assert_eq!(installed.variable("NOTATION_LIBEXEC"), Some(installed.file("libexec").display().to_string()));
    assert!(ran.stdout.starts_with(&format!("signed {}/app@{digest}\n", fixture.host())), "{ran:?}");
    assert!(ran.stderr.contains("warning: notation says: Warning: x\n"), "{ran:?}");
    assert_eq!(fixture.aws.count("SignPayload"), 1, "Notation signs, not we");
    let left = fs::read_dir(fixture.home.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("ecr-rs-notation"));
    assert_eq!(left.count(), 0, "the private folder is gone");
    let ran = installed.sign(&["--manifest-format", "oci-1.1"]).exits(1, "it has a form of its own");
    assert!(ran.stderr.contains("no meaning with --engine notation"), "{ran:?}");

    installed.notation("1.3.2", "echo one >&2; printf 'two\\033[2J\\n' >&2; exit 7");
    fails("notation ended with 7", "caused by: two [2J\n");
    let versioned = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    let sign = |profile: &str| fixture.run(&["sign", image, "--signing-profile", profile, "--engine", "notation"]);
    let ran = sign(&versioned).exits(1, "a version");
    assert!(ran.stderr.contains("does not take a profile's version"), "{ran:?}");
    let ran = sign("app").exits(1, "a name");
    assert!(ran.stderr.contains("notation ended with 7"), "a name becomes its ARN: {ran:?}");
}

/// A rule of config.toml assumes a role: both engines sign under it, though the environment has other keys and
/// names other identities.
#[test]
fn f2_4_notation_signs_as_the_same_principal() {
    let installed = Installed::new("$SIGN >/dev/null");
    let Installed { fixture, image, .. } = &installed;
    fixture.configure(&format!("[[registry]]\nmatch = \"signer.*.amazonaws.com\"\nrole-arn = \"{ROLE}\"\n"));
    let root = fixture.root();
    let program = fixture
        .program()
        .with("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .with("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .with("AWS_DEFAULT_PROFILE", "default")
        .with("AWS_ROLE_SESSION_NAME", "another")
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another")
        .with("AWS_CREDENTIAL_EXPIRATION", "another")
        .with("NOTATION_USERNAME", "mallory"); // without a password: the stored login, as in Notation
    // The keys of the environment know no endpoint, as those of the file do.
    let program = program.with("AWS_ENDPOINT_URL", fixture.aws.endpoint());
    let sign = |engine: &str| {
        let words = ["sign", image, "--engine", engine, "--signing-profile", &fixture.profile, "--signer-root", &root];
        program.run(&words, "").exits(0, engine);
        let calls = fixture.aws.calls();
        let last = calls.iter().rfind(|call| call.operation == "SignPayload").unwrap();
        last.access_key_id.clone().unwrap()
    };
    let native = sign("native");
    let assumed = fixture.aws.count("AssumeRole");
    let notation = sign("notation");
    assert!(native.starts_with("ASIA") && notation.starts_with("ASIA"), "sessions of the role: {native}, {notation}");
    assert_eq!(installed.variable("AWS_ACCESS_KEY_ID").unwrap(), notation);
    assert_eq!(fixture.aws.count("AssumeRole"), assumed + 1, "once, by us");
    assert!(installed.variable("AWS_SECRET_ACCESS_KEY").is_some_and(|secret| secret != SECRET_ACCESS_KEY));
    assert!(installed.variable("AWS_SESSION_TOKEN").is_some());
    assert_eq!(installed.variable("AWS_REGION").as_deref(), Some(REGION));
    for name in [
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ROLE_SESSION_NAME",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
    ] {
        assert_eq!(installed.variable(name), None, "{name} stays behind");
    }
    assert_eq!(installed.variable("NOTATION_USERNAME").as_deref(), Some(PLAIN_USER), "the login that we found");
    assert_eq!(installed.variable("NOTATION_PASSWORD").as_deref(), Some(PLAIN_PASSWORD));
    for secret in [PLAIN_PASSWORD, SECRET_ACCESS_KEY, &installed.variable("AWS_SECRET_ACCESS_KEY").unwrap()] {
        assert!(!installed.told("arguments").contains(secret) && !installed.told("config").contains(secret));
    }
}

#[test]
fn f2_4_an_aws_profile_that_was_chosen_goes_along_as_its_keys() {
    let installed = Installed::new("$SIGN >/dev/null");
    installed.sign(&["--profile", "default"]).exits(0, "signed");
    assert_eq!(installed.variable("AWS_ACCESS_KEY_ID").as_deref(), Some(ACCESS_KEY_ID));
    assert_eq!(installed.variable("AWS_PROFILE"), None);
    assert_eq!(installed.variable("AWS_ENDPOINT_URL_SIGNER"), Some(installed.fixture.aws.endpoint()), "the profile's");
    assert!(!installed.told("arguments").contains("aws-profile"), "{}", installed.told("arguments"));
}

#[test]
fn f2_7_the_referrers_api_is_used_by_every_notation_that_can() {
    for (version, told) in
        [("1.0.1", false), ("1.1.0", false), ("1.2.0", true), ("1.3.2", true), ("v2.0.0-alpha.1", true)]
    {
        let installed = Installed::new("");
        installed.notation(version, "$SIGN >/dev/null");
        installed.sign(&[]).exits(0, version);
        assert_eq!(installed.told("arguments").contains(" --force-referrers-tag=false "), told, "{version}");
    }
}

#[test]
fn f2_7_what_notation_pushed_is_read_back_and_checked() {
    let other_root = Chain::new().root_pem;
    for (signs, other, arguments, expected, why) in [
        ("exit 0", false, &[][..], "there is no new signature", "it did nothing"),
        ("$SIGN >/dev/null", true, &[], "not in the given root file", "--signer-root counts"),
        ("$SIGN >/dev/null", false, &["-m", "a=b"], "the annotation `a` was dropped", "it left the metadata out"),
        ("$SIGN -m a=c >/dev/null", false, &["-m", "a=b"], "the annotation `a` was dropped", "or changed it"),
    ] {
        let installed = Installed::new(signs);
        let (fixture, before) = (&installed.fixture, installed.fixture.pushes());
        let root = fixture.write("other.pem", &other_root).display().to_string();
        let root = if other { root } else { fixture.root() };
        let words = ["sign", &installed.image, "--engine", "notation", "--signing-profile", &fixture.profile];
        let ran = fixture.run(&[&words[..], &["--signer-root", &root], arguments].concat()).exits(1, why);
        assert!(ran.stderr.contains(expected), "{why}: {ran:?}");
        assert!(ran.stderr.contains("was not signed") && !ran.stdout.contains("signed"), "{why}: {ran:?}");
        assert_eq!(fixture.pushes() > before, signs != "exit 0", "{why}: what is there stays there");
    }
}

#[test]
fn f2_7_its_report_is_ours() {
    let installed = Installed::new("echo chatter; echo more >&2; $SIGN >/dev/null");
    let quiet = installed.sign(&["--quiet"]).exits(0, "quiet");
    assert!(quiet.stderr.is_empty() && quiet.stdout.lines().count() == 1, "{quiet:?}");
    assert!(quiet.stdout.starts_with(&format!("{}/app@sha256:", installed.fixture.host())), "{quiet:?}");
    let told = installed.sign(&["--output", "json"]).exits(0, "JSON").json();
    assert_eq!(told["images"][0]["image"], format!("{}/app@{}", installed.fixture.host(), installed.digest));
    assert_eq!(
        (&told["images"][0]["status"], &told["images"][0]["listed_by"]),
        (&"signed".into(), &"referrers-api".into())
    );
    assert_eq!(told["images"][0]["warnings"][0], "notation says: more");
    let again = installed.sign(&["--if-unsigned"]).exits(0, "there is one");
    assert!(again.stdout.starts_with("already signed "), "{again:?}");
}

#[test]
fn f2_7_what_it_leaves_running_keeps_nobody_waiting() {
    let installed = Installed::new("/bin/sleep 300 & echo $! >$0.number; exit 7");
    let started = Instant::now();
    installed.sign(&[]).exits(1, "it failed");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    let number = installed.told("bin/notation.number");
    Command::new("/bin/kill").arg(number.trim()).status().unwrap();
}

#[test]
fn f2_7_its_folder_is_private_whatever_the_umask() {
    let installed = Installed::new("$SIGN >/dev/null");
    let fixture = &installed.fixture;
    let shell = fixture
        .program()
        .variables()
        .into_iter()
        .fold(Program::at("/bin/sh", fixture.home.path()), |shell, (name, value)| {
            shell.with(name.to_str().unwrap(), value)
        });
    let (program, root) = (Machine::binary().display().to_string(), fixture.root());
    let words = [
        "-c",
        "umask 0; exec \"$0\" \"$@\"",
        &program,
        "sign",
        &installed.image,
        "--engine",
        "notation",
        "--signing-profile",
        &fixture.profile,
        "--signer-root",
        &root,
    ];
    shell.run(&words, "").exits(0, "signed");
    let modes: Vec<String> = installed.told("modes").lines().map(|line| line[..10].to_owned()).collect();
    assert_eq!(modes, ["drwx------", "-rw-------"], "the folder and its file");
}

#[test]
fn f2_7_a_relative_folder_of_path_is_passed_over() {
    let installed = Installed::new("exit 0");
    let fixture = &installed.fixture;
    let root = fixture.root();
    let words = [
        "sign",
        &installed.image,
        "--engine",
        "notation",
        "--signing-profile",
        &fixture.profile,
        "--signer-root",
        &root,
    ];
    for path in [".", "", "bin", "./bin"] {
        let program = fixture.program().with("PATH", path);
        let child = program
            .command(&words)
            .current_dir(if matches!(path, "." | "") { installed.file("bin") } else { fixture.home.path().into() })
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(said.contains("Notation CLI is not on PATH"), "{path:?}: {said}");
    }
}
