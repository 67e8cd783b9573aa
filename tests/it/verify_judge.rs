//! The judge of one signature: every check, what each level makes of it, and what must never be verified.

use std::{collections::BTreeMap, time::SystemTime};

use ecr_rs::{
    notary::certificate::Certificate,
    oci::{Descriptor, SignatureManifest, media},
    report::Report,
    verify::{
        anchors::{Anchors, Store},
        judge::{Answer, CheckName, CheckResult, Evidence, Judgement, Question, Rules, examine},
        plugin_protocol::{Capability, PluginAnswer, PluginMetadata},
        policy::{Policy, StoreName},
    },
};
use serde_json::{Value, json};

use crate::support::signer::{
    chain::{Chain, DAY, Shape},
    envelope::Draft,
};

const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app";
const VERSION: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app/0123456789";
const JOB: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-4000-8000-000000000000";
const PLUGIN: &str = "io.cncf.notary.verificationPlugin";

/// The image that is signed.
fn image() -> Descriptor {
    Descriptor::of(media::MANIFEST, b"an image")
}

/// What AWS Signer makes of it, with the metadata `team=blue`.
fn draft(chain: &Chain) -> Draft {
    let image = image();
    let payload = json!({ "targetArtifact": {
        "mediaType": image.media_type, "digest": image.digest, "size": image.size, "annotations": { "team": "blue" },
    } });
    Draft::aws(chain, payload.to_string().as_bytes(), VERSION, JOB, SystemTime::now())
}

/// What a signer with a key of its own makes of it.
fn plain(chain: &Chain) -> Draft {
    let mut draft = draft(chain);
    for name in ["com.amazonaws.signer.signingProfileVersion", "com.amazonaws.signer.signingJob", PLUGIN] {
        draft.protected.remove(name);
        draft.uncritical(name);
    }
    let at = draft.protected.remove("io.cncf.notary.authenticSigningTime").unwrap();
    draft.uncritical("io.cncf.notary.authenticSigningTime");
    draft.set("io.cncf.notary.signingTime", at);
    draft.set("io.cncf.notary.signingScheme", "notary.x509");
    draft
}

/// Everything that a verdict depends on, good until a test changes it.
struct Case {
    envelope: Vec<u8>,
    media_type: &'static str,
    image: Descriptor,
    statement: Value,
    root: Vec<u8>,
    metadata: BTreeMap<String, String>,
    now: SystemTime,
    answer: Answer,
}

impl Case {
    fn of(chain: &Chain, envelope: Vec<u8>) -> Case {
        Case {
            envelope,
            media_type: media::JWS,
            image: image(),
            statement: json!({
                "name": "s", "registryScopes": ["*"],
                "signatureVerification": { "level": "strict" },
                "trustStores": ["signingAuthority:aws"],
                "trustedIdentities": [ARN],
            }),
            root: chain.certificates.last().unwrap().clone(),
            metadata: BTreeMap::new(),
            now: SystemTime::now(),
            answer: Answer::Revoked(Ok(Vec::new())),
        }
    }

    fn aws(chain: &Chain) -> Case {
        Case::of(chain, draft(chain).jws(chain))
    }

    fn plain(chain: &Chain) -> Case {
        let mut case = Case::of(chain, plain(chain).jws(chain));
        case.statement["trustStores"] = json!(["ca:own"]);
        case.statement["trustedIdentities"] = json!(["x509.subject: C=US, ST=WA, O=AWS"]);
        case.answer = Answer::None;
        case
    }

    /// The same after a change.
    fn with(mut self, change: impl FnOnce(&mut Case)) -> Case {
        change(&mut self);
        self
    }

    fn level(mut self, level: &str) -> Case {
        self.statement["signatureVerification"]["level"] = level.into();
        self
    }

