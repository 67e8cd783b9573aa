//! AWS Signer on loopback: profiles, SignPayload with real ES384 envelopes, revocation (botocore's
//! model `signer/2017-08-25`), and what could be wrong with an envelope as defects.
//!
//! ```ignore
//! let signer = Signer::new();
//! let loopback = Loopback::with(vec![signer.clone()]);
//! signer.add_profile(ACCOUNT, REGION, "app");
//! signer.spoil(Defect::WrongDigest);
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    aws::{Asked, Refusal, Reply, Request, Service, Wording, iam::random_bytes, pairs},
    loopback::State,
    sigv4::hex,
};

pub mod chain;
mod defects;
pub mod envelope;

use chain::Chain;
pub use defects::Defect;

/// The platform of container images.
pub const PLATFORM: &str = "Notation-OCI-SHA384-ECDSA";

/// A signing profile.
#[derive(Debug, Clone)]
struct Profile {
    version: String,
    platform: String,
    status: &'static str,
    validity: (i64, String),
    tags: BTreeMap<String, String>,
}

/// The service. Everything can be changed while it runs.
pub struct Signer {
    /// Who signs.
    pub chain: Chain,
    defect: Mutex<Option<Defect>>,
    /// By account, region and name.
    profiles: Mutex<BTreeMap<(String, String, String), Profile>>,
    /// Owner and guest accounts.
    shares: Mutex<BTreeSet<(String, String)>>,
    /// Texts that stand in answers wherever there is a member of this name, or beside the others.
    words: Mutex<Vec<(&'static str, String)>>,
    /// ARNs of jobs and profile versions, with the time from which they are revoked.
    revoked: Mutex<Vec<(String, SystemTime)>>,
}

impl Signer {
    /// A Signer with an authority of its own.
    pub fn new() -> Arc<Signer> {
        Arc::new(Signer {
            chain: Chain::new(),
            defect: Mutex::default(),
            profiles: Mutex::default(),
            shares: Mutex::default(),
            words: Mutex::default(),
            revoked: Mutex::default(),
        })
    }

    /// Spoils envelopes from now on.
    pub fn spoil(&self, defect: impl Into<Option<Defect>>) {
        *self.defect.lock().expect("no holder panics") = defect.into();
    }

    /// Adds a profile for images and gives its ARN.
    pub fn add_profile(&self, account: &str, region: &str, name: &str) -> String {
        self.add_profile_for(account, region, name, PLATFORM)
    }

    /// Adds a profile for a platform and gives its ARN.
    pub fn add_profile_for(&self, account: &str, region: &str, name: &str, platform: &str) -> String {
        let profile = Profile {
            version: version(),
            platform: platform.into(),
            status: "Active",
            validity: (135, "MONTHS".into()),
            tags: BTreeMap::new(),
        };
        let key = (account.to_owned(), region.to_owned(), name.to_owned());
        self.profiles.lock().expect("no holder panics").insert(key, profile);
        arn(account, region, name)
    }

    /// Puts a text in the place of a member of every answer from now on.
    pub fn answer_with(&self, member: &'static str, text: &str) {
        self.words.lock().expect("no holder panics").push((member, text.into()));
    }

    /// An answer with these texts in it.
    fn spoken(&self, mut reply: Reply) -> Reply {
        let words = self.words.lock().expect("no holder panics");
        let Some(mut body) = serde_json::from_slice::<Value>(&reply.body).ok().filter(|_| !words.is_empty()) else {
            return reply;
        };
        let mut objects = vec![&mut body];
        while let Some(object) = objects.pop() {
            for (member, text) in &*words {
                if object.get(*member).is_some() || (*member == "statusReason" && object.get("status").is_some()) {
                    object[*member] = text.as_str().into();
                }
            }
            objects.extend(object.get_mut("profiles").and_then(Value::as_array_mut).into_iter().flatten());
        }
        reply.body = body.to_string().into();
        reply
    }

