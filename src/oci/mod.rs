//! Registries and image layouts: names of images, descriptors and manifests, and one repository to resolve,
//! fetch, push and list in, as the OCI specifications and Amazon ECR want it.

mod auth;
pub(crate) mod bound;
mod challenge;
mod checked_manifest;
mod descriptor;
pub(crate) mod expand;
mod http;
mod layout;
mod manifest;
pub mod media;
mod push;
pub mod reference;
mod referrers;
mod remote;
mod repositories;
mod repository;

pub use auth::{IDENTITY_TOKEN, RegistryAuth};
pub use checked_manifest::Manifest;
pub use descriptor::Descriptor;
pub use http::{Http, RetryPolicy};
pub use manifest::{ManifestFormat, SignatureManifest, children, write as write_manifest};
pub use push::Attached;
pub use reference::Reference;
pub use referrers::{ListedBy, MAX_LISTINGS, Removal};
pub use remote::Purpose;
pub use repositories::Repositories;
pub use repository::{Prepared, Repository};
