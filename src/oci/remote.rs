//! One repository of a registry: fetch and delete, as the OCI distribution specification 1.1
//! and Amazon ECR want it. Async; the caller has the runtime.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use url::Url;

use super::{
    Descriptor, Reference,
    auth::{Access, RegistryAuth, authority, login_hint},
    checked_manifest::{MANIFESTS, MAX_MANIFEST, Manifest},
    http::{self, Answer, Call, Http, RetryPolicy},
};
use crate::{
    digest::Digest,
    report::{Report, excerpt},
};

/// What a client may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read.
    Pull,
    /// Read and write.
    Push,
    /// Read, write and delete.
    Delete,
}

/// One repository of a registry.
pub(super) struct Remote {
    pub(super) access: Access,
    base: Url,
    pub(super) name: String,
    pub(super) retries: RetryPolicy,
    /// Whether the config blob of signatures is there, the same for all of them, where that is known.
    pub(super) config: Mutex<Option<bool>>,
}

impl Remote {
    /// The repository of an image.
    pub(super) fn open(
        http: &Http,
        image: &Reference,
        purpose: Purpose,
        auth: Arc<RegistryAuth>,
    ) -> Result<Remote, Report> {
        let scheme = http.scheme(image.host());
        let base = Url::parse(&format!("{scheme}://{}/v2/{}/", image.host(), image.repository))
            .map_err(|err| Report::new(format!("`{}` is not a registry", image.host())).cause(err))?;
        let actions = match purpose {
            Purpose::Pull => "pull",
            Purpose::Push => "pull,push",
            Purpose::Delete => "pull,push,delete",
        };
        Ok(Remote {
            access: Access::new(http.clone(), base.clone(), &image.repository, actions, auth),
            base,
            name: image.name(),
            retries: http.retries(),
            config: Mutex::default(),
        })
    }

    /// Fetches a manifest by tag or digest and checks it: at most 4 MiB, of a known media type, of the
    /// digest that was asked for and that the registry claims.
    pub(super) async fn manifest(&self, selector: &str) -> Result<Manifest, Report> {
        match self.find_manifest(selector).await? {
            Ok(manifest) => Ok(manifest),
            Err(answer) => Err(self.refused(&format!("cannot read {}", self.full_name(selector)), &answer)),
        }
    }

    /// The same, with the registry's own words where it has no such manifest or does not give it.
    pub(super) async fn find_manifest(&self, selector: &str) -> Result<Result<Manifest, Answer>, Report> {
        let call =
            Call::get(self.url(&format!("manifests/{selector}"))?, MAX_MANIFEST).accepting(&MANIFESTS.join(", "));
        let answer = self.access.send(call).await?;
        if !answer.is_success() {
            return Ok(Err(answer));
        }
        let bad = |why: String| {
            Report::new(format!(
                "{} gave a manifest that cannot be trusted for {}",
                self.registry(),
                self.full_name(selector)
            ))
            .cause(why)
        };
        let asked = Digest::parse(selector).ok();
        let claimed = match answer.header("docker-content-digest") {
            Some(text) => Some(Digest::parse(text).map_err(|err| bad(err.full()))?),
            None => None,
        };
        if let (Some(asked), Some(claimed)) = (&asked, &claimed)
            && asked != claimed
        {
            return Err(bad(format!("its header names the digest {claimed}")));
        }
        let digest = asked.or(claimed).unwrap_or_else(|| Digest::of(&answer.body));
        let content_type = answer.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        Manifest::check(answer.body, digest, media_type).map(Ok).map_err(|err| bad(err.full()))
    }

