//! Other programs: where they are on PATH, and a run of one that ends within a bound, whatever it and
//! what it starts do.

mod find;
mod run;
mod running;

pub(crate) use find::{files, find, is_executable};
pub(crate) use run::{Error, Limits, Output, Stderr, run};
pub(crate) use running::end_all;
