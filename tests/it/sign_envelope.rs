//! Envelopes: what AWS Signer mints is accepted, everything else is refused with its cause.

use std::{ops::Range, time::SystemTime};

use crate::support::signer::{
    chain::{Chain, DAY, ROOT_NAME, Shape},
    envelope::Draft,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ecr_rs::{
    aws::{signer_roots::Roots, signing_profile::SigningProfile},
    notary::{
        certificate::Certificate,
        envelope::{self, Envelope, Scheme},
        payload,
    },
    oci::{Descriptor, media},
    sign::check::{Expected, check_returned},
    verify::signed_by::SignedBy,
};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app";
const VERSION: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app/0123456789";
const JOB: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-0000-0000-000000000000";

fn target() -> Descriptor {
    let mut target = Descriptor::of(media::MANIFEST, b"image");
    target.annotations.insert("team".into(), "blue".into());
    target
}

fn draft(chain: &Chain) -> Draft {
    Draft::aws(chain, &payload::of(&target()).unwrap(), VERSION, JOB, SystemTime::now())
}

fn roots(chain: &Chain) -> Roots {
    Roots::Given(Certificate::read_file(chain.root_pem.as_bytes()).unwrap())
}

/// As the engine checks what AWS returned.
fn check(bytes: &[u8], roots: &Roots) -> Result<Envelope, String> {
    let (target, profile) = (target(), SigningProfile::parse(ARN).unwrap());
    let expected = Expected { target: &target, profile: &profile, roots, now: SystemTime::now().into() };
    check_returned(bytes, &expected).map(|(envelope, _)| envelope).map_err(|err| err.full())
}

#[test]
fn a_good_envelope_says_what_was_signed() {
    let chain = Chain::new();
    let envelope = check(&draft(&chain).jws(&chain), &roots(&chain)).unwrap();
    assert_eq!(envelope.scheme, Scheme::SigningAuthority);
    assert_eq!(envelope.text("com.amazonaws.signer.signingProfileVersion"), Some(VERSION));
    assert_eq!(envelope.text("com.amazonaws.signer.signingJob"), Some(JOB));
    assert_eq!(envelope.agent.as_deref(), Some("loopback/1.0"));
    assert_eq!(envelope.chain.len(), 4);
    assert!(envelope.target().unwrap().same_content(&target()));
    let refused = check(&draft(&chain).jws(&chain), &Roots::Aws).unwrap_err();
    assert!(refused.contains("not a root of AWS Signer"), "a root of our own is not AWS's: {refused}");
}

/// The one part that nobody signs is the agent's name.
#[test]
fn no_flipped_byte_is_accepted() {
    let chain = Chain::new();
    let (good, roots) = (draft(&chain).jws(&chain), roots(&chain));
    check(&good, &roots).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let agent = text.find("\"io.cncf.notary.signingAgent\"").unwrap();
    let unsigned = agent..agent + "\"io.cncf.notary.signingAgent\":\"loopback/1.0\"".len();
    let certificates = text.find("\"x5c\"").unwrap()..text.find("\"signature\":").unwrap();
    let flip = |places: Range<usize>| {
        for (place, mask) in places.flat_map(|place| [0x01, 0x20, 0x80].map(|mask| (place, mask))) {
            if mask != 0x01 && certificates.contains(&place) {
                continue; // one flip in each byte of base64 says enough, and these are the slow ones
            }
            let mut bytes = good.clone();
            bytes[place] ^= mask;
            if let Ok(envelope) = check(&bytes, &roots) {
                assert!(unsigned.contains(&place), "byte {place} ({:?}) with mask {mask:#x}", good[place] as char);
                assert!(envelope.target().unwrap().same_content(&target()));
            }
        }
    };
    let threads = 4;
    std::thread::scope(|scope| {
        for part in 0..threads {
            let (flip, length) = (&flip, good.len());
            scope.spawn(move || flip(part * length / threads..(part + 1) * length / threads));
        }
    });
}

#[test]
fn no_shortened_envelope_is_accepted() {
    let chain = Chain::new();
    let (good, roots) = (draft(&chain).jws(&chain), roots(&chain));
    for length in (0..good.len()).step_by(7) {
        assert!(check(&good[..length], &roots).is_err(), "{length} bytes");
    }
    assert!(check(&[&good[..], b"x"].concat(), &roots).is_err(), "one byte more");
}

#[test]
fn headers_have_rules() {
    let chain = Chain::new();
    let roots = roots(&chain);
    let case = |why: &str, change: &dyn Fn(&mut Draft), expected: &str| {
        let mut draft = draft(&chain);
        change(&mut draft);
        let err = check(&draft.jws(&chain), &roots).map(|_| ()).expect_err(why);
        assert!(err.contains(expected), "{why}: {err}");
    };
    case("no algorithm", &|d| drop(d.protected.remove("alg")), "`alg` is missing");
    case("RSA's old padding", &|d| d.set("alg", "RS256"), "algorithm is `RS256`, the leaf's key asks for `ES384`");
    case("empty crit", &|d| d.set("crit", json!([])), "`crit` is empty");
    case("crit of numbers", &|d| d.set("crit", json!([1])), "not a text");
    case("crit twice", &|d| d.critical("io.cncf.notary.expiry"), "`crit` names `io.cncf.notary.expiry` twice");
    case("unknown scheme", &|d| d.set("io.cncf.notary.signingScheme", "x"), "signing scheme `x` is unknown");
    case(
        "both times",
        &|d| d.set("io.cncf.notary.signingTime", "2026-01-01T00:00:00Z"),
        "the other scheme's signing time",
    );
    case(
        "no time",
        &|d| drop(d.protected.remove("io.cncf.notary.authenticSigningTime")),
        "authentic signing time is missing",
    );
    case("a time of words", &|d| d.set("io.cncf.notary.expiry", "tomorrow"), "is not a time");
    case(
        "plugin not critical",
        &|d| d.uncritical("io.cncf.notary.verificationPlugin"),
        "`io.cncf.notary.verificationPlugin` is not marked critical",
    );
    case("plugin is no text", &|d| d.set("io.cncf.notary.verificationPlugin", 1), "is not a text");
    case("another plugin", &|d| d.set("io.cncf.notary.verificationPlugin", "x"), "asks for the plugin `x`");
    case(
        "profile not critical",
        &|d| d.uncritical("com.amazonaws.signer.signingProfileVersion"),
        "lacks the critical attribute",
    );
    case("profile without version", &|d| d.set("com.amazonaws.signer.signingProfileVersion", ARN), "is by the profile");
    case(
        "job of numbers",
        &|d| d.set("com.amazonaws.signer.signingJob", 1),
        "lacks the critical attribute `com.amazonaws.signer.signingJob`",
    );
    case(
        "repeated payload member",
        &|d| {
            let payload = String::from_utf8(d.payload.clone()).unwrap();
            d.payload = payload.replacen("\"size\":5", "\"size\":5,\"size\":5", 1).into_bytes();
        },
        "`size` is there twice",
    );
    case(
        "another media type",
        &|d| d.payload_json(|p| p["targetArtifact"]["mediaType"] = media::INDEX.into()),
        "what was signed changed",
    );
    case(
        "a timestamp of words",
        &|d| drop(d.header.insert("io.cncf.notary.timestampSignature".into(), "!".into())),
        "timestamp is not base64",
    );

    let mut extra = draft(&chain);
    extra.header.insert("anything".into(), json!({"a": 1}));
    extra.set("com.example.note", "not critical");
    extra.payload_json(|p| p["targetArtifact"]["annotations"]["added"] = "by the signer".into());
    check(&extra.jws(&chain), &roots)
        .expect("unsigned members, uncritical attributes and added annotations are allowed");
}

#[test]
fn chains_have_rules() {
    use KeyUsagePurpose::{CrlSign, DataEncipherment, DigitalSignature, KeyAgreement, KeyCertSign, KeyEncipherment};
    let now = SystemTime::now();
    let aws = || Shape::aws(now);
    for (shape, expected, why) in [
        (Shape { leaf_usage: vec![], ..aws() }, "key usage is absent", "no key usage"),
        (Shape { leaf_usage: vec![KeyCertSign], ..aws() }, "no digitalSignature", "a leaf that signs certificates"),
        (Shape { leaf_usage: vec![DigitalSignature, KeyCertSign], ..aws() }, "must not have keyCertSign", "both"),
        (Shape { leaf_usage: vec![DigitalSignature, CrlSign], ..aws() }, "must not have cRLSign", "CRLs"),
        (
            Shape { leaf_usage: vec![DigitalSignature, KeyEncipherment], ..aws() },
            "must not have keyEncipherment",
            "TLS",
        ),
        (
            Shape { leaf_usage: vec![DigitalSignature, DataEncipherment], ..aws() },
            "must not have dataEncipherment",
            "data",
        ),
        (
            Shape { leaf_usage: vec![DigitalSignature, KeyAgreement], ..aws() },
            "must not have keyAgreement",
            "agreement",
        ),
        (
            Shape { leaf_extended: vec![ExtendedKeyUsagePurpose::ServerAuth], ..aws() },
            "must not have serverAuth",
            "a server",
        ),
        (Shape { leaf_extended: vec![ExtendedKeyUsagePurpose::Any], ..aws() }, "must not have anyExtended", "anything"),
        (
            Shape { leaf_extended: vec![ExtendedKeyUsagePurpose::TimeStamping], ..aws() },
            "must not have timeStamping",
            "a TSA",
        ),
        (Shape { leaf_is_authority: true, ..aws() }, "must not be a certificate authority", "an authority as leaf"),
        (Shape { authorities: false, ..aws() }, "not those of an authority", "issuers that are none"),
        (Shape { authority_usage: vec![DigitalSignature], ..aws() }, "no keyCertSign", "issuers that may not issue"),
        (Shape { root_path_length: Some(1), ..aws() }, "path length is too short", "one level too many"),
        (Shape { leaf_until: now - DAY / 2, ..aws() }, "not at the signing time", "ended"),
        (Shape { leaf_from: now + DAY / 2, ..aws() }, "not at the signing time", "not begun"),
    ] {
        let chain = Chain::of(&shape);
        let err = check(&draft(&chain).jws(&chain), &roots(&chain)).map(|_| ()).expect_err(why);
        assert!(err.contains(expected), "{why}: {err}");
    }
    for (shape, why) in [
        (Shape { leaf_extended: vec![], ..aws() }, "no extended key usage"),
        (Shape { leaf_usage: vec![DigitalSignature, KeyUsagePurpose::ContentCommitment], ..aws() }, "non-repudiation"),
        (Shape { root_path_length: Some(2), ..aws() }, "just long enough"),
        (Shape { between: 0, ..aws() }, "a root and a leaf"),
    ] {
        let chain = Chain::of(&shape);
        check(&draft(&chain).jws(&chain), &roots(&chain)).unwrap_or_else(|err| panic!("{why}: {err}"));
    }
    let short = Chain::of(&Shape { p256_leaf: true, ..aws() });
    let mut es256 = draft(&short);
    es256.set("alg", "ES256");
    check(&es256.jws(&short), &roots(&short)).expect("a P-256 leaf signs with ES256");
    assert!(check(&draft(&short).jws(&short), &roots(&short)).unwrap_err().contains("asks for `ES256`"));
}

#[test]
fn f2_12_crit_must_not_list_names_of_jws_itself() {
    let chain = Chain::new();
    for name in ["alg", "cty", "crit", "kid", "x5c", "typ", "x5t#S256"] {
        let mut draft = draft(&chain);
        if !draft.protected.contains_key(name) {
            draft.set(name, "x");
        }
        draft.critical(name);
        let err = check(&draft.jws(&chain), &roots(&chain)).map(|_| ()).expect_err(name);
        assert!(err.contains(&format!("`crit` names `{name}`, which belongs to JWS itself")), "{name}: {err}");
    }
}

#[test]
fn f2_12_critical_extensions_that_are_not_understood_are_refused() {
    let now = SystemTime::now();
    for (oid, why) in [
        (&[1, 3, 6, 1, 4, 1, 99999, 1][..], "somebody's own"),
        (&[2, 5, 29, 30], "name constraints, which nobody here would keep"),
        (&[2, 5, 29, 36], "policy constraints, the same"),
    ] {
        let chain = Chain::of(&Shape { critical: Some(oid), ..Shape::aws(now) });
        let err = check(&draft(&chain).jws(&chain), &roots(&chain)).map(|_| ()).expect_err(why);
        let dotted = oid.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
        assert!(err.contains(&format!("its critical extension {dotted} is not understood")), "{why}: {err}");
    }
}

/// A chain is judged by keys, not by names alone: notation-core-go reads a leaf that has its root's name.
#[test]
fn f2_13_a_leaf_may_have_the_name_of_its_root() {
    let now = SystemTime::now();
    for between in [0, 1, 2] {
        let chain = Chain::of(&Shape { leaf_name: ROOT_NAME, between, ..Shape::aws(now) });
        let envelope = check(&draft(&chain).jws(&chain), &roots(&chain));
        let envelope = envelope.unwrap_or_else(|err| panic!("{between} between: {err}"));
        assert_eq!(envelope.chain[0].subject, envelope.chain[between + 1].subject);
    }
    // The names fit wherever the keys do not.
    let (own, other) = (Chain::of(&Shape { leaf_name: ROOT_NAME, between: 0, ..Shape::aws(now) }), Chain::new());
    for (certificates, expected, why) in [
        (vec![own.certificates[0].clone(), other.certificates[3].clone()], "not signed by the next", "another root"),
        (vec![own.certificates[0].clone()], "not signed by the next certificate's key", "a leaf alone"),
        (
            vec![own.certificates[0].clone(), own.certificates[1].clone(), own.certificates[1].clone()],
            "it is self-signed but not the last",
            "the root twice",
        ),
    ] {
        let mut draft = draft(&own);
        draft.certificates = certificates;
        let err = check(&draft.jws(&own), &roots(&own)).map(|_| ()).expect_err(why);
        assert!(err.contains(expected), "{why}: {err}");
    }
}

/// The envelope is OpenSSL's work: key, certificates and signature on P-521.
#[test]
fn f2_14_p521_signatures_are_verified() {
    const ENVELOPE: &str = include_str!("p521.json");
    let envelope = envelope::open(media::JWS, ENVELOPE.as_bytes()).expect("OpenSSL's envelope");
    assert!(envelope.chain.iter().all(|certificate| certificate.key.kind.signature_name() == "ECDSA-SHA-512"));
    assert!(envelope.target().unwrap().same_content(&Descriptor::of(media::MANIFEST, b"image")));

    let parsed: Value = serde_json::from_str(ENVELOPE).unwrap();
    let spoil = |pointer: &str, place: usize| {
        let (standard, url) = (&base64::engine::general_purpose::STANDARD, &URL_SAFE_NO_PAD);
        let mut spoilt = parsed.clone();
        let member = spoilt.pointer_mut(pointer).unwrap();
        let text = member.as_str().unwrap();
        let mut bytes = if pointer.contains("x5c") { standard.decode(text) } else { url.decode(text) }.unwrap();
        let place = if place < bytes.len() { place } else { bytes.len() - 1 };
        bytes[place] ^= 0x01;
        *member = if pointer.contains("x5c") { standard.encode(bytes) } else { url.encode(bytes) }.into();
        envelope::open(media::JWS, spoilt.to_string().as_bytes()).map(|_| ()).map_err(|err| err.full())
    };
    for (pointer, place, expected, why) in [
        ("/signature", 0, "not by the key of the leaf", "r out of range"),
        ("/signature", 40, "not by the key of the leaf", "another r"),
        ("/signature", 131, "not by the key of the leaf", "another s"),
        ("/payload", 60, "not by the key of the leaf", "another digest"),
        ("/header/x5c/0", usize::MAX, "not signed by the next certificate's key", "the leaf's signature"),
        ("/header/x5c/1", usize::MAX, "not signed by the next certificate's key", "the root's signature"),
    ] {
        let err = spoil(pointer, place).expect_err(why);
        assert!(err.contains(expected), "{why}: {err}");
    }
    let mut short = parsed.clone();
    short["signature"] = URL_SAFE_NO_PAD.encode([1; 131]).into();
    assert!(envelope::open(media::JWS, short.to_string().as_bytes()).is_err(), "a byte too few");
    short["signature"] = URL_SAFE_NO_PAD.encode([0; 132]).into();
    assert!(envelope::open(media::JWS, short.to_string().as_bytes()).is_err(), "r and s are zero");
}

#[test]
fn cose_is_read_and_every_flipped_byte_is_noticed() {
    let chain = Chain::new();
    let draft = draft(&chain);
    let good = draft.cose(&chain);
    let envelope = envelope::open(media::COSE, &good).unwrap();
    let same = envelope::open(media::JWS, &draft.jws(&chain)).unwrap();
    assert_eq!((envelope.signed_at, envelope.expires_at), (same.signed_at, same.expires_at));
    assert_eq!(envelope.extended, same.extended);
    assert_eq!(envelope.payload, same.payload);
    assert_eq!(envelope.agent, same.agent);
    assert!(check(&good, &roots(&chain)).unwrap_err().contains("JWS"), "AWS Signer never returns COSE");
    let roots = roots(&chain);
    let agent = good.windows(27).position(|window| window == b"io.cncf.notary.signingAgent").unwrap() - 2;
    let unsigned = agent..agent + 2 + 27 + 1 + "loopback/1.0".len();
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 0x01;
        let accepted = envelope::open(media::COSE, &bytes).is_ok_and(|found| roots.check(&found.chain).is_ok());
        assert!(!accepted || unsigned.contains(&place), "byte {place}");
    }
}

