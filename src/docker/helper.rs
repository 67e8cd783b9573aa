//! `get`, `store`, `erase`, `list`: one match on the server each.

use super::{
    error::Error,
    logins,
    wire::{Login, StoreRequest},
};
use crate::{
    app::App,
    identity::Target,
    keychain::{self, ErrorKind, Keychain},
    log::Log,
    registry::{Server, USERNAME, look_alike},
    token::{
        Service,
        cache::{self, Cached},
    },
};

/// What answers Docker: tokens of ECR, and the logins of all other registries.
pub struct Helper<'a> {
    /// ECR's tokens.
    pub tokens: Service<'a>,
    /// Where other registries' logins are kept.
    pub logins: &'a dyn Keychain,
}

impl<'a> Helper<'a> {
    /// The helper of this machine.
    pub fn of(app: &'a App, log: &'a Log<'a>) -> Helper<'a> {
        Helper { tokens: app.tokens(log), logins: &*app.logins }
    }

    /// The login of a server. `Ok(None)` only when the keychain was asked and has nothing.
    pub fn get(&self, server: &str) -> Result<Option<Login>, Error> {
        match self.parse(server)? {
            Server::Ecr(registry) => {
                let token = self.tokens.token(&registry).map_err(Error::Token)?;
                Ok(token.map(|token| Login { username: USERNAME.into(), secret: token.password }))
            }
            Server::Other(server) => match logins::get(self.logins, &server) {
                // Where there is no keychain there is no login: the client goes on anonymously.
                Err(fault) if fault.kind == ErrorKind::Absent => {
                    self.without_login(&server, Some(&fault));
                    Ok(None)
                }
                Ok(None) => {
                    self.without_login(&server, None);
                    Ok(None)
                }
                found => found.map_err(failed("read", &server)),
            },
        }
    }

    /// Says what the client, which only knows that there is no login, cannot say.
    fn without_login(&self, server: &str, fault: Option<&keychain::Error>) {
        match (look_alike(server), fault) {
            (Some(wrong), _) => {
                self.tokens.log.warn(format_args!("{server} is no registry of Amazon ECR: {wrong}"));
            }
            (None, Some(fault)) => self.tokens.log.warn(format_args!("no login for {server} is known: {fault}")),
            (None, None) => {}
        }
    }

    /// Keeps a login. For an ECR registry this always succeeds: `docker login` stores back what `get`
    /// gave it, and a token that cannot be cached is no reason to fail a login.
    pub(super) fn store(&self, request: &StoreRequest) -> Result<(), Error> {
        let server = self.parse(&request.server)?;
        if self.ignores_storage() {
            let server = &request.server;
            self.tokens.log.warn(format_args!("the login for {server} is not kept: {IGNORE} is set"));
            return Ok(());
        }
        match server {
            Server::Ecr(registry) => {
                if request.login.username == USERNAME {
                    self.tokens.supply(&registry, &request.login.secret);
                } else {
                    let (host, username) = (&registry.host, &request.login.username);
                    let what = format_args!("{host} takes the user name AWS alone: {username:?} is not kept");
                    self.tokens.log.warn(what);
                }
                Ok(())
            }
            Server::Other(server) => {
                logins::put(self.logins, &server, &request.server, &request.login).map_err(failed("keep", &server))
            }
        }
    }

    /// Forgets a login; an unknown server is no error (oras and containers/image would fail on one).
    pub(super) fn erase(&self, server: &str) -> Result<(), Error> {
        let server = self.parse(server)?;
        if self.ignores_storage() {
            return Ok(());
        }
        match server {
            Server::Ecr(registry) => {
                // The entry of now goes by its name, also where nobody can tell whose it is.
                let identity = self.tokens.identities.find(&Target::from(&registry)).ok();
                let fingerprint = identity.map(|identity| identity.fingerprint());
                let forgotten = cache::forget(self.tokens.cache, Some(&registry.host), fingerprint.as_deref());
                gone(forgotten).map_err(|cause| Error::Keychain {
                    doing: format!("forget the tokens for {}", registry.host),
                    cause,
                })
            }
            Server::Other(server) => gone(logins::remove(self.logins, &server)).map_err(failed("forget", &server)),
        }
    }

    /// Servers that have a login: those that are stored, ECR registries whose token is cached, and the
    /// registries that `config.toml` names whole: a client that goes by `list` alone (docker's classic
    /// builder) would not ask for those before their first token.
    ///
    /// A keychain that cannot be read, or not to the end, lists what could be read and says so on stderr:
    /// clients that call `list` give up all their logins on an error, ECR's too, which need no keychain.
    pub(super) fn list(&self) -> Vec<(String, String)> {
        let (logins, of_logins) = logins::list(self.logins, None).unwrap_or_else(|fault| (Vec::new(), Some(fault)));
        // One store for both: what failed just now would fail again, after another silence.
        let Cached { tokens, incomplete: of_tokens, .. } = match &of_logins {
            Some(_) if std::ptr::addr_eq(self.logins, self.tokens.cache) => Cached::default(),
            _ => cache::inventory(self.tokens.cache, None)
                .unwrap_or_else(|fault| Cached { incomplete: Some(fault), ..Cached::default() }),
        };
        let mut servers: Vec<_> = logins.into_iter().map(|label| (label.spelled, label.username)).collect();
        let valid = tokens.into_iter().filter(|label| cache::time(label.expires) > self.tokens.now);
        servers.extend(valid.map(|label| (label.host, USERNAME.to_owned())));
        let what = if servers.is_empty() { "what is stored is not listed" } else { "not all that is stored is listed" };
        for fault in of_logins.into_iter().chain(of_tokens) {
            self.tokens.log.warn_once(format_args!("{what}: {fault}"));
        }
        let rules = &self.tokens.identities.config.rules;
        let named = rules.iter().map(|rule| &rule.hosts).filter(|hosts| hosts.is_literal());
        servers.extend(named.filter_map(|host| match self.parse(host.as_str()) {
            Ok(Server::Ecr(_)) => Some((host.as_str().to_owned(), USERNAME.to_owned())),
            Ok(Server::Other(_)) | Err(_) => None,
        }));
        servers.sort();
        servers.dedup();
        servers
    }

    fn parse(&self, server: &str) -> Result<Server, Error> {
        Server::parse(server, |host| self.tokens.identities.config.custom(host)).ok_or(Error::MissingServerUrl)
    }

    fn ignores_storage(&self) -> bool {
        self.tokens.identities.environment.is_true(IGNORE)
    }
}

/// Makes `store` and `erase` succeed without doing anything, as in amazon-ecr-credential-helper
/// (`ecr-login/ecr.go`), whose users had to set it before `docker login` worked at all.
const IGNORE: &str = "AWS_ECR_IGNORE_CREDS_STORAGE";

/// Where there is no keychain nothing is left to forget.
fn gone<T>(outcome: Result<T, keychain::Error>) -> Result<(), keychain::Error> {
    match outcome {
        Err(fault) if fault.kind != ErrorKind::Absent => Err(fault),
        _ => Ok(()),
    }
}

fn failed(verb: &str, server: &str) -> impl FnOnce(keychain::Error) -> Error {
    let doing = format!("{verb} the login for {server}");
    move |cause| Error::Keychain { doing, cause }
}
