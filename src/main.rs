//! Arguments, environment, clock and standard streams: nothing else touches them. Picks the door.
#![allow(clippy::disallowed_methods)] // this is the file that clippy.toml sends everyone to

use std::{
    env::{self, consts::EXE_SUFFIX},
    ffi::OsString,
    io::{self, BufReader, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use ecr_rs::{
    cli, containerd, crash, docker,
    door::{Door, Start, Streams, Terminals},
    environment::{Environment, Variables},
    kubelet, notation_plugin,
    report::{Level, Report},
};

/// In place of musl's own, which gives pages back to the system and asks for them anew: a third of a verdict's system
/// calls. How others did is in ARCHITECTURE.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// The doors; the first that claims a start runs it. The command line claims what is left.
const DOORS: [Door; 5] = [containerd::DOOR, kubelet::DOOR, notation_plugin::DOOR, docker::DOOR, cli::DOOR];

/// The program. `examples/sandbox.rs` calls it too, when it is started under the program's name.
pub(crate) fn main() -> ExitCode {
    crash::contain();
    let start = start();
    // Never dropped: a door may leave it to a thread, which may still wait for it when the program ends.
    let stdin = Box::leak(Box::new(BufReader::new(io::stdin())));
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    let door = DOORS.iter().find(|door| (door.claims)(&start)).unwrap_or(&cli::DOOR);
    let streams = Streams { stdin, stdout: &mut stdout, stderr: &mut stderr };
    crash::catch(|| (door.run)(start, streams)).unwrap_or_else(|crash| {
        Report::from(crash).print(Level::Error, &mut stderr);
        ExitCode::FAILURE
    })
}

/// The endpoint variables of the services that are asked (AWS SDK reference guide, "Service-specific
/// endpoints").
const ENDPOINTS: [&str; 9] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_ECR_PUBLIC",
    "AWS_ENDPOINT_URL_SIGNER",
    "AWS_ENDPOINT_URL_SIGNER_DATA",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_SIGNIN",
];

/// The environment, read once: to find one variable, the C library goes through all of them.
///
/// Endpoint variables that are set and blank are taken out, of the process's environment too: CI systems and compose
/// files write "unset" so, and the SDK, which reads them itself, panics on an empty one.
fn variables() -> Variables {
    let mut all: Vec<(OsString, OsString)> = env::vars_os().collect();
    all.retain(|(name, value)| {
        let blank = ENDPOINTS.iter().any(|endpoint| is(name, endpoint)) && value.to_string_lossy().trim().is_empty();
        if blank {
            #[expect(unsafe_code, reason = "the SDK's own clients have no other door to the environment")]
            // SAFETY: it is the first thing that the program does; there is no other thread.
            unsafe {
                env::remove_var(name);
            }
        }
        !blank
    });
    let all: &'static [_] = all.leak(); // as the environment itself, until the program ends
    Box::new(|name| all.iter().find(|(known, _)| is(known, name)).map(|(_, value)| value.clone()))
}

/// Whether a variable has this name. Windows does not tell upper case from lower.
fn is(known: &OsString, name: &str) -> bool {
    if cfg!(windows) { known.eq_ignore_ascii_case(name) } else { known == name }
}

fn start() -> Start {
    let variable = variables(); // before anything else asks for one
    let mut arguments = env::args_os();
    let path = arguments.next().unwrap_or_default();
    let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy();
    Start {
        // No other extension is taken off: a Notation plugin's name has dots of its own.
        name: name.strip_suffix(EXE_SUFFIX).unwrap_or(&name).to_owned(),
        arguments: arguments.map(|word| word.to_string_lossy().into_owned()).collect(),
        environment: Environment {
            variable,
            home: dirs::home_dir(),
            config_folder: dirs::config_dir(),
            cache_folder: dirs::cache_dir(),
            system_folder: machine_folder("/etc"),
            runtime_folder: machine_folder("/run"),
            temporary_folder: env::temp_dir(),
            interactive: false,
        },
        now: SystemTime::now(),
        clock: SystemTime::now,
        executable: || env::current_exe().ok(),
        terminals: || Terminals {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
        },
    }
}

/// A folder of the machine's: this one, on Windows the one for all.
fn machine_folder(elsewhere: &str) -> PathBuf {
    env::var_os("ProgramData").filter(|_| cfg!(windows)).map_or(elsewhere.into(), Into::into)
}
