//! Judging the signatures of an image: what is trusted, what was found and read, who made it, and the verdict.

pub mod anchors;
pub(crate) mod checks;
pub mod distinguished_name;
pub mod judge;
mod judgement;
pub mod lint;
pub mod places;
pub mod plugin;
pub mod plugin_protocol;
pub mod plugin_wire;
pub mod policy;
mod policy_file;
pub mod run;
pub mod signatures;
pub mod signed_by;
pub mod trust_store;
pub mod trusted;