#[test]
fn cose_has_the_same_rules() {
    let chain = Chain::new();
    for (change, expected, why) in [
        (
            &(|d: &mut Draft| d.uncritical("io.cncf.notary.signingScheme")) as &dyn Fn(&mut Draft),
            "not marked critical",
            "crit",
        ),
        (&|d| d.critical("com.example.absent"), "marked critical but is not there", "an absent header"),
        (&|d| d.set("crit", json!([])), "no critical headers", "no crit"),
        (&|d| d.set("alg", "ES256"), "its algorithm is -7, the leaf's key asks for -35", "another algorithm"),
        (&|d| d.payload.clear(), "payload is empty", "no payload"),
        (&|d| d.certificates.reverse(), "not by the key of the leaf", "root first"),
    ] {
        let mut draft = draft(&chain);
        change(&mut draft);
        let err = envelope::open(media::COSE, &draft.cose(&chain)).map(|_| ()).expect_err(why).full();
        assert!(err.contains(expected), "{why}: {err}");
    }
    assert!(envelope::open("application/x", b"").unwrap_err().what().contains("is not a signature envelope"));
}

#[test]
fn the_json_of_a_signature_has_every_member() {
    let chain = Chain::new();
    let envelope = envelope::open(media::JWS, &draft(&chain).jws(&chain)).unwrap();
    let descriptor = Descriptor::of(media::MANIFEST, b"signature");
    let by = SignedBy::of(&envelope, &roots(&chain));
    let signature = ecr_rs::verify::signatures::Signature { descriptor, envelope: Ok(envelope), by };
    let told = signature.to_json();
    assert_eq!(told["trusted"], true);
    assert_eq!(told["signed_by"], VERSION);
    assert_eq!(told["profile_version"], VERSION);
    assert_eq!(told["signing_job"], JOB);
    assert_eq!(told["algorithm"], "ECDSA-SHA-384");
    assert_eq!(told["user_metadata"], json!({ "team": "blue" }));
    assert_eq!(told["certificates"].as_array().map(Vec::len), Some(4));
    assert_eq!(told["attributes"]["io.cncf.notary.verificationPlugin"]["critical"], Value::Bool(true));
}

