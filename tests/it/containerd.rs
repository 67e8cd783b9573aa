//! The image verifier, as containerd calls it: flags and a descriptor in, a sentence and an exit code out, no home
//! folder, no keychain. The node's `/etc` and `/run` are folders of the test.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    aws::faults::Fault,
    loopback::{ACCOUNT, REGION},
    machine::Machine,
    program::{Outcome, Program, finish},
    signing_fixture::{ECR, MANIFEST, SigningFixture, push_to_ecr},
};

const DESCRIPTOR: &str = "application/vnd.oci.descriptor.v1+json";
const OURS: &str = "docker-credential-ecr-rs";

/// A node, and AWS with an image that is signed and one that is not.
struct Node {
    fixture: SigningFixture,
    /// The digest of the image that is signed.
    signed: String,
    /// The digest of the other.
    unsigned: String,
}

impl Node {
    /// A node that trusts the profile for every repository, strictly.
    fn new() -> Node {
        let fixture = SigningFixture::without_login();
        let [signed, unsigned] = ["signed", "unsigned"].map(|tag| push_to_ecr(&fixture.aws, "app", tag));
        let node = Node { fixture, signed, unsigned };
        let image = format!("{ECR}/app@{}", node.signed);
        let (profile, root) = (node.fixture.profile.clone(), node.fixture.root());
        let sign = ["sign", &image, "--signing-profile", &profile, "--signer-root", &root];
        node.by_name(node.fixture.program()).run(&sign, "").exits(0, "signed");
        node.trust("strict");
        node
    }

    fn root(&self) -> PathBuf {
        self.fixture.home.path().join("node")
    }

    /// The folder of the machine's policy.
    fn etc(&self) -> PathBuf {
        self.root().join("etc").join(OURS)
    }

    /// Where verdicts are kept.
    fn verdicts(&self) -> PathBuf {
        self.root().join("run").join(OURS).join("verdicts")
    }

    fn policy(&self, level: &str) -> Value {
        json!({ "version": "1.0", "trustPolicies": [{
            "name": "ours", "registryScopes": ["*"], "signatureVerification": { "level": level },
            "trustStores": ["signingAuthority:loopback"], "trustedIdentities": [self.fixture.profile],
        }] })
    }

    /// Writes the machine's policy and its store.
    fn trust(&self, level: &str) {
        self.put("trustpolicy.json", &self.policy(level).to_string());
        self.put("truststore/x509/signingAuthority/loopback/root.pem", &self.fixture.signer.chain.root_pem);
    }

    fn put(&self, name: &str, text: &str) {
        self.fixture.write(&format!("node/etc/{OURS}/{name}"), text);
    }

    /// Who reaches ECR and AWS Signer by their own names.
    fn by_name(&self, program: Program) -> Program {
        let variables = self.fixture.aws.proxy_variables().into_iter();
        variables.fold(program, |program, (name, value)| program.with(name, value)).with("AWS_MAX_ATTEMPTS", "1")
    }

    /// The program as containerd starts it.
    fn program(&self) -> Program {
        self.started_as(Machine::binary())
    }

    fn started_as(&self, file: &Path) -> Program {
        let home = self.fixture.home.path();
        let program = Program::at(file, home).without("HOME").with("TMPDIR", home);
        self.by_name(program)
            .with("XDG_CONFIG_HOME", home.join(".config"))
            .with("XDG_CACHE_HOME", home.join(".cache"))
            .with("AWS_CONFIG_FILE", home.join("absent"))
            .with("AWS_SHARED_CREDENTIALS_FILE", home.join("absent"))
            .with("DBUS_SESSION_BUS_ADDRESS", self.fixture.bus.address())
    }

    /// The arguments for an image, as containerd has them, and our own for the root.
    fn arguments(&self, name: &str, digest: &str) -> Vec<String> {
        let root = self.root().display().to_string();
        ["-name", name, "-digest", digest, "-stdin-media-type", DESCRIPTOR, "--root", &root].map(String::from).into()
    }

    /// Asks about an image.
    #[track_caller]
    fn ask(&self, name: &str, digest: &str) -> Outcome {
        self.ask_by(&self.program(), name, digest)
    }

    #[track_caller]
    fn ask_by(&self, program: &Program, name: &str, digest: &str) -> Outcome {
        let arguments = self.arguments(name, digest);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program.run(&words, descriptor(digest))
    }

