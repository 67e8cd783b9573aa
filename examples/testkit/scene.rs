//! A case before it is written: a good one, of AWS Signer's kind or with a certificate of one's own, to be spoilt.

use std::{collections::BTreeSet, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::{
    certificate::{Issued, Name, Shape, Template, name, pem},
    envelope::{AUTHENTIC_TIME, Draft, EXPIRY, Edit, JOB, PLUGIN, PROFILE, SCHEME, SIGNING_TIME},
    keys::Key,
};

pub const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app";
pub const VERSION: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app/0123456789";
pub const JOB_ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-4000-8000-000000000000";
pub const AWS_PLUGIN: &str = "com.amazonaws.signer.notation.plugin";
pub const SUBJECT: &str = "x509.subject: C=US, ST=WA, O=Testkit, CN=signer";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const JWS: &str = "application/jose+json";
pub const COSE: &str = "application/cose";
pub const REPOSITORY: &str = "registry.example/app";

/// What must come out.
#[derive(Debug, Clone)]
pub enum Expect {
    Verified,
    /// Verified, and these failures are told only.
    Logged(&'static [&'static str]),
    /// This check fails, with a reason in which this stands.
    Fails(&'static str, &'static str),
}

pub fn integrity(reason: &'static str) -> Expect {
    Expect::Fails("integrity", reason)
}

pub fn authenticity(reason: &'static str) -> Expect {
    Expect::Fails("authenticity", reason)
}

pub fn identity(reason: &'static str) -> Expect {
    Expect::Fails("identity", reason)
}

pub fn timestamp(reason: &'static str) -> Expect {
    Expect::Fails("timestamp", reason)
}

/// A statement of a trust policy.
pub struct Policy {
    pub level: String,
    pub overrides: Map<String, Value>,
    pub verify_timestamp: Option<&'static str>,
    pub scopes: Vec<String>,
    pub stores: Vec<String>,
    pub identities: Vec<String>,
}

impl Policy {
    fn new(store: &str, identity: &str) -> Policy {
        Policy {
            level: "strict".into(),
            overrides: Map::new(),
            verify_timestamp: None,
            scopes: vec!["*".into()],
            stores: vec![store.into()],
            identities: vec![identity.into()],
        }
    }

    pub fn statement(&self, name: &str) -> Value {
        let mut verification = json!({ "level": self.level });
        if !self.overrides.is_empty() {
            verification["override"] = self.overrides.clone().into();
        }
        if let Some(when) = self.verify_timestamp {
            verification["verifyTimestamp"] = when.into();
        }
        json!({
            "name": name,
            "registryScopes": self.scopes,
            "signatureVerification": verification,
            "trustStores": self.stores,
            "trustedIdentities": self.identities,
        })
    }

    pub fn document(&self) -> String {
        json!({ "version": "1.0", "trustPolicies": [self.statement("testkit")] }).to_string()
    }
}