    /// The verdict, and whom it took.
    fn judge(self) -> (Judgement, Question) {
        let policy = json!({ "version": "1.0", "trustPolicies": [self.statement] }).to_string();
        let policy = Policy::parse(policy.as_bytes(), "policy.json").unwrap();
        let statement = policy.select("h.example/app").unwrap();
        let read = |name: &StoreName| Store {
            name: name.clone(),
            certificates: Certificate::read_file(&self.root).map_err(Report::new),
        };
        let anchors = Anchors(statement.stores.iter().map(read).collect());
        let rules = Rules { statement, anchors: &anchors, metadata: &self.metadata, now: self.now.into() };
        let evidence = Evidence { media_type: self.media_type, envelope: &self.envelope, image: &self.image };
        let examined = examine(&evidence, &rules);
        let question = examined.question().clone();
        (examined.conclude(self.answer), question)
    }
}

/// What a check came to, and its reason.
fn outcome(judgement: &Judgement, name: CheckName) -> (CheckResult, String) {
    let check = &judgement.checks[CheckName::ALL.iter().position(|known| *known == name).unwrap()];
    assert_eq!(check.name, name);
    (check.result, check.reason.full())
}

/// The name of the check that keeps it from being verified, and its reason; nothing where it is verified.
fn failure(case: Case) -> (&'static str, String) {
    let (judgement, _) = case.judge();
    let failure = judgement.failure().map(|check| (check.name.name(), check.reason.full()));
    assert_eq!(failure.is_none(), judgement.verified());
    failure.unwrap_or_default()
}

#[test]
fn a_good_signature_passes_every_check() {
    let chain = Chain::new();
    let (judgement, question) =
        Case::aws(&chain).with(|case| drop(case.metadata.insert("team".into(), "blue".into()))).judge();
    assert_eq!(question, Question::AwsSigner);
    assert!(judgement.verified(), "{judgement:?}");
    assert!(judgement.checks.iter().all(|check| check.result == CheckResult::Passed), "{judgement:?}");
    assert_eq!(judgement.signed_by.unwrap().to_string(), VERSION);

    let (judgement, question) = Case::plain(&chain).judge();
    assert_eq!(question, Question::Nobody);
    assert!(judgement.verified(), "{judgement:?}");
    assert_eq!(outcome(&judgement, CheckName::Metadata).0, CheckResult::Skipped, "none was asked for");
}

/// What each level makes of each failing check (trust-store-trust-policy.md, "Signature Verification details").
#[test]
fn each_level_has_its_own_way_with_each_failing_check() {
    type Break = fn(&Chain, &mut Case);
    let (enforce, log) = (CheckResult::Failed, CheckResult::Logged);
    let table: [(CheckName, Break, [CheckResult; 3], &str); 13] = [
        (CheckName::Integrity, |_, case| case.envelope[9] ^= 1, [enforce; 3], "the envelope is changed"),
        (CheckName::Integrity, |_, case| case.image.size += 1, [enforce; 3], "another size"),
        (CheckName::Integrity, |_, case| case.image.media_type = "x".into(), [enforce; 3], "another media type"),
        (
            CheckName::Authenticity,
            |_, case| case.root = Chain::new().certificates[3].clone(),
            [enforce, enforce, log],
            "no trusted root",
        ),
        (
            CheckName::Authenticity,
            |_, case| case.root = b"no certificate".to_vec(),
            [enforce, enforce, log],
            "a trust store that cannot be read",
        ),
        (
            CheckName::Authenticity,
            |_, case| case.statement["trustStores"] = json!(["ca:aws"]),
            [enforce, enforce, log],
            "a store for another scheme",
        ),
        (
            CheckName::Identity,
            |_, case| case.statement["trustedIdentities"] = json!([format!("{ARN}2")]),
            [enforce, enforce, log],
            "another profile",
        ),
        (CheckName::Expiry, |_, case| case.now += 5000 * DAY, [enforce, log, log], "it has ended"),
        (
            CheckName::Timestamp,
            |_, case| {
                let now = SystemTime::now();
                let chain = Chain::of(&Shape { leaf_until: now - DAY / 2, ..Shape::aws(now) });
                case.envelope = draft(&chain).jws(&chain);
                case.root = chain.certificates[3].clone();
            },
            [enforce, log, log],
            "the leaf had ended when it signed",
        ),
        (
            CheckName::Revocation,
            |_, case| case.answer = Answer::Revoked(Ok(vec![JOB.into()])),
            [enforce, log, log],
            "its job is revoked",
        ),
        (
            CheckName::Revocation,
            |_, case| case.answer = Answer::Revoked(Ok(vec!["arn:aws:signer:::other".into()])),
            [enforce, log, log],
            "AWS says that something else is revoked",
        ),
        (
            CheckName::Revocation,
            |_, case| case.answer = Answer::Revoked(Err(Report::new("no network"))),
            [enforce, log, log],
            "nobody knows",
        ),
        (
            CheckName::Metadata,
            |_, case| drop(case.metadata.insert("team".into(), "red".into())),
            [enforce; 3],
            "other metadata",
        ),
    ];
    let chain = Chain::new();
    for (name, spoil, results, why) in table {
        for (level, expected) in ["strict", "permissive", "audit"].into_iter().zip(results) {
            let case = Case::aws(&chain).level(level).with(|case| spoil(&chain, case));
            let (judgement, _) = case.judge();
            let (found, reason) = outcome(&judgement, name);
            assert_eq!(found, expected, "{why}, {level}: {reason}");
            assert_eq!(judgement.verified(), expected == log, "{why}, {level}");
            assert_eq!(judgement.logged().count(), usize::from(expected == log), "{why}, {level}");
            for later in CheckName::ALL.into_iter().filter(|later| *later > name && expected == enforce) {
                let (later_found, _) = outcome(&judgement, later);
                let before = name == CheckName::Revocation; // metadata needs nobody, and is looked at before
                assert!(before || later_found == CheckResult::NotReached, "{why}, {level}: {later:?}");
            }
        }
    }
}

