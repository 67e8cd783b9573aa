//! The keychain stores that need no keychain of the machine. Each must keep the same contract.

mod contract;
mod file;
#[cfg(unix)] // The helpers are shell scripts.
mod helper;
mod keyring;
