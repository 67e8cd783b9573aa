//! Signing container images with AWS Signer, in the formats of the Notary Project.
//!
//! reference → resolve → payload → SignPayload → every check → push → read back.

mod already_signed;
pub mod batch;
mod bound;
pub mod by_notation;
pub mod check;
pub mod digest_file;
mod expand;
pub mod notation_cli;
pub mod plan;
pub mod signatures;
pub mod signed_by;
