//! Images in one run: resolved, their signatures fetched and judged at the same time, each image with its verdict.

use std::{
    collections::{BTreeMap, HashSet},
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::{
    FutureExt, StreamExt, TryFutureExt,
    future::{Either, LocalBoxFuture, Shared, ready, select, try_join},
    stream,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
    time::sleep,
};

use super::{
    anchors::Anchors,
    judge::{Answer, Evidence, Examined, Judgement, Question, Rules, examine},
    plugin::Plugins,
    policy::{Action, Level, Statement, TrustedIdentity},
    signatures::find_envelope,
    signed_by::SignedBy,
};
use crate::{
    aws::signers::Signers,
    digest::Digest,
    names::PROGRAM,
    notary::envelope::{Envelope, MAX_ENVELOPE, Proof},
    oci::{
        Descriptor, ListedBy, Reference, Repositories, Repository,
        bound::{MAX_TIME, within},
        expand::{Item, expand},
    },
    report::{Report, excerpt},
};

/// Images in work at the same time.
const CONCURRENT_IMAGES: usize = 16;

/// Signatures of one image that are in work at the same time: as many as are judged of it by default.
pub const CONCURRENT_SIGNATURES: usize = 50;

/// Mebibytes of envelopes that are in memory at the same time, in all: two of the largest.
const ENVELOPE_MEMORY: u32 = 64;

/// Plugins that run at the same time.
const CONCURRENT_PLUGINS: usize = 4;

/// Signatures that are verified at the same time, a thread each.
const CONCURRENT_PROOFS: usize = 4;

/// How many signatures of an image AWS Signer is asked about while they are verified. Whoever may push can make more
/// that are false, and each would be a request in the user's name.
const ASKED_AHEAD: usize = 4;

/// How long what is needed last waits for what is needed first.
const FIRST_REQUESTS: Duration = Duration::from_millis(2);

/// An image, and what is trusted there.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Its name.
    pub image: Reference,
    /// The statement that is for its repository, and what that statement's stores hold.
    pub trust: Result<(&'a Statement, Anchors), Report>,
}

/// What a run judges with; the same for all its images.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The metadata that must be signed.
    pub metadata: &'a BTreeMap<String, String>,
    /// Most signatures of one image that are judged.
    pub max_signatures: usize,
    /// Whether what an index lists must be signed, too.
    pub recursive: bool,
    /// Tells the time. It is asked for each signature.
    pub clock: fn() -> SystemTime,
}

/// A run.
pub struct Verifier<'a> {
    options: Options<'a>,
    signers: &'a Signers<'a>,
    plugins: &'a Plugins,
    memory: Semaphore,
    plugin_runs: Semaphore,
    proofs: Semaphore,
}

/// What became of an image.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// Its name: as it was given, or by digest where an index lists it.
    pub reference: String,
    /// Its digest, once that is known, and itself at it: what was judged.
    pub resolved: Option<(Digest, String)>,
    /// The statement that it was judged by.
    pub statement: Option<&'a Statement>,
    /// The verdict.
    pub outcome: Outcome,
}

/// The verdict on an image.
#[derive(Debug)]
pub enum Outcome {
    /// The policy is satisfied, by this signature.
    Verified(Box<Judged>),
    /// The policy asks for no check (`skip`).
    Unchecked,
    /// The policy is not satisfied.
    Refused {
        /// Why.
        why: Report,
        /// The signatures that were judged, in the registry's order.
        signatures: Vec<Judged>,
    },
}

/// A signature that was judged.
#[derive(Debug)]
pub struct Judged {
    /// Its manifest.
    pub digest: Digest,
    /// The verdict on it. The envelope is kept of one that is verified.
    pub judgement: Judgement,
}

impl Outcome {
    /// Whether nothing speaks against running the image.
    pub fn satisfied(&self) -> bool {
        match self {
            Outcome::Verified(_) | Outcome::Unchecked => true,
            Outcome::Refused { .. } => false,
        }
    }
}

