//! GetRevocationStatus of AWS Signer: what of a signature has been revoked since it was made.

use aws_sdk_signerdata::primitives::DateTime;
use ring::digest::{SHA384, digest};

use super::{
    signer::Signer,
    signing_profile::{PLATFORM, PROFILE_VERSION, SIGNING_JOB, SigningProfile},
};
use crate::{
    digest::hex,
    notary::{certificate::Certificate, envelope::Envelope},
    report::Report,
};

impl Signer {
    /// What of a signature is revoked: its job, its profile's version or a certificate; empty where nothing is.
    ///
    /// AWS keeps this in the profile's own region, which must be this client's.
    ///
    /// # Errors
    /// AWS did not say: then nothing is known.
    pub async fn revoked(&self, envelope: &Envelope) -> Result<Vec<String>, Report> {
        let named = |name| envelope.text(name).ok_or_else(|| Report::new(format!("the signature has no `{name}`")));
        let (profile, job) = (named(PROFILE_VERSION)?, named(SIGNING_JOB)?);
        let call = self
            .data
            .get_revocation_status()
            .signature_timestamp(DateTime::from_secs(envelope.signed_at.timestamp()))
            .platform_id(PLATFORM)
            .profile_version_arn(profile)
            .job_arn(job)
            .set_certificate_hashes(Some(certificate_hashes(&envelope.chain)));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(err) => {
                let profile = SigningProfile::parse(profile).ok();
                let asked = ("GetRevocationStatus", "ask for revocations of");
                return Err(self.explained(asked, profile.as_ref(), err).report);
            }
        };
        // An answer without the list is not AWS's: nothing is known then.
        answer.revoked_entities.ok_or_else(|| {
            Report::new(format!("AWS Signer did not say whether a signature of {profile} was revoked"))
                .hint("check that no proxy or endpoint_url answers in place of AWS")
        })
    }
}

/// How AWS names the certificates of a chain, leaf first: SHA-384 of what was signed of each, and of its
/// issuer behind it; the root is its own issuer (AWS Signer's plugin for Notation, `verifier.go`).
pub fn certificate_hashes(chain: &[Certificate]) -> Vec<String> {
    let hashes: Vec<String> =
        chain.iter().map(|certificate| hex(digest(&SHA384, &certificate.signed_part).as_ref())).collect();
    let issuers = hashes.iter().skip(1).chain(hashes.last());
    hashes.iter().zip(issuers).map(|(own, issuer)| format!("{own}{issuer}")).collect()
}
