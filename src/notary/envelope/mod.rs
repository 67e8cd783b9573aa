//! Signature envelopes: read, and every rule about them. Pure: no I/O, no clock.

mod cose;
mod headers;
pub(crate) mod json;
mod jws;
mod proof;
mod signed;

pub use headers::{VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_VERSION};
pub use proof::Proof;
pub use signed::{Attribute, Envelope, Scheme};

use crate::{oci::media, report::Report};

/// Largest envelope that is read (notation-go, `registry/repository.go`).
pub const MAX_ENVELOPE: usize = 32 * 1024 * 1024;

/// Reads an envelope and checks what holds for every envelope: protected headers and `crit`,
/// the chain's shape, the algorithm that the leaf's key fixes, the signature, the expiry after
/// the signing time. Roots, the chain's validity in time and identities are for the caller to judge.
pub fn open(media_type: &str, bytes: &[u8]) -> Result<Envelope, Report> {
    let (envelope, proof) = read(media_type, bytes)?;
    proof.check_on_two_threads()?;
    Ok(envelope)
}

/// The same but for the signatures and the chain: what the envelope says is its maker's claim until the proof holds.
pub(crate) fn read(media_type: &str, bytes: &[u8]) -> Result<(Envelope, Proof), Report> {
    if bytes.len() > MAX_ENVELOPE {
        return Err(Report::new(format!("the signature envelope has {} bytes, more than 32 MiB", bytes.len())));
    }
    let (envelope, proof) = match media_type {
        media::JWS => jws::read(bytes),
        media::COSE => cose::read(bytes),
        other => return Err(Report::new(format!("`{other}` is not a signature envelope"))),
    }?;
    if envelope.expires_at.is_some_and(|end| end <= envelope.signed_at) {
        return Err(Report::new("the signature expires before it was made"));
    }
    Ok((envelope, proof))
}
