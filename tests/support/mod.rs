//! What the whole-program tests share. Each test file uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::disallowed_methods)]

pub mod aws;
pub mod bench;
#[cfg(target_os = "linux")]
pub mod bus;
pub mod client;
#[cfg(all(test, target_os = "linux"))] // it names the built binary, which examples cannot
pub mod machine;
pub mod memory;
pub mod program;
pub mod proxy;
pub mod registry;
pub mod signer;
pub mod sigv4;
#[cfg(target_os = "linux")]
pub mod terminal;
pub mod tls;
pub mod world;
