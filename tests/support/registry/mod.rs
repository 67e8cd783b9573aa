//! OCI registries on loopback: ECR's private ones, ECR Public and a plain one with user and
//! password, by the host that was asked (OCI distribution specification 1.1).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use serde_json::Value;

use super::{
    aws::{Asked, Refusal, Reply, Request, Service, Wording, faults::Fault},
    loopback::State,
};

mod auth;
mod blobs;
mod manifests;

use blobs::{Blob, Upload};
use manifests::Manifest;

/// The user of the plain registry.
pub const PLAIN_USER: &str = "carol";
/// The password of [`PLAIN_USER`].
pub const PLAIN_PASSWORD: &str = "correct-horse-battery-staple";

/// How the registries behave. All of them alike, to be changed at any time.
#[derive(Debug, Clone)]
pub struct Personality {
    /// Whether there is a referrers API (OCI 1.1) and `OCI-Subject` in answers.
    pub referrers: bool,
    /// Whether manifests with `artifactType` are taken; some of ECR's paths answer 405.
    pub artifact_manifests: bool,
    /// Whether a tag that exists can be moved.
    pub mutable_tags: bool,
    /// Whether blobs are downloaded from ECR's bucket, which must not see the login.
    pub redirects_blobs: bool,
    /// Descriptors that the referrers API lists beside what is there, whatever it is asked for.
    pub lies: Vec<Value>,
    /// What the plain registry asks for in place of Basic: the text of `WWW-Authenticate`. With it, bearers
    /// of `/token/` may read there.
    pub challenge: Option<String>,
    /// Entries of nobody's on each page of the referrers API, with so many bytes in each. There is always
    /// another page.
    pub flood: Option<(usize, usize)>,
    /// Where the referrers API says that its next page is.
    pub next_page: Option<String>,
    /// The words in which each manifest is refused.
    pub refusal: Option<String>,
}

impl Default for Personality {
    fn default() -> Personality {
        Personality {
            referrers: true,
            artifact_manifests: true,
            mutable_tags: true,
            redirects_blobs: false,
            lies: Vec::new(),
            challenge: None,
            flood: None,
            next_page: None,
            refusal: None,
        }
    }
}

/// Everything that is stored, and who may reach it.
#[derive(Default)]
pub struct Registry {
    personality: Mutex<Personality>,
    repositories: Mutex<HashMap<String, Repository>>,
    uploads: Mutex<HashMap<String, Upload>>,
    auth: Mutex<auth::Auth>,
}

/// One repository.
#[derive(Default)]
struct Repository {
    blobs: HashMap<String, Blob>,
    manifests: HashMap<String, Manifest>,
    tags: HashMap<String, String>,
}

impl Registry {
    /// Changes how registries behave from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Personality)) {
        change(&mut self.personality.lock().expect("no holder panics"));
    }

    /// Puts a custom domain in front of an account's registry.
    pub fn add_domain(&self, host: &str, account: &str, region: &str) {
        let mut auth = self.auth.lock().expect("no holder panics");
        auth.domains.insert(host.into(), (account.into(), region.into()));
    }

    /// Lets principals of one account reach the repositories of another, as a repository policy does.
    pub fn share(&self, owner: &str, guest: &str) {
        self.auth.lock().expect("no holder panics").shares.push((owner.into(), guest.into()));
    }

    /// The bytes of a manifest as they were pushed, by `host`, repository and tag or digest.
    pub fn manifest(&self, host: &str, repository: &str, reference: &str) -> Option<Vec<u8>> {
        let mut repositories = self.repositories.lock().expect("no holder panics");
        let repository = repositories.get_mut(&self.key(host, repository))?;
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        repository.manifests.get(digest).map(|manifest| manifest.bytes.to_vec())
    }

    /// Puts a manifest under a tag without asking whether what it lists is there, as a hostile registry could.
    pub fn plant(&self, host: &str, repository: &str, tag: &str, media_type: &str, bytes: Vec<u8>) -> String {
        let (key, digest) = (self.key(host, repository), digest(&bytes));
        let mut repositories = self.repositories.lock().expect("no holder panics");
        let repository = repositories.entry(key).or_default();
        repository.tags.insert(tag.into(), digest.clone());
        repository.manifests.insert(digest.clone(), Manifest::new(&digest, media_type.into(), bytes.into()));
        digest
    }

    /// How the registries behave now.
    fn personality(&self) -> Personality {
        self.personality.lock().expect("no holder panics").clone()
    }

    /// Where a repository is kept: FIPS, dual-stack and custom hosts lead to the same place.
    fn key(&self, host: &str, repository: &str) -> String {
        format!("{}/{repository}", self.place(host).key())
    }

    fn place(&self, host: &str) -> auth::Place {
        auth::Place::of(host, &self.auth.lock().expect("no holder panics").domains)
    }

    /// Works on a repository, which is made when it is first pushed to.
    fn with<T>(&self, at: &At<'_>, work: impl FnOnce(&mut Repository) -> T) -> T {
        let mut repositories: MutexGuard<'_, HashMap<String, Repository>> =
            self.repositories.lock().expect("no holder panics");
        work(repositories.entry(self.key(&at.request.host, at.repository)).or_default())
    }
}