    /// Lets one account sign with another's profiles.
    pub fn share(&self, owner: &str, guest: &str) {
        self.shares.lock().expect("no holder panics").insert((owner.into(), guest.into()));
    }

    /// Revokes a job or a profile version, from the beginning of time on.
    pub fn revoke(&self, arn: &str) {
        self.revoked.lock().expect("no holder panics").push((arn.into(), SystemTime::UNIX_EPOCH));
    }

    /// Revokes the certificate of our chain that stands at a place, 0 being the leaf.
    pub fn revoke_certificate(&self, place: usize) {
        let hash = |der: &Vec<u8>| hex(ring::digest::digest(&ring::digest::SHA384, signed_part(der)).as_ref());
        let issuer = (place + 1).min(self.chain.certificates.len() - 1);
        let [own, issuer] = [place, issuer].map(|place| hash(&self.chain.certificates[place]));
        self.revoke(&format!("{own}{issuer}"));
    }

    /// The newest version of a profile, as an ARN.
    pub fn version_arn(&self, account: &str, region: &str, name: &str) -> Option<String> {
        let key = (account.to_owned(), region.to_owned(), name.to_owned());
        let profiles = self.profiles.lock().expect("no holder panics");
        profiles.get(&key).map(|profile| format!("{}/{}", arn(account, region, name), profile.version))
    }

