//! The integration tests, in one binary: each binary of tests links the AWS SDK anew. A module for each
//! subject. `keychain_contract` is apart, because it can be given the bus of a real keychain.
// clippy.toml keeps environment, clock and exits out of the library. A test stands where `main.rs` does.
// Tables of counts and bounds are printed.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

// The order of the rooms.
mod floors;

// The library against tables.
mod identity;
mod partitions;
mod sign_envelope;
mod testkit;
mod testkit_flips;
mod trust_policy;
mod verify_judge;

// Whatever comes in.
#[cfg(target_os = "linux")] // elsewhere the program's keychain is the user's own
mod bounds;
#[cfg(target_os = "linux")] // the same
mod environment;

// Docker's protocol.
#[cfg(target_os = "linux")] // elsewhere the program's keychain is the user's own
mod ecr_login;
#[cfg(target_os = "linux")] // the same
mod get;
#[cfg(target_os = "linux")] // the same
mod get_failures;
#[cfg(target_os = "linux")] // the same
mod program;
#[cfg(target_os = "linux")] // the same
mod programs;
#[cfg(target_os = "linux")] // the same
mod special_files;
#[cfg(target_os = "linux")] // the same
mod verbs;

// containerd's.
#[cfg(target_os = "linux")] // it runs on nodes
mod containerd;

// The kubelet's.
#[cfg(target_os = "linux")] // it runs on nodes
mod kubelet;

// Notation's.
#[cfg(target_os = "linux")] // the program's keychain, again
mod notation_plugin;

// AWS: from a credential source to a token.
#[cfg(target_os = "linux")] // the same
mod aws_sources;
#[cfg(target_os = "linux")] // the same
mod aws_tokens;
#[cfg(target_os = "linux")] // the same
mod roles;

// Keychains.
#[cfg(target_os = "linux")] // the program's keychain, again
mod absent;
#[cfg(target_os = "linux")] // the same
mod delegate;
#[cfg(target_os = "linux")] // the same
mod healed;
#[cfg(target_os = "linux")] // the Secret Service is Linux's
mod keychain_cost;
#[cfg(target_os = "linux")] // the Secret Service is Linux's
mod secret_service_faults;
mod stores;

// The commands for people.
#[cfg(target_os = "linux")] // the program's keychain, again
mod causes;
#[cfg(target_os = "linux")] // the same
mod cli;
#[cfg(target_os = "linux")] // the same
mod completions;
#[cfg(target_os = "linux")] // the same
mod config_command;
#[cfg(target_os = "linux")] // the same
mod doctor;
#[cfg(target_os = "linux")] // the same
mod hostile_text;
#[cfg(target_os = "linux")] // the same
mod managed_signing;
#[cfg(target_os = "linux")] // elsewhere the clients' folders are the user's own
mod setup;
#[cfg(target_os = "linux")] // the program's keychain, again
mod words;

// Signing.
#[cfg(target_os = "linux")] // the program's keychain, again
mod sign_commands;
#[cfg(target_os = "linux")] // the same
mod sign_faults;
#[cfg(target_os = "linux")] // the same
mod sign_layout;
#[cfg(target_os = "linux")] // the same
mod sign_login;
#[cfg(target_os = "linux")] // the same
mod sign_native;
#[cfg(target_os = "linux")] // the same
mod sign_notation;
#[cfg(target_os = "linux")] // the same
mod sign_program;
#[cfg(target_os = "linux")] // the same
mod sign_registry;
#[cfg(target_os = "linux")] // the same
mod sign_requests;
#[cfg(target_os = "linux")] // the same
mod sign_runs;
#[cfg(target_os = "linux")] // the same
mod sign_signatures;
#[cfg(target_os = "linux")] // the same
mod sign_words;

// Verifying.
#[cfg(target_os = "linux")] // the program's keychain, again
mod verify_attacks;
#[cfg(target_os = "linux")] // the same
mod verify_command;
#[cfg(target_os = "linux")] // the same
mod verify_faults;

// Trust.
#[cfg(target_os = "linux")] // elsewhere Notation's folder is the user's own
mod trust_command;
#[cfg(unix)] // links and pipes
mod trust_store;

// The loopback AWS and registries that they use.
mod loopback;
mod registries;
