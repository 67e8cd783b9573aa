//! What could be wrong with what AWS Signer returns.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    chain::{Chain, DAY, Shape},
    envelope::{Draft, rfc3339},
};

/// What is wrong with an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Another digest is signed.
    WrongDigest,
    /// Another size is signed.
    WrongSize,
    /// The user's metadata is not signed.
    DroppedAnnotation,
    /// The user's metadata is changed.
    ChangedAnnotation,
    /// A member that no descriptor has.
    AddedAttribute,
    /// A member beside the descriptor.
    AddedMember,
    /// `alg: none`, and no signature.
    AlgorithmNone,
    /// `alg: ES256` with a P-384 key.
    OtherAlgorithm,
    /// The scheme of local keys.
    OtherScheme,
    /// Root first.
    ChainReversed,
    /// No root.
    ChainWithoutRoot,
    /// A good chain of someone else's.
    ForeignRoot,
    /// A signature by a key that is not the leaf's.
    OtherKey,
    /// Expired when it was made.
    Expired,
    /// Made a day ago.
    OldTime,
    /// The leaf ended before the signing time.
    EndedLeaf,
    /// The scheme is not critical.
    SchemeNotCritical,
    /// The expiry is not critical.
    ExpiryNotCritical,
    /// No `crit` at all.
    NoCrit,
    /// `crit` names what is not there.
    CritWithoutHeader,
    /// A critical attribute that nobody knows.
    UnknownCritical,
    /// No profile version.
    NoProfile,
    /// Another profile's version.
    OtherProfile,
    /// A protected header twice.
    DuplicateHeader,
    /// The general JWS form.
    GeneralForm,
    /// Another content type.
    OtherContentType,
    /// No payload.
    EmptyPayload,
    /// COSE, which nobody asked for.
    Cose,
    /// Not an envelope.
    Garbage,
}

impl Defect {
    /// The defect of this name, for programs that read it.
    pub fn named(name: &str) -> Option<Defect> {
        Defect::ALL.into_iter().find(|defect| format!("{defect:?}") == name)
    }

    /// All of them.
    pub const ALL: [Defect; 29] = [
        Defect::WrongDigest,
        Defect::WrongSize,
        Defect::DroppedAnnotation,
        Defect::ChangedAnnotation,
        Defect::AddedAttribute,
        Defect::AddedMember,
        Defect::AlgorithmNone,
        Defect::OtherAlgorithm,
        Defect::OtherScheme,
        Defect::ChainReversed,
        Defect::ChainWithoutRoot,
        Defect::ForeignRoot,
        Defect::OtherKey,
        Defect::Expired,
        Defect::OldTime,
        Defect::EndedLeaf,
        Defect::SchemeNotCritical,
        Defect::ExpiryNotCritical,
        Defect::NoCrit,
        Defect::CritWithoutHeader,
        Defect::UnknownCritical,
        Defect::NoProfile,
        Defect::OtherProfile,
        Defect::DuplicateHeader,
        Defect::GeneralForm,
        Defect::OtherContentType,
        Defect::EmptyPayload,
        Defect::Cose,
        Defect::Garbage,
    ];
}

