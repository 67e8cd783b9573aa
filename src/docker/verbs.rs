//! `get`, `store`, `erase`, `list`: one match on the server each.

use super::{
    logins,
    wire::{Login, StoreRequest},
};
use crate::{
    error::Error,
    keychain,
    registry::Server,
    token::{self, USERNAME, cache},
    world::World,
};

/// The login of a server. `Ok(None)` only when the keychain was asked and has nothing.
pub(super) fn get(world: &World<'_>, server: &Server) -> Result<Option<Login>, Error> {
    match server {
        Server::Ecr(registry) => {
            let token = token::obtain(world, registry)?;
            Ok(token.map(|token| Login { username: USERNAME.into(), secret: token.password }))
        }
        Server::Other(server) => logins::get(world.logins, server).map_err(failed("read", server)),
    }
}

/// Keeps a login. For an ECR registry this always succeeds: `docker login` stores back what `get`
/// gave it, and a token that cannot be cached is no reason to fail a login.
pub(super) fn store(world: &World<'_>, server: &Server, request: &StoreRequest) -> Result<(), Error> {
    if ignores_storage(world) {
        let server = &request.server;
        world.journal.warn(format_args!("the login for {server} is not kept: {IGNORE} is set"));
        return Ok(());
    }
    match server {
        Server::Ecr(registry) => {
            if request.login.username == USERNAME {
                token::bring(world, registry, &request.login.secret);
            } else {
                let username = &request.login.username;
                world
                    .journal
                    .warn(format_args!("{} takes the user name AWS alone: {username:?} is not kept", registry.host));
            }
            Ok(())
        }
        Server::Other(server) => {
            logins::put(world.logins, server, &request.server, &request.login).map_err(failed("keep", server))
        }
    }
}

/// Forgets a login; an unknown server is no error (oras and containers/image would fail on one).
pub(super) fn erase(world: &World<'_>, server: &Server) -> Result<(), Error> {
    if ignores_storage(world) {
        return Ok(());
    }
    match server {
        Server::Ecr(registry) => cache::forget(world.cache, Some(&registry.host))
            .map(drop)
            .map_err(|fault| Error::Keychain { doing: format!("forget the tokens for {}", registry.host), fault }),
        Server::Other(server) => logins::remove(world.logins, server).map_err(failed("forget", server)),
    }
}

/// Servers that a `get` answers at once: stored logins, and ECR registries whose token is cached.
///
/// A keychain that cannot be read lists nothing and says so on stderr: clients that call `list`
/// give up all their logins on an error, ECR's too, which need no keychain.
pub(super) fn list(world: &World<'_>) -> Vec<(String, String)> {
    let mut servers = Vec::new();
    match logins::list(world.logins) {
        Ok(labels) => servers.extend(labels.into_iter().map(|label| (label.spelled, label.username))),
        Err(fault) => world.journal.warn_once(format_args!("nothing is listed: {fault}")),
    }
    match cache::tokens(world.cache) {
        Ok(labels) => {
            let living = labels.into_iter().filter(|label| cache::time(label.expires) > world.now);
            servers.extend(living.map(|label| (label.host, USERNAME.to_owned())));
        }
        Err(fault) => world.journal.warn_once(format_args!("nothing is listed: {fault}")),
    }
    servers.sort();
    servers.dedup();
    servers
}

/// Makes `store` and `erase` succeed without doing anything, as in amazon-ecr-credential-helper
/// (`ecr-login/ecr.go`), whose users had to set it before `docker login` worked at all.
const IGNORE: &str = "AWS_ECR_IGNORE_CREDS_STORAGE";

fn ignores_storage(world: &World<'_>) -> bool {
    world.environment.is_true(IGNORE)
}

fn failed(verb: &str, server: &str) -> impl FnOnce(keychain::Error) -> Error {
    let doing = format!("{verb} the login for {server}");
    move |fault| Error::Keychain { doing, fault }
}
