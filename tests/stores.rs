//! The keychain stores that need no keychain of the machine. Each must keep the same promises.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

#[path = "stores/file.rs"]
mod file;
#[cfg(unix)] // The helpers are shell scripts.
#[path = "stores/helper.rs"]
mod helper;
#[path = "stores/native.rs"]
mod native;
#[path = "stores/promises.rs"]
mod promises;
