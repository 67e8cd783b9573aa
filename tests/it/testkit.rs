//! The vectors of `tests/testkit`: each case is judged by the pure judge, as its README says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use ecr_rs::{
    aws::{revocation::certificate_hashes, signing_profile},
    digest::Digest,
    notary::envelope::Envelope,
    oci::Descriptor,
    report::Report,
    verify::{
        anchors::Anchors,
        judge::{Answer, Evidence, Judgement, Question, Rules, examine},
        plugin_protocol::{Capability, PluginAnswer, PluginMetadata},
        policy::{Level, Policy},
        trust_store::TrustStore,
    },
};
use serde_json::Value;

/// The headers that a file may have.
const HEADERS: [&str; 16] = [
    "comment",
    "expect",
    "reason",
    "logged",
    "level",
    "policy",
    "repository",
    "time",
    "image",
    "metadata",
    "revoked",
    "unanswered",
    "plugin",
    "plugin-answer",
    "envelope",
    "trust",
];

/// The headers that may be there more than once.
const MANY: [&str; 4] = ["logged", "metadata", "revoked", "trust"];

/// What can be expected.
const EXPECTATIONS: [&str; 11] = [
    "verified",
    "integrity",
    "authenticity",
    "identity",
    "expiry",
    "timestamp",
    "revocation",
    "metadata",
    "malformed",
    "no-statement",
    "skipped",
];

/// A case as its file has it.
pub(crate) struct Case {
    headers: Vec<(String, String)>,
    pub(crate) envelope: Vec<u8>,
    /// The stores, each with its PEM.
    stores: Vec<(String, String)>,
}

/// What came out.
struct Outcome {
    what: &'static str,
    /// Why, where something failed.
    reason: String,
    logged: Vec<&'static str>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testkit/cases")
}

/// A case by its name.
pub(crate) fn case(name: &str) -> Case {
    let text = fs::read_to_string(folder().join(name)).unwrap_or_else(|err| panic!("{name}: {err}"));
    Case::read(&text).unwrap_or_else(|why| panic!("{name}: {why}"))
}

#[test]
fn every_case_comes_out_as_it_says() {
    let mut names: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 150, "the cases are there");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for path in &names {
        let name = path.file_name().unwrap().to_string_lossy();
        let judged = Case::read(&fs::read_to_string(path).unwrap()).and_then(|case| {
            let expected = case.expected()?;
            *counts.entry(expected.to_owned()).or_default() += 1;
            case.compare(expected, &case.outcome())
        });
        failures.extend(judged.err().map(|why| format!("{name}: {why}")));
    }
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!("{} cases: {}", names.len(), counts.join(", "));
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), names.len(), failures.join("\n"));
}

