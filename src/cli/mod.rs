//! The commands for people: clap types and one file for each command.

pub mod setup;
