//! Trust policies: every rule, broken on purpose; what the levels mean; which statement is chosen.

use ecr_rs::{
    aws::signing_profile::SigningProfile,
    config::Config,
    oci::Reference,
    verify::{
        policy::{Action, Actions, Level, Policy, StoreKind, StoreName, TrustedIdentity, VerifyTimestamp},
        trusted::profile_of_rule,
    },
};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app";

/// AWS's documented policy.
fn aws() -> Value {
    json!({ "version": "1.0", "trustPolicies": [{
        "name": "aws-signer-tp",
        "registryScopes": ["*"],
        "signatureVerification": { "level": "strict" },
        "trustStores": ["signingAuthority:aws-signer-ts"],
        "trustedIdentities": [ARN],
    }] })
}

/// The documented policy with one statement changed by members that take the place of its own; null
/// takes a member out.
fn with(changes: Value) -> Value {
    let mut policy = aws();
    let statement = policy["trustPolicies"][0].as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(statement.remove(name)),
            value => drop(statement.insert(name.clone(), value.clone())),
        }
    }
    policy
}

/// The same with a second statement.
fn and(second: Value) -> Value {
    let mut policy = with(json!({ "registryScopes": ["h.example/app"] }));
    let mut added = with(second)["trustPolicies"][0].take();
    if added["name"] == "aws-signer-tp" {
        added["name"] = "second".into();
    }
    policy["trustPolicies"].as_array_mut().unwrap().push(added);
    policy
}

fn parse(policy: &Value) -> Result<Policy, ecr_rs::report::Report> {
    Policy::parse(policy.to_string().as_bytes(), "/etc/p.json")
}

#[test]
fn the_documented_policies_are_read() {
    let policy = parse(&aws()).unwrap();
    let [statement] = &policy.statements[..] else { panic!("{policy:?}") };
    assert_eq!((statement.name.as_str(), &statement.scopes[..]), ("aws-signer-tp", &["*".to_owned()][..]));
    assert_eq!((statement.level, statement.actions), (Level::Strict, Level::Strict.actions()));
    assert_eq!(statement.verify_timestamp, VerifyTimestamp::Always);
    let store = StoreName { kind: StoreKind::SigningAuthority, name: "aws-signer-ts".into() };
    assert_eq!(statement.stores, [store]);
    assert_eq!(statement.identities, [TrustedIdentity::SigningProfile(SigningProfile::parse(ARN).unwrap())]);
    let subject = "x509.subject: C=US, ST=WA, L=Seattle, O=acme-rockets.io, OU=Finance, CN=SecureBuilder";
    for (changes, why) in [
        (json!({ "trustStores": ["ca:acme-rockets", "ca:acme-rockets-ca2"] }), "several stores"),
        (json!({ "trustStores": ["ca:acme-rockets", "tsa:acme-tsa"] }), "with timestamps"),
        (json!({ "trustStores": ["ca:a_B.9-z"] }), "every letter that a store's name may have"),
        (json!({ "trustedIdentities": ["*"] }), "anybody"),
        (json!({ "trustedIdentities": [subject] }), "the specification's subject"),
        (json!({ "trustedIdentities": [subject, ARN] }), "a subject and a profile"),
        (json!({ "trustedIdentities": [format!("{ARN}/0123456789")] }), "a version"),
        (json!({ "trustedIdentities": [ARN.replace("signing-profiles", "aliases")] }), "an alias"),
        (json!({ "trustedIdentities": ["x509.subject: C=US, S=WA, O=x"] }), "`S` is `ST`"),
        (json!({ "trustedIdentities": ["spiffe:example"] }), "a kind that we do not know is no error, as in Notation"),
        (
            json!({ "trustedIdentities": ["x509.subject: C=US, ST=WA, O=x, CN=a", "x509.subject: C=US, ST=WA, O=x, CN=b"] }),
            "subjects that differ",
        ),
        (json!({ "registryScopes": ["docker.io/library/alpine", "localhost:5000/a/b"] }), "repositories"),
        (json!({ "registryScopes": ["local/layout"] }), "a host without a dot, as Notation names layouts"),
        (json!({ "signatureVerification": { "level": "strict", "override": {} } }), "an override of nothing"),
        (json!({ "signatureVerification": { "level": "strict", "verifyTimestamp": "afterCertExpiry" } }), "late"),
        (
            json!({ "registryScopes": ["h/a"], "signatureVerification": { "level": "skip" },
                "trustStores": null, "trustedIdentities": null }),
            "one repository is skipped",
        ),
        (
            json!({ "registryScopes": ["h/a"], "signatureVerification": { "level": "skip" }, "trustStores": [], "trustedIdentities": [] }),
            "skipped, with empty lists",
        ),
    ] {
        parse(&with(changes)).unwrap_or_else(|report| panic!("{why}: {}", report.full()));
    }
}

