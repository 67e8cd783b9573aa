//! `setup` over real files: what it writes, what it refuses, how it goes back, and what is left when
//! it is killed at any step.

mod clients;
mod faults;
mod import;
mod kill;
#[cfg(unix)] // links
mod node;
mod rules;
mod shapes;
mod undo;
mod warnings;
mod world;
