//! Docker's credential-helper protocol: one verb, one question on stdin, one answer on stdout.
//!
//! Source of the contract: docker-credential-helpers, `credentials/credentials.go`, and what the
//! clients make of it.

pub mod logins;
mod verbs;
mod wire;

pub use wire::{Login, NOT_FOUND};

use std::io::{Read, Write};

use crate::{
    error::{Error, PROGRAM},
    registry::Server,
    world::World,
};

/// A verb of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
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
    /// Reads the arguments after the program's name.
    ///
    /// The texts and exit codes are those of docker-credential-helpers' `Serve`: usage on stdout and
    /// exit 1, but exit 0 for help, which is asked for.
    pub fn parse(arguments: &[String]) -> Result<Verb, Error> {
        match arguments {
            [verb] => match verb.as_str() {
                "get" => Ok(Verb::Get),
                "store" => Ok(Verb::Store),
                "erase" => Ok(Verb::Erase),
                "list" => Ok(Verb::List),
                "version" | "--version" | "-v" => Ok(Verb::Version),
                other => Err(Error::Usage(format!("{PROGRAM}: unknown action: {other}"))),
            },
            _ => Err(Error::Usage(USAGE.into())),
        }
    }
}

/// What Docker's own helpers print.
pub const USAGE: &str = "Usage: docker-credential-ecr-rs <store|get|erase|list|version>";

/// Runs one verb.
pub fn run(verb: Verb, world: &World<'_>, stdin: &mut dyn Read, stdout: &mut dyn Write) -> Result<(), Error> {
    let answer = match verb {
        Verb::Get => {
            let server = wire::read_server(stdin)?;
            let login = verbs::get(world, &parse(world, &server)?)?.ok_or(Error::NotFound)?;
            wire::get_answer(&server, &login)
        }
        Verb::Store => {
            let request = wire::read_store(stdin)?;
            verbs::store(world, &parse(world, &request.server)?, &request)?;
            return Ok(());
        }
        Verb::Erase => {
            let server = wire::read_server(stdin)?;
            verbs::erase(world, &parse(world, &server)?)?;
            return Ok(());
        }
        // Some clients let `list` inherit their own stdin (docker-py): it is never read.
        Verb::List => wire::list_answer(verbs::list(world)).into(),
        Verb::Version => version().into(),
    };
    stdout.write_all(answer.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::Output)
}

/// The login of a server, as `get` answers it, for the commands of this program that need one.
pub fn login(world: &World<'_>, server: &str) -> Result<Option<Login>, Error> {
    verbs::get(world, &parse(world, server)?)
}

/// `NAME (PACKAGE) VERSION`, as Docker's own helpers print it.
pub fn version() -> String {
    format!("{PROGRAM} (ecr_rs) {}\n", env!("CARGO_PKG_VERSION"))
}

fn parse(world: &World<'_>, server: &str) -> Result<Server, Error> {
    Server::parse(server, |host| world.config.custom(host)).ok_or(Error::MissingServerUrl)
}
