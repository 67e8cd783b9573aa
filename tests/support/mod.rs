//! What the whole-program tests share. Each test file uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::disallowed_methods)]

#[cfg(target_os = "linux")]
pub mod bus;
pub mod program;