#[test]
fn levels_and_overrides_are_the_specifications() {
    use Action::{Enforce, Log, Skip};
    let rows = [
        ("strict", json!({}), [Enforce, Enforce, Enforce, Enforce], "all"),
        ("permissive", json!({}), [Enforce, Log, Log, Log], "authenticity"),
        ("audit", json!({}), [Log, Log, Log, Log], "integrity alone"),
        (
            "strict",
            json!({ "expiry": "log", "revocation": "skip" }),
            [Enforce, Enforce, Log, Skip],
            "the specification's",
        ),
        (
            "strict",
            json!({ "authenticity": "log", "authenticTimestamp": "log" }),
            [Log, Log, Enforce, Enforce],
            "weaker",
        ),
        (
            "audit",
            json!({ "authenticity": "enforce", "authenticTimestamp": "enforce", "expiry": "enforce", "revocation": "enforce" }),
            [Enforce, Enforce, Enforce, Enforce],
            "audit made strict",
        ),
        ("permissive", json!({ "revocation": "enforce" }), [Enforce, Log, Log, Enforce], "one made stricter"),
    ];
    for (level, overrides, [authenticity, authentic_timestamp, expiry, revocation], why) in rows {
        let policy = with(json!({ "signatureVerification": { "level": level, "override": overrides } }));
        let actions = parse(&policy).unwrap_or_else(|report| panic!("{why}: {}", report.full())).statements[0].actions;
        assert_eq!(actions, Actions { authenticity, authentic_timestamp, expiry, revocation }, "{level}: {why}");
    }
    let skipped = Level::Skip.actions();
    assert!(skipped.by_name().iter().all(|(_, action)| *action == Skip), "{skipped:?}");
}