/// Everything that a case says. [`Scene::aws`] and [`Scene::x509`] are verified as they are.
pub struct Scene {
    pub policy: Policy,
    /// In the place of the policy: a document that is written as it is.
    pub document: Option<String>,
    pub repository: String,
    pub time: &'static str,
    pub image: (&'static str, String, u64),
    pub metadata: Vec<&'static str>,
    pub revoked: Vec<Revoked>,
    pub unanswered: Option<&'static str>,
    pub plugin: Option<(Value, Value)>,
    pub media_type: &'static str,
    /// What the envelope is, whatever it is called.
    pub form: &'static str,
    pub shape: Shape,
    pub draft: Draft,
    /// The key that signs, where it is not the leaf's.
    pub signer: Option<Key>,
    /// The certificates as they travel.
    pub chain: Edit<Vec<Vec<u8>>>,
    /// What each store holds, of the chain that was issued. A store that is not here does not exist.
    pub stores: Vec<(String, Trusted)>,
    /// In the place of the envelope.
    pub raw: Option<Vec<u8>>,
}

/// The certificates of a store.
pub type Trusted = Box<dyn Fn(&[Issued]) -> Vec<Vec<u8>>>;

/// Something that AWS Signer holds revoked.
pub enum Revoked {
    Entity(String),
    /// The certificate at this place of the chain.
    Certificate(usize),
}

pub fn root() -> Trusted {
    Box::new(|chain| chain.last().map(|root| root.der.clone()).into_iter().collect())
}

/// The image of all cases.
pub fn digest_of(content: &str) -> String {
    let hex: String = digest(&SHA256, content.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub fn subject() -> Name {
    name(&[("CN", "signer"), ("OU", "Releases"), ("O", "Testkit"), ("L", "Seattle"), ("ST", "WA"), ("C", "US")])
}

impl Scene {
    fn new(policy: Policy, shape: Shape, protected: Value) -> Scene {
        let image = (MANIFEST, digest_of("image"), 5);
        let artifact =
            json!({ "mediaType": image.0, "digest": image.1, "size": image.2, "annotations": { "team": "blue" } });
        let store = policy.stores[0].clone();
        Scene {
            policy,
            document: None,
            repository: REPOSITORY.into(),
            time: "2026-06-01T12:00:00Z",
            image,
            metadata: Vec::new(),
            revoked: Vec::new(),
            unanswered: None,
            plugin: None,
            media_type: JWS,
            form: JWS,
            shape,
            draft: Draft::new(&json!({ "targetArtifact": artifact }).to_string(), protected),
            signer: None,
            chain: Box::new(|chain| chain),
            stores: vec![(store, root())],
            raw: None,
        }
    }

    /// As AWS Signer signs: the authority's time, a leaf of three days, three authorities' certificates in AWS's own
    /// chains and two here.
    pub fn aws() -> Scene {
        let leaf = Template::leaf(
            Key::P384("aws leaf"),
            name(&[("CN", "Testkit Signer"), ("O", "Testkit"), ("ST", "WA"), ("C", "US")]),
            "2026-02-28T12:00:00Z",
            "2026-03-03T12:00:00Z",
        );
        let shape = Shape(vec![
            leaf,
            Template::authority(Key::P384("aws region"), "Testkit Region CA"),
            Template::authority(Key::P384("aws root"), "Testkit Root CA"),
        ]);
        let protected = json!({
            "alg": null,
            "crit": [SCHEME, AUTHENTIC_TIME, EXPIRY, PLUGIN, PROFILE, JOB],
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            SCHEME: "notary.x509.signingAuthority",
            AUTHENTIC_TIME: "2026-03-01T12:00:00Z",
            EXPIRY: "2037-06-01T12:00:00Z",
            PLUGIN: AWS_PLUGIN,
            PROFILE: VERSION,
            JOB: JOB_ARN,
        });
        Scene::new(Policy::new("signingAuthority:aws-signer-ts", ARN), shape, protected)
    }

    /// As Notation signs with a certificate of the signer's own.
    pub fn x509() -> Scene {
        Scene::with_key(Key::P256("x509 leaf"))
    }

    /// The same with any key.
    pub fn with_key(key: Key) -> Scene {
        let shape = Shape(vec![
            Template::leaf(key, subject(), "2025-01-01T00:00:00Z", "2035-01-01T00:00:00Z"),
            Template::authority(Key::P256("x509 issuer"), "Testkit Issuing CA"),
            Template::authority(Key::P256("x509 root"), "Testkit Root CA"),
        ]);
        let protected = json!({
            "alg": null,
            "crit": [SCHEME, EXPIRY],
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            SCHEME: "notary.x509",
            SIGNING_TIME: "2026-03-01T12:00:00Z",
            EXPIRY: "2037-06-01T12:00:00Z",
        });
        Scene::new(Policy::new("ca:testkit", SUBJECT), shape, protected)
    }

    pub fn level(&mut self, level: &str) {
        self.policy.level = level.into();
    }

    pub fn overriding(&mut self, check: &str, action: &str) {
        self.policy.overrides.insert(check.into(), action.into());
    }

    pub fn identity(&mut self, identity: impl Into<String>) {
        self.policy.identities = vec![identity.into()];
    }

    pub fn cose(&mut self) {
        (self.media_type, self.form) = (COSE, COSE);
    }

    /// The whole file.
    fn text(&self, why: &str, expect: &Expect) -> String {
        let issued = self.shape.issue();
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            assert!(!value.contains('\n'), "{name} is one line");
            writeln!(text, "{name}: {value}").expect("a text takes everything");
        };
        line("comment", why);
        match expect {
            Expect::Verified => line("expect", "verified"),
            Expect::Logged(checks) => {
                line("expect", "verified");
                checks.iter().for_each(|check| line("logged", check));
            }
            Expect::Fails(check, reason) => {
                line("expect", check);
                if !reason.is_empty() {
                    line("reason", reason);
                }
            }
        }
        if self.document.is_none() {
            line("level", &self.policy.level);
        }
        line("policy", &self.document.clone().unwrap_or_else(|| self.policy.document()));
        line("repository", &self.repository);
        line("time", self.time);
        line("image", &format!("{} {} {}", self.image.0, self.image.1, self.image.2));
        self.metadata.iter().for_each(|pair| line("metadata", pair));
        for revoked in &self.revoked {
            let entity = match revoked {
                Revoked::Entity(entity) => entity.clone(),
                Revoked::Certificate(at) => {
                    super::certificate::aws_hash(&issued[*at], issued.get(at + 1).unwrap_or(&issued[*at]))
                }
            };
            line("revoked", &entity);
        }
        if let Some(why) = self.unanswered {
            line("unanswered", why);
        }
        if let Some((metadata, answer)) = &self.plugin {
            line("plugin", &metadata.to_string());
            line("plugin-answer", &answer.to_string());
        }
        line("envelope", self.media_type);
        self.policy.stores.iter().filter(|_| self.document.is_none()).for_each(|store| line("trust", store));
        let envelope = self.raw.clone().unwrap_or_else(|| self.seal(&issued));
        let plain = envelope.starts_with(b"{") && !envelope.iter().any(u8::is_ascii_control);
        text += "\n";
        text += &match String::from_utf8(envelope) {
            Ok(json) if plain => json,
            Ok(other) => STANDARD.encode(other),
            Err(binary) => STANDARD.encode(binary.as_bytes()),
        };
        text += "\n";
        for (store, trusted) in &self.stores {
            text += &format!("{store}\n");
            trusted(&issued).iter().for_each(|der| text += &pem(der));
        }
        text
    }

    fn seal(&self, issued: &[Issued]) -> Vec<u8> {
        let key = self.signer.unwrap_or(self.shape.0[0].key);
        let chain = (self.chain)(issued.iter().map(|one| one.der.clone()).collect());
        match self.form {
            COSE => self.draft.seal_cose(key, &chain),
            _ => self.draft.seal_jws(key, &chain),
        }
    }
}

/// All cases, by name.
#[derive(Default)]
pub struct Kit {
    pub cases: Vec<(String, String)>,
    names: BTreeSet<String>,
}

impl Kit {
    /// A case that is made of a scene. The name begins with what the case is about.
    pub fn case(&mut self, name: &str, why: &str, expect: Expect, mut scene: Scene, change: impl FnOnce(&mut Scene)) {
        change(&mut scene);
        let text = scene.text(why, &expect);
        self.write(name, text);
    }

    pub fn aws(&mut self, name: &str, why: &str, expect: Expect, change: impl FnOnce(&mut Scene)) {
        self.case(name, why, expect, Scene::aws(), change);
    }

    pub fn x509(&mut self, name: &str, why: &str, expect: Expect, change: impl FnOnce(&mut Scene)) {
        self.case(name, why, expect, Scene::x509(), change);
    }

    /// The same as [`Kit::x509`] in COSE.
    pub fn cose(&mut self, name: &str, why: &str, expect: Expect, change: impl FnOnce(&mut Scene)) {
        let mut scene = Scene::x509();
        scene.cose();
        self.case(name, why, expect, scene, change);
    }

    /// A policy that cannot be read: there is nothing to judge by.
    pub fn malformed(&mut self, name: &str, why: &str, reason: &str, document: &str) {
        assert!(!document.contains('\n'), "{name} is one line");
        self.write(name, format!("comment: {why}\nexpect: malformed\nreason: {reason}\npolicy: {document}\n\n"));
    }

    fn write(&mut self, name: &str, text: String) {
        assert!(self.names.insert(name.to_owned()), "two cases are {name}");
        self.cases.push((name.into(), text));
    }
}