    /// Asks about the image that is signed.
    #[track_caller]
    fn ask_signed(&self) -> Outcome {
        self.ask(&format!("{ECR}/app:signed"), &self.signed)
    }

    /// How often anybody was asked anything.
    fn calls(&self) -> usize {
        self.fixture.aws.calls().len()
    }
}

/// The descriptor on standard input.
fn descriptor(digest: &str) -> String {
    format!("{}\n", json!({ "mediaType": MANIFEST, "digest": digest, "size": 1234 }))
}

/// An image that may be pulled: one sentence that begins so.
#[track_caller]
fn allowed(outcome: Outcome, words: &str, why: &str) -> String {
    let outcome = outcome.exits(0, why);
    one_sentence(&outcome, words, why)
}

/// One that may not.
#[track_caller]
fn blocked(outcome: Outcome, words: &str, why: &str) -> String {
    let outcome = outcome.exits(1, why);
    assert!(outcome.stdout.contains(" is not verified: "), "{why}: {outcome:?}");
    one_sentence(&outcome, words, why)
}

#[track_caller]
fn one_sentence(outcome: &Outcome, words: &str, why: &str) -> String {
    let said = &outcome.stdout;
    assert_eq!(said.lines().count(), 1, "{why}: {outcome:?}");
    assert!(said.len() <= 32 << 10 && said.ends_with('\n'), "{why}: {} bytes", said.len());
    assert!(said.contains(words), "{why}: {words:?} in {outcome:?}");
    assert!(!said.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{why}: {outcome:?}");
    said.clone()
}

#[test]
fn what_is_signed_may_be_pulled_and_nothing_else() {
    let node = Node::new();
    let (version, signed) = (node.fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap(), &node.signed);
    let (image, asked) = (format!("{ECR}/app@{signed}"), node.fixture.bus.connections());
    let said = allowed(node.ask_signed(), &format!("{image} is verified: signed by {version}"), "the profile's");
    assert!(said.contains("by the statement `ours` (strict)"), "{said}");
    let said = blocked(
        node.ask(&format!("{ECR}/app:signed"), &node.unsigned),
        "it has no signature; sign it: docker-credential-ecr-rs sign ",
        "what the tag says does not count, the digest does",
    );
    assert!(said.starts_with(&format!("{ECR}/app:signed is not verified: ")), "{said}");
    allowed(node.ask(&image, signed), "is verified", "by digest");
    let absent = format!("sha256:{}", "0".repeat(64));
    blocked(node.ask(&format!("{ECR}/app:signed"), &absent), "answered 404", "content that is not there");
    assert_eq!(node.fixture.bus.connections(), asked, "no keychain was asked");
    assert!(!node.fixture.home.path().join(".config").exists(), "nor a home folder");
}

#[test]
fn under_any_name_and_in_any_order() {
    let node = Node::new();
    let (name, digest, root) = (format!("{ECR}/app:signed"), node.signed.as_str(), node.root().display().to_string());
    let folder = node.fixture.home.path().join("bin");
    fs::create_dir_all(&folder).unwrap();
    for link in ["verifier", "ecr-credential-provider", "docker-credential-ecr-login", "00-first.bin"] {
        symlink(Machine::binary(), folder.join(link)).unwrap();
        let program = node.started_as(&folder.join(link));
        allowed(node.ask_by(&program, &name, digest), "is verified", link);
    }
    for (arguments, why) in [
        (&["--digest", digest, "--name", &name, "--root", &root][..], "two dashes, another order"),
        (&["-operation", "pull", "-name", &name, "-digest", digest, "-root", &root], "a later version"),
        (&["-name", &name, "-digest", digest, "-new", "x", "-newer", "-root", &root], "flags of the future"),
        (
            &["-name", &name, "-digest", digest, "-root", &root, "-stdin-media-type", "application/json"],
            "another thing on standard input",
        ),
    ] {
        allowed(node.program().run(arguments, "{"), "is verified", why);
    }
}

#[test]
fn what_cannot_be_read_is_blocked() {
    let node = Node::new();
    let (name, digest) = (format!("{ECR}/app:signed"), node.signed.clone());
    let long = format!("{ECR}/{}", "a/".repeat(50_000));
    let before = node.calls();
    for (name, digest, words, why) in [
        ("", digest.as_str(), "-name is missing", "no name"),
        (&name, "", "-digest is missing", "no digest"),
        (&name, "sha256:0", "is not a digest", "half a digest"),
        (&name, "md5:d41d8cd98f00b204e9800998ecf8427e", "neither sha256 nor sha512", "another algorithm"),
        ("Not An Image", &digest, "is not an image", "no name of an image"),
        ("\u{1b}[2J\u{202e}evil\n\n", &digest, "is not an image", "a hostile name"),
        (&long, &digest, "is not an image", "a name without end"),
        ("../../etc/passwd", &digest, "is not an image", "a path"),
    ] {
        blocked(node.ask(name, digest), words, why);
    }
    let arguments = node.arguments(&name, &digest);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for (stdin, told, why) in [
        (Vec::new(), "it is empty", "nothing on standard input"),
        (descriptor(&digest).into_bytes()[..60].to_vec(), "no descriptor", "half of it"),
        (descriptor(&node.unsigned).into_bytes(), "and not about -digest", "another image's"),
        (b"\xff\xfe\x00".to_vec(), "no descriptor", "no text"),
        (b"{}".to_vec(), "missing field", "no digest in it"),
        (vec![b'['; 5 << 20], "longer than", "without end"),
        (vec![b'['; 1 << 20], "no descriptor", "deeper than any reader goes"),
    ] {
        blocked(node.program().run(&words, stdin), told, why);
    }
    let mut command = node.program().command(&[]);
    let name = std::os::unix::ffi::OsStringExt::from_vec(b"h.example/\xff".to_vec());
    let name: std::ffi::OsString = name;
    command.arg("-name").arg(name).args(&arguments[2..]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    blocked(finish(child, descriptor(&digest).as_bytes()), "is not an image", "a name that is no UTF-8");
    assert_eq!(node.calls(), before, "nobody was asked");
}

#[test]
fn without_a_policy_nothing_is_trusted() {
    let node = Node::new();
    let policy = node.etc().join("trustpolicy.json");
    fs::remove_file(&policy).unwrap();
    let said = blocked(node.ask_signed(), "there is no trust policy", "none");
    assert!(said.contains("setup containerd --signing-profile ARN"), "{said}");
    for (text, words, why) in [
        ("", "is not JSON", "empty"),
        ("{", "is not JSON", "half"),
        ("{\"version\":\"1.0\",\"trustPolicies\":[]}", "trustPolicies", "no statement"),
        ("\u{0}\u{1}", "is not JSON", "rubbish"),
    ] {
        node.put("trustpolicy.json", text);
        let said = node.ask_signed().exits(1, why).stdout;
        assert!(said.contains("trustpolicy.json"), "{why}: {said} ({words})");
    }
    fs::remove_file(&policy).unwrap();
    symlink("/dev/zero", &policy).unwrap();
    blocked(node.ask_signed(), "cannot be read", "a link to what never ends");
    fs::remove_file(&policy).unwrap();

    let (etc, elsewhere) = (node.etc(), node.root().join("etc/elsewhere"));
    fs::rename(&etc, &elsewhere).unwrap();
    symlink(OURS, &etc).unwrap();
    blocked(node.ask_signed(), "Too many levels of symbolic links", "nobody can tell whether one is there");
    fs::remove_file(&etc).unwrap();
    fs::rename(&elsewhere, &etc).unwrap();

    // A rule's profile, under AWS Signer's own roots: the loopback's is none of them.
    node.put(
        "config.toml",
        &format!("[[registry]]\nmatch = \"{ECR}\"\nsigning-profile = \"{}\"\n", node.fixture.profile),
    );
    blocked(node.ask_signed(), "is in the trust store signingAuthority:aws-signer-ts", "a rule's profile");
    node.put("config.toml", "[[registry]]\nmatch = \"*\"\nsigning-profile = \"app\"\n");
    blocked(node.ask_signed(), "is no ARN", "a rule with a name");
    node.put("config.toml", "[registry\n");
    blocked(node.ask_signed(), "config.toml:1", "a configuration that cannot be read");
}

#[test]
fn the_level_and_the_scope_decide() {
    let node = Node::new();
    let version = node.fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    node.fixture.signer.revoke(&version);
    for (level, is_allowed, words) in [
        ("strict", false, "revocation: it is revoked"),
        ("permissive", true, "revocation does not hold: it is revoked"),
        ("skip", true, "is not checked: the statement `ours` of the trust policy says skip"),
    ] {
        let mut policy = node.policy(level);
        if level == "skip" {
            let statement = policy["trustPolicies"][0].as_object_mut().unwrap();
            statement.remove("trustStores");
            statement.remove("trustedIdentities");
            // Notation takes `*` here; nobody should.
            statement["registryScopes"] = json!([format!("{ECR}/app")]);
        }
        node.put("trustpolicy.json", &policy.to_string());
        match is_allowed {
            true => allowed(node.ask_signed(), words, level),
            false => blocked(node.ask_signed(), words, level),
        };
        assert!(!node.verdicts().exists(), "{level}: nothing of it is kept");
    }
    let mut policy = node.policy("strict");
    policy["trustPolicies"][0]["registryScopes"] = json!(["h.example/other"]);
    node.put("trustpolicy.json", &policy.to_string());
    blocked(node.ask_signed(), &format!("no statement is for {ECR}/app"), "another repository's");
    // What a stranger signed satisfies `audit`: then it is not called verified.
    let stranger = node.policy("audit").to_string().replace("signing-profiles/app", "signing-profiles/other");
    node.put("trustpolicy.json", &stranger);
    let said = allowed(node.ask_signed(), "is accepted: signed by", "a stranger's, under audit");
    assert!(said.contains("; identity does not hold") && !said.contains("verified"), "{said}");
}

#[test]
fn a_verdict_is_kept_for_minutes() {
    let node = Node::new();
    allowed(node.ask_signed(), "is verified", "the first");
    let before = node.calls();
    allowed(node.ask_signed(), "; judged ", "from the cache");
    allowed(node.ask(&format!("{ECR}/app:other"), &node.signed), "; judged ", "the tag is no part of it");
    assert_eq!(node.calls(), before, "nobody was asked");
    blocked(node.ask(&format!("{ECR}/other:v1"), &node.signed), "", "another repository");
    blocked(node.ask(&format!("{ECR}/app:v1"), &node.unsigned), "", "another digest");
    assert_eq!(fs::read_dir(node.verdicts()).unwrap().count(), 1, "nothing that was refused is kept");

    type Change = fn(&Node);
    let rows: [(Change, &str); 5] = [
        (
            |node| {
                let policy = node.policy("strict").to_string().replace("ours", "other");
                node.put("trustpolicy.json", &policy);
            },
            "the policy",
        ),
        (|node| node.put("config.toml", "# changed\n"), "the configuration"),
        (
            |node| {
                let pem = &node.fixture.signer.chain.root_pem;
                node.put("truststore/x509/signingAuthority/loopback/root.pem", &format!("{pem}{pem}"));
            },
            "the trust store",
        ),
        (
            |node| {
                let file = fs::read_dir(node.verdicts()).unwrap().next().unwrap().unwrap().path();
                fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
            },
            "who can write to it",
        ),
        (
            |node| {
                let file = fs::read_dir(node.verdicts()).unwrap().next().unwrap().unwrap().path();
                fs::write(&file, &fs::read(&file).unwrap()[..30]).unwrap();
            },
            "the file was cut",
        ),
    ];
    for (change, why) in rows {
        fs::remove_dir_all(node.verdicts()).unwrap();
        allowed(node.ask_signed(), "is verified", why);
        allowed(node.ask_signed(), "; judged ", why);
        let before = node.calls();
        change(&node);
        allowed(node.ask_signed(), "is verified", why);
        assert_ne!(node.calls(), before, "{why}: it is judged anew");
    }

    // What was good some minutes ago and is revoked since is refused once it is asked for again.
    fs::remove_dir_all(node.verdicts()).unwrap();
    node.fixture.signer.revoke(&node.fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap());
    for why in ["revoked", "and still"] {
        blocked(node.ask_signed(), "it is revoked", why);
    }
    assert!(!node.verdicts().exists());
}

#[test]
fn without_a_place_for_verdicts_each_is_made_anew() {
    let node = Node::new();
    // A folder that cannot be made, whoever we are: a read-only root's answer to root.
    node.fixture.write("node/run", "");
    for why in ["the first", "the second"] {
        let before = node.calls();
        allowed(node.ask_signed(), "is verified", why);
        assert_ne!(node.calls(), before, "{why}");
    }
}

#[test]
fn killed_at_any_moment_it_leaves_no_half_verdict() {
    let node = Node::new();
    let arguments = node.arguments(&format!("{ECR}/app:signed"), &node.signed);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for moment in 0..30 {
        let mut child = node.program().spawn(&words);
        child.stdin.take().unwrap().write_all(descriptor(&node.signed).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(moment * 10));
        child.kill().unwrap();
        child.wait().unwrap();
        let entries = fs::read_dir(node.verdicts()).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".new")) {
            let text = fs::read_to_string(entry.path()).unwrap();
            let kept: Value = serde_json::from_str(&text).expect("whole, or not there");
            assert!(kept["said"].as_str().unwrap().contains("is verified"), "{text}");
            fs::remove_file(entry.path()).unwrap(); // the next one writes it again
        }
    }
    allowed(node.ask_signed(), "is verified", "and after all that");
}

