//! The token of an ECR registry: from the cache, else from AWS.

use std::{
    cell::Cell,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    Token, cache, failure,
    single_flight::{self, Line},
    source::{MintError, MintErrorKind, TokenSource},
};
use crate::{
    crash,
    identity::{Finder, Identity, IdentityError, Source, Target},
    keychain::{self, Keychain},
    log::Log,
    names::PROGRAM,
    registry::{Kind, Partition, Registry, TOKEN_LIFETIME},
    report::Report,
    secret::Secret,
};

/// How much longer than a token's whole life a cached one may seem to live: another process may have
/// kept it after this one looked at the clock, and a clock may be set back a little.
const CLOCK_STEP: Duration = Duration::from_secs(15 * 60);

/// What it takes to answer with a token.
pub struct Service<'a> {
    /// Who finds the identity of a registry.
    pub identities: Finder<'a>,
    /// Where tokens are kept.
    pub cache: &'a dyn Keychain,
    /// Who mints them.
    pub source: &'a dyn TokenSource,
    /// When the program started.
    pub now: SystemTime,
    /// Where warnings and decisions go.
    pub log: &'a Log<'a>,
    /// Whether a token was kept, and nothing tidied up since.
    pub(crate) kept: Cell<bool>,
}

/// Why there is no token of a registry.
#[derive(Debug)]
pub enum Error {
    /// No AWS identity could be chosen.
    Identity {
        /// The registry's host.
        host: String,
        /// Why.
        cause: IdentityError,
    },
    /// AWS gave none.
    Mint {
        /// The registry's host.
        host: String,
        /// Why.
        cause: MintError,
    },
}

impl From<Error> for Report {
    fn from(err: Error) -> Report {
        match err {
            Error::Identity { host, cause } => {
                let report = Report::from(cause);
                report.prefixed(&format!("no AWS identity for {host}"))
            }
            Error::Mint { host, cause } => cause.report.prefixed(&format!("no token for {host}")),
        }
    }
}

