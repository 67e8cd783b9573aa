//! Which signatures an image has: the referrers API (distribution-spec 1.1), and the tag that
//! stands in for it where a registry has none.

use std::collections::HashSet;

use futures_util::future::join;
use url::Url;

use super::{
    Descriptor,
    checked_manifest::{MAX_MANIFEST, Manifest},
    http::{Answer, Call},
    manifest::{IndexEdit, SignatureManifest, edit_index, read_index},
    media,
    remote::{Remote, server_errors},
};
use crate::{digest::Digest, report::Report};

/// Most pages of the referrers API that are read.
const MAX_PAGES: usize = 100;

/// Most entries of an image's list that are read, of all pages together.
pub(super) const MAX_LISTED: usize = 10_000;

/// Most bytes of a list that are read, of all pages together: room for [`MAX_LISTED`] signatures with
/// their annotations.
pub(super) const MAX_LIST_BYTES: usize = 32 * 1024 * 1024;

/// How often the tag is written again when another writer was faster.
const MAX_RACES: usize = 3;

/// How often a registry is asked whether it lists a new signature: a listing may lag behind a push.
pub const MAX_LISTINGS: u32 = 4;

/// How a registry lists an image's signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedBy {
    /// Its referrers API.
    Api,
    /// The tag `sha256-…`.
    Tag,
    /// The `index.json` of an image layout, which is no registry.
    Index,
}

/// What became of something that a list calls a signature.
#[derive(Debug)]
pub enum Removal {
    /// It is gone.
    Deleted,
    /// It stays, and is listed no more: it is no signature of the image, for this reason.
    Unlisted(Report),
}

impl Remote {
    /// The Notary Project signatures of `subject`: what the referrers API lists and what the tag
    /// lists, each once. Old clients write the tag even where there is an API.
    pub(super) async fn signatures(&self, subject: &Digest) -> Result<Vec<Descriptor>, Report> {
        let tag = subject.referrers_tag();
        let (api, tagged) = join(self.api(subject), self.tagged(&tag)).await;
        let mut found = api?.unwrap_or_default();
        found.extend(tagged?.listed);
        Ok(signatures_among(found))
    }

    /// Those of them that one of the two lists.
    pub(super) async fn signatures_by(&self, subject: &Digest, by: ListedBy) -> Result<Vec<Descriptor>, Report> {
        Ok(signatures_among(self.listed(subject, by).await?))
    }

    /// What one of the two lists.
    pub(super) async fn listed(&self, subject: &Digest, by: ListedBy) -> Result<Vec<Descriptor>, Report> {
        match by {
            ListedBy::Api => Ok(self.api(subject).await?.unwrap_or_default()),
            ListedBy::Tag | ListedBy::Index => Ok(self.tagged(&subject.referrers_tag()).await?.listed),
        }
    }

