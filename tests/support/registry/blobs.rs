//! Blobs: uploads in one piece or in chunks, and downloads, from here or from ECR's bucket.

use hyper::body::Bytes;

use super::{
    super::aws::{Refusal, Reply, Request, faults::Fault, iam::random_id},
    At, Registry, auth, digest,
};

pub(super) struct Blob(pub(super) Bytes);

/// An upload that is under way.
#[derive(Default)]
pub(super) struct Upload(Vec<u8>);

impl Registry {
    pub(super) fn get_blob(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        let found = self.with(at, |repository| repository.blobs.get(at.reference).map(|blob| blob.0.clone()));
        let bytes = found.ok_or_else(|| Refusal::new(404, "BLOB_UNKNOWN", "blob unknown to registry"))?;
        let digest = match at.fault {
            Some(Fault::WrongDigest) => digest(b"something else"),
            _ => at.reference.to_owned(),
        };
        if let (auth::Place::Ecr { region, .. }, true, "GET") =
            (self.place(&at.request.host), self.personality().redirects_blobs, at.request.method.as_str())
        {
            let key = self.key(&at.request.host, at.repository);
            let bucket = format!("https://prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com");
            let location =
                format!("{bucket}/{key}/{}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", at.reference);
            return Ok(Reply::empty(307).with("Location", location));
        }
        let reply = |status, bytes| {
            Reply::of(status, "application/octet-stream", bytes)
                .with("Docker-Content-Digest", digest.clone())
                .with("Accept-Ranges", "bytes")
        };
        let Some((from, to)) = range(at.request, bytes.len()) else { return Ok(reply(200, bytes)) };
        let header = format!("bytes {from}-{to}/{}", bytes.len());
        Ok(reply(206, bytes.slice(from..=to)).with("Content-Range", header))
    }

    /// `POST …/blobs/uploads/`: in one piece with `?digest=`; a mount is not done but answered by a
    /// new upload, as the specification allows and as ECR does.
    pub(super) fn start_upload(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        if let (Some(digest), None) = (at.request.query("digest"), at.request.query("mount")) {
            return self.keep(at, &digest, at.request.body.to_vec());
        }
        let id = random_id(24);
        self.uploads.lock().expect("no holder panics").insert(id.clone(), Upload::default());
        Ok(progress(202, at, &id, 0))
    }

    pub(super) fn continue_upload(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        let mut uploads = self.uploads.lock().expect("no holder panics");
        let upload = uploads.get_mut(at.reference).ok_or_else(unknown_upload)?;
        let start = at.request.header("content-range").and_then(|range| range.split('-').next()?.parse::<usize>().ok());
        if start.is_some_and(|start| start != upload.0.len()) {
            return Ok(progress(416, at, at.reference, upload.0.len()));
        }
        upload.0.extend_from_slice(&at.request.body);
        Ok(progress(202, at, at.reference, upload.0.len()))
    }

    pub(super) fn finish_upload(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        let upload = self.uploads.lock().expect("no holder panics").remove(at.reference);
        let mut bytes = upload.ok_or_else(unknown_upload)?.0;
        bytes.extend_from_slice(&at.request.body);
        let digest = at.request.query("digest").unwrap_or_default();
        self.keep(at, &digest, bytes)
    }

    pub(super) fn upload_status(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        let uploads = self.uploads.lock().expect("no holder panics");
        let upload = uploads.get(at.reference).ok_or_else(unknown_upload)?;
        Ok(progress(204, at, at.reference, upload.0.len()))
    }

    pub(super) fn cancel_upload(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        let upload = self.uploads.lock().expect("no holder panics").remove(at.reference);
        upload.map(|_| Reply::empty(204)).ok_or_else(unknown_upload)
    }

    fn keep(&self, at: &At<'_>, claimed: &str, bytes: Vec<u8>) -> Result<Reply, Refusal> {
        let digest = digest(&bytes);
        if digest != claimed {
            let message = format!("provided digest did not match uploaded content: {claimed}, not {digest}");
            return Err(Refusal::new(400, "DIGEST_INVALID", message));
        }
        self.with(at, |repository| repository.blobs.insert(digest.clone(), Blob(bytes.into())));
        let location = address(at.request, &format!("/v2/{}/blobs/{digest}", at.repository));
        Ok(Reply::empty(201).with("Location", location).with("Docker-Content-Digest", digest))
    }
}

/// A download from the bucket: signed by its URL, so a login besides is refused, as S3 does.
pub(super) fn from_bucket(registry: &Registry, request: &Request) -> Result<Reply, Refusal> {
    if request.headers.contains_key("authorization") {
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query \
                       string parameter or the Authorization header should be specified";
        return Err(Refusal::new(400, "InvalidArgument", message));
    }
    let (key, digest) = request.path.trim_start_matches('/').rsplit_once('/').unwrap_or_default();
    let repositories = registry.repositories.lock().expect("no holder panics");
    let blob = repositories.get(key).and_then(|repository| repository.blobs.get(digest));
    let blob = blob.ok_or_else(|| Refusal::new(404, "NoSuchKey", "The specified key does not exist."))?;
    Ok(Reply::of(200, "application/octet-stream", blob.0.clone()))
}

fn unknown_upload() -> Refusal {
    Refusal::new(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
}

fn progress(status: u16, at: &At<'_>, id: &str, length: usize) -> Reply {
    Reply::empty(status)
        .with("Location", address(at.request, &format!("/v2/{}/blobs/uploads/{id}", at.repository)))
        .with("Docker-Upload-UUID", id)
        .with("Range", format!("0-{}", length.saturating_sub(1)))
}

/// A URL with host, as ECR's `Location` headers are.
fn address(request: &Request, path: &str) -> String {
    format!("{}://{}{path}", if request.tls { "https" } else { "http" }, request.authority)
}

/// First and last byte of `Range: bytes=A-B`, where it can be met.
fn range(request: &Request, length: usize) -> Option<(usize, usize)> {
    let (from, to) = request.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = to.parse().unwrap_or(usize::MAX).min(length.checked_sub(1)?);
    (from <= to).then_some((from, to))
}