#[test]
fn every_rule_is_kept_and_named() {
    let subject = |name: &str| json!({ "trustedIdentities": [format!("x509.subject:{name}")] });
    let verification = |value: Value| json!({ "signatureVerification": value });
    let overriding = |value: Value| json!({ "signatureVerification": { "level": "strict", "override": value } });
    let rows = [
        (json!({ "trustPolicies": [] }), "`version` is missing", "no version"),
        (json!({ "version": "2.0" }), "`version` is \"2.0\"", "another version"),
        (json!({ "version": 1.0 }), "`version` is 1.0", "a number is no version"),
        (json!({ "version": "1.0" }), "`trustPolicies` is no list", "no statements"),
        (json!({ "version": "1.0", "trustPolicies": [] }), "at least one statement", "an empty list"),
        (json!({ "version": "1.0", "trustPolicies": {} }), "`trustPolicies` is no list", "an object"),
        (json!({ "version": "1.0", "trustPolicies": ["x"] }), "statement 1: it is no JSON object", "a text"),
        (json!({ "version": "1.0", "trustpolicies": [] }), "`trustpolicies` means nothing here", "Go reads any case"),
        (with(json!({ "name": null })), "statement 1: `name` is no text", "no name"),
        (with(json!({ "name": "" })), "statement 1: `name` is no text", "an empty name"),
        (with(json!({ "name": 5 })), "statement 1: `name` is no text", "a number"),
        (
            and(json!({ "name": "aws-signer-tp ", "registryScopes": ["h.example/app"] })),
            "the scope `h.example/app` is in the statement `aws-signer-tp`, too",
            "a scope in two statements",
        ),
        (with(json!({ "trustedIdentites": ["x"] })), "`trustedIdentites` means nothing here", "misspelt"),
        (with(json!({ "signatureVerification": null })), "`signatureVerification` is no object", "no verification"),
        (with(verification(json!("strict"))), "`signatureVerification` is no object", "a text"),
        (with(verification(json!({}))), "`level` is missing", "no level"),
        (with(verification(json!({ "level": "" }))), "`level` is \"\"", "an empty level"),
        (with(verification(json!({ "level": "Strict" }))), "`level` is \"Strict\"", "levels have a case"),
        (
            with(verification(json!({ "level": "audit", "overide": {} }))),
            "`overide` means nothing",
            "misspelt override",
        ),
        (
            with(verification(json!({ "level": "strict", "verifyTimestamp": "never" }))),
            "`verifyTimestamp` is \"never\"",
            "an unknown value",
        ),
        (with(overriding(json!([]))), "`override` is no object", "a list"),
        (with(overriding(json!({ "integrity": "log" }))), "`integrity` is always enforced", "integrity"),
        (with(overriding(json!({ "authenticity": "skip" }))), "`authenticity` cannot be skipped", "skipping"),
        (
            with(overriding(json!({ "authenticTimestamp": "skip" }))),
            "`authenticTimestamp` cannot be skipped",
            "skipping",
        ),
        (with(overriding(json!({ "expiry": "skip" }))), "`expiry` cannot be skipped", "skipping"),
        (with(overriding(json!({ "revocation": "warn" }))), "`revocation` is \"warn\", no action", "an unknown action"),
        (with(overriding(json!({ "expiri": "log" }))), "`expiri` is no check", "an unknown check"),
        (
            with(
                json!({ "registryScopes": ["h/a"], "signatureVerification": { "level": "skip", "override": { "expiry": "log" } },
                "trustStores": null, "trustedIdentities": null }),
            ),
            "the level `skip` checks nothing",
            "skip cannot be customised",
        ),
        (
            with(json!({ "registryScopes": ["h/a"], "signatureVerification": { "level": "skip" } })),
            "the level `skip` has no trust stores",
            "skip with stores",
        ),
        (
            with(
                json!({ "signatureVerification": { "level": "skip" }, "trustStores": null, "trustedIdentities": null }),
            ),
            "the level `skip` for the scope `*`",
            "the specification forbids it, Notation accepts it",
        ),
        (with(json!({ "trustStores": null })), "`trustStores` must name at least one", "no stores"),
        (with(json!({ "trustStores": [] })), "`trustStores` must name at least one", "no store"),
        (with(json!({ "trustStores": "ca:x" })), "`trustStores` is no list of texts", "a text"),
        (with(json!({ "trustStores": [""] })), "`trustStores` is no list of texts", "an empty text"),
        (with(json!({ "trustStores": ["ca"] })), "the trust store `ca` has no name", "no name"),
        (with(json!({ "trustStores": ["ca:"] })), "the trust store `ca:` has no name", "an empty name"),
        (with(json!({ "trustStores": ["aws-signer-ts"] })), "is of no known kind", "no kind"),
        (with(json!({ "trustStores": ["CA:x"] })), "is of no known kind", "kinds have a case"),
        (with(json!({ "trustStores": ["ca:a/b"] })), "has no name of a folder", "a path"),
        (
            with(json!({ "trustStores": ["ca:.."] })),
            "has no name of a folder",
            "out of the folder, which Notation lets through",
        ),
        (with(json!({ "trustStores": ["ca:a,tsa:b"] })), "has no name of a folder", "two in one text"),
        (with(json!({ "trustedIdentities": null })), "`trustedIdentities` must name at least one", "nobody"),
        (with(json!({ "trustedIdentities": [""] })), "`trustedIdentities` is no list of texts", "an empty text"),
        (with(json!({ "trustedIdentities": ["*", ARN] })), "the identity `*` stands alone", "anybody and one more"),
        (with(json!({ "trustedIdentities": ["app"] })), "the identity `app` has no kind", "a name is no identity"),
        (with(subject("")), "`` has no `=`", "no attributes"),
        (with(subject("C=US, ST=WA")), "`O` is missing", "no organization"),
        (with(subject("ST=WA, O=x")), "`C` is missing", "no country"),
        (with(subject("C=US, O=x")), "`ST` is missing", "no state"),
        (with(subject("c=US, ST=WA, O=x")), "`C` is missing", "types have a case in Notation"),
        (with(subject("C=US, ST=WA, O=x, O=y")), "`O` is there twice", "a type twice"),
        (with(subject("C=US, ST=WA, S=CA, O=x")), "`ST` is there twice", "`S` is `ST`"),
        (with(subject("C=US+CN=x, ST=WA, O=x")), "a `+` joins attributes", "two attributes in one"),
        (with(subject("C=US, ST=WA, O=#0c0178")), "begins with `#`", "hexadecimal"),
        (with(subject("C=US, ST=WA, O=x,")), "`` has no `=`", "a comma at the end"),
        (
            with(subject("C=US, ST=WA, O=")),
            "the value of `O` is empty",
            "an empty value, which would match a subject without it in Notation",
        ),
        (with(subject("C=US, ST=WA, O=x;y")), "the value of `O` has `;`", "the specification asks for an escape"),
        (with(subject("C=US, ST=WA, O=x\\")), "ends in a backslash", "half an escape"),
        (with(subject("C=US, ST=WA, O=x\\zz")), "a backslash before what needs none", "no escape"),
        (with(subject("C=US, ST=WA, O=\\ff")), "is not UTF-8", "bytes that are no text"),
        (
            with(
                json!({ "trustedIdentities": ["x509.subject: C=US, ST=WA, O=x, OU=o", "x509.subject: C=US, ST=WA, O=x"] }),
            ),
            "one certificate could be both",
            "one is a part of the other",
        ),
        (
            with(
                json!({ "trustedIdentities": ["x509.subject: C=US, ST=WA, O=x, OU=o", "x509.subject: C=US, ST=WA, O=x, CN=c"] }),
            ),
            "one certificate could be both",
            "the specification's word for it; Notation accepts these two",
        ),
        (with(json!({ "registryScopes": null })), "`registryScopes` must name at least one", "no scopes"),
        (with(json!({ "registryScopes": [] })), "`registryScopes` must name at least one", "no scope"),
        (with(json!({ "registryScopes": ["*", "h/a"] })), "the scope `*` stands alone", "everything and one more"),
        (with(json!({ "registryScopes": ["h.example/*"] })), "has a `*`", "a part of a name"),
        (with(json!({ "registryScopes": ["h.example"] })), "it has no registry before a `/`", "a host alone"),
        (with(json!({ "registryScopes": ["h.example/"] })), "the repository `` is empty", "no repository"),
        (with(json!({ "registryScopes": ["https://h.example/a"] })), "the registry `https:`", "a scheme"),
        (with(json!({ "registryScopes": ["h.example/a:v1"] })), "the repository `a:v1`", "a tag"),
        (with(json!({ "registryScopes": ["h.example/a@sha256:00"] })), "the repository `a@sha256:00`", "a digest"),
        (with(json!({ "registryScopes": ["h.example/A"] })), "must be lower case", "an upper-case repository"),
        (with(json!({ "registryScopes": ["h/a", "h/a"] })), "the scope `h/a` is there twice", "twice in one"),
    ];
    for (policy, expected, why) in rows {
        let report = parse(&policy).expect_err(why);
        let all: Vec<String> = Policy::check(policy.to_string().as_bytes(), "/etc/p.json")
            .expect_err(why)
            .iter()
            .map(|report| report.full())
            .collect();
        assert!(all.iter().any(|text| text.contains(expected)), "{why}: {all:?}");
        assert!(all.iter().all(|text| text.starts_with("/etc/p.json")), "which file: {why}: {all:?}");
        assert!(report.advice().is_some(), "what to do: {why}");
    }
}

