//! Docker's credential-helper protocol: one verb, one question on stdin, one answer on stdout.
//!
//! Source of the contract: docker-credential-helpers, `credentials/credentials.go`, and what the
//! clients make of it.

mod error;
mod helper;
pub mod logins;
mod wire;

pub use error::Error;
pub use helper::Helper;
pub use wire::Login;

use std::{
    io::{Read, Write},
    process::ExitCode,
};

use crate::{
    app::App,
    config::Config,
    crash,
    door::{Door, Start},
    names::{DELEGATE_MARK, VERSION},
    report::{self, Level},
    secret::Wiped,
};

/// Docker's door: a verb, whatever name the program was started under. Nothing to do is answered as
/// Docker's own helpers answer it, but at a terminal. A verb with options is explained by the command line.
pub const DOOR: Door = Door {
    claims: |start| match &start.arguments[..] {
        [] => !(start.terminals)().stdout,
        [word] => Verb::parse(word).is_some(),
        [word, more, ..] => Verb::parse(word).is_some() && !more.starts_with('-'),
    },
    run: |start, streams| {
        let answered = crash::catch(|| answer(start, streams.stdin, streams.stdout, streams.stderr));
        match answered.unwrap_or_else(|crash| Err(Error::Crash(crash))) {
            Ok(()) => ExitCode::SUCCESS,
            Err(err) => {
                err.print(streams.stdout, streams.stderr);
                ExitCode::FAILURE
            }
        }
    },
};

/// A verb of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// The login of the server on stdin.
    Get,
    /// Keep the login on stdin.
    Store,
    /// Forget the login of the server on stdin.
    Erase,
    /// All servers with a login.
    List,
    /// Name and version.
    Version,
}

impl Verb {
    fn parse(word: &str) -> Option<Verb> {
        Some(match word {
            "get" => Verb::Get,
            "store" => Verb::Store,
            "erase" => Verb::Erase,
            "list" => Verb::List,
            "version" | "--version" | "-v" | "-V" => Verb::Version,
            _ => return None,
        })
    }
}

/// What Docker's own helpers print (docker-credential-helpers, `credentials.Serve`).
const USAGE: &str = "Usage: docker-credential-ecr-rs <store|get|erase|list|version>";

fn answer(start: Start, stdin: &mut dyn Read, stdout: &mut dyn Write, stderr: &mut dyn Write) -> Result<(), Error> {
    let [word] = &start.arguments[..] else { return Err(Error::Usage(USAGE)) };
    let verb = Verb::parse(word).ok_or(Error::Usage(USAGE))?;
    // Nobody is asked anything: Docker is at the other end of stdin, also when a person started it.
    if matches!(verb, Verb::Get | Verb::Store | Verb::Erase) && (start.terminals)().stdin {
        let awaited = if verb == Verb::Store { "a login as JSON" } else { "the name of a server" };
        let what = format!("waiting for {awaited} on standard input, as Docker writes it; Ctrl-D ends the input");
        report::print(Level::Note, &what, stderr);
    }
    let environment = start.environment;
    if let Some(helper) = environment.text(DELEGATE_MARK)
        && verb != Verb::Version
    {
        return Err(Error::Circle { helper });
    }
    let config = match verb {
        Verb::Version => Config::default(), // asked for when things are broken, a configuration perhaps
        Verb::Get | Verb::Store | Verb::Erase | Verb::List => Config::load(&environment).map_err(Error::Config)?,
    };
    let app = App::open(environment, config, start.now);
    let log = app.log(stderr);
    let helper = Helper::of(&app, &log);
    run(verb, &helper, stdin, stdout)?;
    helper.tokens.tidy(); // the client has its answer
    Ok(())
}

/// Runs one verb.
fn run(verb: Verb, helper: &Helper<'_>, stdin: &mut dyn Read, stdout: &mut dyn Write) -> Result<(), Error> {
    let answer = match verb {
        Verb::Get => {
            let server = wire::read_server(stdin)?;
            let login = helper.get(&server)?.ok_or(Error::NotFound)?;
            wire::get_answer(&server, &login)
        }
        Verb::Store => return helper.store(&wire::read_store(stdin)?),
        Verb::Erase => return helper.erase(&wire::read_server(stdin)?),
        // Some clients let `list` inherit their own stdin (docker-py): it is never read.
        Verb::List => Wiped::new(wire::list_answer(helper.list()).into_bytes()),
        Verb::Version => Wiped::new(format!("{VERSION}\n").into_bytes()),
    };
    stdout.write_all(&answer).and_then(|()| stdout.flush()).map_err(Error::Output)
}