/// What a request is about.
struct At<'a> {
    request: &'a Request,
    /// With slashes.
    repository: &'a str,
    /// Tag, digest or upload id.
    reference: &'a str,
    /// The fault that is set for this operation.
    fault: Option<Fault>,
}

/// The part of the loopback that answers `/v2/`.
pub struct Registries;

impl Service for Registries {
    fn name(&self) -> &'static str {
        "registry"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        if auth::is_bucket(&request.host) {
            return Some("DownloadLayer".into());
        }
        if matches!(request.path.as_str(), "/token" | "/token/") && request.method == "GET" {
            return Some("PublicToken".into());
        }
        let (kind, ..) = split(&request.path)?;
        Some(format!("{}{kind}", verb(&request.method)))
    }

    fn wording(&self) -> Wording {
        Wording::Registry
    }

    fn signed(&self, _operation: &str) -> bool {
        false // a login, which the door checks
    }

    fn answer(&self, state: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let Asked { operation, request, fault, .. } = asked;
        match *operation {
            "DownloadLayer" => return blobs::from_bucket(&state.registry, request),
            "PublicToken" => return Ok(auth::public_token(state, request)),
            _ => {}
        }
        let (_, repository, reference) = split(&request.path).unwrap_or_default();
        if let Some(reply) = auth::check(state, request, repository, fault.as_ref())? {
            return Ok(reply);
        }
        let (registry, at) = (&state.registry, At { request, repository, reference, fault: fault.clone() });
        match *operation {
            "GetPing" => Ok(Reply::of(200, "application/json", "{}")),
            "GetTags" => Ok(registry.tags(&at)),
            "GetReferrers" => registry.referrers(&at),
            "GetManifest" | "HeadManifest" => registry.get_manifest(&at),
            "PutManifest" => registry.put_manifest(&at),
            "DeleteManifest" => registry.delete_manifest(&at),
            "GetBlob" | "HeadBlob" => registry.get_blob(&at),
            "PostUpload" => registry.start_upload(&at),
            "PatchUpload" => registry.continue_upload(&at),
            "PutUpload" => registry.finish_upload(&at),
            "GetUpload" => registry.upload_status(&at),
            "DeleteUpload" => registry.cancel_upload(&at),
            _ => Err(Refusal::new(405, "UNSUPPORTED", "The operation is unsupported.")),
        }
    }
}

/// `Get`, `Head`, `Put`, … as operations begin.
fn verb(method: &str) -> String {
    method[..1].to_owned() + &method[1..].to_ascii_lowercase()
}

/// Kind, repository and reference of a path below `/v2/`.
fn split(path: &str) -> Option<(&'static str, &str, &str)> {
    let rest = path.strip_prefix("/v2")?;
    if matches!(rest, "" | "/") {
        return Some(("Ping", "", ""));
    }
    let rest = rest.strip_prefix('/')?;
    for (marker, kind) in [
        ("/blobs/uploads/", "Upload"),
        ("/blobs/uploads", "Upload"),
        ("/blobs/", "Blob"),
        ("/manifests/", "Manifest"),
        ("/referrers/", "Referrers"),
        ("/tags/list", "Tags"),
    ] {
        if let Some((repository, reference)) = rest.rsplit_once(marker) {
            return Some((kind, repository, reference));
        }
    }
    None
}

/// `sha256:…` of content.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", super::sigv4::hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref()))
}
