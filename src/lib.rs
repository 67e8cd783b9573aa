//! The library behind `docker-credential-ecr-rs`. Modules in reading order.

// From a line on stdin to an answer on stdout.
pub mod aws;
pub mod docker;
pub mod identity;
pub mod keychain;
pub mod registry;
pub mod token;

// From a tag to a signature beside the image.
pub mod sign;

// The commands for people.
pub mod cli;
pub mod setup;

// What all of them use.
pub mod config;
pub mod environment;
pub mod error;
pub mod hex;
pub mod journal;
pub mod names;
pub mod private_fs;
pub mod process;
pub mod report;
pub mod secret;
pub mod world;
