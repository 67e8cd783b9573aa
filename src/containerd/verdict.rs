//! From a request to the verdict: what is trusted, the login, the signatures.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};

use super::{
    cache::Cache,
    request::Request,
    stage::Stage,
    trust::{InForce, in_force},
};
use crate::{
    app::{App, clients::Clients},
    aws::signing_profile::SigningProfile,
    config::Config,
    door::Start,
    environment::Environment,
    keychain::none::NoStore,
    log::Log,
    oci::{Purpose, Reference, RegistryAuth, Repositories},
    registry::{Server, USERNAME},
    report::Report,
    verify::{
        plugin::Plugins,
        run::{Judged, Options, Outcome, Verifier, Wanted},
    },
};

/// Judges the image. Gives the sentence that allows it.
///
/// # Errors
/// Why it is blocked.
pub(super) fn of(request: Request, start: Start, stage: &Stage, log: &mut Vec<u8>) -> Result<String, Report> {
    stage.is("reading the policy");
    let (image, clock) = (request.image, start.clock);
    let environment = of_machine(start.environment, request.root.as_deref());
    let config = Config::load(&environment)?;
    let trust = match in_force(&start.name, &environment, &config, &image)? {
        InForce::Everything(sentence) => return Ok(format!("{image} is not checked: {sentence}")),
        InForce::Policy(trust) => trust,
    };
    let app = App { cache: Rc::new(NoStore::Forgets), ..App::open(environment, config, start.now) };
    let log = app.log(log);
    let wanted = trust.trusted.on(&image, None);
    let cache = Cache::of(&app.environment);
    let judged_by = wanted.trust.as_ref().ok().map(|(statement, anchors)| (*statement, anchors));
    let key = judged_by.and_then(|judged_by| trust.key(&image, judged_by, &app.config));
    if let Some((said, age)) = key.as_ref().and_then(|key| cache.get(key, app.now)) {
        return Ok(format!("{said}; judged {} s ago", age.as_secs()));
    }
    // By the very certificates that the key was made of.
    let judged = judge(&app, wanted, trust.trusted.signing_profile(), clock, stage, &log)?;
    if let (Some(key), true) = (&key, judged.is_whole)
        && let Err(err) = cache.put(key, &judged.said, (clock)())
    {
        log.note(format_args!("the verdict is not kept: {err}"));
    }
    Ok(judged.said)
}

/// The machine's own folders in place of a user's: what is trusted on a node does not hang on whose home folder
/// containerd was started with.
fn of_machine(environment: Environment, root: Option<&Path>) -> Environment {
    let environment = match root {
        Some(root) => environment.under(root),
        None => environment,
    };
    Environment { config_folder: Some(environment.system_folder.clone()), interactive: false, ..environment }
}

/// An image that may be pulled.
struct Allowed {
    /// The sentence.
    said: String,
    /// Whether every check was made, and held.
    is_whole: bool,
}

fn judge<'a>(
    app: &'a App,
    wanted: Wanted<'_>,
    profile: Option<&SigningProfile>,
    clock: fn() -> SystemTime,
    stage: &Stage,
    log: &'a Log<'a>,
) -> Result<Allowed, Report> {
    let image = &wanted.image;
    let clients = Clients::open(app, None, std::slice::from_ref(image), profile)?;
    stage.is("getting AWS credentials and a login for its registry");
    let login = clients.connecting(std::slice::from_ref(image), || login(app, image, log));
    let auths = HashMap::from([(image.host().to_owned(), Arc::new(login))]);
    stage.is("asking its registry and AWS Signer");
    let (metadata, signers, plugins) = (BTreeMap::new(), clients.signers(), Plugins::of(&app.environment));
    // All signatures are judged: the time for the answer is the bound.
    let options = Options { metadata: &metadata, max_signatures: usize::MAX, recursive: false, clock };
    let verifier = Verifier::new(options, &signers, &plugins);
    let mut repositories = Repositories::new(clients.http(), Purpose::Pull, &auths);
    let verdict = clients.run(verifier.verify(std::slice::from_ref(&wanted), &mut repositories)).into_iter().next();
    let verdict = verdict.ok_or_else(|| Report::new("nothing was judged"))?;
    let statement = verdict.statement.map(|statement| (statement.name.as_str(), statement.level.name()));
    let (name, level) = statement.unwrap_or_default();
    match verdict.outcome {
        Outcome::Refused { why, .. } => Err(why),
        Outcome::Unchecked => {
            let said = format!("{image} is not checked: the statement `{name}` of the trust policy says skip");
            Ok(Allowed { said, is_whole: false })
        }
        Outcome::Verified(judged) => {
            let Judged { judgement, .. } = &*judged;
            let leaf = judgement.envelope.as_ref().and_then(|envelope| envelope.chain.first());
            let leaf = || leaf.map(|leaf| leaf.subject.clone()).unwrap_or_default();
            let signer = judgement.signed_by.as_ref().map_or_else(leaf, |by| by.profile.to_string());
            // Under `audit` a stranger's signature satisfies the policy as well.
            let (word, claim) = if judgement.is_trusted() { ("verified", "") } else { ("accepted", " (claimed)") };
            let mut said = format!("{image} is {word}: signed by {signer}{claim}, by the statement `{name}` ({level})");
            for check in judgement.logged() {
                said += &format!("; {} does not hold: {}", check.name.name(), check.reason.full());
            }
            Ok(Allowed { said, is_whole: judgement.logged().next().is_none() })
        }
    }
}

/// The login of the image's registry, with the credentials of the instance or pod. Registries that are not ECR
/// are read without one: a node has no keychain.
fn login<'a>(app: &'a App, image: &Reference, log: &'a Log<'a>) -> RegistryAuth {
    let host = image.host();
    let Some(Server::Ecr(registry)) = Server::parse(host, |host| app.config.custom(host)) else {
        return RegistryAuth::Anonymous;
    };
    match app.tokens(log).token(&registry) {
        Ok(Some(token)) => RegistryAuth::Known { username: USERNAME.into(), secret: token.password },
        Ok(None) => RegistryAuth::Anonymous,
        Err(err) => RegistryAuth::Failed(Report::from(err).prefixed(&format!("no login for {host}"))),
    }
}