impl<'a> Verifier<'a> {
    /// A run that asks AWS Signer and other plugins.
    pub fn new(options: Options<'a>, signers: &'a Signers<'a>, plugins: &'a Plugins) -> Verifier<'a> {
        let memory = Semaphore::new(ENVELOPE_MEMORY as usize);
        let (plugin_runs, proofs) = (Semaphore::new(CONCURRENT_PLUGINS), Semaphore::new(CONCURRENT_PROOFS));
        Verifier { options, signers, plugins, memory, plugin_runs, proofs }
    }

    /// Verifies images. Verdicts come in the order of the images, an index before what it lists.
    pub async fn verify<'t>(&self, images: &'t [Wanted<'t>], repositories: &mut Repositories<'_>) -> Vec<Verdict<'t>> {
        let opened: Vec<_> = images.iter().map(|wanted| (wanted, repositories.of(&wanted.image))).collect();
        let verifying = stream::iter(opened).map(|(wanted, repository)| async move {
            let refused = |why| vec![Verdict::unresolved(wanted.image.to_string(), wanted.statement(), why)];
            let (repository, (statement, anchors)) = match (repository, &wanted.trust) {
                (Ok(repository), Ok(trust)) => (repository, trust),
                (_, Err(why)) => return refused(why.clone()),
                (Err(why), _) => return refused(why),
            };
            let trust = Trust { statement, anchors };
            let what = || format!("cannot verify {}", wanted.image);
            let work =
                pin!(within(MAX_TIME, what, async { Ok(self.expanded(&wanted.image, &repository, trust).await) }));
            // AWS's credentials and connection are made ready meanwhile: they are needed last.
            let done = match select(work, pin!(self.prepare(statement, anchors))).await {
                Either::Left((done, _)) => done,
                Either::Right(((), work)) => work.await,
            };
            done.unwrap_or_else(refused)
        });
        let verdicts: Vec<Vec<Verdict<'t>>> = verifying.buffered(CONCURRENT_IMAGES).collect().await;
        verdicts.into_iter().flatten().collect()
    }

    /// Opens the client that will tell of revocations and its connection, where one place is likely; and verifies what
    /// signatures will lead to. All of it takes a while, in which the registry's first answers are on their way.
    async fn prepare(&self, statement: &Statement, anchors: &Anchors) {
        sleep(FIRST_REQUESTS).await;
        let region = statement.identities.iter().find_map(|identity| match identity {
            TrustedIdentity::SigningProfile(profile) => Some(&profile.home.as_ref()?.region),
            TrustedIdentity::Any | TrustedIdentity::Subject(_) | TrustedIdentity::Other(_) => None,
        });
        if let Some(region) = region.filter(|_| statement.actions.revocation != Action::Skip) {
            let opened = self.signers.with(region, async |signer| {
                signer.connect_data_early();
                Ok(())
            });
            opened.await.ok(); // who needs it will hear of it
        }
        anchors.prepare();
    }

    /// An image and, where that is asked for, what it lists.
    async fn expanded<'t>(
        &self,
        image: &Reference,
        repository: &Arc<Repository>,
        trust: Trust<'t>,
    ) -> Vec<Verdict<'t>> {
        let statement = Some(trust.statement);
        if let (Some(digest), false) = (&image.digest, self.options.recursive) {
            // The manifest is needed last: the way to a signature takes three requests.
            let manifest = repository.resolve(image).map_ok(|manifest| manifest.descriptor).boxed_local().shared();
            let subject = Subject { digest: digest.clone(), manifest: manifest.clone() };
            let verdict = self.image(image, repository, subject, trust).map(Ok);
            return vec![match try_join(verdict, manifest).await {
                Ok((verdict, _)) => verdict,
                Err(why) => Verdict::unresolved(image.to_string(), statement, why),
            }];
        }
        let items = expand(image, repository, self.options.recursive).await;
        let verifying = stream::iter(items).map(|item| async move {
            match item {
                Item::Resolved { image, repository, subject } => {
                    let digest = subject.digest.clone();
                    let subject = Subject { digest, manifest: ready(Ok(*subject)).boxed_local().shared() };
                    self.image(&image, &repository, subject, trust).await
                }
                Item::Failed { image, report } => Verdict::unresolved(image, statement, report),
            }
        });
        verifying.buffered(CONCURRENT_IMAGES).collect().await
    }

    async fn image<'t>(
        &self,
        image: &Reference,
        repository: &Repository,
        subject: Subject<'_>,
        trust: Trust<'t>,
    ) -> Verdict<'t> {
        let outcome = self.outcome(image, repository, &subject, trust).await;
        let name = image.at(&subject.digest);
        let resolved = Some((subject.digest, name));
        Verdict { reference: image.to_string(), resolved, statement: Some(trust.statement), outcome }
    }

    async fn outcome(
        &self,
        image: &Reference,
        repository: &Repository,
        subject: &Subject<'_>,
        trust: Trust<'_>,
    ) -> Outcome {
        if trust.statement.level == Level::Skip {
            return Outcome::Unchecked;
        }
        let (mut signatures, mut count, mut seen) = (Vec::new(), 0, HashSet::new());
        // Who has been satisfied by the referrers API does not ask for the tag of older clients.
        for by in [ListedBy::Api, ListedBy::Tag] {
            let mut found = match repository.signatures_by(&subject.digest, by).await {
                Ok(found) => found,
                Err(why) => return Outcome::Refused { why, signatures },
            };
            found.retain(|signature| seen.insert(signature.digest.clone()));
            let room = self.options.max_signatures.saturating_sub(count);
            count += found.len();
            found.truncate(room);
            match self.first_good(&found, repository, subject, trust).await {
                Ok(good) => return Outcome::Verified(Box::new(good)),
                Err(others) => signatures.extend(others),
            }
        }
        Outcome::Refused { why: why_refused(image, &signatures, count), signatures }
    }

    /// Judges signatures at the same time; the first that is good ends it. Else all of them, in their order.
    async fn first_good(
        &self,
        listed: &[Descriptor],
        repository: &Repository,
        subject: &Subject<'_>,
        trust: Trust<'_>,
    ) -> Result<Judged, Vec<Judged>> {
        let judging = stream::iter(listed.iter().enumerate()).map(|(place, listed)| async move {
            let ahead = place < ASKED_AHEAD;
            let fetched = self.fetch(listed, repository, &subject.digest);
            let judgement = match try_join(fetched, subject.manifest.clone()).await {
                Ok((fetched, image)) => self.judge(fetched, &image, trust, ahead).await,
                Err(why) => Judgement::unreadable(why, trust.statement),
            };
            (place, Judged { digest: listed.digest.clone(), judgement })
        });
        let mut judging = judging.buffer_unordered(CONCURRENT_SIGNATURES);
        let mut others = Vec::new();
        while let Some((place, mut judged)) = judging.next().await {
            if judged.judgement.verified() {
                return Ok(judged);
            }
            (judged.judgement.envelope, judged.judgement.signed_by) = (None, None); // they may be large
            others.push((place, judged));
        }
        others.sort_by_key(|(place, _)| *place);
        Err(others.into_iter().map(|(_, judged)| judged).collect())
    }

    async fn fetch(&self, listed: &Descriptor, repository: &Repository, image: &Digest) -> Result<Fetched<'_>, Report> {
        let blob = find_envelope(repository, image, listed).await?;
        let size = u32::try_from(blob.size / (1024 * 1024) + 1).unwrap_or(u32::MAX).min(ENVELOPE_MEMORY);
        let room = self.memory.acquire_many(size).await;
        let envelope = repository.blob(&blob, MAX_ENVELOPE).await?;
        Ok(Fetched { envelope, media_type: blob.media_type, room: room.ok() })
    }

    async fn judge(&self, fetched: Fetched<'_>, image: &Descriptor, trust: Trust<'_>, ahead: bool) -> Judgement {
        let Fetched { envelope, media_type, room } = fetched;
        let (Trust { statement, anchors }, metadata) = (trust, self.options.metadata);
        let rules = Rules { statement, anchors, metadata, now: (self.options.clock)().into() };
        let examined = examine(&Evidence { media_type: &media_type, envelope: &envelope, image }, &rules);
        drop(envelope);
        let proving = async {
            let proven = self.prove(examined.proof()).await;
            drop(room);
            proven
        };
        let asking = async { Ok(self.answer(&examined).await) };
        let answer = match examined.question() {
            Question::AwsSigner if ahead => try_join(proving, asking).await.map(|(_, answer)| answer),
            _ => proving.and_then(|()| asking).await,
        };
        // What is not proven has no answer, and the conclusion says why.
        examined.conclude(answer.unwrap_or(Answer::None))
    }

    /// Checks an envelope's proof, on another thread: that takes milliseconds, in which this one has others to serve.
    async fn prove(&self, proof: Option<Arc<Proof>>) -> Result<(), Report> {
        let Some(proof) = proof else { return Ok(()) };
        let _proving = self.proofs.acquire().await;
        // Where the thread fails, who concludes checks it.
        spawn_blocking(move || proof.check()).await.unwrap_or(Ok(()))
    }

    /// The answer to what an examined signature leaves open.
    async fn answer(&self, examined: &Examined<'_>) -> Answer {
        match examined.question() {
            Question::Nobody => Answer::None,
            Question::AwsSigner => self.revoked(examined.envelope(), examined.signed_by()).await,
            Question::Plugin(request) => {
                let _running = self.plugin_runs.acquire().await;
                let (plugins, request) = (self.plugins.clone(), request.clone());
                let asked = spawn_blocking(move || plugins.ask(&request)).await;
                Answer::Plugin(asked.unwrap_or_else(|_| Err(Report::new("it could not be asked"))))
            }
        }
    }

    /// What AWS Signer calls revoked of a signature, asked in its profile's own region.
    async fn revoked(&self, envelope: Option<&Envelope>, by: Option<&SignedBy>) -> Answer {
        let home = by.and_then(|by| by.profile.home.as_ref());
        let Some((envelope, home)) = envelope.zip(home) else { return Answer::None };
        Answer::Revoked(self.signers.with(&home.region, async |signer| signer.revoked(envelope).await).await)
    }
}