#[test]
fn two_statements_of_one_name_are_refused() {
    let policy = and(json!({ "name": "x", "registryScopes": ["h.example/b"] }));
    parse(&policy).unwrap();
    let twice = policy.to_string().replace("\"x\"", "\"aws-signer-tp\"");
    let report = Policy::parse(twice.as_bytes(), "p").unwrap_err();
    assert!(report.what().contains("statement `aws-signer-tp`: another statement has this name"), "{report}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let policy = with(json!({ "name": "", "registryScopes": [], "trustStores": ["x:y"], "trustedIdentities": ["z"] }));
    let broken = Policy::check(policy.to_string().as_bytes(), "p").unwrap_err();
    assert_eq!(broken.len(), 4, "{broken:?}");
}

/// As large a policy as is read: judged at once, whatever it repeats.
#[test]
fn large_policies_are_judged_in_no_time_that_anybody_waits() {
    let scopes: Vec<String> = (0..60_000).map(|at| format!("h.example/{at}")).collect();
    assert_eq!(parse(&with(json!({ "registryScopes": scopes }))).unwrap().statements[0].scopes.len(), 60_000);
    let same = vec!["h.example/a"; 60_000];
    let broken = Policy::check(with(json!({ "registryScopes": same })).to_string().as_bytes(), "p").unwrap_err();
    assert_eq!(broken.len(), 59_999);
    let subjects: Vec<String> = (0..1001).map(|at| format!("x509.subject: C=US, ST=WA, O={at}")).collect();
    let report = parse(&with(json!({ "trustedIdentities": subjects }))).unwrap_err();
    assert!(report.what().contains("more than 1000 identities"), "{report}");
    parse(&with(json!({ "trustedIdentities": subjects[..1000] }))).unwrap();
}

#[test]
fn what_two_readers_read_differently_is_refused() {
    let text = aws().to_string();
    for (bytes, expected, why) in [
        (text.replace("\"level\"", "\"level\":\"audit\",\"level\""), "`level` is there twice", "a member twice"),
        (text.replace("\"version\"", "\"vers\\u0069on\":\"1.0\",\"version\""), "`version` is there twice", "escaped"),
        (format!("{text}{{}}"), "trailing", "text after the document, which Notation passes over"),
        (format!("\u{feff}{text}"), "expected value", "a byte order mark"),
        ("[]".into(), "not a JSON object", "a list"),
        (String::new(), "EOF", "nothing"),
        (format!("// a policy\n{text}"), "expected value", "comments"),
    ] {
        let report = Policy::parse(bytes.as_bytes(), "p.json").expect_err(why);
        assert!(
            report.what().starts_with("p.json is no trust policy") && report.what().contains(expected),
            "{why}: {report}"
        );
    }
}

#[test]
fn the_exact_scope_goes_before_everything() {
    let policy = and(json!({ "registryScopes": ["*"] }));
    let policy = parse(&policy).unwrap();
    for (repository, expected, why) in [
        ("h.example/app", "aws-signer-tp", "exact"),
        ("h.example/app/sub", "second", "a longer path"),
        ("h.example/ap", "second", "a shorter one"),
        ("other.example/app", "second", "another host"),
    ] {
        assert_eq!(policy.select(repository).unwrap().name, expected, "{why}");
    }
    let narrow = parse(&with(json!({ "registryScopes": ["h.example/app"] }))).unwrap();
    let report = narrow.select("h.example/other").unwrap_err();
    assert!(report.what().contains("no statement is for h.example/other"), "{report}");
}

/// Who names an image in another spelling of its host is judged by the same statement.
#[test]
fn a_host_has_no_case() {
    for (scope, image) in [
        ("h.example/app", "H.Example/app"),
        ("H.Example/app", "h.example/app"),
        ("H.EXAMPLE:5000/app", "h.example:5000/app"),
        ("docker.io/library/alpine", "Docker.IO/alpine"),
        ("HOST/app", "HOST/app"),
    ] {
        let policy = parse(&with(json!({ "registryScopes": [scope] }))).unwrap();
        let name = Reference::parse(image).unwrap().name();
        policy.select(&name).unwrap_or_else(|report| panic!("{scope}, {image}: {report}"));
    }
    let report = parse(&with(json!({ "registryScopes": ["h.example/app", "H.example/app"] }))).unwrap_err();
    assert!(report.what().contains("the scope `h.example/app` is there twice"), "{report}");
}

#[test]
fn a_rule_holds_for_every_spelling_of_its_registry() {
    let rule = format!("[[registry]]\nmatch = \"111122223333.dkr.ecr.*.amazonaws.com\"\nsigning-profile = \"{ARN}\"\n");
    let config = Config::parse(&rule, "config.toml".into()).unwrap();
    for (host, expected) in [
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", true),
        ("111122223333.DKR.ECR.eu-west-1.AmazonAWS.com", true),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com:443", true),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com:8443", false),
        ("444455556666.dkr.ecr.eu-west-1.amazonaws.com", false),
    ] {
        let image = Reference::parse(&format!("{host}/app:v1")).unwrap();
        assert_eq!(profile_of_rule(&config, &image).unwrap().is_some(), expected, "{host}");
    }
}

