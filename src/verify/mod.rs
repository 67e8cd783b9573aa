//! Judging the signatures of an image: what is trusted, what was found and read, who made it.

pub mod distinguished_name;
pub mod lint;
pub mod places;
pub mod policy;
mod policy_file;
pub mod signatures;
pub mod signed_by;
pub mod trust_store;