impl<'a> Wanted<'a> {
    fn statement(&self) -> Option<&'a Statement> {
        self.trust.as_ref().ok().map(|(statement, _)| *statement)
    }
}

/// What is judged: an image whose signatures are found by its digest, while its manifest may still be on its way.
struct Subject<'a> {
    digest: Digest,
    manifest: Shared<LocalBoxFuture<'a, Result<Descriptor, Report>>>,
}

/// An envelope, and the part of [`ENVELOPE_MEMORY`] that it takes.
struct Fetched<'a> {
    envelope: Vec<u8>,
    media_type: String,
    room: Option<SemaphorePermit<'a>>,
}

/// What an image is judged by.
#[derive(Clone, Copy)]
struct Trust<'a> {
    statement: &'a Statement,
    anchors: &'a Anchors,
}

impl<'a> Verdict<'a> {
    fn unresolved(reference: String, statement: Option<&'a Statement>, why: Report) -> Verdict<'a> {
        Verdict { reference, resolved: None, statement, outcome: Outcome::Refused { why, signatures: Vec::new() } }
    }
}

/// Why no signature satisfies the policy: each one's reason, and what can be done about the first that has one.
fn why_refused(image: &Reference, judged: &[Judged], count: usize) -> Report {
    if count == 0 {
        let layout = if image.layout().is_some() { "--oci-layout " } else { "" };
        return Report::new("it has no signature")
            .hint(format!("sign it: {PROGRAM} sign {layout}{image} --signing-profile PROFILE"));
    }
    let mut why = Report::new("no signature of it satisfies the trust policy");
    let mut hint = None;
    for Judged { digest, judgement } in judged {
        if let Some(check) = judgement.failure() {
            why = why.cause(format!("{digest}: {}: {}", check.name.name(), excerpt(&check.reason.full())));
            hint = hint.or(check.reason.advice());
        }
    }
    if judged.len() < count {
        why = why.cause(format!("{} more were not judged", count - judged.len()));
        hint = hint.or(Some("judge them too with --max-signatures"));
    }
    match hint {
        Some(hint) => why.hint(hint),
        None => why,
    }
}