    /// What the API lists; `None` where the registry has no such API.
    async fn api(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, Report> {
        let doing = || format!("cannot list the signatures of {}", self.full_name(subject.as_str()));
        let mut url = self.url(&format!("referrers/{subject}"))?;
        url.query_pairs_mut().append_pair("artifactType", media::SIGNATURE);
        let (mut found, mut bytes) = (Vec::new(), 0);
        for page in 0..MAX_PAGES {
            let answer = self.access.send(Call::get(url.clone(), MAX_MANIFEST).accepting(media::INDEX)).await?;
            if answer.status == 404
                && page == 0
                && !server_errors(&answer).iter().any(|(code, _)| code == "NAME_UNKNOWN")
            {
                return Ok(None);
            }
            // Registries from before the API answer 400 or 405 to the path (oras-go, `referrers.go`, treats 404 alone so).
            // One that says no is heard: it may well have the API.
            let denied = |(code, _): &(String, String)| code.to_ascii_uppercase().contains("DENIED");
            if matches!(answer.status, 400 | 405) && page == 0 && !server_errors(&answer).iter().any(denied) {
                return Ok(None);
            }
            if !answer.is_success() {
                return Err(self.refused(&doing(), &answer));
            }
            let content_type = answer.header("content-type").unwrap_or_default();
            if content_type.split(';').next().map(str::trim) != Some(media::INDEX) {
                // A page for people, from something that is no registry API.
                return if page == 0 { Ok(None) } else { Err(Report::new(doing()).cause("a page is not an index")) };
            }
            found.extend(read_index(&answer.body).map_err(|err| err.under(doing()))?);
            bytes += answer.body.len();
            if found.len() > MAX_LISTED || bytes > MAX_LIST_BYTES {
                let mebibytes = MAX_LIST_BYTES / (1024 * 1024);
                return Err(Report::new(doing())
                    .cause(format!("the list has more than {MAX_LISTED} entries or {mebibytes} MiB")));
            }
            match next(&url, &answer) {
                Some(following) if following.origin() == url.origin() => url = following,
                _ => return Ok(Some(found)),
            }
        }
        Err(Report::new(doing()).cause(format!("the list has more than {MAX_PAGES} pages")))
    }

    /// What the tag lists, and the index that it points to.
    async fn tagged(&self, tag: &str) -> Result<Tagged, Report> {
        match self.find_manifest(tag).await? {
            Ok(index) if media::is_index(&index.descriptor.media_type) => {
                let listed = read_index(&index.bytes)?;
                if listed.len() > MAX_LISTED {
                    return Err(Report::new(format!("cannot read {}", self.full_name(tag)))
                        .cause(format!("the list has more than {MAX_LISTED} entries")));
                }
                Ok(Tagged { index: Some(index), listed })
            }
            // Someone's own tag of that name is no list of ours.
            Ok(_) => Ok(Tagged::default()),
            Err(answer) if answer.status == 404 => Ok(Tagged::default()),
            Err(answer) => Err(self.refused(&format!("cannot read {}", self.full_name(tag)), &answer)),
        }
    }

    /// Sees to it that a pushed signature is listed: by the registry where it says so or does it,
    /// else by the tag.
    pub(super) async fn list(
        &self,
        subject: &Descriptor,
        signature: Descriptor,
        pushed: &Answer,
    ) -> Result<(ListedBy, Vec<String>), Report> {
        // The header is the registry's promise (distribution-spec, "Pushing Manifests with Subject").
        if pushed.header("oci-subject") == Some(subject.digest.as_str()) {
            return Ok((ListedBy::Api, Vec::new()));
        }
        if let Some(listed) = self.api(&subject.digest).await?
            && listed.iter().any(|known| known.digest == signature.digest)
        {
            return Ok((ListedBy::Api, Vec::new()));
        }
        let warnings = self.change_tag(&subject.digest, &IndexEdit::Add(&signature)).await?;
        Ok((ListedBy::Tag, warnings))
    }

    /// Deletes a signature and takes it out of the tag's list, where it stands in one.
    ///
    /// What is listed as a signature and is none by its own content, is not deleted: anybody who may push
    /// the tag can name the image that others run. It is taken out of the tag's list.
    ///
    /// # Errors
    /// Where the registry fails, and where the referrers API alone lists what is no signature.
    pub(super) async fn remove_signature(
        &self,
        subject: &Digest,
        signature: &Digest,
    ) -> Result<(Removal, Vec<String>), Report> {
        let other = match self.find_manifest(signature.as_str()).await? {
            Ok(found) => SignatureManifest::read(&found.descriptor.media_type, &found.bytes)
                .and_then(|manifest| manifest.check_signs(subject))
                .err(),
            // It is gone already.
            Err(answer) if answer.status == 404 => None,
            Err(answer) => {
                return Err(self.refused(&format!("cannot read {}", self.full_name(signature.as_str())), &answer));
            }
        };
        let edit = IndexEdit::Remove(signature);
        let is_listed = !edit.is_done(&self.tagged(&subject.referrers_tag()).await?.listed);
        if let Some(other) = other.as_ref().filter(|_| !is_listed) {
            let what =
                format!("{signature} is no signature of {}: it was not deleted", self.full_name(subject.as_str()));
            return Err(other.clone().under(what));
        }
        let mut warnings = Vec::new();
        if is_listed {
            warnings = self.change_tag(subject, &edit).await?;
        }
        if let Some(other) = other {
            return Ok((Removal::Unlisted(other), warnings));
        }
        self.delete(signature).await?;
        Ok((Removal::Deleted, warnings))
    }

    /// Changes the tag's list and looks whether the change is still there: registries have no
    /// compare-and-swap, so another writer may have been faster.
    async fn change_tag(&self, subject: &Digest, edit: &IndexEdit<'_>) -> Result<Vec<String>, Report> {
        let tag = subject.referrers_tag();
        for _ in 0..MAX_RACES {
            let Tagged { index: old, listed } = self.tagged(&tag).await?;
            let (bytes, media_type) = match &old {
                Some(index) => (edit_index(Some(&index.bytes), edit)?, index.descriptor.media_type.as_str()),
                None => (edit_index(None, edit)?, media::INDEX),
            };
            let new = Digest::of(&bytes);
            let answer = self.put_manifest(&tag, media_type, bytes).await?;
            if !answer.is_success() {
                return Err(self.refused(&format!("cannot list the signature under {}", self.full_name(&tag)), &answer));
            }
            if edit.is_done(&self.tagged(&tag).await?.listed) {
                let old = old.map(|index| index.descriptor.digest).filter(|old| *old != new);
                // Every empty list is the same manifest, which other tags may have.
                let Some(old) = old.filter(|_| !listed.is_empty()) else { return Ok(Vec::new()) };
                if !lists_only_signatures(&listed) {
                    return Ok(vec![format!("what {tag} pointed to stays: {old} lists more than signatures")]);
                }
                // The old list is only litter.
                let deleted = self.delete(&old).await;
                return Ok(deleted
                    .err()
                    .map(|err| format!("the old list of signatures stays: {}", err.full()))
                    .into_iter()
                    .collect());
            }
        }
        Err(Report::new(format!("other writers keep changing {}", self.full_name(&tag)))
            .hint("run the same command again"))
    }
}

/// What calls itself a signature, each once: a registry need not filter (distribution-spec, "Listing Referrers").
fn signatures_among(mut listed: Vec<Descriptor>) -> Vec<Descriptor> {
    let mut seen = HashSet::new();
    listed.retain(|one| one.artifact_type.as_deref() == Some(media::SIGNATURE) && seen.insert(one.digest.clone()));
    listed
}

/// Whether an index lists signatures and nothing else, so that it may be deleted when the tag has left it:
/// somebody may have put the tag on an index that others run.
fn lists_only_signatures(listed: &[Descriptor]) -> bool {
    listed.iter().all(|entry| entry.artifact_type.as_deref() == Some(media::SIGNATURE) && !entry.has_platform)
}

/// What stands under the tag that lists an image's referrers.
#[derive(Default)]
struct Tagged {
    index: Option<Manifest>,
    listed: Vec<Descriptor>,
}

/// The next page (RFC 8288, `rel="next"`).
fn next(from: &Url, answer: &Answer) -> Option<Url> {
    let links = answer.headers("link").flat_map(|header| header.split(','));
    let next = links.filter_map(|link| link.split_once('>')).find(|(_, parameters)| {
        parameters.split(';').any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"))
    });
    from.join(next?.0.trim().strip_prefix('<')?).ok()
}
