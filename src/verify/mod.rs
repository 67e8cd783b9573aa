//! Judging the signatures of an image: found, read, told who made them.

pub mod signatures;
pub mod signed_by;
