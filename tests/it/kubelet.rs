//! The kubelet's door, as the kubelet calls it: a request in, a response out, no home folder, no keychain.

use std::{fs, io::Write, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    aws::{faults::Fault, iam::Principal},
    loopback::{ACCOUNT, EXTERNAL_ID, GUARDED_ROLE, OTHER_ROLE, REGION, ROLE, WEB_IDENTITY_TOKEN},
    machine::Machine,
    program::{Outcome, Program},
    terminal,
};

const API_VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";
const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
const ECR_ROLE: &str = "eks.amazonaws.com/ecr-role-arn";
const POD_ROLE: &str = "eks.amazonaws.com/role-arn";
const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

/// A node's program: no home folder, nothing of a user's session. All folders are the test's own, since without
/// `HOME` the password database names root's.
fn node(machine: &Machine) -> Program {
    let elsewhere = |name: &str| machine.home.path().join(name);
    machine
        .program()
        .without("HOME")
        .with("XDG_CONFIG_HOME", elsewhere(".config"))
        .with("XDG_CACHE_HOME", elsewhere(".cache"))
        .with("AWS_CONFIG_FILE", elsewhere("absent"))
        .with("AWS_SHARED_CREDENTIALS_FILE", elsewhere("absent"))
}

/// The request for an image, as the kubelet writes it for a provider without service accounts.
fn request(image: &str) -> Value {
    json!({ "kind": "CredentialProviderRequest", "apiVersion": API_VERSION, "image": image })
}

/// The same with a token and annotations.
fn request_of(image: &str, token: &str, annotations: &[(&str, &str)]) -> Value {
    let mut request = request(image);
    request["serviceAccountToken"] = token.into();
    request["serviceAccountAnnotations"] = annotations.iter().map(|(key, value)| (*key, *value)).collect();
    request
}

/// Asks, and reads the answer as the kubelet does.
#[track_caller]
fn answered(program: &Program, request: &Value, why: &str) -> Value {
    let outcome = program.run(&["kubelet"], request.to_string()).exits(0, why);
    assert_eq!(outcome.stdout.lines().count(), 1, "{why}");
    let answer = outcome.json();
    assert_eq!(
        (&answer["kind"], &answer["apiVersion"]),
        (&json!("CredentialProviderResponse"), &json!(API_VERSION)),
        "{why}"
    );
    assert_eq!(answer["cacheKeyType"], "Registry", "{why}");
    answer
}

/// For whom AWS minted the token of an answer, which has one for this host alone.
#[track_caller]
fn principal(machine: &Machine, answer: &Value, host: &str, why: &str) -> Principal {
    let auth = answer["auth"].as_object().expect(why);
    assert_eq!(auth.keys().collect::<Vec<_>>(), [host], "{why}");
    assert_eq!(auth[host]["username"], "AWS", "{why}");
    machine.aws.tokens.valid(auth[host]["password"].as_str().expect(why)).expect(why).principal
}

/// How long the kubelet may keep it.
fn kept(answer: &Value) -> Duration {
    let text = answer["cacheDuration"].as_str().expect("a duration");
    Duration::from_secs(text.strip_suffix('s').and_then(|text| text.parse().ok()).expect("seconds, as Go writes them"))
}

/// A run that gave no answer: one line for the kubelet's log, nothing else.
#[track_caller]
fn refused(outcome: Outcome, words: &str, why: &str) -> String {
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""), "{why}: {outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{why}: {outcome:?}");
    assert!(outcome.stderr.starts_with("docker-credential-ecr-rs: error: "), "{why}: {outcome:?}");
    assert!(outcome.stderr.contains(words), "{why}: {words:?} in {outcome:?}");
    outcome.stderr
}