impl Case {
    pub(crate) fn read(text: &str) -> Result<Case, String> {
        let (head, body) = text.split_once("\n\n").ok_or("there is no empty line after the headers")?;
        let mut headers = Vec::new();
        for line in head.lines() {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("`{line}` is no header"))?;
            if !HEADERS.contains(&name) {
                return Err(format!("the header `{name}` is unknown"));
            }
            if !MANY.contains(&name) && headers.iter().any(|(known, _)| known == name) {
                return Err(format!("the header `{name}` is there twice"));
            }
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut lines = body.lines();
        let envelope = lines.next().unwrap_or_default();
        let envelope = match envelope.starts_with('{') {
            true => envelope.as_bytes().to_vec(),
            false => STANDARD.decode(envelope).map_err(|err| format!("the envelope is no base64: {err}"))?,
        };
        let mut stores: Vec<(String, String)> = Vec::new();
        let mut inside = false;
        for line in lines {
            inside |= line.starts_with("-----BEGIN");
            match stores.last_mut() {
                Some((_, pem)) if inside => *pem += &format!("{line}\n"),
                None if inside => return Err("a certificate is in no store".into()),
                _ => stores.push((line.into(), String::new())),
            }
            inside &= !line.starts_with("-----END");
        }
        Ok(Case { headers, envelope, stores })
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn expected(&self) -> Result<&str, String> {
        let expected = self.one("expect").ok_or("it expects nothing")?;
        self.one("comment").ok_or("it does not say why it is there")?;
        EXPECTATIONS
            .iter()
            .find(|known| **known == expected)
            .ok_or_else(|| format!("`{expected}` cannot be expected"))?;
        Ok(expected)
    }

    fn compare(&self, expected: &str, found: &Outcome) -> Result<(), String> {
        if found.what != expected {
            return Err(format!("expected {expected}, found {} ({})", found.what, found.reason));
        }
        let reason = self.one("reason").unwrap_or_default();
        if !found.reason.contains(reason) {
            return Err(format!("the reason has no `{reason}`: {}", found.reason));
        }
        let logged: Vec<&str> = self.all("logged").collect();
        if found.what == "verified" && found.logged != logged {
            return Err(format!("expected {logged:?} to be logged, found {:?}", found.logged));
        }
        Ok(())
    }

    fn outcome(&self) -> Outcome {
        let failed = |what, report: Report| Outcome { what, reason: report.full(), logged: Vec::new() };
        let policy = match self.policy() {
            Ok(policy) => policy,
            Err(report) => return failed("malformed", report),
        };
        let statement = match policy.select(self.one("repository").expect("a case has a repository")) {
            Ok(statement) => statement,
            Err(report) => return failed("no-statement", report),
        };
        if statement.level == Level::Skip {
            return Outcome { what: "skipped", reason: String::new(), logged: Vec::new() };
        }
        if let Some(level) = self.one("level") {
            assert_eq!(statement.level.name(), level, "the header says what the policy says");
            let stores: Vec<String> = statement.stores.iter().map(ToString::to_string).collect();
            assert!(self.all("trust").eq(stores.iter().map(String::as_str)), "the same of the stores");
        }
        let stores = self.trust_store();
        let anchors = Anchors::of(statement, &TrustStore::Folder(stores.path().into()));
        let judgement = self.judge_with(&policy, &anchors, &self.envelope);
        match judgement.failure() {
            Some(check) => failed(check.name.name(), check.reason.clone()),
            None => {
                assert!(judgement.verified(), "what does not fail is verified");
                let logged = judgement.logged().map(|check| check.name.name()).collect();
                Outcome { what: "verified", reason: String::new(), logged }
            }
        }
    }

    pub(crate) fn policy(&self) -> Result<Policy, Report> {
        Policy::parse(self.one("policy").expect("a case has a policy").as_bytes(), "the policy")
    }

    /// Judges an envelope in the place of the case's own, by a policy and stores in the place of its own.
    pub(crate) fn judge_with(&self, policy: &Policy, anchors: &Anchors, envelope: &[u8]) -> Judgement {
        let statement = policy.select(self.one("repository").expect("a case has a repository")).expect("a statement");
        let metadata = self.all("metadata").map(|pair| pair.split_once('=').expect("KEY=VALUE"));
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let now: DateTime<Utc> = self.one("time").expect("a case has a time").parse().expect("RFC 3339");
        let (media_type, image) = (self.one("envelope").expect("a case has an envelope"), self.image());
        let rules = Rules { statement, anchors, metadata: &metadata, now };
        let examined = examine(&Evidence { media_type, envelope, image: &image }, &rules);
        let answer = match examined.question() {
            Question::Nobody => Answer::None,
            Question::AwsSigner => Answer::Revoked(self.revoked(examined.envelope().expect("it is whole"))),
            Question::Plugin(_) => match self.one("plugin") {
                Some(metadata) => Answer::Plugin(Ok(self.plugin_answer(metadata))),
                None => Answer::None,
            },
        };
        examined.conclude(answer)
    }

    fn image(&self) -> Descriptor {
        let parts: Vec<&str> = self.one("image").expect("a case has an image").split(' ').collect();
        let [media_type, digest, size] = parts[..] else { panic!("MEDIA-TYPE DIGEST SIZE") };
        Descriptor::new(media_type, Digest::parse(digest).expect("a digest"), size.parse().expect("a number"))
    }

    /// The case's stores as a folder.
    pub(crate) fn trust_store(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (store, pem) in &self.stores {
            let (kind, name) = store.split_once(':').expect("TYPE:NAME");
            let place = folder.path().join("x509").join(kind).join(name);
            fs::create_dir_all(&place).expect("a folder");
            if !pem.is_empty() {
                fs::write(place.join("trusted.pem"), pem).expect("a file");
            }
        }
        folder
    }

    /// What AWS Signer answers: of what is revoked, that which it is asked about.
    fn revoked(&self, envelope: &Envelope) -> Result<Vec<String>, Report> {
        if let Some(why) = self.one("unanswered") {
            return Err(Report::new(why));
        }
        let mut asked: BTreeSet<String> = certificate_hashes(&envelope.chain).into_iter().collect();
        for name in [signing_profile::PROFILE_VERSION, signing_profile::SIGNING_JOB] {
            asked.insert(envelope.text(name).expect("AWS's signatures have both").into());
        }
        Ok(self.all("revoked").filter(|entity| asked.contains(*entity)).map(str::to_owned).collect())
    }

    /// What the plugin says, to what it can be asked.
    fn plugin_answer(&self, metadata: &str) -> PluginAnswer {
        let metadata: PluginMetadata = serde_json::from_str(metadata).expect("get-plugin-metadata's answer");
        let answer: Value = serde_json::from_str(self.one("plugin-answer").expect("it answers")).expect("JSON");
        let result = |capability: Capability| {
            let found = answer["verificationResults"].get(capability.name()).ok_or("it did not say")?;
            let reason = found["reason"].as_str().unwrap_or_default().to_owned();
            if found["success"] == true { Ok(reason) } else { Err(reason) }
        };
        let can = |capability: &Capability| metadata.capabilities.iter().any(|known| known == capability.name());
        let asked = [Capability::TrustedIdentity, Capability::RevocationCheck].into_iter().filter(can);
        let results = asked.map(|capability| (capability, result(capability))).collect();
        let processed = answer["processedAttributes"].as_array().into_iter().flatten();
        let processed = processed.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        PluginAnswer { metadata, results, processed }
    }
}