#[test]
fn overrides_change_what_a_level_means() {
    let chain = Chain::new();
    let over = |level: &str, check: &str, action: &str| {
        let signature_verification = json!({ "level": level, "override": { check: action } });
        Case::aws(&chain).with(|case| case.statement["signatureVerification"] = signature_verification)
    };
    let (judgement, question) = over("strict", "revocation", "skip").with(|case| case.answer = Answer::None).judge();
    assert_eq!((question, judgement.verified()), (Question::Nobody, true), "nobody is asked");
    assert_eq!(outcome(&judgement, CheckName::Revocation).0, CheckResult::Skipped);
    let revoked = |case: &mut Case| case.answer = Answer::Revoked(Ok(vec![JOB.into()]));
    assert_eq!(failure(over("strict", "revocation", "log").with(revoked)).0, "");
    assert_eq!(failure(over("audit", "revocation", "enforce").with(revoked)).0, "revocation");
    assert_eq!(failure(over("permissive", "expiry", "enforce").with(|case| case.now += 5000 * DAY)).0, "expiry");
    assert_eq!(failure(over("strict", "expiry", "log").with(|case| case.now += 5000 * DAY)).0, "");
}

/// Nothing is verified because somebody was not asked, and nothing where nothing is to be checked.
#[test]
fn without_its_answer_a_signature_is_not_verified() {
    let chain = Chain::new();
    for level in ["strict", "permissive", "audit"] {
        assert_eq!(failure(Case::aws(&chain).level(level).with(|case| case.answer = Answer::None)).0, "revocation");
    }
    let statement =
        json!({ "name": "s", "registryScopes": ["h.example/app"], "signatureVerification": { "level": "skip" } });
    assert_eq!(failure(Case::aws(&chain).with(|case| case.statement = statement)).0, "integrity", "skip");
    let unsigned = |case: &mut Case| {
        case.envelope = Vec::new();
        case.statement["signatureVerification"]["level"] = "audit".into();
    };
    assert_eq!(failure(Case::aws(&chain).with(unsigned)).0, "integrity");
}

