//! `trust`: written for Notation and this program, shown in words, checked.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::support::{
    program::{Outcome, Program},
    signer::chain::Chain,
};

const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app";
const AWS_ROOT: &str = "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f";

/// A user with a home folder.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new() -> User {
        User { home: tempfile::tempdir().unwrap() }
    }

    /// The same with a policy.
    fn with(policy: &Value) -> User {
        let user = User::new();
        user.write("trustpolicy.json", &format!("{policy:#}\n"));
        user
    }

    fn program(&self) -> Program {
        Program::at(env!("CARGO_BIN_EXE_docker-credential-ecr-rs"), self.home.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(".config/notation").join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn policy(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("trustpolicy.json")).unwrap()).unwrap()
    }

    /// `trust` with these words.
    fn trust(&self, arguments: &[&str]) -> Outcome {
        let arguments: Vec<&str> = ["trust"].iter().chain(arguments).copied().collect();
        self.program().run(&arguments, "")
    }

    fn init(&self, arguments: &[&str]) -> Outcome {
        self.trust(&[&["init", "--signing-profile", ARN], arguments].concat())
    }

    /// Every file below the home folder with its bytes.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() { folders.push(path) } else { files.push((path.clone(), fs::read(&path).unwrap())) }
            }
        }
        files.sort();
        files
    }
}

fn statement(name: &str, scopes: &[&str], identities: &[&str]) -> Value {
    json!({
        "name": name,
        "registryScopes": scopes,
        "signatureVerification": { "level": "strict" },
        "trustStores": ["signingAuthority:aws-signer-ts"],
        "trustedIdentities": identities,
    })
}

fn policy(statements: &[Value]) -> Value {
    json!({ "version": "1.0", "trustPolicies": statements })
}

#[test]
fn init_writes_the_policy_that_aws_documents_and_its_root() {
    let gov = ARN.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-west-1", "us-gov-west-1");
    for (arn, store, file, why) in [
        (ARN.to_owned(), "aws-signer-ts", "aws-signer-notation-root.pem", "a profile"),
        (format!("{ARN}/0123456789"), "aws-signer-ts", "aws-signer-notation-root.pem", "a version"),
        (ARN.replace("signing-profiles", "aliases"), "aws-signer-ts", "aws-signer-notation-root.pem", "an alias"),
        (gov, "aws-us-gov-signer-ts", "aws-us-gov-signer-notation-root.pem", "GovCloud"),
    ] {
        let user = User::new();
        let outcome = user.trust(&["init", "--signing-profile", &arn]).exits(0, why);
        assert_eq!(outcome.stderr, "", "{why}");
        let mut expected = statement("aws-signer-tp", &["*"], &[&arn]);
        expected["trustStores"] = json!([format!("signingAuthority:{store}")]);
        assert_eq!(user.policy(), policy(&[expected]), "{why}");
        assert!(user.path(&format!("truststore/x509/signingAuthority/{store}/{file}")).is_file(), "{why}");
        let shown = user.trust(&["show", "--output", "json"]).exits(0, why);
        assert_eq!(shown.stderr, "", "{why}");
        let certificate = &shown.json()["statements"][0]["stores"][0]["certificates"][0];
        assert_eq!(certificate["aws_signer"], true, "{why}: {certificate}");
        let checked = user.trust(&["check"]).exits(0, why);
        assert!(checked.stdout.ends_with("0 errors, 0 warnings\n"), "{why}: {checked:?}");
        let before = user.files();
        let again = user.trust(&["init", "--signing-profile", &arn]).exits(0, why);
        assert!(again.stdout.contains("trusts") && again.stdout.contains("already"), "{why}: {again:?}");
        assert_eq!(user.files(), before, "twice is once: {why}");
    }
}

#[test]
fn a_dry_run_shows_the_change_and_makes_none() {
    let user = User::new();
    let outcome = user.init(&["--dry-run"]).exits(0, "new");
    for expected in ["trustpolicy.json (new)", "+ statement `aws-signer-tp` for *: strict; by arn:", AWS_ROOT] {
        assert!(outcome.stdout.contains(expected), "{expected}: {outcome:?}");
    }
    assert!(user.files().is_empty());
    let user = User::with(&policy(&[statement("all", &["*"], &[&format!("{ARN}2")])]));
    let before = user.files();
    let outcome = user.init(&["--dry-run"]).exits(0, "no question is asked");
    assert!(
        outcome.stdout.contains("- statement `all`") && outcome.stdout.contains("+ statement `all`"),
        "{outcome:?}"
    );
    assert_eq!(user.files(), before);
}