/// Images that have a token; those of the program that is replaced first (kubernetes/cloud-provider-aws,
/// `main_test.go`).
const IMAGES: &[(&str, &str, &str)] = &[
    ("123456789123.dkr.ecr.us-west-2.amazonaws.com", "123456789123.dkr.ecr.us-west-2.amazonaws.com", "a host alone"),
    (
        "123456789123.dkr.ecr.us-west-2.amazonaws.com/foo/bar:1.0",
        "123456789123.dkr.ecr.us-west-2.amazonaws.com",
        "a repository with a tag",
    ),
    (
        "123456789123.dkr.ecr.us-west-2.amazonaws.com/public.ecr.aws/foo:latest",
        "123456789123.dkr.ecr.us-west-2.amazonaws.com",
        "a repository that is called as a public registry",
    ),
    ("public.ecr.aws", "public.ecr.aws", "ECR Public"),
    ("123456789123.dkr.ecr.cn-north-1.amazonaws.com.cn/a", "123456789123.dkr.ecr.cn-north-1.amazonaws.com.cn", "China"),
    (
        "123456789123.dkr.ecr.us-gov-east-1.amazonaws.com/a",
        "123456789123.dkr.ecr.us-gov-east-1.amazonaws.com",
        "GovCloud",
    ),
    ("123456789123.dkr.ecr.us-iso-east-1.c2s.ic.gov/a", "123456789123.dkr.ecr.us-iso-east-1.c2s.ic.gov", "ISO"),
    ("123456789123.dkr-ecr.us-west-2.on.aws/a", "123456789123.dkr-ecr.us-west-2.on.aws", "dual-stack"),
    ("123456789123.dkr-ecr-fips.us-west-2.on.aws/a", "123456789123.dkr-ecr-fips.us-west-2.on.aws", "dual-stack, FIPS"),
    (
        "123456789123.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/a",
        "123456789123.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
        "IPv6 in China",
    ),
    ("123456789123.dkr-ecr.us-gov-east-1.on.aws/a", "123456789123.dkr-ecr.us-gov-east-1.on.aws", "IPv6 in GovCloud"),
    (
        "123456789123.dkr-ecr-fips.us-gov-east-1.on.aws/a",
        "123456789123.dkr-ecr-fips.us-gov-east-1.on.aws",
        "IPv6 in GovCloud, FIPS",
    ),
    (
        "123456789012.dkr.ecr.lala-land-1.amazonaws.com/a",
        "123456789012.dkr.ecr.lala-land-1.amazonaws.com",
        "a new region, classic",
    ),
    (
        "123456789012.dkr.ecr.lala-land-1.amazonaws.com.cn/a",
        "123456789012.dkr.ecr.lala-land-1.amazonaws.com.cn",
        "a new region in China",
    ),
    (
        "123456789012.dkr-ecr.lala-land-1.on.aws/a",
        "123456789012.dkr-ecr.lala-land-1.on.aws",
        "a new region, dual-stack",
    ),
    (
        "123456789012.dkr-ecr-fips.lala-land-1.on.aws/a",
        "123456789012.dkr-ecr-fips.lala-land-1.on.aws",
        "a new region, dual-stack, FIPS",
    ),
    (
        "123456789012.dkr-ecr.lala-land-1.on.amazonwebservices.com.cn/a",
        "123456789012.dkr-ecr.lala-land-1.on.amazonwebservices.com.cn",
        "a new region in China, dual-stack",
    ),
    (
        "123456789012.dkr.ecr-fips.lala-land-1.amazonaws.com/a",
        "123456789012.dkr.ecr-fips.lala-land-1.amazonaws.com",
        "a new region",
    ),
    (
        "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov/a",
        "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
        "ISO-B",
    ),
    (
        "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk/a",
        "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
        "ISO-E",
    ),
    (
        "123456789012.dkr.ecr.us-isof-east-1.csp.hci.ic.gov/a",
        "123456789012.dkr.ecr.us-isof-east-1.csp.hci.ic.gov",
        "ISO-F",
    ),
    // Ours.
    ("https://111122223333.dkr.ecr.eu-west-1.amazonaws.com/a", ECR, "a scheme before it"),
    ("ecr-public.aws.com/docker/library/alpine", "ecr-public.aws.com", "ECR Public by its other name"),
    ("docker.example.com/app", "docker.example.com", "a domain in front of ECR, by a rule"),
];

