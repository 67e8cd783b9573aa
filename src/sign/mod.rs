//! Signing container images with AWS Signer, in the formats of the Notary Project.
//!
//! reference → resolve → payload → SignPayload → every check → push → read back.

pub mod batch;
pub mod check;
pub mod digest_file;
mod expand;
pub mod notation_cli;
pub mod plan;
pub mod signatures;
