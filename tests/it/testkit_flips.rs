//! Every byte of an envelope, of each certificate and of a trusted root changed, one at a time: never verified, never a
//! panic. `verify_judge` has the same for AWS's scheme, the policy and the manifest.

use base64::{Engine, engine::general_purpose::STANDARD};
use ecr_rs::{
    notary::certificate::Certificate,
    verify::{
        anchors::{Anchors, Store},
        policy::Policy,
        trust_store::TrustStore,
    },
};
use serde_json::Value;

use crate::testkit::{Case, case};

/// Each byte, its lowest bit changed and its highest.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
    (0..bytes.len()).flat_map(move |place| {
        [0x01, 0x80].map(|mask| {
            let mut changed = bytes.to_vec();
            changed[place] ^= mask;
            (format!("byte {place} with mask {mask:#x}"), changed)
        })
    })
}

/// The case's policy under audit, which forgives the most, and what its stores hold.
fn audit(case: &Case) -> (Policy, Anchors) {
    let text = case.one("policy").expect("it has one").replace("\"strict\"", "\"audit\"");
    let policy = Policy::parse(text.as_bytes(), "audit").expect("it is one");
    let stores = case.trust_store();
    let anchors = Anchors::of(&policy.statements[0], &TrustStore::Folder(stores.path().into()));
    (policy, anchors)
}

#[test]
fn no_changed_envelope_is_verified() {
    for name in ["trust_self_signed_leaf", "cose_x5chain_alone"] {
        let case = case(name);
        let (policy, anchors) = audit(&case);
        let verified = |envelope: &[u8]| case.judge_with(&policy, &anchors, envelope).verified();
        assert!(verified(&case.envelope), "{name} as it is");
        for (flip, changed) in flips(&case.envelope) {
            assert!(!verified(&changed), "{name}, {flip}");
        }
    }
}

#[test]
fn no_changed_certificate_is_verified() {
    let case = case("trust_root");
    let (policy, anchors) = audit(&case);
    let envelope: Value = serde_json::from_slice(&case.envelope).unwrap();
    for place in 0..3 {
        let own = STANDARD.decode(envelope["header"]["x5c"][place].as_str().unwrap()).unwrap();
        let verified = |der: &[u8]| {
            let mut changed = envelope.clone();
            changed["header"]["x5c"][place] = STANDARD.encode(der).into();
            case.judge_with(&policy, &anchors, changed.to_string().as_bytes()).verified()
        };
        assert!(verified(&own), "certificate {place} as it is");
        for (flip, changed) in flips(&own) {
            assert!(!verified(&changed), "certificate {place}, {flip}");
        }
    }
}

#[test]
fn no_changed_root_is_trusted() {
    let case = case("trust_root");
    let (_, anchors) = audit(&case);
    let strict = case.policy().unwrap();
    let Store { name, certificates } = &anchors.0[0];
    let own = &certificates.as_ref().unwrap()[0];
    let verified = |root: Certificate| {
        let anchors = Anchors(vec![Store { name: name.clone(), certificates: Ok(vec![root]) }]);
        case.judge_with(&strict, &anchors, &case.envelope).verified()
    };
    assert!(verified(own.clone()), "as it is");
    for (flip, changed) in flips(&own.der) {
        assert!(!Certificate::read(&changed).is_ok_and(verified), "{flip}");
    }
}
