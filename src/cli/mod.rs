//! The commands for people: clap types and one file for each command.

pub mod profile;
pub mod sign;
pub mod signatures;
pub mod signing;
