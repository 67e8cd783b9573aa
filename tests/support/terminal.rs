//! Runs the program at a terminal of 80 columns: all of its standard streams are one.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::Path,
    process::{Child, Command},
};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::program::Program;

/// The exit status, and what was on the screen.
#[track_caller]
pub fn run(program: &Program, arguments: &[&str]) -> (i32, String) {
    run_typing(program, arguments, "")
}

/// The same where `typed` is typed, a line at least, before the program asks for it.
#[track_caller]
pub fn run_typing(program: &Program, arguments: &[&str], typed: &str) -> (i32, String) {
    let (mut controller, terminal) = open();
    let mut child = attach(program.command(arguments), terminal);
    controller.write_all(typed.as_bytes()).expect("the terminal keeps a line until it is read");
    let mut screen = Vec::new();
    // When the last writer goes, Linux ends the reading with an error.
    controller.read_to_end(&mut screen).ok();
    let status = child.wait().expect("the program ends").code().expect("no signal ends it");
    (status, String::from_utf8_lossy(&screen).into_owned())
}

/// Starts the program as a shell at the terminal would, so that keys reach it as signals. What is written to
/// the file is typed.
#[track_caller]
pub fn start(program: &Program, arguments: &[&str]) -> (Child, File) {
    let (controller, terminal) = open();
    let program = program.command(arguments);
    let mut command = Command::new("/usr/bin/setsid"); // of util-linux
    command.arg("--ctty").arg(program.get_program()).args(program.get_args()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    (attach(command, terminal), controller)
}

/// Both ends of a new terminal: the one that types and sees the screen, and the one for programs.
#[track_caller]
fn open() -> (File, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has pseudo-terminals");
    grantpt(&controller).expect("it is ours");
    unlockpt(&controller).expect("it is ours");
    tcsetwinsize(&controller, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).expect("it has a size");
    let name = ptsname(&controller, Vec::new()).expect("it has a name");
    let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let no_control = OFlags::NOCTTY.bits().cast_signed();
    let terminal = OpenOptions::new().read(true).write(true).custom_flags(no_control).open(path);
    (File::from(controller), terminal.expect("the other end opens"))
}

/// Starts a command with all its streams at a terminal, and keeps none of them.
#[track_caller]
fn attach(mut command: Command, terminal: File) -> Child {
    let [input, error] = [(); 2].map(|()| terminal.try_clone().expect("a file can be shared"));
    command.stdin(input).stdout(terminal).stderr(error).spawn().expect("the program starts")
}
