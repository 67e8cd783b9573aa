//! What the whole-program tests share. Each test file uses a part of it.
#![allow(dead_code, clippy::disallowed_methods)]

pub mod program;
