//! The token of an ECR registry: from the cache, else from AWS.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Token, cache, flight};
use crate::{
    aws::{Failure, FailureKind},
    error::Error,
    identity::{self, Identity, Source},
    keychain,
    registry::{Kind, Partition, Registry},
    secret::Secret,
    world::World,
};

/// The token of a registry; `None` when an anonymous pull is all that is left, on ECR Public.
///
/// Look, line up, look again, ask AWS: many `docker pull`s at once cost one call.
pub fn obtain(world: &World<'_>, registry: &Registry) -> Result<Option<Token>, Error> {
    let identity = match identity::find(world.environment, world.config, world.instance, registry) {
        Ok(identity) => identity,
        Err(cause) if registry.kind == Kind::Public => return Ok(anonymous(world, &cause.to_string())),
        Err(cause) => return Err(Error::Identity { host: registry.host.clone(), cause }),
    };
    world.journal.note(format_args!("{}: identity from {}", registry.host, identity.why));
    let fingerprint = identity.fingerprint();
    let fresh = |token: &Token| token.remaining(world.now) > world.config.refresh_before;

    let cached = world.cached(registry, &fingerprint);
    if let Some(token) = cached.token
        && fresh(&token)
    {
        return Ok(Some(token));
    }
    if let Some(why) = hopeless(registry, &identity) {
        return match world.cached(registry, cache::USER_SUPPLIED).token.filter(|token| lives(token, world.now)) {
            Some(token) => Ok(Some(token)),
            None if registry.kind == Kind::Public => Ok(anonymous(world, why)),
            None => world.tokens.mint(registry, &identity).map(Some).map_err(|failure| no_token(registry, failure)),
        };
    }
    if let Some(fault) = &cached.fault {
        world.warn_of_cache(fault);
    }
    // Where nothing can be cached, a line of waiting processes would help nobody.
    let usable = cached.fault.is_none();
    let _flight = usable.then(|| world.join_flight(registry, &fingerprint)).flatten();
    let cached = if usable { world.cached(registry, &fingerprint).token } else { None };
    if let Some(token) = cached.as_ref()
        && fresh(token)
    {
        return Ok(cached); // Another process fetched it while we stood in line.
    }
    match world.tokens.mint(registry, &identity) {
        Ok(token) => {
            if usable {
                world.keep(registry, &fingerprint, &token);
            }
            Ok(Some(token))
        }
        Err(failure) => fall_back(world, registry, cached, failure),
    }
}

/// What is left when AWS gave no token: one that still lives, whoever got it.
fn fall_back(
    world: &World<'_>,
    registry: &Registry,
    cached: Option<Token>,
    failure: Failure,
) -> Result<Option<Token>, Error> {
    let living = |token: &Token| lives(token, world.now);
    if let Some(token) = cached.filter(living) {
        world.journal.warn(format_args!("using the token that is still valid for {}: {failure}", registry.host));
        return Ok(Some(token));
    }
    if let Some(token) = world.cached(registry, cache::USER_SUPPLIED).token.filter(living) {
        world.journal.note(format_args!("{}: using the token of `docker login`: {failure}", registry.host));
        return Ok(Some(token));
    }
    match (&registry.kind, failure.kind) {
        (Kind::Private { .. }, _) => Err(no_token(registry, failure)),
        (Kind::Public, FailureKind::NoCredentials | FailureKind::Denied) => Ok(anonymous(world, &failure.what)),
        (Kind::Public, FailureKind::Unreachable | FailureKind::Garbled) => {
            let cause = failure.causes.last().map(|cause| format!(": {cause}")).unwrap_or_default();
            world.journal.warn(format_args!("going on anonymously at {}: {failure}{cause}", registry.host));
            Ok(None)
        }
    }
}

fn no_token(registry: &Registry, failure: Failure) -> Error {
    Error::Aws { host: registry.host.clone(), failure }
}

/// Why asking AWS cannot help, known before any call.
fn hopeless(registry: &Registry, identity: &Identity) -> Option<&'static str> {
    if identity.source == Source::None {
        return Some("no AWS credentials");
    }
    // An identity of China or GovCloud cannot sign for the one region of ECR Public's API.
    let foreign = registry.kind == Kind::Public && !Partition::of_region(&identity.region).reaches_ecr_public;
    foreign.then_some("credentials of another partition than ECR Public's")
}

/// ECR Public serves anybody: the reason is for those who asked to see it.
fn anonymous(world: &World<'_>, why: &str) -> Option<Token> {
    world.journal.note(format_args!("going on anonymously: {why}"));
    None
}

fn lives(token: &Token, now: SystemTime) -> bool {
    !token.remaining(now).is_zero()
}

/// What the cache said: a fault costs one AWS call and one line, never the answer.
struct Cached {
    token: Option<Token>,
    fault: Option<keychain::Error>,
}

impl World<'_> {
    fn cached(&self, registry: &Registry, identity: &str) -> Cached {
        match cache::load(self.cache, registry, identity) {
            Ok(token) => Cached { token, fault: None },
            Err(fault) => Cached { token: None, fault: Some(fault) },
        }
    }

    fn keep(&self, registry: &Registry, identity: &str, token: &Token) {
        if let Err(fault) = cache::keep(self.cache, registry, identity, token, self.now) {
            self.warn_of_cache(&fault);
        }
    }

    fn join_flight(&self, registry: &Registry, identity: &str) -> Option<flight::Flight> {
        let joined = flight::folder(self.environment)
            .and_then(|folder| flight::join(&folder, &registry.host, identity, flight::PATIENCE));
        match joined {
            Ok(Some(flight)) => Some(flight),
            Ok(None) => {
                let waited = flight::PATIENCE.as_secs();
                self.journal.note(format_args!("another process has asked AWS for {waited} s: asking too"));
                None
            }
            // A lock we cannot have costs speed, never the pull.
            Err(err) => {
                self.journal.note(format_args!("no lock: {err}"));
                None
            }
        }
    }

    fn warn_of_cache(&self, fault: &keychain::Error) {
        self.journal.warn_once(format_args!("the ECR token is not cached: {fault}"));
    }
}

/// What `docker login` brings for a registry: kept until its own end, unless we minted it.
pub fn bring(world: &World<'_>, registry: &Registry, secret: &Secret) {
    let minted = cache::tokens(world.cache)
        .unwrap_or_default()
        .into_iter()
        .filter(|label| label.host == registry.host)
        .filter_map(|label| world.cached(registry, &label.identity).token)
        .any(|token| token.password.expose() == secret.expose());
    if minted {
        return; // docker stores back what `get` gave it
    }
    let token = Token { password: Secret::from(secret.expose().to_owned()), expires_at: end_of(secret, world.now) };
    if lives(&token, world.now) {
        world.keep(registry, cache::USER_SUPPLIED, &token);
    }
}

/// When a supplied token ends: an ECR password is base64 of JSON with the `expiration` in seconds
/// since 1970. Where that cannot be read, 12 hours, the life of every ECR token.
fn end_of(secret: &Secret, now: SystemTime) -> SystemTime {
    let expiration = || {
        let json: Value = serde_json::from_slice(&STANDARD.decode(secret.expose()).ok()?).ok()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(json.get("expiration")?.as_u64()?))
    };
    expiration().unwrap_or(now + Duration::from_secs(12 * 60 * 60))
}
