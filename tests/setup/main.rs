//! `setup` over real files: what it writes, what it refuses, how it goes back, and what is left when
//! it is killed at any step.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

mod clients;
mod faults;
mod kill;
mod shapes;
mod undo;
mod warnings;
mod world;