/// Images that have none: a token leaves for a host of AWS or one that a rule names, and for no other.
const FOREIGN: &[&str] = &[
    "registry.k8s.io/foo:latest",
    "foobar  ",
    "http://foobar",
    "nginx",
    "1234567890123.dkr.ecr.lala-land-1.amazonaws.com/a",
    "12345678901.dkr.ecr.lala-land-1.amazonaws.com/a",
    "12345678901A.dkr.ecr.lala-land-1.amazonaws.com/a",
    "123456789012.dkr.ecr.lala-land-1!.amazonaws.com/a",
    "123456789012.dkr.ecr.#lala-land-1.amazonaws.com/a",
    "123456789012.dkr.ecr.lala-land-1.amazonaws.hacker.com/a",
    "123456789012.dkr.ecr.lala-land-1.hacker.com/a",
    "123456789012.dkr.ecr.lala-land-1.amazonaws.lol/a",
    "123456789012.dog.ecr.lala-land-1.amazonaws.com/a",
    "123456789012.dkr.cat.lala-land-1.amazonaws.com/a",
    "123456789012.dkr.cat.lala-land-1.awsamazon.com/a",
    "123456789012.lala-land-1.amazonaws.com/a",
    "123456789012.dkr.ecr.us-iso-east-1.amazonaws.gov/a",
    "evil.example/111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com@evil.example/a",
    "https://evil.example\\@111122223333.dkr.ecr.eu-west-1.amazonaws.com/a",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example/a",
    "\u{1b}[2J\u{202e}",
];

#[test]
fn images_of_ecr_have_a_token_and_no_others() {
    let machine = Machine::new();
    machine.configure(
        "[[registry]]\nmatch = \"docker.example.com\"\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n",
    );
    let program = node(&machine);
    for (image, host, why) in IMAGES {
        let answer = answered(&program, &request(image), why);
        assert_eq!(principal(&machine, &answer, host, why).arn, ALICE, "{why}");
    }
    let before = machine.aws.calls().len();
    for image in FOREIGN {
        let stderr =
            refused(program.run(&["kubelet"], request(image).to_string()), "is in no registry of Amazon ECR", image);
        assert!(!stderr.contains(['\u{1b}', '\u{202e}']), "{stderr:?}");
    }
    assert_eq!(machine.aws.calls().len(), before, "AWS was not asked");
    assert_eq!(machine.bus.connections(), 0, "nor the keychain, in all this");
    let cached = machine.home.path().join(".cache/docker-credential-ecr-rs/tokens");
    assert!(!cached.exists(), "no token is kept on the disk of a node");
}

#[test]
fn the_nodes_own_identity_and_our_rules_serve() {
    let rule =
        format!("[[registry]]\nmatch = \"{ECR}\"\nrole-arn = \"{GUARDED_ROLE}\"\nexternal-id = \"{EXTERNAL_ID}\"\n");
    type Setup = fn(&Machine, Program) -> Program;
    let rows: [(&str, Setup, &str, &str); 4] = [
        (
            "",
            |machine, program| {
                program
                    .without("AWS_ACCESS_KEY_ID")
                    .without("AWS_SECRET_ACCESS_KEY")
                    .without("AWS_EC2_METADATA_DISABLED")
                    .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.aws.endpoint())
            },
            "assumed-role/puller/",
            "the instance's role",
        ),
        (
            "",
            |machine, program| {
                let rule = format!("[[registry]]\nmatch = \"{ECR}\"\nrole-arn = \"{ROLE}\"\n");
                program.with("ECR_RS_CONFIG", machine.write("etc/config.toml", &rule))
            },
            "assumed-role/puller/docker-credential-ecr-rs",
            "a configuration that the provider's `env` names",
        ),
        (&rule, |_, program| program, "assumed-role/guarded/docker-credential-ecr-rs", "a role of a rule"),
        (
            "[cache]\nstore = \"file\"\n",
            |_, program| program.with("AWS_ECR_CACHE_DIR", "/absent"),
            "user/alice",
            "a cache is not for this",
        ),
    ];
    for (config, setup, expected, why) in rows {
        let machine = Machine::new();
        machine.configure(config);
        let answer = answered(&setup(&machine, node(&machine)), &request(&format!("{ECR}/app")), why);
        let arn = principal(&machine, &answer, ECR, why).arn;
        assert!(arn.contains(expected), "{why}: {arn}");
    }
}