#[test]
fn a_policy_that_is_there_gains_and_loses_nothing() {
    let other = json!({
        "name": "ours", "registryScopes": ["h.example/app"],
        "signatureVerification": { "level": "audit", "override": { "expiry": "enforce" } },
        "trustStores": ["ca:ours"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=x"],
    });
    let all = statement("all", &["*"], &[&format!("{ARN}2")]);
    let gained = statement("all", &["*"], &[&format!("{ARN}2"), ARN]);
    let taken = statement("aws-signer-tp", &["h.example/b"], &[ARN]);
    for (before, arguments, after, why) in [
        (
            vec![other.clone()],
            &[][..],
            vec![other.clone(), statement("aws-signer-tp", &["*"], &[ARN])],
            "a statement more",
        ),
        (
            vec![taken.clone()],
            &[],
            vec![taken.clone(), statement("aws-signer-tp-2", &["*"], &[ARN])],
            "its name is taken",
        ),
        (vec![other.clone(), all.clone()], &["--yes"], vec![other.clone(), gained], "the statement's profile more"),
        (
            vec![statement("a", &["H.Example/a"], &[&format!("{ARN}2")])],
            &["--yes", "--scope", "h.EXAMPLE/a"],
            vec![statement("a", &["H.Example/a"], &[&format!("{ARN}2"), ARN])],
            "another spelling of the host is no other repository",
        ),
        (
            vec![all.clone()],
            &["--scope", "h.example/a", "--scope", "h.example/b"],
            vec![all.clone(), statement("aws-signer-tp", &["h.example/a", "h.example/b"], &[ARN])],
            "for two repositories alone",
        ),
    ] {
        let user = User::with(&policy(&before));
        let text = fs::read_to_string(user.path("trustpolicy.json")).unwrap();
        user.init(arguments).exits(0, why);
        assert_eq!(user.policy(), policy(&after), "{why}");
        let undone = user.trust(&["init", "--undo"]).exits(0, why);
        assert!(undone.stdout.contains("is as it was"), "{why}: {undone:?}");
        assert_eq!(fs::read_to_string(user.path("trustpolicy.json")).unwrap(), text, "byte for byte: {why}");
        user.trust(&["init", "--undo"]).exits(0, why);
        assert_eq!(user.policy(), policy(&after), "undone twice: {why}");
    }
}

#[test]
fn a_policy_keeps_its_style_and_its_place() {
    let member = serde_json::to_string(&statement("a", &["h/a"], &[ARN])).unwrap();
    for (text, expected, why) in [
        (
            format!("{{\n\t\"trustPolicies\": [{member}],\n\t\"version\": \"1.0\"\n}}"),
            "\n\t\"version\": \"1.0\"\n}",
            "tabs, and no newline at the end",
        ),
        (format!("{{\"version\":\"1.0\",\"trustPolicies\":[{member}]}}\n"), "]}]}\n", "one line"),
        (format!("{{\n  \"version\": \"1.0\",\n  \"trustPolicies\": [{member}]\n}}\n"), "\n  ]\n}\n", "two blanks"),
    ] {
        let user = User::new();
        let path = user.write("trustpolicy.oci.json", &text);
        user.init(&[]).exits(0, why);
        let written = fs::read_to_string(&path).unwrap();
        assert!(written.ends_with(expected), "{why}: {written}");
        assert!(!user.path("trustpolicy.json").exists(), "Notation reads the other one: {why}");
    }
    let user = User::new();
    let real = user.write("real.json", &policy(&[statement("a", &["h/a"], &[ARN])]).to_string());
    symlink("real.json", user.path("trustpolicy.json")).unwrap();
    user.init(&[]).exits(0, "a link stays a link");
    assert!(user.path("trustpolicy.json").is_symlink() && fs::read_to_string(real).unwrap().contains("aws-signer-tp"));
}

#[test]
fn what_cannot_be_done_safely_is_not_done() {
    let all = |changes: Value| {
        let mut statement = statement("all", &["*"], &[&format!("{ARN}2")]);
        for (name, value) in changes.as_object().unwrap() {
            statement[name] = value.clone();
        }
        policy(&[statement])
    };
    let skipping =
        json!({ "name": "none", "registryScopes": ["h.example/a"], "signatureVerification": { "level": "skip" } });
    for (before, arguments, expected, why) in [
        (all(json!({})), &[][..], "needs confirmation", "a statement that is there, and nobody to ask"),
        (all(json!({ "trustedIdentities": ["*"] })), &["--yes"], "trusts whoever has a certificate", "anybody"),
        (all(json!({ "level": "x" })), &["--yes"], "breaks a rule, and is left as it is", "a broken policy"),
        (policy(&[skipping]), &["--yes", "--scope", "h.example/a"], "skips every check", "a statement that skips"),
        (
            policy(&[statement("a", &["h.example/a"], &[&format!("{ARN}2")])]),
            &["--yes", "--scope", "h.example/a", "--scope", "h.example/b"],
            "for some of these repositories only",
            "half of it is there",
        ),
        (all(json!({})), &["--scope", "h.example/a:v1"], "is no repository", "a tag is no scope"),
    ] {
        let user = User::with(&before);
        let files = user.files();
        let outcome = user.init(arguments).exits(1, why);
        assert!(outcome.stderr.contains(expected) && outcome.stderr.contains("hint:"), "{why}: {outcome:?}");
        assert_eq!(user.files(), files, "{why}");
    }
    for (profile, expected, why) in [
        ("app", "is a name, which any account can give", "a name"),
        ("arn:aws:kms:eu-west-1:111122223333:key/x", "service is `kms`", "another service"),
    ] {
        let user = User::new();
        let outcome = user.trust(&["init", "--signing-profile", profile]).exits(1, why);
        assert!(outcome.stderr.contains(expected), "{why}: {outcome:?}");
        assert!(user.files().is_empty(), "{why}");
    }
    User::new().trust(&["init"]).exits(2, "nobody to trust");
}

#[test]
fn a_root_of_ones_own_is_said_loudly() {
    let (user, chain) = (User::new(), Chain::new());
    let root = user.write("own.pem", &chain.root_pem).display().to_string();
    let outcome = user.init(&["--root", &root]).exits(0, "a root that is not AWS's");
    assert!(outcome.stderr.contains("is NOT a root of AWS Signer"), "{outcome:?}");
    assert_eq!(user.policy()["trustPolicies"][0]["trustStores"], json!(["signingAuthority:own-signer-ts"]));
    let shown = user.trust(&["show", "--output", "json"]).exits(0, "shown");
    assert_eq!(shown.json()["statements"][0]["stores"][0]["certificates"][0]["aws_signer"], false);

    let user = User::new();
    user.init(&[]).exits(0, "AWS's");
    let aws = user.path("truststore/x509/signingAuthority/aws-signer-ts/aws-signer-notation-root.pem");
    let aws = user.write("aws.pem", &fs::read_to_string(aws).unwrap()).display().to_string();
    let again = user.init(&["--root", &aws]).exits(0, "AWS's own file");
    assert!(again.stdout.contains("has the root already") && again.stderr.is_empty(), "{again:?}");
    let gov = ARN.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-west-1", "us-gov-west-1");
    let leaf = ecr_rs::notary::certificate::Certificate::read(&chain.certificates[0]).unwrap().pem();
    let leaf = user.write("leaf.pem", &leaf).display().to_string();
    let none = user.write("none.pem", "x").display().to_string();
    for (arn, file, expected, why) in [
        (&*gov, &*aws, "has AWS Signer's root of the partition aws", "a root of another partition"),
        (ARN, &leaf, "is no root certificate", "a leaf"),
        (ARN, &none, "is no root certificate", "no certificate"),
        (ARN, "/nowhere.pem", "/nowhere.pem is no root certificate", "no file"),
    ] {
        let files = user.files();
        let outcome = user.trust(&["init", "--signing-profile", arn, "--root", file]).exits(1, why);
        assert!(outcome.stderr.contains(expected), "{why}: {outcome:?}");
        assert_eq!(user.files(), files, "{why}");
    }
}

#[test]
fn undo_of_nothing_and_of_everything() {
    let user = User::new();
    let outcome = user.trust(&["init", "--undo"]).exits(0, "nothing");
    assert!(outcome.stdout.contains("nothing to undo"), "{outcome:?}");
    user.init(&[]).exits(0, "new");
    let outcome = user.trust(&["init", "--undo"]).exits(0, "new");
    assert!(outcome.stdout.contains("is gone, as it was"), "{outcome:?}");
    assert!(!user.path("trustpolicy.json").exists());
    user.trust(&["show"]).exits(1, "no policy is left");
}

#[test]
fn show_says_what_is_in_force_in_words() {
    let chain = Chain::new();
    let user = User::with(&policy(&[
        json!({
            "name": "ours\u{1b}[2J", "registryScopes": ["h.example/app"],
            "signatureVerification": { "level": "permissive", "override": { "revocation": "skip" }, "verifyTimestamp": "afterCertExpiry" },
            "trustStores": ["ca:ours", "tsa:time"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=a\\, b"],
        }),
        json!({ "name": "none", "registryScopes": ["h.example/free"], "signatureVerification": { "level": "skip" } }),
    ]));
    user.write("truststore/x509/ca/ours/root.pem", &chain.root_pem);
    let outcome = user.trust(&["show"]).exits(0, "shown");
    for expected in [
        "ours [2J for h.example/app",
        "  level permissive: integrity, authenticity must hold; authenticTimestamp, expiry are told, and no more; revocation is not looked at",
        "  timestamps count once a certificate has expired",
        "  signed by x509.subject: C=US, ST=WA, O=a\\, b",
        "  under ca:ours\n    CN=AWS Signer Code Signing Root CA G1",
        "2020-01-01 to 2122-01-01",
        "  under tsa:time\n    cannot be used: the trust store tsa:time does not exist",
        "none for h.example/free\n  level skip: nothing is checked, and unsigned images pass",
    ] {
        assert!(outcome.stdout.contains(expected), "{expected}: {}", outcome.stdout);
    }
    assert!(outcome.stderr.contains("the trust store tsa:time does not exist"), "{outcome:?}");
    let data = user.trust(&["show", "--output", "json"]).exits(0, "as data").json();
    assert_eq!(data["statements"][0]["checks"]["revocation"], "skip", "{data}");
    assert_eq!(data["statements"][0]["verify_timestamp"], "afterCertExpiry", "{data}");
    assert_eq!(data["statements"][1]["checks"]["integrity"], "skip", "{data}");
    assert_eq!(data["statements"][0]["stores"][1]["certificates"], json!([]), "{data}");
}

/// Each finding of `trust check`, with whether it fails the check.
#[test]
fn check_finds_what_is_wrong() {
    let chain = Chain::new();
    let pem = |at: usize| ecr_rs::notary::certificate::Certificate::read(&chain.certificates[at]).unwrap().pem();
    let with = |changes: Value| {
        let mut statement = statement("s", &["h.example/app"], &[ARN]);
        for (name, value) in changes.as_object().unwrap() {
            statement[name] = value.clone();
        }
        policy(&[statement])
    };
    let subject = "x509.subject: C=US, ST=WA, O=x";
    let rows = [
        (with(json!({})), 0, "0 errors, 0 warnings", "nothing is wrong"),
        (
            with(json!({ "x": 1 })),
            1,
            "error: /home/trustpolicy.json: statement `s`: `x` means nothing here\n  caused by: Notation accepts this\n  hint: known here",
            "an unknown member",
        ),
        (
            with(json!({ "trustStores": ["ca:none"] })),
            1,
            "a trust store\n  caused by: the trust store ca:none does not exist",
            "no such store",
        ),
        (with(json!({ "trustStores": ["tsa:own"] })), 1, "no ca or signingAuthority store", "timestamps alone"),
        (with(json!({ "trustedIdentities": ["*"] })), 1, "is every AWS account there is", "anybody"),
        (
            with(json!({ "trustStores": ["ca:own"] })),
            0,
            "has no effect without a signingAuthority store",
            "no authority",
        ),
        (with(json!({ "trustedIdentities": [subject] })), 0, "has no effect on signatures of AWS Signer", "a subject"),
        (with(json!({ "trustedIdentities": [ARN, "spiffe:x"] })), 0, "`spiffe:x` has no effect", "an unknown kind"),
        (with(json!({ "trustedIdentities": [ARN, format!("{ARN}/x")] })), 0, "a version has 10 letters", "a bad ARN"),
        (
            with(json!({ "registryScopes": ["docker.io/alpine"] })),
            0,
            "full name is `docker.io/library/alpine`",
            "short",
        ),
        (
            with(json!({ "trustStores": ["signingAuthority:aws-signer-ts", "ca:int"] })),
            0,
            "is no root",
            "an intermediate",
        ),
        (
            with(json!({ "trustStores": ["signingAuthority:aws-signer-ts", "ca:folder"] })),
            0,
            "counts for nothing\n  caused by: Notation refuses",
            "a folder in a store",
        ),
    ];
    for (policy, status, expected, why) in rows {
        let user = User::new();
        user.init(&[]).exits(0, why);
        user.write("trustpolicy.json", &policy.to_string());
        for (name, text) in [
            ("tsa/own/root.pem", &chain.root_pem),
            ("ca/own/root.pem", &chain.root_pem),
            ("ca/int/int.pem", &pem(2)),
            ("ca/folder/root.pem", &chain.root_pem),
            ("ca/folder/old/root.pem", &chain.root_pem),
        ] {
            let store = name.split('/').take(2).collect::<Vec<_>>().join(":");
            if policy.to_string().contains(&store) {
                user.write(&format!("truststore/x509/{name}"), text);
            }
        }
        let outcome = user.trust(&["check"]).exits(status, why);
        let stdout = outcome.stdout.replace(&user.path("").display().to_string(), "/home/");
        assert!(stdout.contains(expected), "{why}: {stdout}");
        assert_eq!(outcome.stderr, "", "{why}");
        let data = user.trust(&["check", "--output", "json"]).exits(status, why).json();
        assert_eq!(data["valid"], status == 0, "{why}: {data}");
    }
}

#[test]
fn certificates_that_have_ended_are_told() {
    let root = |from: i32, until: i32| {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(until, 1, 1));
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    };
    for (from, until, expected) in
        [(2001, 2002, "expired at 2002-01-01T00:00:00Z"), (2400, 2401, "is valid only from 2400-01-01T00:00:00Z on")]
    {
        let user = User::with(&policy(&[statement("s", &["*"], &[ARN])]));
        user.write("truststore/x509/signingAuthority/aws-signer-ts/root.pem", &root(from, until));
        let shown = user.trust(&["show"]).exits(0, expected);
        assert!(shown.stderr.contains(expected), "{shown:?}");
        let checked = user.trust(&["check"]).exits(0, expected);
        assert!(checked.stdout.contains(expected) && checked.stdout.ends_with("0 errors, 1 warning\n"), "{checked:?}");
    }
}

#[test]
fn check_reads_the_file_that_is_named_and_tells_what_is_hidden() {
    let user = User::new();
    user.init(&[]).exits(0, "a policy");
    user.write("trustpolicy.oci.json", &user.policy().to_string());
    user.write("truststore/x509/ca/unused/root.pem", &Chain::new().root_pem);
    let outcome = user.trust(&["check"]).exits(0, "two policies");
    for expected in ["trustpolicy.json is not read", "no statement names the trust store ca:unused"] {
        assert!(outcome.stdout.contains(expected), "{expected}: {outcome:?}");
    }
    fs::set_permissions(user.path("trustpolicy.oci.json"), fs::Permissions::from_mode(0o666)).unwrap();
    let outcome = user.trust(&["show"]).exits(0, "open to all");
    assert!(outcome.stderr.contains("others can write to"), "{outcome:?}");
    let elsewhere = User::new();
    let named = user.path("trustpolicy.json").display().to_string();
    let outcome = elsewhere.trust(&["check", &named]).exits(0, "the store beside it");
    assert!(outcome.stdout.contains("0 errors, 1 warning\n"), "{outcome:?}");
    let empty = elsewhere.home.path().display().to_string();
    let outcome = elsewhere.trust(&["check", &named, "--trust-store", &empty]).exits(1, "another store");
    assert!(outcome.stdout.contains("does not exist"), "{outcome:?}");
    let own = elsewhere.home.path().join("own");
    let program = elsewhere.program().with("NOTATION_CONFIG", &own);
    program.run(&["trust", "init", "--signing-profile", ARN], "").exits(0, "NOTATION_CONFIG");
    assert!(own.join("trustpolicy.json").is_file() && !Path::new(&elsewhere.path("")).exists());
}