impl Service<'_> {
    /// The token of a registry; `None` when an anonymous pull is all that is left, on ECR Public.
    pub fn token(&self, registry: &Registry) -> Result<Option<Token>, Error> {
        match self.login(registry) {
            Ok(token) => Ok(Some(token)),
            Err(err) if registry.kind == Kind::Public => {
                self.go_on_anonymously(&err);
                Ok(None)
            }
            Err(err) => Err(err),
        }
    }

    /// The token of a registry, or why there is none, on ECR Public too.
    ///
    /// Look, line up, look again, ask AWS: many `docker pull`s at once cost one call, and one failure serves
    /// all of them.
    pub fn login(&self, registry: &Registry) -> Result<Token, Error> {
        let started = Instant::now();
        let identity = match self.identities.find(&Target::from(registry)) {
            Ok(identity) => identity,
            Err(cause) => {
                // Of two profiles nobody is chosen, as where there is none: a token that was brought serves.
                let unchosen = matches!(cause, IdentityError::Ambiguous { .. });
                let supplied = self.supplied(registry).filter(|_| unchosen);
                return supplied.ok_or_else(|| Error::Identity { host: registry.host.clone(), cause });
            }
        };
        self.log.note(format_args!("{}: identity from {}", registry.host, identity.why));
        let fingerprint = identity.fingerprint();
        let fresh = |token: &Token| {
            let remaining = token.remaining(self.now);
            // No token lives longer: one that claims to is a last resort, not an answer.
            remaining > self.identities.config.refresh_before && remaining <= TOKEN_LIFETIME + CLOCK_STEP
        };

        let Cached { token, fault } = self.cached(registry, &fingerprint);
        let mut cached = match token {
            Some(token) if fresh(&token) => {
                self.log.note(format_args!("{}: {} has its token", registry.host, self.cache.name()));
                return Ok(token);
            }
            stale => stale,
        };
        let why = match (&cached, &fault) {
            (_, Some(_)) => "cannot be asked for",
            (Some(_), None) => "has too old",
            (None, None) => "has not",
        };
        self.log.note(format_args!("{}: a token that {} {why}", registry.host, self.cache.name()));
        if let Some(why) = preflight(registry, &identity) {
            return match self.supplied(registry) {
                Some(token) => Ok(token),
                None if registry.kind == Kind::Public => Err(no_token(registry, nothing_to_ask(registry, why))),
                None => self.source.mint(registry, &identity).map_err(|cause| no_token(registry, cause)),
            };
        }
        if let Some(fault) = &fault {
            self.warn_of_cache(fault);
        }
        // A lock that we cannot have costs speed, never the pull.
        let folder = single_flight::folder(self.identities.environment);
        let folder = folder.map_err(|err| self.log.note(format_args!("no lock: {err}"))).ok();
        let failures = folder.as_ref().map(|folder| failure::Place::of(folder, &registry.host, &fingerprint));
        let clock = || self.now + started.elapsed();
        // A person who tries again has mended something.
        let repeats = !self.identities.environment.interactive;
        let failed = || failures.as_ref().filter(|_| repeats)?.read(self.now, clock());
        if let Some(cause) = failed() {
            return self.fall_back(registry, cached, cause);
        }
        // Where nothing can be cached, a line of waiting processes would help nobody.
        let usable = fault.is_none() && self.cache.keeps();
        let line = folder.as_ref().filter(|_| usable);
        let deadline = started + single_flight::WAIT_TIMEOUT;
        let turn = loop {
            let stood = line.map(|folder| self.stand_in_line(folder, registry, &fingerprint, deadline));
            let seen = matches!(&stood, Some(Line::Turn(turn)) if turn.is_first_since(self.now));
            if usable && !seen {
                cached = match self.cached(registry, &fingerprint).token {
                    Some(token) if fresh(&token) => return Ok(token), // Another process fetched it meanwhile.
                    stale => stale,
                };
            }
            if let Some(cause) = failed() {
                return self.fall_back(registry, cached, cause); // Or failed to.
            }
            match stood {
                Some(Line::Passed) => {} // Neither: it was ended. Whose turn is next?
                Some(Line::Turn(turn)) => break Some(turn),
                Some(Line::Late) | None => break None,
            }
        };
        let asked = Instant::now();
        let minted = self.source.mint(registry, &identity);
        let outcome = if minted.is_ok() { "gave a token" } else { "gave no token" };
        let took = asked.elapsed().as_millis();
        let at = self.source.asked().map(|endpoint| format!(" ({endpoint})")).unwrap_or_default();
        self.log.note(format_args!("{}: AWS{at} {outcome} after {took} ms", registry.host));
        match minted {
            Ok(token) => {
                if usable {
                    self.keep(registry, &fingerprint, &token);
                }
                if let Some(turn) = &turn {
                    turn.tell(clock());
                }
                if let Some(failures) = &failures {
                    failures.forget();
                }
                Ok(token)
            }
            Err(cause) => {
                if let Some(failures) = &failures {
                    failures.write(&cause, clock());
                }
                self.fall_back(registry, cached, cause)
            }
        }
    }

    /// What `docker login` supplies for a registry: kept until its own end, unless we minted it.
    pub fn supply(&self, registry: &Registry, secret: &Secret) {
        // A slow keychain costs the time of one look: at worst what we minted is kept twice.
        let until = Instant::now() + keychain::CALL_TIMEOUT;
        let minted = cache::inventory(self.cache, Some(&registry.host))
            .unwrap_or_default()
            .tokens
            .into_iter()
            .take_while(|_| Instant::now() < until)
            .filter_map(|label| self.cached(registry, &label.identity).token)
            .any(|token| token.password.expose() == secret.expose());
        if minted {
            return; // docker stores back what `get` gave it
        }
        let expires_at = cache::capped(end_of(secret, self.now), self.now);
        let token = Token { password: Secret::from(secret.expose().to_owned()), expires_at };
        if !token.remaining(self.now).is_zero() {
            self.keep(registry, cache::USER_SUPPLIED, &token);
        }
    }

    /// Drops tokens that have ended, some at a time, where a token was kept: a machine whose identities
    /// change every hour must not fill the keychain. For doors, when their client has its answer.
    pub fn tidy(&self) {
        if self.kept.take() {
            let tidied = crash::catch(|| self.cache.tidy(&cache::TOKEN, self.now));
            // What was not dropped is dropped by another one, and is no matter of the answer.
            if let Ok(Err(fault)) = tidied {
                self.log.note(format_args!("tokens that have ended stay in the cache: {fault}"));
            }
        }
    }

    /// What is left when AWS gave no token: one that still lives, whoever got it.
    fn fall_back(&self, registry: &Registry, cached: Option<Token>, cause: MintError) -> Result<Token, Error> {
        let host = &registry.host;
        if let Some(token) = cached.filter(|token| self.is_valid(token)) {
            self.log.warn(format_args!("using the token that is still valid for {host}: {cause}"));
            return Ok(token);
        }
        let Some(token) = self.supplied(registry) else { return Err(no_token(registry, cause)) };
        match cause.kind {
            MintErrorKind::NoCredentials => {
                self.log.note(format_args!("{host}: using the token of `docker login`: {cause}"));
            }
            // Somebody else's token would hide what AWS said about this identity.
            MintErrorKind::Denied | MintErrorKind::Unreachable | MintErrorKind::Malformed => {
                self.log.warn(format_args!("using the token of `docker login` for {host}: {cause}"));
            }
        }
        Ok(token)
    }

    /// ECR Public serves anybody: a reason that nobody can help is for those who asked to see it.
    fn go_on_anonymously(&self, err: &Error) {
        match err {
            Error::Identity { cause, .. } => self.log.note(format_args!("going on anonymously: {cause}")),
            Error::Mint { host, cause } => match cause.kind {
                MintErrorKind::NoCredentials | MintErrorKind::Denied => {
                    self.log.note(format_args!("going on anonymously: {cause}"));
                }
                MintErrorKind::Unreachable | MintErrorKind::Malformed => {
                    let last = cause.report.causes().last().map(|last| format!(": {last}")).unwrap_or_default();
                    self.log.warn(format_args!("going on anonymously at {host}: {cause}{last}"));
                }
            },
        }
    }

    /// The token that `docker login` supplied, while it is valid.
    fn supplied(&self, registry: &Registry) -> Option<Token> {
        self.cached(registry, cache::USER_SUPPLIED).token.filter(|token| self.is_valid(token))
    }

    fn is_valid(&self, token: &Token) -> bool {
        !token.remaining(self.now).is_zero()
    }

    fn cached(&self, registry: &Registry, identity: &str) -> Cached {
        match cache::load(self.cache, registry, identity) {
            Ok(token) => Cached { token, fault: None },
            // As if there were none: the token that comes takes its place.
            Err(fault) if fault.kind == keychain::ErrorKind::Damaged => {
                self.log.note(format_args!("{}: {fault}", registry.host));
                Cached { token: None, fault: None }
            }
            Err(fault) => Cached { token: None, fault: Some(fault) },
        }
    }

    fn keep(&self, registry: &Registry, identity: &str, token: &Token) {
        match cache::keep(self.cache, registry, identity, token) {
            Ok(()) => self.kept.set(true),
            Err(fault) => self.warn_of_cache(&fault),
        }
    }

    fn stand_in_line(&self, folder: &Path, registry: &Registry, identity: &str, deadline: Instant) -> Line {
        let line = single_flight::stand(folder, &registry.host, identity, deadline);
        match &line {
            Ok(Line::Turn(_) | Line::Passed) => {}
            Ok(Line::Late) => {
                let waited = single_flight::WAIT_TIMEOUT.as_secs();
                self.log.note(format_args!("another process has asked AWS for {waited} s: asking too"));
            }
            Err(err) => self.log.note(format_args!("no lock: {err}")),
        }
        line.unwrap_or(Line::Late)
    }

    fn warn_of_cache(&self, err: &keychain::Error) {
        self.log.warn_once(format_args!("the ECR token is not cached: {err}"));
    }
}