#[test]
fn a_profile_alone_is_a_strict_policy() {
    for (arn, store, why) in [
        (ARN.to_owned(), "aws-signer-ts", "a profile"),
        (format!("{ARN}/0123456789"), "aws-signer-ts", "a version"),
        (
            ARN.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-west-1", "us-gov-west-1"),
            "aws-us-gov-signer-ts",
            "GovCloud",
        ),
    ] {
        let profile = SigningProfile::parse(&arn).unwrap();
        let policy = Policy::for_profile(&profile).unwrap();
        let statement = policy.select("any.example/repository").unwrap();
        assert_eq!(statement.actions, Level::Strict.actions(), "{why}");
        assert_eq!(statement.stores[0].to_string(), format!("signingAuthority:{store}"), "{why}");
        assert_eq!(statement.identities, [TrustedIdentity::SigningProfile(profile)], "{why}");
    }
    let report = Policy::for_profile(&SigningProfile::parse("app").unwrap()).unwrap_err();
    assert!(report.what().contains("which any account can give"), "{report}");
}

/// Each byte replaced by its neighbours and by what has a meaning in JSON: read or refused in words.
#[test]
fn damaged_policies_are_read_or_refused() {
    let subjects = ["x509.subject: C=US, ST=WA, O=a\\, b, CN=\\20x", "x509.subject: C=US, ST=WA, O=\\c3\\bc"];
    let mut policy = and(json!({ "trustedIdentities": subjects, "registryScopes": ["*"] }));
    policy["trustPolicies"][0]["signatureVerification"]["override"] = json!({ "expiry": "log" });
    let text = policy.to_string();
    Policy::parse(text.as_bytes(), "p").unwrap();
    let (mut read, mut refused) = (0, 0);
    for at in 0..text.len() {
        let own = text.as_bytes()[at];
        for new in [own ^ 1, own ^ 0x20, own ^ 0x80, b'"', b'\\', b'*', b',', b'=', b':', 0] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = new;
            match Policy::check(&bytes, "p") {
                Ok(policy) => {
                    assert!(!policy.statements.is_empty() && policy.select("h.example/app").is_ok(), "{at}");
                    read += 1;
                }
                Err(broken) => {
                    assert!(!broken.is_empty(), "{at}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 500 && refused > 3000, "{read} read, {refused} refused");
}
