//! Our own configuration, `config.toml`: which identity serves which registry, and where things are kept.
//!
//! Strict on purpose: a misspelt key in a file that picks credentials must not be passed over. Every
//! error names the file, the line and, for a key, the nearest one that exists.

mod file;
mod glob;
mod keys;
mod locate;
mod model;
mod read;

pub use glob::Glob;
pub use keys::{KEYS, Key, schema};
pub use model::{AssumedRole, CacheStore, Config, DEFAULTS_PLACE, LoginStore, ProfileChoice, REFRESH_BEFORE, Rule};
