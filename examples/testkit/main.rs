//! `cargo run --example testkit`: writes the cases of `tests/testkit/cases` anew, the same bytes each time.
//!
//! Keys come from names, signatures need no random numbers, times are fixed. Nothing here uses the program's own code:
//! a verifier that is wrong the same way as its vectors would pass them.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]
#![allow(unreachable_pub, reason = "an example is no library")]

mod cases;
mod certificate;
mod der;
mod envelope;
mod keys;
mod scene;

use std::{fs, io, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testkit/cases");
    match write(&folder) {
        Ok(count) => {
            println!("{count} cases in {}", folder.display());
            ExitCode::SUCCESS
        }
        Err(err) => {
            eprintln!("error: {}: {err}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// Writes every case, and takes away those that are none any more.
fn write(folder: &Path) -> io::Result<usize> {
    let kit = cases::all();
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !kit.cases.iter().any(|(name, _)| entry.file_name() == **name) {
            fs::remove_file(entry.path())?;
        }
    }
    for (name, text) in &kit.cases {
        fs::write(folder.join(name), text)?;
    }
    Ok(kit.cases.len())
}
