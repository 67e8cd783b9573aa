//! Registries: names of images, descriptors and manifests, and one repository to resolve, fetch, push
//! and list in, as the OCI distribution specification 1.1 and Amazon ECR want it.

mod auth;
mod challenge;
mod descriptor;
mod http;
mod manifest;
pub mod media;
mod push;
pub mod reference;
mod referrers;
mod repository;

pub use auth::{IDENTITY_TOKEN, RegistryAuth};
pub use descriptor::Descriptor;
pub use http::{Http, RetryPolicy};
pub use manifest::{ManifestFormat, SignatureManifest, children, write as write_manifest};
pub use push::Attached;
pub use reference::Reference;
pub use referrers::{ListedBy, MAX_LISTINGS, Removal};
pub use repository::{Manifest, Purpose, Repository};