#[test]
fn profiles_are_identities() {
    let chain = Chain::new();
    let (alias, other) = (ARN.replace("signing-profiles", "aliases"), ARN.replace("eu-west-1", "us-east-1"));
    for (identities, expected, why) in [
        (json!([ARN]), "", "any version of it"),
        (json!([VERSION]), "", "that version"),
        (json!([ARN.replace("/app", "/APP")]), "", "case says nothing, as with AWS's plugin"),
        (json!([ARN.replace("signing-profiles", "signing-profile")]), "", "as the documentation has it"),
        (json!([other, ARN]), "", "one of two"),
        (json!([other]), "not by arn:aws:signer:us-east-1", "another region"),
        (json!([format!("{ARN}/9876543210")]), "not by arn", "another version"),
        (json!([ARN.replace("1111", "4444")]), "not by arn", "another account"),
        (json!([ARN.replace(":aws:", ":aws-cn:")]), "not by arn", "another partition"),
        (json!([alias]), "not by arn", "an alias that it was not signed under"),
        (json!(["x509.subject: C=US, ST=WA, O=AWS"]), "names no signing profile", "a subject is for other signatures"),
        (json!(["*"]), "which com.amazonaws.signer.notation.plugin does not support", "AWS's plugin wants a name"),
        (json!(["arn:aws:iam::111122223333:role/app"]), "names no signing profile", "another service"),
    ] {
        let (name, reason) = failure(Case::aws(&chain).with(|case| case.statement["trustedIdentities"] = identities));
        assert_eq!(name, if expected.is_empty() { "" } else { "identity" }, "{why}: {reason}");
        assert!(reason.contains(expected), "{why}: {reason}");
    }
    let star = |case: &mut Case| case.statement["trustedIdentities"] = json!(["*"]);
    assert_eq!(failure(Case::aws(&chain).level("audit").with(star)).0, "identity", "at no level");
}

/// AWS Signer signs under an alias: the alias is an identity, and an attribute that is understood.
#[test]
fn f2_19_an_alias_is_an_identity() {
    let (chain, attribute) = (Chain::new(), "com.amazonaws.signer.signingProfileAlias");
    let alias = ARN.replace("signing-profiles", "aliases");
    let mut draft = draft(&chain);
    draft.set(attribute, alias.as_str());
    draft.critical(attribute);
    let case = |identity: &str| {
        Case::of(&chain, draft.jws(&chain)).with(|case| case.statement["trustedIdentities"] = json!([identity]))
    };
    assert_eq!(failure(case(ARN)).0, "");
    assert_eq!(failure(case(&alias)).0, "");
    assert_eq!(failure(case(&format!("{alias}2"))).0, "identity");
}

#[test]
fn what_must_be_understood_is() {
    let chain = Chain::new();
    let aws = |change: fn(&mut Draft)| {
        let mut draft = draft(&chain);
        change(&mut draft);
        failure(Case::of(&chain, draft.jws(&chain)))
    };
    let unknown = |draft: &mut Draft| {
        draft.set("com.example.unknown", "x");
        draft.critical("com.example.unknown");
    };
    let oldest = |draft: &mut Draft, version: &str| {
        draft.set("io.cncf.notary.verificationPluginMinVersion", version);
        draft.critical("io.cncf.notary.verificationPluginMinVersion");
    };
    for ((name, reason), expected, why) in [
        (aws(unknown), "critical attribute `com.example.unknown`, which is unknown", "AWS's"),
        (aws(|draft| draft.set("com.example.unknown", "x")), "", "what is not critical may be passed over"),
        (aws(|draft| drop(draft.protected.remove(PLUGIN))), "is marked critical but is not there", "no plugin"),
        (aws(|draft| draft.uncritical("com.amazonaws.signer.signingJob")), "lacks the critical attribute", "no job"),
    ] {
        assert_eq!(name, if expected.is_empty() { "" } else { "integrity" }, "{why}: {reason}");
        assert!(reason.contains(expected), "{why}: {reason}");
    }
    for (version, good) in
        [("1.0.350", true), ("1.0.2292", true), ("1.1.0", true), ("1.1.1", false), ("2.0.0-rc.1", false), ("x", false)]
    {
        let mut draft = draft(&chain);
        oldest(&mut draft, version);
        let (name, reason) = failure(Case::of(&chain, draft.jws(&chain)));
        assert_eq!(name, if good { "" } else { "integrity" }, "{version}: {reason}");
    }
    // Without a plugin nobody is left to understand it: the specification refuses, Notation does not.
    let mut draft = plain(&chain);
    unknown(&mut draft);
    let (name, reason) = failure(Case::plain(&chain).with(|case| case.envelope = draft.jws(&chain)));
    assert_eq!(name, "integrity");
    assert!(reason.contains("`com.example.unknown`, which is unknown"), "{reason}");
    // AWS's plugin takes no other scheme.
    let mut draft = plain(&chain);
    draft.set(PLUGIN, "com.amazonaws.signer.notation.plugin");
    draft.critical(PLUGIN);
    let (name, reason) = failure(Case::plain(&chain).with(|case| case.envelope = draft.jws(&chain)));
    assert_eq!(name, "integrity");
    assert!(reason.contains("`notary.x509`, not the signing authority's"), "{reason}");
}

