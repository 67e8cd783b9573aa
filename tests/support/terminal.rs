//! Runs the program at a terminal: all of its standard streams are one.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::program::Program;

/// The exit status, and what was on the screen.
#[track_caller]
pub fn run(program: &Program, arguments: &[&str]) -> (i32, String) {
    run_typing(program, arguments, "")
}

/// The same where `typed` is typed, a line at least, before the program asks for it.
#[track_caller]
pub fn run_typing(program: &Program, arguments: &[&str], typed: &str) -> (i32, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has pseudo-terminals");
    grantpt(&controller).expect("it is ours");
    unlockpt(&controller).expect("it is ours");
    let name = ptsname(&controller, Vec::new()).expect("it has a name");
    let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let terminal = OpenOptions::new().read(true).write(true).open(path).expect("the other end opens");
    let [input, error] = [(); 2].map(|()| terminal.try_clone().expect("a file can be shared"));
    let mut command = program.command(arguments);
    command.stdin(input).stdout(terminal).stderr(error);
    let mut child = command.spawn().expect("the program starts");
    drop(command); // holds the terminal's other end open
    let mut controller = File::from(controller);
    controller.write_all(typed.as_bytes()).expect("the terminal keeps a line until it is read");
    let mut screen = Vec::new();
    // When the last writer goes, Linux ends the reading with an error.
    controller.read_to_end(&mut screen).ok();
    let status = child.wait().expect("the program ends").code().expect("no signal ends it");
    (status, String::from_utf8_lossy(&screen).into_owned())
}
