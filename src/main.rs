//! Arguments, environment, clock and standard streams: nothing else touches them.
#![allow(clippy::disallowed_methods)] // this is the file that clippy.toml sends everyone to

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::SystemTime,
};

use ecr_rs::{
    aws::{Aws, Settings},
    cli::{self, Machine, Terminals},
    config::Config,
    docker::{self, Verb},
    environment::Environment,
    error::{self, Error},
    identity,
    journal::Journal,
    keychain::open,
    world::World,
};

/// The program. `examples/sandbox.rs` calls it too, when it is started under the program's name.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    // A verb comes first: Docker waits for it, and it needs no clap.
    let outcome = match Verb::parse(&arguments) {
        Ok(verb) => speak(verb, &mut stdout, &mut stderr),
        Err(_) if cli::claims(&arguments) => return cli::run(&arguments, machine(), &mut stdout, &mut stderr),
        Err(usage) => Err(usage),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            error::report(&err, &mut stdout, &mut stderr);
            ExitCode::FAILURE
        }
    }
}

/// One verb of Docker's protocol.
fn speak(verb: Verb, stdout: &mut dyn Write, stderr: &mut dyn Write) -> Result<(), Error> {
    // Docker is at the other end of stdin, also when a person started it.
    let environment = environment(false);
    let config = match verb {
        Verb::Version => Config::default(), // asked for when things are broken, a configuration perhaps
        Verb::Get | Verb::Store | Verb::Erase | Verb::List => Config::load(&environment).map_err(Error::Config)?,
    };
    let journal = Journal::new(stderr, environment.text("ECR_RS_LOG").is_some());
    let now = SystemTime::now();
    let world = World {
        environment: &environment,
        config: &config,
        instance: identity::is_ec2,
        now,
        cache: &*open::cache(&environment, &config),
        logins: &*open::logins(&environment, &config),
        tokens: &Aws::new(Settings::read(&environment, now)),
        journal: &journal,
    };
    docker::run(verb, &world, &mut io::stdin().lock(), stdout)
}

/// What a command for people works with.
fn machine() -> Machine {
    let terminals = Terminals { stdout: io::stdout().is_terminal(), stderr: io::stderr().is_terminal() };
    let interactive = io::stdin().is_terminal() && terminals.stderr;
    Machine {
        environment: environment(interactive),
        instance: identity::is_ec2,
        now: SystemTime::now(),
        executable: env::current_exe().ok(),
        terminals,
    }
}

fn environment(interactive: bool) -> Environment {
    Environment {
        variable: Box::new(|name| env::var_os(name)),
        home: dirs::home_dir(),
        config_folder: dirs::config_dir(),
        cache_folder: dirs::cache_dir(),
        temporary_folder: env::temp_dir(),
        interactive,
    }
}