#[test]
fn subjects_are_identities_of_other_signatures() {
    let chain = Chain::new();
    for (identities, expected, why) in [
        (json!(["*"]), "", "everybody"),
        (json!(["x509.subject: C=US, ST=WA, O=AWS"]), "", "a part of the subject"),
        (json!(["x509.subject: C=US, S=WA, O=AWS, CN=AWS Signer"]), "", "more of it"),
        (json!(["x509.subject: C=US, ST=WA, O=AWS, CN=aws signer"]), "which is not", "letter by letter"),
        (json!(["x509.subject: C=US, ST=WA, O=Other"]), "which is not", "another organization"),
        (json!(["x509.subject: C=US, ST=WA, O=AWS, STREET=x"]), "which is not", "more than there is"),
        (json!([ARN]), "not by AWS Signer, and the trust policy names no `x509.subject`", "a profile signed nothing"),
    ] {
        let (name, reason) = failure(Case::plain(&chain).with(|case| case.statement["trustedIdentities"] = identities));
        assert_eq!(name, if expected.is_empty() { "" } else { "identity" }, "{why}: {reason}");
        assert!(reason.contains(expected), "{why}: {reason}");
    }
}

/// What is not done here fails under strict, with a sentence that says so, and is told under permissive and audit.
#[test]
fn what_is_not_done_fails_closed() {
    let now = SystemTime::now();
    let (chain, listed) =
        (Chain::new(), Chain::of(&Shape { revocation_list: Some("http://crl.example/1"), ..Shape::aws(now) }));
    let ended = Chain::of(&Shape { leaf_from: now - 3 * DAY, leaf_until: now - DAY, ..Shape::aws(now) });
    let tsa = |case: &mut Case| case.statement["trustStores"] = json!(["ca:own", "tsa:time"]);
    let after = |case: &mut Case| case.statement["signatureVerification"]["verifyTimestamp"] = "afterCertExpiry".into();
    for level in ["strict", "permissive", "audit"] {
        for (case, check, words, why) in [
            (Case::plain(&chain).with(tsa), "timestamp", "(RFC 3161), which this program does not verify", "a TSA"),
            (Case::plain(&ended).with(tsa).with(after), "timestamp", "(RFC 3161), which", "a TSA once it has ended"),
            (Case::plain(&ended), "timestamp", "not now", "a certificate that has ended"),
            (Case::plain(&listed), "revocation", "(OCSP or CRL), and this program does not ask there", "a list"),
        ] {
            let (judgement, _) = case.level(level).judge();
            let check = judgement.checks.iter().find(|found| found.name.name() == check).unwrap();
            assert!(check.reason.full().contains(words), "{why}: {check:?}");
            assert_eq!(judgement.verified(), level != "strict", "{why}, {level}");
            assert_eq!(
                check.result,
                if level == "strict" { CheckResult::Failed } else { CheckResult::Logged },
                "{why}"
            );
        }
    }
    assert_eq!(failure(Case::plain(&chain).with(tsa).with(after)).0, "", "no certificate has ended");
}