/// An envelope as SignPayload returns it, with what is wrong with it.
pub(super) fn seal(own: &Chain, defect: Option<Defect>, payload: &[u8], version: &str, job: &str) -> Vec<u8> {
    let now = SystemTime::now();
    let mut draft = Draft::aws(own, payload, version, job, now);
    let Some(defect) = defect else { return draft.jws(own) };
    match defect {
        Defect::WrongDigest => {
            draft.payload_json(|p| p["targetArtifact"]["digest"] = format!("sha256:{}", "0".repeat(64)).into())
        }
        Defect::WrongSize => draft.payload_json(|p| p["targetArtifact"]["size"] = 1.into()),
        Defect::DroppedAnnotation => draft.payload_json(|p| {
            p["targetArtifact"].as_object_mut().expect("an object").remove("annotations");
        }),
        Defect::ChangedAnnotation => draft.payload_json(|p| {
            let annotations = p["targetArtifact"]["annotations"].as_object_mut().expect("the user gave metadata");
            annotations.values_mut().for_each(|value| *value = "changed".into());
        }),
        Defect::AddedAttribute => draft.payload_json(|p| p["targetArtifact"]["extra"] = 1.into()),
        Defect::AddedMember => draft.payload_json(|p| p["extra"] = 1.into()),
        Defect::AlgorithmNone => {
            draft.set("alg", "none");
            let mut members = draft.sealed(own);
            members.insert("signature".into(), "".into());
            return Value::Object(members).to_string().into_bytes();
        }
        Defect::OtherAlgorithm => draft.set("alg", "ES256"),
        Defect::OtherScheme => {
            draft.set("io.cncf.notary.signingScheme", "notary.x509");
            let at = draft.protected.remove("io.cncf.notary.authenticSigningTime").expect("AWS sets it");
            draft.set("io.cncf.notary.signingTime", at);
            draft.uncritical("io.cncf.notary.authenticSigningTime");
        }
        Defect::ChainReversed => draft.certificates.reverse(),
        Defect::ChainWithoutRoot => drop(draft.certificates.pop()),
        Defect::ForeignRoot => {
            let foreign = Chain::new();
            draft.certificates.clone_from(&foreign.certificates);
            return draft.jws(&foreign);
        }
        Defect::OtherKey => return draft.jws(&Chain::new()),
        Defect::Expired => draft.set("io.cncf.notary.expiry", at(now - DAY)),
        Defect::OldTime => {
            let chain = Chain::of(&Shape { leaf_from: now - 3 * DAY, ..Shape::aws(now) });
            draft.certificates.clone_from(&chain.certificates);
            draft.set("io.cncf.notary.authenticSigningTime", at(now - DAY));
            return draft.jws(&chain);
        }
        Defect::EndedLeaf => {
            let until = now - Duration::from_secs(60);
            let chain = Chain::of(&Shape { leaf_until: until, ..Shape::aws(now) });
            draft.certificates.clone_from(&chain.certificates);
            return draft.jws(&chain);
        }
        Defect::SchemeNotCritical => draft.uncritical("io.cncf.notary.signingScheme"),
        Defect::ExpiryNotCritical => draft.uncritical("io.cncf.notary.expiry"),
        Defect::NoCrit => drop(draft.protected.remove("crit")),
        Defect::CritWithoutHeader => draft.critical("com.example.absent"),
        Defect::UnknownCritical => {
            draft.set("com.example.unknown", "x");
            draft.critical("com.example.unknown");
        }
        Defect::NoProfile => {
            draft.protected.remove("com.amazonaws.signer.signingProfileVersion");
            draft.uncritical("com.amazonaws.signer.signingProfileVersion");
        }
        Defect::OtherProfile => {
            draft.set("com.amazonaws.signer.signingProfileVersion", version.replace("profiles/", "profiles/not_"))
        }
        Defect::DuplicateHeader => {
            let written = Value::Object(draft.protected.clone()).to_string();
            draft.raw_protected = Some(written.replacen('{', r#"{"alg":"ES384","#, 1));
        }
        Defect::GeneralForm => {
            let mut members = draft.sealed(own);
            members.insert("signatures".into(), json!([]));
            return Value::Object(members).to_string().into_bytes();
        }
        Defect::OtherContentType => draft.set("cty", "application/json"),
        Defect::EmptyPayload => draft.payload.clear(),
        Defect::Cose => return draft.cose(own),
        Defect::Garbage => return b"\x00not an envelope".to_vec(),
    }
    draft.jws(own)
}

fn at(time: SystemTime) -> String {
    rfc3339(DateTime::<Utc>::from(time))
}