/// AWS Signer signs under an alias: the signature names the alias beside the profile behind it.
#[test]
fn f2_19_a_signature_under_an_alias_is_its_profiles() {
    let (chain, attribute) = (Chain::new(), "com.amazonaws.signer.signingProfileAlias");
    let (alias, uuid) = (ARN.replace("signing-profiles", "aliases"), "6d1d0d3f-0000-4000-8000-000000000000");
    let aliased = ARN.replace("signing-profiles/app", "aliased-signing-profiles/") + uuid;
    let named = |version: &str, alias: &str, critical: bool| {
        let mut draft = draft(&chain);
        draft.set("com.amazonaws.signer.signingProfileVersion", version);
        draft.set(attribute, alias);
        if critical {
            draft.critical(attribute);
        }
        draft.jws(&chain)
    };
    for (version, named_alias, critical, wanted, refused, why) in [
        (VERSION, alias.as_str(), true, ARN, None, "the profile itself"),
        (VERSION, &alias, true, &alias, None, "its alias"),
        (&aliased, &alias, true, &alias, None, "the alias of a profile without a name"),
        (&aliased, &alias, true, &aliased, None, "that profile"),
        (&format!("{aliased}/0123456789"), &alias, true, &aliased, None, "a version of it"),
        (VERSION, &aliased, true, &aliased, None, "an alias that is named so"),
        (VERSION, &alias, true, &format!("{alias}2"), Some("is by the profile"), "another alias"),
        (&aliased, &alias, true, ARN, Some("is by the profile"), "the alias is no profile of that name"),
        (VERSION, &alias, false, &alias, Some("lacks the critical attribute"), "what is not critical proves nothing"),
        (VERSION, ARN, true, &alias, Some("of another kind"), "a profile is no alias"),
        (&alias, &alias, true, &alias, Some("of another kind"), "an alias is no profile version"),
        (VERSION, "x", true, &alias, Some("cannot be read"), "no ARN"),
        (ARN, &alias, true, &alias, Some("not by a version of it"), "a profile has versions"),
    ] {
        let (target, profile) = (target(), SigningProfile::parse(wanted).unwrap());
        let roots = roots(&chain);
        let expected = Expected { target: &target, profile: &profile, roots: &roots, now: SystemTime::now().into() };
        let outcome = check_returned(&named(version, named_alias, critical), &expected).map_err(|err| err.full());
        match (outcome, refused) {
            (Ok(_), None) => {}
            (Err(err), Some(words)) if err.contains(words) => {}
            (outcome, _) => panic!("{why}: {:?}", outcome.map(|(_, by)| by)),
        }
    }
}
