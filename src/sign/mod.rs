//! Signing container images with AWS Signer, in the formats of the Notary Project.
//!
//! reference → resolve → payload → SignPayload → every check → push → read back.

pub mod batch;
pub mod descriptor;
pub mod digest_file;
pub mod envelope;
mod error;
pub mod native;
pub mod notation;
pub mod oci;
pub mod payload;
pub mod profile;
pub mod reference;
pub mod signatures;
pub mod signer;

pub use descriptor::{Descriptor, Digest, media};
pub use error::Error;
pub use profile::Profile;
pub use reference::Reference;
