//! What tests and examples share: the loopback AWS and registries, the session bus, the program.
#![allow(dead_code, unreachable_pub)] // `keychain_contract` and the examples use a part of it

pub mod aws;
#[cfg(target_os = "linux")]
pub mod bus;
pub mod client;
pub mod damage;
pub mod loopback;
#[cfg(all(test, target_os = "linux"))] // the same
pub mod machine;
pub mod program;
pub mod proxy;
pub mod registry;
pub mod signer;
#[cfg(all(test, target_os = "linux"))] // it names the built binary, which examples cannot
pub mod signing_fixture;
pub mod sigv4;
#[cfg(target_os = "linux")]
pub mod terminal;
pub mod tls;