#[test]
fn a_service_account_pulls_under_its_own_role() {
    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/puller/ecr-credential-provider";
    const OTHER_SESSION: &str = "arn:aws:sts::444455556666:assumed-role/puller/ecr-credential-provider";
    let token = WEB_IDENTITY_TOKEN;
    let rule =
        format!("[[registry]]\nmatch = \"{ECR}\"\nrole-arn = \"{GUARDED_ROLE}\"\nexternal-id = \"{EXTERNAL_ID}\"\n");
    for (config, token, annotations, variable, expected, why) in [
        ("", token, &[(ECR_ROLE, ROLE)][..], "", SESSION, "the annotation of the program that is replaced"),
        ("", token, &[(POD_ROLE, ROLE)], "", SESSION, "the annotation of the pod's own role"),
        ("", token, &[(POD_ROLE, OTHER_ROLE), (ECR_ROLE, ROLE)], "", SESSION, "both: the one that is for ECR"),
        ("", token, &[], ROLE, SESSION, "the role of all service accounts"),
        ("", token, &[(POD_ROLE, ROLE)], OTHER_ROLE, SESSION, "an annotation before that"),
        ("", token, &[(ECR_ROLE, " "), (POD_ROLE, "")], OTHER_ROLE, OTHER_SESSION, "empty annotations name nothing"),
        ("", token, &[], "", ALICE, "nobody names a role: the node's identity"),
        ("", token, &[("eks.amazonaws.com/other", ROLE)], "", ALICE, "an annotation that is not known names nothing"),
        ("", "", &[(ECR_ROLE, ROLE)], ROLE, ALICE, "no token, as for a static pod: the node's identity"),
        (&rule, token, &[(ECR_ROLE, ROLE)], "", SESSION, "a rule's role is for the node"),
        ("", &format!("{token}\n"), &[(ECR_ROLE, ROLE)], "", SESSION, "a line break after the token"),
    ] {
        let machine = Machine::new();
        machine.configure(config);
        let program = node(&machine).with("AWS_ECR_ROLE_ARN", variable).with("ECR_RS_LOG", "1");
        for image in [format!("{ECR}/app"), "public.ecr.aws/app".into()] {
            let request = request_of(&image, token, annotations);
            let outcome = program.run(&["kubelet"], request.to_string()).exits(0, why);
            let host = image.split('/').next().unwrap();
            assert_eq!(principal(&machine, &outcome.json(), host, why).arn, expected, "{why}");
            assert!(!outcome.stderr.contains(WEB_IDENTITY_TOKEN), "{why}: the token is not logged");
        }
        assert_eq!(files_with(machine.home.path(), WEB_IDENTITY_TOKEN.as_bytes()), Vec::<String>::new(), "{why}");
    }
}

/// The files below a folder that hold these bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if path.is_file() && fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_service_account_that_is_refused_never_pulls_as_the_node() {
    let trust =
        "let the role's trust policy name the cluster's identity provider, this service account and the audience";
    for (token, role, words, hint) in [
        ("canary", ROLE, "the service account's token cannot be used for", trust),
        (
            WEB_IDENTITY_TOKEN,
            "arn:aws:iam::111122223333:role/unknown",
            "AWS refused credentials to web identity",
            trust,
        ),
        (WEB_IDENTITY_TOKEN, "arn:expected", "is no ARN of a role", "arn:aws:iam::ACCOUNT:role/NAME"),
        (WEB_IDENTITY_TOKEN, "arn:aws:iam::111122223333:user/alice", "is no ARN of a role", ""),
        (WEB_IDENTITY_TOKEN, "arn:aws:iam::111122223333:role/a b", "is no ARN of a role", ""),
        ("\u{1b}[2J\n\ncanary", ROLE, "the service account's token cannot be used for", trust),
    ] {
        let machine = Machine::new();
        let program = node(&machine);
        let request = request_of(&format!("{ECR}/app"), token, &[(ECR_ROLE, role)]);
        let stderr = refused(program.run(&["kubelet"], request.to_string()), words, role);
        assert!(stderr.contains(hint) && stderr.contains(role), "{role}: {stderr}");
        assert!(!stderr.contains("canary"), "{stderr}");
        assert_eq!(machine.minted(), 0, "{role}");
    }
}

#[test]
fn one_pods_failure_is_not_anothers() {
    let machine = Machine::new();
    let program = node(&machine);
    let bad = request_of(ECR, "canary", &[(ECR_ROLE, ROLE)]).to_string();
    refused(program.run_at_once(&["kubelet"], &bad), "cannot be used", "a token that is none");
    let good = request_of(ECR, WEB_IDENTITY_TOKEN, &[(ECR_ROLE, ROLE)]).to_string();
    program.run_at_once(&["kubelet"], good).exits(0, "at the same moment, for the same role");
    let node = request(ECR).to_string();
    program.run_at_once(&["kubelet"], node).exits(0, "and the node itself");
}