    fn sign(&self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let (caller, region, body) = (asked.caller(), asked.request.region(), asked.request.json());
        let invalid = |message: &str| Refusal::new(400, "ValidationException", message);
        let name = body["profileName"]
            .as_str()
            .filter(|name| is_name(name))
            .ok_or_else(|| invalid("profileName is not valid"))?;
        let owner = body["profileOwner"].as_str().unwrap_or(&caller.principal.account);
        if owner.len() != 12 {
            return Err(invalid("profileOwner is not valid"));
        }
        if body["payloadFormat"] != "application/vnd.cncf.notary.payload.v1+json" {
            return Err(invalid("payloadFormat is not supported"));
        }
        let payload = body["payload"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        if !(1..=4096).contains(&payload.len()) {
            return Err(invalid("1 validation error detected: Value at 'payload' failed to satisfy constraint"));
        }
        let guest = (owner.to_owned(), caller.principal.account.clone());
        if owner != caller.principal.account && !self.shares.lock().expect("no holder panics").contains(&guest) {
            return Err(Refusal::denied(&caller.principal.arn, "signer:SignPayload"));
        }
        let profile = self.find(owner, &region, name)?;
        if profile.platform != PLATFORM {
            return Err(invalid(&format!("Signing profile {name} has an unsupported platform {}", profile.platform)));
        }
        if profile.status != "Active" {
            return Err(invalid(&format!("Signing profile {name} is not active")));
        }
        let version = format!("{}/{}", arn(owner, &region, name), profile.version);
        let job = job(&region, &caller.principal.account);
        let defect = *self.defect.lock().expect("no holder panics");
        let signature = defects::seal(&self.chain, defect, &payload, &version, &job);
        Ok(rest(&json!({
            "jobId": job.rsplit('/').next(),
            "jobOwner": caller.principal.account,
            "metadata": {},
            "signature": STANDARD.encode(signature),
        })))
    }

    fn find(&self, account: &str, region: &str, name: &str) -> Result<Profile, Refusal> {
        let key = (account.to_owned(), region.to_owned(), name.to_owned());
        let found = self.profiles.lock().expect("no holder panics").get(&key).cloned();
        found.ok_or_else(|| {
            Refusal::new(404, "ResourceNotFoundException", format!("Signing profile {name} does not exist"))
        })
    }

    fn get(&self, asked: &Asked<'_>, name: &str) -> Result<Reply, Refusal> {
        let owner = asked.request.query("profileOwner").unwrap_or_else(|| asked.caller().principal.account.clone());
        let region = asked.request.region();
        let profile = self.find(&owner, &region, name)?;
        Ok(rest(&describe(&owner, &region, name, &profile)))
    }

    fn put(&self, asked: &Asked<'_>, name: &str) -> Result<Reply, Refusal> {
        let body = asked.request.json();
        let platform = body["platformId"].as_str().unwrap_or_default();
        if !is_name(name) || platform.is_empty() {
            return Err(Refusal::new(400, "ValidationException", "the profile is not valid"));
        }
        let (account, region) = (&asked.caller().principal.account, asked.request.region());
        let arn = self.add_profile_for(account, &region, name, platform);
        let key = (account.clone(), region, name.to_owned());
        let mut profiles = self.profiles.lock().expect("no holder panics");
        let profile = profiles.get_mut(&key).expect("it was just added");
        if let (Some(value), Some(unit)) =
            (body["signatureValidityPeriod"]["value"].as_i64(), body["signatureValidityPeriod"]["type"].as_str())
        {
            profile.validity = (value, unit.into());
        }
        for (key, value) in body["tags"].as_object().into_iter().flatten() {
            profile.tags.insert(key.clone(), value.as_str().unwrap_or_default().into());
        }
        Ok(rest(&json!({
            "arn": arn,
            "profileVersion": profile.version,
            "profileVersionArn": format!("{arn}/{}", profile.version),
        })))
    }

    fn end(&self, asked: &Asked<'_>, name: &str, status: &'static str) -> Result<Reply, Refusal> {
        let (account, region) = (asked.caller().principal.account.clone(), asked.request.region());
        let profile = self.find(&account, &region, name)?;
        if status == "Revoked" {
            let body = asked.request.json();
            if body["profileVersion"] != profile.version.as_str() || body["reason"].as_str().is_none_or(str::is_empty) {
                return Err(Refusal::new(400, "ValidationException", "profileVersion and reason are required"));
            }
            let from =
                SystemTime::UNIX_EPOCH + Duration::from_secs_f64(body["effectiveTime"].as_f64().unwrap_or_default());
            let revoked = format!("{}/{}", arn(&account, &region, name), profile.version);
            self.revoked.lock().expect("no holder panics").push((revoked, from));
        }
        let key = (account, region, name.to_owned());
        self.profiles.lock().expect("no holder panics").insert(key, Profile { status, ..profile });
        Ok(Reply::of(200, "application/json", "{}"))
    }

    /// `maxResults` a page; the token is the index of the next one.
    fn list(&self, asked: &Asked<'_>) -> Reply {
        let (account, region) = (&asked.caller().principal.account, asked.request.region());
        let query = |name: &str| asked.request.query(name);
        let profiles = self.profiles.lock().expect("no holder panics");
        let wanted: Vec<Value> = profiles
            .iter()
            .filter(|((owner, place, _), profile)| {
                owner == account
                    && *place == region
                    && query("platformId").is_none_or(|platform| platform == profile.platform)
                    && (profile.status == "Active" || query("includeCanceled").as_deref() == Some("true"))
            })
            .map(|((owner, place, name), profile)| describe(owner, place, name, profile))
            .collect();
        let number = |name: &str, default: usize| query(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let (from, most) = (number("nextToken", 0), number("maxResults", 25).min(25));
        let mut page = json!({ "profiles": wanted.iter().skip(from).take(most).collect::<Vec<_>>() });
        if wanted.len() > from + most {
            page["nextToken"] = (from + most).to_string().into();
        }
        rest(&page)
    }

    fn revocations(&self, request: &Request) -> Result<Reply, Refusal> {
        let asked = pairs(&request.query);
        let value = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let needed = ["signatureTimestamp", "platformId", "profileVersionArn", "jobArn", "certificateHashes"];
        if let Some(missing) = needed.iter().find(|name| value(name).is_none()) {
            return Err(Refusal::new(400, "ValidationException", format!("{missing} is required")));
        }
        let signed_at = DateTime::parse_from_rfc3339(value("signatureTimestamp").unwrap_or_default())
            .map_err(|_| Refusal::new(400, "ValidationException", "signatureTimestamp is not a time"))?;
        let signed_at = SystemTime::from(signed_at.to_utc());
        let revoked = self.revoked.lock().expect("no holder panics");
        let entities: Vec<&String> = revoked
            .iter()
            .filter(|(entity, from)| *from <= signed_at && asked.iter().any(|(_, value)| value == entity))
            .map(|(entity, _)| entity)
            .collect();
        Ok(rest(&json!({ "revokedEntities": entities })))
    }
}

impl Service for Signer {
    fn name(&self) -> &'static str {
        "signer"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let operation = match (request.method.as_str(), &parts[..]) {
            ("POST", ["signing-jobs", "with-payload"]) => "SignPayload",
            ("PUT", ["signing-jobs", _, "revoke"]) => "RevokeSignature",
            ("GET", ["signing-profiles"]) => "ListSigningProfiles",
            ("GET", ["signing-profiles", _]) => "GetSigningProfile",
            ("PUT", ["signing-profiles", _]) => "PutSigningProfile",
            ("DELETE", ["signing-profiles", _]) => "CancelSigningProfile",
            ("PUT", ["signing-profiles", _, "revoke"]) => "RevokeSigningProfile",
            ("GET", ["revocations"]) => "GetRevocationStatus",
            _ => return None,
        };
        Some(operation.into())
    }

    fn wording(&self) -> Wording {
        Wording::RestJson
    }

    fn answer(&self, _state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let name = asked.request.path.split('/').nth(2).unwrap_or_default();
        let answer = match asked.operation {
            "SignPayload" => self.sign(asked),
            "ListSigningProfiles" => Ok(self.list(asked)),
            "GetSigningProfile" => self.get(asked, name),
            "PutSigningProfile" => self.put(asked, name),
            "CancelSigningProfile" => self.end(asked, name, "Canceled"),
            "RevokeSigningProfile" => self.end(asked, name, "Revoked"),
            "RevokeSignature" => {
                let account = &asked.caller().principal.account;
                self.revoke(&format!("arn:aws:signer:{}:{account}:/signing-jobs/{name}", asked.request.region()));
                Ok(Reply::of(200, "application/json", "{}"))
            }
            _ => self.revocations(asked.request),
        };
        answer.map(|reply| self.spoken(reply))
    }
}

/// The part of a certificate that its issuer signed: the first member of a sequence, both longer than 255 bytes.
fn signed_part(der: &[u8]) -> &[u8] {
    assert_eq!([der[0], der[1], der[4], der[5]], [0x30, 0x82, 0x30, 0x82], "two sequences with lengths of two bytes");
    let length = usize::from(u16::from_be_bytes([der[6], der[7]]));
    &der[4..8 + length]
}

fn describe(account: &str, region: &str, name: &str, profile: &Profile) -> Value {
    let arn = arn(account, region, name);
    json!({
        "profileName": name,
        "profileVersion": profile.version,
        "profileVersionArn": format!("{arn}/{}", profile.version),
        "arn": arn,
        "platformId": profile.platform,
        "platformDisplayName": "Notation for container registries",
        "signatureValidityPeriod": { "value": profile.validity.0, "type": profile.validity.1 },
        "status": profile.status,
        "tags": profile.tags,
    })
}

fn rest(value: &Value) -> Reply {
    Reply::of(200, "application/json", value.to_string())
}

/// The ARN of a profile.
pub fn arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:aws:signer:{region}:{account}:/signing-profiles/{name}")
}

fn job(region: &str, account: &str) -> String {
    let id = hex(&random_bytes(16));
    let id = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    format!("arn:aws:signer:{region}:{account}:/signing-jobs/{id}")
}

fn version() -> String {
    hex(&random_bytes(5))
}

fn is_name(name: &str) -> bool {
    (2..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