/// What the cache said: a fault costs one AWS call and one line, never the answer.
struct Cached {
    token: Option<Token>,
    fault: Option<keychain::Error>,
}

fn no_token(registry: &Registry, cause: MintError) -> Error {
    Error::Mint { host: registry.host.clone(), cause }
}

/// The error of a registry that serves anybody and whose token nobody here can ask for.
fn nothing_to_ask(registry: &Registry, why: &str) -> MintError {
    let report = Report::new(why).hint(format!(
        "its images can be pulled without a login; `{PROGRAM} doctor {}` says what is missing",
        registry.host
    ));
    MintError { kind: MintErrorKind::NoCredentials, report }
}

/// Why asking AWS cannot help, known before any call.
fn preflight(registry: &Registry, identity: &Identity) -> Option<&'static str> {
    if identity.source == Source::None {
        return Some("no AWS credentials");
    }
    // An identity of China or GovCloud cannot sign for the one region of ECR Public's API.
    let foreign = registry.kind == Kind::Public && !Partition::of_region(&identity.region).reaches_ecr_public;
    foreign.then_some("credentials of another partition than ECR Public's")
}

/// When a supplied token ends: an ECR password is base64 of JSON with the `expiration` in seconds
/// since 1970. Where that cannot be read, 12 hours, the life of every ECR token.
fn end_of(secret: &Secret, now: SystemTime) -> SystemTime {
    let expiration = || {
        let json: Value = serde_json::from_slice(&STANDARD.decode(secret.expose()).ok()?).ok()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(json.get("expiration")?.as_u64()?))
    };
    expiration().unwrap_or(now + TOKEN_LIFETIME)
}