    /// Fetches a blob and checks it against its descriptor; `cap` bounds it before anything is read.
    pub(super) async fn blob(&self, blob: &Descriptor, cap: usize) -> Result<Vec<u8>, Report> {
        let doing = format!("cannot read {}", self.full_name(blob.digest.as_str()));
        let size = usize::try_from(blob.size).ok().filter(|size| *size <= cap);
        let size = size
            .ok_or_else(|| Report::new(&*doing).cause(format!("it has {} bytes, at most {cap} are read", blob.size)))?;
        let answer = self.access.send(Call::get(self.url(&format!("blobs/{}", blob.digest))?, size)).await;
        let answer = answer.map_err(|err| err.under(&*doing))?;
        if !answer.is_success() {
            return Err(self.refused(&doing, &answer));
        }
        if !blob.digest.matches(&answer.body) {
            return Err(Report::new(doing).cause(format!("its content has the digest {}", Digest::of(&answer.body))));
        }
        Ok(answer.body)
    }

    /// Deletes a manifest by its digest. One that is gone already is deleted.
    pub(super) async fn delete(&self, digest: &Digest) -> Result<(), Report> {
        let mut call = Call::get(self.url(&format!("manifests/{digest}"))?, http::MAX_SMALL_BODY);
        call.method = "DELETE";
        let answer = self.access.send(call).await?;
        match answer.status {
            202 | 200 | 204 | 404 => Ok(()),
            _ => Err(self.refused(&format!("cannot delete {}", self.full_name(digest.as_str())), &answer)),
        }
    }

    /// Waits before asking again: not at all the first time, then longer and longer.
    pub(super) async fn pause(&self, asked: u32) {
        if let Some(exponent) = asked.checked_sub(1) {
            let wait = self.retries.first.saturating_mul(2u32.saturating_pow(exponent));
            tokio::time::sleep(wait.min(self.retries.longest)).await;
        }
    }

    pub(super) fn url(&self, path: &str) -> Result<Url, Report> {
        self.base.join(path).map_err(|err| Report::new(format!("`{path}` is no path at {}", self.base)).cause(err))
    }

    pub(super) fn registry(&self) -> String {
        authority(&self.base)
    }

    pub(super) fn full_name(&self, selector: &str) -> String {
        let separator = if selector.contains(':') { '@' } else { ':' };
        format!("{}{separator}{selector}", self.name)
    }

    /// A refusal in the registry's own words, with one thing to do.
    pub(super) fn refused(&self, doing: &str, answer: &Answer) -> Report {
        let errors = server_errors(answer);
        let err =
            Report::new(doing).cause(format!("{} answered {}{}", self.registry(), answer.status, in_words(&errors)));
        let codes = |code: &str| errors.iter().any(|(known, _)| known == code);
        let immutable = |(code, message): &(String, String)| {
            code.contains("IMMUTABLE") || message.to_ascii_lowercase().contains("immutable")
        };
        let ecr = self.registry().contains(".dkr.ecr.") || self.registry().contains(".dkr-ecr");
        match answer.status {
            _ if errors.iter().any(immutable) => err.hint(
                "the repository's tags are immutable and this registry lists signatures by tag: allow changing tags \
                 that start with `sha256-`",
            ),
            401 if ecr => err.hint("run: docker-credential-ecr-rs doctor"),
            401 => err.hint(login_hint(&self.base)),
            403 if ecr => err.hint(
                "allow ecr:BatchGetImage, ecr:GetDownloadUrlForLayer, ecr:BatchCheckLayerAvailability, \
                 ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload and ecr:PutImage on the repository",
            ),
            403 => err.hint("ask for the right to push to this repository"),
            404 if codes("NAME_UNKNOWN") => err.hint("check the name of the repository and its region"),
            404 => err.hint("check the name; was the image pushed?"),
            429 => err.hint("the registry is throttling: wait a little and run the same command again"),
            500.. => err.hint("the registry is in trouble: run the same command again later"),
            _ => err,
        }
    }
}

/// The errors of an answer's body, code and message (distribution-spec, "Error Codes").
pub(super) fn server_errors(answer: &Answer) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let body = serde_json::from_slice::<Body>(&answer.body);
    body.map(|body| body.errors.into_iter().map(|one| (one.code, one.message)).collect()).unwrap_or_default()
}

fn in_words(errors: &[(String, String)]) -> String {
    excerpt(&errors.iter().map(|(code, message)| format!(": {code} {message}")).collect::<String>())
}
