//! Arguments, environment, clock and standard streams: nothing else touches them.
#![allow(clippy::disallowed_methods)] // this is the file that clippy.toml sends everyone to

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
    time::SystemTime,
};

use ecr_rs::{
    aws::{Aws, Settings},
    config::Config,
    docker::{self, Verb},
    environment::Environment,
    error::{self, Error},
    identity,
    journal::Journal,
    keychain::open,
    world::World,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    match run(&arguments, &mut stdout, &mut stderr) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            error::report(&err, &mut stdout, &mut stderr);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String], stdout: &mut dyn Write, stderr: &mut dyn Write) -> Result<(), Error> {
    let verb = Verb::parse(arguments)?;
    let environment = environment();
    let config = Config::load(&environment).map_err(Error::Config)?;
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

fn environment() -> Environment {
    Environment {
        variable: Box::new(|name| env::var_os(name)),
        home: dirs::home_dir(),
        config_folder: dirs::config_dir(),
        cache_folder: dirs::cache_dir(),
        temporary_folder: env::temp_dir(),
        interactive: false, // Docker is at the other end of stdin, also when a person started it
    }
}
