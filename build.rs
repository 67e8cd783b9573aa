//! How the program is linked.
#![allow(clippy::disallowed_methods)] // cargo tells a build script its target by the environment

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=ECR_RS_TARGET={}", env::var("TARGET").unwrap_or_default()); // `version --verbose`
    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    // A position-independent program of this size rewrites 15,000 addresses before it starts: 0.5 ms,
    // a fifth of a cached `get`. Linked to a fixed place, as Go links the helpers that we replace, it
    // rewrites 150. Libraries, heap and stack are placed at random all the same (SECURITY.md).
    if target("OS") == "linux" && target("ENV") == "gnu" && target("ARCH") == "x86_64" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
