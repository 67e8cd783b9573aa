//! Signing container images with AWS Signer, in the formats of the Notary Project.
//!
//! reference → resolve → payload → SignPayload → every check → push → read back.

mod already_signed;
pub mod batch;
pub mod by_notation;
pub mod check;
pub mod digest_file;
pub mod notation_cli;
pub mod plan;