/// What another plugin is asked and answers.
#[test]
fn another_plugin_has_the_say_that_it_can_have() {
    let chain = Chain::new();
    let mut own = plain(&chain);
    own.set(PLUGIN, "com.example.plugin");
    own.critical(PLUGIN);
    own.set("com.example.attribute", "x");
    own.critical("com.example.attribute");
    let envelope = own.jws(&chain);
    let identity = Capability::TrustedIdentity;
    let good = || PluginAnswer {
        metadata: PluginMetadata {
            name: "com.example.plugin".into(),
            description: "an example".into(),
            version: "1.2.3".into(),
            url: "https://example.com".into(),
            supported_contract_versions: vec!["1.0".into()],
            capabilities: vec![identity.name().into()],
        },
        results: BTreeMap::from([(identity, Ok("a friend".into()))]),
        processed: vec!["com.example.attribute".into()],
    };
    let case = |answer: Answer| {
        Case::plain(&chain).with(|case| {
            case.envelope.clone_from(&envelope);
            case.statement["trustedIdentities"] = json!(["com.example: friend"]);
            case.answer = answer;
        })
    };
    let (judgement, question) = case(Answer::Plugin(Ok(good()))).judge();
    assert!(judgement.verified(), "{judgement:?}");
    let Question::Plugin(request) = question else { panic!("the plugin is asked") };
    assert_eq!(request.name, "com.example.plugin");
    let (result, reason) = outcome(&judgement, CheckName::Identity);
    assert_eq!((result, reason.as_str()), (CheckResult::Passed, "the plugin `com.example.plugin` says: a friend"));

    let changed = |change: fn(&mut PluginAnswer)| {
        let mut answer = good();
        change(&mut answer);
        failure(case(Answer::Plugin(Ok(answer))))
    };
    for ((name, reason), check, words) in [
        (failure(case(Answer::None)), "integrity", "nobody asked it"),
        (failure(case(Answer::Plugin(Err(Report::new("it is not installed"))))), "integrity", "it is not installed"),
        (changed(|answer| answer.processed.clear()), "integrity", "does not know the critical attribute"),
        (changed(|answer| answer.metadata.name = "other".into()), "integrity", "it calls itself `other`"),
        (changed(|answer| answer.metadata.capabilities.clear()), "integrity", "cannot verify signatures"),
        (
            changed(|answer| answer.metadata.supported_contract_versions.clear()),
            "integrity",
            "does not speak version 1.0",
        ),
        (
            changed(|answer| drop(answer.results.insert(Capability::TrustedIdentity, Err("a stranger".into())))),
            "identity",
            "says: a stranger",
        ),
        (changed(|answer| answer.results.clear()), "identity", "names no `x509.subject`"),
        (
            changed(|answer| drop(answer.results.insert(Capability::RevocationCheck, Err(String::new())))),
            "revocation",
            "the plugin `com.example.plugin` says so",
        ),
    ] {
        assert_eq!(name, check, "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
    own.set("io.cncf.notary.verificationPluginMinVersion", "1.2.4");
    own.critical("io.cncf.notary.verificationPluginMinVersion");
    let newer = own.jws(&chain);
    let (name, reason) = failure(case(Answer::Plugin(Ok(good()))).with(|case| case.envelope = newer));
    assert_eq!(name, "integrity");
    assert!(reason.contains("asks for com.example.plugin 1.2.4 or newer, this is 1.2.3"), "{reason}");
}

#[test]
fn stores_are_chosen_by_the_signing_scheme() {
    let chain = Chain::new();
    for (case, stores, good) in [
        (Case::aws(&chain), json!(["signingAuthority:a"]), true),
        (Case::aws(&chain), json!(["ca:a"]), false),
        (Case::aws(&chain), json!(["ca:a", "signingAuthority:a"]), true),
        (Case::plain(&chain), json!(["ca:a"]), true),
        (Case::plain(&chain), json!(["signingAuthority:a"]), false),
    ] {
        let said = stores.to_string();
        let (name, _) = failure(case.with(|case| case.statement["trustStores"] = stores));
        assert_eq!(name, if good { "" } else { "authenticity" }, "{said}");
    }
    // Any certificate of the chain may be the one that is trusted.
    for place in 0..4 {
        let trusted = chain.certificates[place].clone();
        assert_eq!(failure(Case::aws(&chain).with(|case| case.root = trusted)).0, "", "certificate {place}");
    }
}

/// A chain as short as it can be, so that every byte can be tried.
fn short() -> Chain {
    Chain::of(&Shape { p256_leaf: true, between: 0, ..Shape::aws(SystemTime::now()) })
}

fn short_draft(chain: &Chain) -> Draft {
    let mut draft = draft(chain);
    draft.set("alg", "ES256");
    draft.header.clear(); // nobody signs the agent's name
    draft
}

/// Each byte with one bit changed.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len()).map(|place| {
        let mut changed = bytes.to_vec();
        changed[place] ^= 1 << (place % 7);
        (place, changed)
    })
}

