//! `cargo run --example testkit`: writes the cases of `tests/testkit/cases` anew, the same bytes each time. With
//! `-- --check` it writes nothing, and fails where a file is not what it would write.
//!
//! Keys come from names, signatures need no random numbers, times are fixed. Nothing here uses the program's own code:
//! a verifier that is wrong the same way as its vectors would pass them.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]
#![allow(unreachable_pub)] // an example is no library

mod cases;
mod certificate;
mod der;
mod envelope;
mod keys;
mod scene;

use std::{env, fs, io, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testkit/cases");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write(&folder),
        ["--check"] => check(&folder),
        _ => {
            eprintln!("usage: testkit [--check]");
            return ExitCode::from(2);
        }
    };
    match done {
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

fn check(folder: &Path) -> io::Result<usize> {
    let kit = cases::all();
    for (name, text) in &kit.cases {
        if fs::read(folder.join(name)).ok().as_deref() != Some(text.as_bytes()) {
            return Err(io::Error::other(format!("{name} is another one: run this without --check")));
        }
    }
    match fs::read_dir(folder)?.count() {
        count if count == kit.cases.len() => Ok(count),
        count => Err(io::Error::other(format!("there are {count} files, and {} cases", kit.cases.len()))),
    }
}