#[test]
fn whatever_hangs_there_is_an_answer() {
    let late = "there is no verdict within 8 s, while asking its registry and AWS Signer";
    for (operation, fault, words) in [
        ("GetManifest", Fault::Silent, late),
        ("GetReferrers", Fault::Silent, late),
        ("GetRevocationStatus", Fault::Silent, late),
        ("GetManifest", Fault::Trickle, late),
        ("GetReferrers", Fault::Trickle, late),
    ] {
        let node = Node::new();
        node.fixture.aws.faults.always(operation, fault);
        blocked(node.ask_signed(), words, operation);
        assert!(!node.verdicts().exists(), "{operation}");
    }
    let node = Node::new();
    node.fixture.aws.faults.always("GetAuthorizationToken", Fault::Silent);
    let words = "there is no verdict within 8 s, while getting AWS credentials and a login for its registry";
    blocked(node.ask_signed(), words, "AWS");
}

#[test]
fn whoever_is_down_or_says_no_blocks() {
    let node = Node::new();
    for (operation, fault, words) in [
        ("GetAuthorizationToken", Fault::AccessDenied, "AccessDenied"),
        ("GetAuthorizationToken", Fault::Internal, "no login for"),
        ("GetManifest", Fault::Unauthorized, "answered 401"),
        ("GetManifest", Fault::Garbage, "cannot be trusted"),
        ("GetManifest", Fault::Endless, ""),
        ("GetReferrers", Fault::Internal, "answered 500"),
        ("GetRevocationStatus", Fault::AccessDenied, "it is not known whether it is revoked"),
        ("GetRevocationStatus", Fault::LongRefusal, "it is not known whether it is revoked"),
        ("GetRevocationStatus", Fault::Says("\u{1b}[2J\n\n\u{202e}no"), "it is not known whether it is revoked"),
    ] {
        node.fixture.aws.faults.always(operation, fault.clone());
        blocked(node.ask_signed(), words, &format!("{operation} {fault:?}"));
        node.fixture.aws.faults.clear();
        assert!(!node.verdicts().exists(), "{operation} {fault:?}");
    }
    let down = node.program().with("HTTPS_PROXY", "http://127.0.0.1:9");
    blocked(node.ask_by(&down, &format!("{ECR}/app:v1"), &node.signed), "", "no network at all");
    let nobody = node
        .program()
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .with("AWS_EC2_METADATA_DISABLED", "true");
    blocked(node.ask_by(&nobody, &format!("{ECR}/app:v1"), &node.signed), "no login for", "no credentials");
}