#[test]
fn no_changed_jws_is_verified() {
    let chain = short();
    no_change_is_verified(&chain, media::JWS, &short_draft(&chain).jws(&chain));
}

#[test]
fn no_changed_cose_is_verified() {
    let chain = short();
    no_change_is_verified(&chain, media::COSE, &short_draft(&chain).cose(&chain));
}

/// Under audit, which forgives the most.
fn no_change_is_verified(chain: &Chain, media_type: &'static str, envelope: &[u8]) {
    let verified = |envelope: Vec<u8>| {
        let case = Case::of(chain, envelope).level("audit").with(|case| case.media_type = media_type);
        case.judge().0.verified()
    };
    assert!(verified(envelope.to_vec()), "as it was");
    for (place, changed) in flips(envelope) {
        assert!(!verified(changed), "byte {place}");
    }
    for length in (0..envelope.len()).step_by(13) {
        assert!(!verified(envelope[..length].to_vec()), "{length} bytes");
    }
}

/// The policy's own name is for people; all else of it decides.
#[test]
fn no_changed_policy_verifies() {
    let chain = short();
    let envelope = short_draft(&chain).jws(&chain);
    let statement = Case::aws(&chain).statement;
    let policy = json!({ "version": "1.0", "trustPolicies": [statement] }).to_string().into_bytes();
    let text = String::from_utf8(policy.clone()).unwrap();
    let name = text.find(r#""name":""#).unwrap() + r#""name":""#.len();
    let root = Certificate::read(chain.certificates.last().unwrap()).unwrap();
    let (image, metadata) = (image(), BTreeMap::new());
    let verifies = |policy: &[u8]| {
        let Ok(policy) = Policy::parse(policy, "policy.json") else { return false };
        let Ok(statement) = policy.select("h.example/app") else { return false };
        // As the folders of a trust store have it: another name is another store.
        let read = |name: &StoreName| Store {
            name: name.clone(),
            certificates: match name.to_string().as_str() {
                "signingAuthority:aws" => Ok(vec![root.clone()]),
                _ => Err(Report::new("no such store")),
            },
        };
        let anchors = Anchors(statement.stores.iter().map(read).collect());
        let rules = Rules { statement, anchors: &anchors, metadata: &metadata, now: SystemTime::now().into() };
        let evidence = Evidence { media_type: media::JWS, envelope: &envelope, image: &image };
        examine(&evidence, &rules).conclude(Answer::Revoked(Ok(Vec::new()))).verified()
    };
    assert!(verifies(&policy));
    for place in 0..policy.len() {
        for mask in [0x01, 0x02, 0x10, 0x80] {
            let mut changed = policy.clone();
            changed[place] ^= mask;
            assert!(!verifies(&changed) || place == name, "{}", String::from_utf8_lossy(&changed));
        }
    }
}

/// A manifest is fetched by its digest, so that a changed one is not even read; what reads it takes everything.
#[test]
fn no_changed_manifest_leads_to_another_image() {
    let image = image();
    let envelope = Descriptor::of(media::JWS, b"envelope");
    let manifest = ecr_rs::oci::write_manifest(Default::default(), &envelope, &image, &BTreeMap::new());
    for (place, changed) in flips(&manifest) {
        let Ok(read) = SignatureManifest::read(media::MANIFEST, &changed) else { continue };
        if read.check_signs(&image.digest).is_ok() {
            assert_eq!(read.subject.unwrap().digest, image.digest, "byte {place}");
        }
    }
}

#[test]
fn a_chain_has_an_end() {
    let chain = Chain::new();
    let mut draft = draft(&chain);
    draft.certificates = vec![chain.certificates[0].clone(); 5000];
    let (name, reason) = failure(Case::of(&chain, draft.jws(&chain)));
    assert_eq!(name, "integrity");
    assert!(reason.contains("more than 32 certificates"), "{reason}");
}
