//! Arguments, environment, clock and standard streams: nothing else touches them. Picks the door.
#![allow(clippy::disallowed_methods)] // this is the file that clippy.toml sends everyone to

use std::{
    env,
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
    time::SystemTime,
};

use ecr_rs::{
    cli, docker,
    door::{Door, Start, Streams, Terminals},
    environment::Environment,
};

/// The doors; the first that claims a start runs it. The command line claims what is left.
const DOORS: [Door; 2] = [docker::DOOR, cli::DOOR];

/// The program. `examples/sandbox.rs` calls it too, when it is started under the program's name.
pub(crate) fn main() -> ExitCode {
    let start = start();
    let (mut stdin, mut stdout, mut stderr) = (io::stdin().lock(), io::stdout().lock(), io::stderr().lock());
    let door = DOORS.iter().find(|door| (door.claims)(&start)).unwrap_or(&cli::DOOR);
    (door.run)(start, Streams { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr })
}

fn start() -> Start {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    Start {
        name: Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        arguments: arguments.map(|word| word.to_string_lossy().into_owned()).collect(),
        environment: Environment {
            variable: Box::new(|name| env::var_os(name)),
            home: dirs::home_dir(),
            config_folder: dirs::config_dir(),
            cache_folder: dirs::cache_dir(),
            temporary_folder: env::temp_dir(),
            interactive: false,
        },
        now: SystemTime::now(),
        executable: || env::current_exe().ok(),
        terminals: || Terminals {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
        },
    }
}