#[test]
fn an_answer_that_nobody_reads_allows_nothing() {
    let node = Node::new();
    let arguments = node.arguments(&format!("{ECR}/app:signed"), &node.signed);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let status = |close: fn(&mut Child)| {
        let mut child = node.program().spawn(&words);
        close(&mut child);
        child.stdin.take().unwrap().write_all(descriptor(&node.signed).as_bytes()).unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!(status(|child| drop(child.stdout.take())), Some(1), "a sentence that nobody reads");
    assert_eq!(status(|child| drop(child.stderr.take())), Some(0), "the log need not be read");
}

#[test]
fn standard_input_that_never_ends_is_not_waited_for() {
    let node = Node::new();
    let arguments = node.arguments(&format!("{ECR}/app:signed"), &node.signed);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for (written, why) in [("", "nothing comes"), ("{\"digest\":", "half of it comes")] {
        let mut child = node.program().spawn(&words);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(written.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("is verified"), "{why}: {said}");
        drop(stdin);
    }
}

#[test]
fn a_credential_lookup_that_hangs_is_ended_with_all_that_it_started() {
    let node = Node::new();
    let numbers = node.fixture.home.path().join("numbers");
    let script = format!("sleep 600 & echo $! $$ > {}; wait", numbers.display());
    let script = node.fixture.write("credentials.sh", &script);
    let config = format!("[profile node]\ncredential_process = sh {}\n", script.display());
    let config = node.fixture.write("aws-config", &config);
    node.put("config.toml", &format!("[[registry]]\nmatch = \"{ECR}\"\nprofile = \"node\"\n"));
    let program = node.program().with("AWS_CONFIG_FILE", config).with("PATH", "/usr/bin:/bin");
    blocked(
        node.ask_by(&program, &format!("{ECR}/app:signed"), &node.signed),
        "there is no verdict within 8 s",
        "a lookup",
    );
    for number in fs::read_to_string(&numbers).unwrap().split_whitespace() {
        // A process takes its moment to die, and another to be taken away.
        let gone = (0..200).any(|_| {
            let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default().to_owned();
            let gone = state.is_empty() || state.starts_with('Z');
            if !gone {
                thread::sleep(Duration::from_millis(50));
            }
            gone
        });
        assert!(gone, "{number} still runs");
    }
}

/// Bottlerocket's slot for a verifier of others: a folder tree, as its settings make it.
#[test]
fn a_slot_of_bottlerocket() {
    let node = Node::new();
    let (name, binary) = (format!("{ECR}/app:signed"), node.fixture.home.path().join("civ/my-verifier.v1"));
    fs::create_dir_all(binary.parent().unwrap()).unwrap();
    symlink(Machine::binary(), &binary).unwrap();
    let program = node.started_as(&binary);
    let slot = "node/etc/containerd/image-verifiers/my-verifier.v1";
    let put = |text: &str| drop(node.fixture.write(&format!("{slot}/trustpolicy.json"), text));
    let ask = |digest: &str| node.ask_by(&program, &name, digest);

    // The slot's policy comes first, with a store beside it; the machine's own is as good as absent.
    put(&node.policy("strict").to_string());
    let root = &node.fixture.signer.chain.root_pem;
    node.fixture.write(&format!("{slot}/truststore/x509/signingAuthority/loopback/root.pem"), root);
    node.put("trustpolicy.json", "{");
    allowed(ask(&node.signed), "is verified", "the slot's own");
    blocked(ask(&node.unsigned), "it has no signature", "the slot's own");
    let other = node.program();
    blocked(node.ask_by(&other, &name, &node.signed), "trustpolicy.json", "under another name it is not this slot's");

    // As Bottlerocket calls its own: `notation-image-verifier` has the slot `notation`.
    let suffixed = binary.with_file_name("my-verifier.v1-image-verifier");
    symlink(Machine::binary(), &suffixed).unwrap();
    let suffixed = node.started_as(&suffixed);
    allowed(node.ask_by(&suffixed, &name, &node.signed), "is verified", "Bottlerocket's suffix");
    blocked(node.ask_by(&suffixed, &name, &node.unsigned), "it has no signature", "Bottlerocket's suffix");

    // The settings have a policy alone: AWS Signer's roots are built in.
    fs::remove_dir_all(node.fixture.home.path().join(slot).join("truststore")).unwrap();
    put(&node.policy("strict").to_string().replace("signingAuthority:loopback", "signingAuthority:aws-signer-ts"));
    blocked(ask(&node.signed), "is in the trust store signingAuthority:aws-signer-ts", "AWS's own root");
    put("{\"version\":");
    blocked(ask(&node.signed), "trustpolicy.json", "a policy that cannot be read fails closed");

    // None, and an empty one, ask for nothing, where the machine has none either.
    fs::remove_dir_all(node.etc()).unwrap();
    for text in ["", " \n", "{\"version\":\"1.0\",\"trustPolicies\":[]}"] {
        put(text);
        allowed(ask(&node.unsigned), "is not checked: every image is allowed: there is no trust policy in ", text);
    }
    fs::remove_dir_all(node.fixture.home.path().join(slot)).unwrap();
    allowed(ask(&node.unsigned), "is not checked: every image is allowed", "no setting of this name");
    symlink("nowhere", node.fixture.home.path().join(slot)).unwrap();
    blocked(ask(&node.signed), "trustpolicy.json cannot be read", "a link that leads nowhere fails closed");
    fs::remove_file(node.fixture.home.path().join(slot)).unwrap();
    node.trust("strict");
    blocked(ask(&node.unsigned), "it has no signature", "the machine's policy counts where the slot has none");
}