#[test]
fn the_kubelet_keeps_a_token_while_a_pull_with_it_can_end() {
    let hours = |count: u64| Duration::from_secs(count * 3600);
    for (config, life, expected, why) in [
        ("", hours(12), hours(9), "12 hours less the quarter that `get` leaves, too"),
        ("[cache]\nrefresh-before = \"6h\"\n", hours(12), hours(6), "as the program that is replaced does"),
        ("", hours(4), hours(1), "a token that AWS made shorter"),
        ("", hours(2), Duration::ZERO, "one that is nearly over is not kept"),
    ] {
        let machine = Machine::new();
        machine.configure(config);
        machine.aws.tokens.set_life(life);
        for image in [ECR, "public.ecr.aws"] {
            let kept = kept(&answered(&node(&machine), &request(image), why));
            let lost = expected.saturating_sub(kept);
            assert!(kept <= expected && lost < Duration::from_secs(120), "{why}: {kept:?} for {expected:?}");
        }
    }
}

#[test]
fn ecr_public_goes_on_anonymously() {
    for (fault, keys, why) in [
        (Some(Fault::AccessDenied), true, "denied"),
        (Some(Fault::Throttled), true, "throttled"),
        (None, false, "no credentials"),
    ] {
        let machine = Machine::new();
        if let Some(fault) = fault {
            machine.aws.faults.always("ecr-public:GetAuthorizationToken", fault);
        }
        let program = node(&machine);
        let program =
            if keys { program } else { program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY") };
        let answer = answered(&program, &request("public.ecr.aws/docker/library/alpine"), why);
        assert!(answer.get("auth").is_none(), "{why}: the kubelet reads it as: no credentials");
        assert_eq!(kept(&answer), Duration::ZERO, "{why}: the next pull asks again");
    }
}

#[test]
fn what_is_no_request_is_refused_in_one_line() {
    let good = request(ECR).to_string();
    let big = json!({ "kind": "CredentialProviderRequest", "apiVersion": API_VERSION, "image": "a".repeat(2 << 20) });
    let with = |key: &str, value: Value| {
        let mut request = request(ECR);
        request[key] = value;
        request.to_string().into_bytes()
    };
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    for (stdin, words, why) in [
        (Vec::new(), "it is empty", "empty"),
        (b" \n\t".to_vec(), "it is empty", "blank"),
        (good.as_bytes()[..good.len() / 2].to_vec(), "cannot be read", "cut short"),
        (format!("{good}{good}").into_bytes(), "cannot be read", "two requests"),
        (big.to_string().into_bytes(), "it is longer than 1048576 bytes", "oversized"),
        (deep, "cannot be read", "deep"),
        (b"\xff\xfe{}".to_vec(), "cannot be read", "not UTF-8"),
        (b"{\"image\":\"\xff\"}".to_vec(), "cannot be read", "not UTF-8 inside"),
        (b"[]".to_vec(), "cannot be read", "another type"),
        (b"null".to_vec(), "cannot be read", "null"),
        (b"{}".to_vec(), "its kind is \"\"", "no kind"),
        (
            with("kind", json!("CredentialProviderResponse")),
            "its kind is \"CredentialProviderResponse\"",
            "another kind",
        ),
        (with("kind", json!("\u{1b}[2Jx\ny")), "its kind is", "a hostile kind"),
        (with("kind", json!(7)), "cannot be read", "a number for a kind"),
        (with("apiVersion", json!("credentialprovider.kubelet.k8s.io/v1beta1")), "v1beta1", "an older version"),
        (with("apiVersion", json!("v1")), "and this speaks credentialprovider.kubelet.k8s.io/v1", "another group"),
        (with("image", json!("")), "it names no image", "no image (the upstream row)"),
        (with("image", json!(null)), "it names no image", "a null image"),
        (with("image", json!(["canary"])), "cannot be read", "a list for an image"),
        (with("serviceAccountToken", json!({ "canary": "canary" })), "cannot be read", "an object for a token"),
        (with("serviceAccountAnnotations", json!({ ECR_ROLE: ["canary"] })), "cannot be read", "a list for a role"),
        (with("serviceAccountAnnotations", json!("canary")), "cannot be read", "text for annotations"),
    ] {
        let machine = Machine::new();
        let stderr = refused(node(&machine).run(&["kubelet"], stdin), words, why);
        assert!(!stderr.contains("canary") && stderr.len() < 1000, "{why}: {stderr}");
        assert!(machine.aws.calls().is_empty(), "{why}");
    }
    let machine = Machine::new();
    let newer = with("podName", json!({ "anything": [1, 2] }));
    node(&machine).run(&["kubelet"], newer).exits(0, "members of a later version are passed over");
}

#[test]
fn a_fault_of_aws_is_one_line() {
    type Setup = fn(&Machine, Program) -> Program;
    let rows: [(Setup, &str, &str); 7] = [
        (
            |_, program| program.with("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1"),
            "cannot reach 127.0.0.1",
            "nobody listens",
        ),
        (
            |machine, program| {
                machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
                program
            },
            "AWS denied ecr:GetAuthorizationToken",
            "denied",
        ),
        (
            |machine, program| {
                machine.aws.faults.always("GetAuthorizationToken", Fault::Garbage);
                program
            },
            "no usable answer",
            "garbage",
        ),
        (
            |machine, program| {
                machine.aws.faults.always("GetAuthorizationToken", Fault::ExpiredToken);
                program
            },
            "has already ended",
            "a token that has ended",
        ),
        (
            |_, program| program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY"),
            "this machine has no AWS credentials",
            "no credentials",
        ),
        (
            |_, program| program.with("AWS_PROFILE", "nope"),
            "there is no AWS profile \"nope\"",
            "a profile that is none",
        ),
        (
            |machine, program| {
                machine.configure("[cache]\nstor = \"file\"\n");
                program
            },
            "config.toml",
            "a configuration that cannot be read",
        ),
    ];
    for (setup, words, why) in rows {
        let machine = Machine::new();
        let program = setup(&machine, node(&machine));
        refused(program.run(&["kubelet"], request(ECR).to_string()), words, why);
    }
}

/// The rows of the program that is replaced (`Test_GetCredentials_Private`, `Test_GetCredentials_Public`): answers of
/// AWS in which the token is not there. ECR Public can be pulled from without one.
#[test]
fn an_answer_without_a_token_is_none() {
    for (field, public) in [
        ("authorizationData", false),
        ("authorizationToken", false),
        ("authorizationData", true),
        ("authorizationToken", true),
    ] {
        let machine = Machine::new();
        let (operation, image) = match public {
            true => ("ecr-public:GetAuthorizationToken", "public.ecr.aws"),
            false => ("GetAuthorizationToken", ECR),
        };
        machine.aws.faults.always(operation, Fault::Without(field));
        let outcome = node(&machine).run(&["kubelet"], request(image).to_string());
        let why = format!("{image} without {field}");
        match public {
            true => assert!(outcome.exits(0, &why).json().get("auth").is_none(), "{why}"),
            false => drop(refused(outcome, "no token for", &why)),
        }
    }
}

#[test]
fn an_answer_that_nobody_reads_is_an_error() {
    let machine = Machine::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = node(&machine).command(&["kubelet"]);
    let mut child = command.stdin(Stdio::piped()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(request(ECR).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains("cannot write the answer"), "{told}");
}

#[test]
fn folders_that_cannot_be_written_cost_nothing() {
    let machine = Machine::new();
    let nowhere = node(&machine)
        .with("TMPDIR", "/dev/null/none")
        .with("XDG_CACHE_HOME", "/dev/null/none")
        .with("XDG_CONFIG_HOME", "/dev/null/none");
    answered(&nowhere, &request(ECR), "no folder can be written");
    assert_eq!(machine.minted(), 1);
}

#[test]
fn the_name_or_the_first_argument_is_the_door() {
    let machine = Machine::new();
    let link = machine.home.path().join("ecr-credential-provider");
    symlink(Machine::binary(), &link).unwrap();
    let variables = node(&machine).variables();
    let linked = variables.into_iter().fold(Program::at(&link, machine.home.path()), |program, (name, value)| {
        program.with(name.to_str().unwrap(), value)
    });
    for (program, arguments, why) in [
        (&linked, &[][..], "the name alone"),
        (&linked, &["get-credentials"], "the word of the documentation of the program that is replaced"),
        (&linked, &["get"], "a verb of Docker's is no verb here"),
        (&linked, &["kubelet"], "both"),
        (&node(&machine), &["kubelet", "get-credentials"], "the argument"),
    ] {
        let outcome = program.run(arguments, request(ECR).to_string()).exits(0, why);
        principal(&machine, &outcome.json(), ECR, why);
    }
    let version = format!("docker-credential-ecr-rs (ecr_rs) {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(linked.run(&["--version"], "").exits(0, "version").stdout, version);
    assert!(linked.run(&["--help"], "").exits(0, "help").stdout.contains("--config-example"));
    let (status, screen) = terminal::run(&linked, &[]);
    assert!(
        status == 2 && screen.contains("Usage: "),
        "a person who starts it is told, and not left waiting: {screen}"
    );
    let usage = linked.run(&["--frobnicate"], request(ECR).to_string()).exits(2, "an option that is none");
    assert!(usage.stdout.is_empty() && usage.stderr.contains("Usage: "), "{usage:?}");
}

/// Whether the kubelet would ask for a host (kubernetes, `credentialprovider.URLsMatch`): a star is within one label.
fn matches(glob: &str, host: &str) -> bool {
    let (globs, labels): (Vec<&str>, Vec<&str>) = (glob.split('.').collect(), host.split('.').collect());
    globs.len() == labels.len() && globs.iter().zip(&labels).all(|(glob, label)| *glob == "*" || glob == label)
}

#[test]
fn the_example_is_a_configuration_for_every_host_of_ecr() {
    let machine = Machine::new();
    let link = machine.home.path().join("ecr-credential-provider");
    symlink(Machine::binary(), &link).unwrap();
    let linked = Program::at(&link, machine.home.path());
    for (program, arguments, name, args) in [
        (&linked, &["--config-example"][..], "ecr-credential-provider", Value::Null),
        (&machine.program(), &["kubelet", "--config-example"], "docker-credential-ecr-rs", json!(["kubelet"])),
    ] {
        let config = program.run(arguments, "").exits(0, name).json();
        assert_eq!(
            (&config["apiVersion"], &config["kind"]),
            (&json!("kubelet.config.k8s.io/v1"), &json!("CredentialProviderConfig"))
        );
        let provider = &config["providers"][0];
        assert_eq!(
            (&provider["name"], &provider["args"]),
            (&json!(name), &args),
            "what the kubelet starts is this program"
        );
        assert_eq!((&provider["apiVersion"], &provider["defaultCacheDuration"]), (&json!(API_VERSION), &json!("0s")));
        assert!(provider.get("tokenAttributes").is_none(), "kubelets before 1.34 refuse members that they do not know");
        let globs: Vec<&str> =
            provider["matchImages"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        for (image, host, why) in IMAGES.iter().filter(|(_, host, _)| *host != "docker.example.com") {
            let ours = globs.iter().filter(|glob| matches(glob, host)).count();
            assert_eq!(ours, 1, "{why}: {image}");
        }
        for glob in globs {
            let mut stars = [ACCOUNT, REGION].into_iter();
            let host = glob.split('.').map(|label| if label == "*" { stars.next().unwrap() } else { label });
            let host = host.collect::<Vec<_>>().join(".");
            let answer = answered(&node(&machine), &request(&host), glob);
            principal(&machine, &answer, &host, glob);
        }
    }
    let accounts = linked.run(&["--config-example", "--service-accounts"], "").exits(0, "with roles").json();
    let attributes = &accounts["providers"][0]["tokenAttributes"];
    assert_eq!(attributes["optionalServiceAccountAnnotationKeys"], json!([ECR_ROLE, POD_ROLE]));
    assert_eq!(attributes["serviceAccountTokenAudience"], "sts.amazonaws.com");
    assert_eq!(
        (&attributes["cacheType"], &attributes["requireServiceAccount"]),
        (&json!("ServiceAccount"), &json!(false))
    );
}

#[test]
fn many_pods_at_once_do_not_wait_for_each_other() {
    let machine = Machine::new();
    let program = node(&machine);
    machine.aws.faults.always("GetAuthorizationToken", Fault::Silent);
    let mut waiting = program.spawn(&["kubelet"]);
    std::io::Write::write_all(&mut waiting.stdin.take().unwrap(), request(ECR).to_string().as_bytes()).unwrap();
    while machine.minted() == 0 {
        std::thread::yield_now();
    }
    machine.aws.faults.clear();
    answered(&program, &request(ECR), "while another waits for an answer that does not come");
    assert!(waiting.try_wait().unwrap().is_none(), "it still waits");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
}
