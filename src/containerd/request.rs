//! containerd's side of the wire: flags as Go writes them, and the image's descriptor on standard input.
//!
//! Source: containerd, `docs/image-verification.md` and `pkg/imageverifier/bindir/bindir.go`.

use std::{
    io::{self, Read},
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    digest::Digest,
    door,
    oci::Reference,
    report::{Report, excerpt},
};

/// The flags of the contract, and our own `root`. `operation` is what later versions of containerd may add.
const FLAGS: [&str; 5] = ["name", "digest", "stdin-media-type", "operation", "root"];

/// The one thing on standard input that is read (image-spec, `MediaTypeDescriptor`).
const DESCRIPTOR: &str = "application/vnd.oci.descriptor.v1+json";

/// Most bytes of a descriptor: annotations, or data that are embedded, may be in it.
const MAX_DESCRIPTOR: usize = 4 << 20;

/// Most bytes of a name: 255 of registry and repository, 128 of a tag, 135 of a digest (distribution/reference).
const MAX_NAME: usize = 1 << 10;

/// How long standard input may be silent. containerd writes it at once, and then closes it; on a busy node its writes
/// may be apart.
const STDIN_SILENCE: Duration = Duration::from_secs(1);

/// What containerd asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The image at the digest that would be pulled. A tag is gone: it could move.
    pub(super) image: Reference,
    /// What is on standard input.
    media_type: Option<String>,
    /// The root of the machine whose policy counts, where that is not this one.
    pub(super) root: Option<PathBuf>,
}

/// The part of a descriptor that is compared.
#[derive(Deserialize)]
struct Descriptor {
    digest: Digest,
}

/// A flag of the contract, with its value where that stands in the same word: one dash or two, as Go reads them.
fn flag(word: &str) -> Option<(&str, Option<&str>)> {
    let text = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    Some(text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value))))
}

/// Whether the arguments begin as the contract's do.
pub(super) fn is_one(arguments: &[String]) -> bool {
    arguments.first().and_then(|word| flag(word)).is_some_and(|(name, _)| FLAGS.contains(&name))
}

/// The image that is asked about, in whatever words: for a sentence, where nothing is known of it yet.
pub(super) fn spelled(arguments: &[String]) -> &str {
    let after = arguments.iter().zip(arguments.iter().skip(1));
    let named = after.filter(|(word, _)| matches!(flag(word), Some(("name", None)))).map(|(_, value)| value.as_str());
    let same_word = arguments.iter().filter_map(|word| match flag(word) {
        Some(("name", value)) => value,
        _ => None,
    });
    named.chain(same_word).next().unwrap_or_default()
}

impl Request {
    /// Reads the arguments. Flags that are not known are passed over, with their value.
    ///
    /// # Errors
    /// What is missing, said twice, or no name or digest.
    pub(super) fn read(arguments: &[String]) -> Result<Request, Report> {
        let mut values: [Option<&str>; FLAGS.len()] = [None; FLAGS.len()];
        let mut words = arguments.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            let Some((name, same_word)) = flag(word) else { continue };
            let known = FLAGS.iter().position(|flag| *flag == name);
            let value = match (same_word, known) {
                (Some(value), _) => value,
                (None, Some(_)) => words.next().unwrap_or_default(),
                (None, None) => words.next_if(|next| !next.starts_with('-')).unwrap_or_default(),
            };
            if let Some(known) = known
                && values[known].replace(value).is_some()
            {
                return Err(Report::new(format!("-{name} is there twice")));
            }
        }
        let [name, digest, media_type, _, root] = values;
        let wanted = |value: Option<&str>, what: &str| match value {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(Report::new(format!("{what} is missing")).hint("containerd starts it with -name and -digest")),
        };
        let digest = Digest::parse(&wanted(digest, "-digest")?)?;
        let name = wanted(name, "-name")?;
        if name.len() > MAX_NAME {
            return Err(Report::new(format!("-name is not an image: it is longer than {MAX_NAME} bytes")));
        }
        let image = Reference::parse(&name)?;
        if let Some(other) = image.digest.as_ref().filter(|named| **named != digest) {
            return Err(Report::new(format!("-name says {other}, and -digest says {digest}")));
        }
        Ok(Request {
            image: Reference { tag: None, digest: Some(digest), ..image },
            media_type: media_type.map(str::to_owned),
            root: root.filter(|root| !root.is_empty()).map(PathBuf::from),
        })
    }

    /// Looks whether standard input agrees. What is silent before its end is not waited for: the flags say all, and
    /// this says it again. So is what is no descriptor, by what containerd calls it.
    ///
    /// # Errors
    /// It is no descriptor, or that of other content.
    pub(super) fn agrees(&self, stdin: impl Read + Send + 'static) -> Result<(), Report> {
        if self.media_type.as_deref() != Some(DESCRIPTOR) {
            return Ok(());
        }
        let reading = read(stdin);
        let bytes = loop {
            match reading.recv_timeout(STDIN_SILENCE) {
                Ok(Progress::More) => {}
                Ok(Progress::Ended(read)) => break read,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => break Err("it cannot be read".into()),
            }
        };
        let bad = |what: String| Report::new(format!("standard input is no descriptor: {what}"));
        let bytes = bytes.map_err(bad)?;
        if bytes.trim_ascii().is_empty() {
            return Err(bad("it is empty".into()));
        }
        let found: Descriptor = serde_json::from_slice(&bytes).map_err(|err| bad(excerpt(&err.to_string())))?;
        match &self.image.digest {
            Some(digest) if *digest == found.digest => Ok(()),
            _ => Err(Report::new(format!("standard input is about {}, and not about -digest", found.digest))),
        }
    }
}

/// What comes from standard input.
enum Progress {
    /// Some of it.
    More,
    /// All of it, or why there is no more.
    Ended(Result<Vec<u8>, String>),
}

/// Says that something was read, each time.
struct Telling<R>(R, Sender<Progress>);

impl<R: Read> Read for Telling<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.send(Progress::More).ok(); // nobody waits any more
        Ok(count)
    }
}

/// Reads to the end on a thread that nobody waits for.
fn read(stdin: impl Read + Send + 'static) -> Receiver<Progress> {
    let (sender, receiver) = mpsc::channel();
    let reading = move || {
        let read = door::read_input(&mut Telling(stdin, sender.clone()), 1024, MAX_DESCRIPTOR);
        sender.send(Progress::Ended(read.map(|bytes| bytes.to_vec()))).ok(); // the same
    };
    // Without a thread the sender is gone, which the receiver sees.
    thread::Builder::new().spawn(reading).ok();
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn words(line: &str) -> Vec<String> {
        line.replace("DIGEST", DIGEST).split(' ').map(String::from).collect()
    }

    #[test]
    fn which_starts_are_containerds() {
        for (line, expected, why) in [
            ("-name a -digest b", true, "as it is"),
            ("--name a", true, "two dashes"),
            ("-name=a", true, "in one word"),
            ("-digest b -name a", true, "another order"),
            ("-stdin-media-type t", true, "the third"),
            ("-operation pull -name a", true, "a later version"),
            ("-n a", false, "none of the contract's"),
            ("---name a", false, "three dashes"),
            ("name a", false, "no flag"),
            ("-v", false, "docker's"),
            ("--help", false, "for people"),
            ("get", false, "docker's"),
        ] {
            assert_eq!(is_one(&words(line)), expected, "{why}");
        }
        assert!(!is_one(&[]), "nothing at all");
    }

    #[test]
    fn images_and_digests() {
        for (line, expected, why) in [
            ("-name h.example/a:v1 -digest DIGEST", "h.example/a@DIGEST", "never the tag"),
            ("--digest=DIGEST --name=h.example/a", "h.example/a@DIGEST", "the other spelling"),
            ("-name docker.io/library/alpine:3 -digest DIGEST", "docker.io/library/alpine@DIGEST", "the Hub"),
            ("-name h.example/a@DIGEST -digest DIGEST", "h.example/a@DIGEST", "by digest"),
            ("-operation pull -name h.example/a -digest DIGEST", "h.example/a@DIGEST", "an operation"),
            ("-new -name h.example/a -digest DIGEST -more=1 -x y z", "h.example/a@DIGEST", "what is not known"),
        ] {
            let request = Request::read(&words(line)).unwrap_or_else(|err| panic!("{why}: {err}"));
            assert_eq!(request.image.to_string(), expected.replace("DIGEST", DIGEST), "{why}");
        }
        for (line, expected, why) in [
            ("-name h.example/a", "-digest is missing", "no digest"),
            ("-digest DIGEST", "-name is missing", "no name"),
            ("-name  -digest DIGEST", "-name is missing", "an empty name"),
            ("-digest DIGEST -name", "-name is missing", "no value"),
            ("-name h.example/a -digest DIGEST -digest DIGEST", "-digest is there twice", "twice"),
            ("-name h.example/a -digest sha256:0", "is not a digest", "a short digest"),
            ("-name -digest DIGEST", "-digest is missing", "the value is the next word, whatever it is"),
            ("-name Bad/Name -digest DIGEST", "is not an image", "no name of an image"),
            (
                "-name h.example/a@sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff -digest DIGEST",
                "-name says sha256:ffff",
                "two digests",
            ),
        ] {
            let err = Request::read(&words(line)).expect_err(why);
            assert!(err.full().contains(expected), "{why}: {err:?}");
        }
    }

    #[test]
    fn standard_input_says_the_same() {
        let descriptor = format!(r#"{{"mediaType":"m","digest":"{DIGEST}","size":7,"annotations":{{}}}}"#);
        let other = descriptor.replace("0123", "ffff");
        for (media_type, stdin, expected, why) in [
            (DESCRIPTOR, descriptor.as_bytes(), "", "the descriptor"),
            (DESCRIPTOR, other.as_bytes(), "standard input is about sha256:ffff", "another's"),
            (DESCRIPTOR, b"", "it is empty", "nothing"),
            (DESCRIPTOR, &descriptor.as_bytes()[..20], "no descriptor", "truncated"),
            (DESCRIPTOR, b"[]", "no descriptor", "another shape"),
            (DESCRIPTOR, b"\xff\xfe", "no descriptor", "no UTF-8"),
            (DESCRIPTOR, &vec![b' '; MAX_DESCRIPTOR + 1], "it is longer than", "without end"),
            (
                DESCRIPTOR,
                format!(r#"{{"digest":"{DIGEST}","digest":"{DIGEST}"}}"#).as_bytes(),
                "duplicate field",
                "two digests: readers differ in which counts",
            ),
            ("application/vnd.containerd.image-verifier.input.v1+json", b"{", "", "what comes later"),
        ] {
            let mut line = words("-name h.example/a -digest DIGEST");
            line.extend(["-stdin-media-type".into(), media_type.into()]);
            let agrees = Request::read(&line).unwrap().agrees(std::io::Cursor::new(stdin.to_vec()));
            match agrees {
                Ok(()) => assert_eq!(expected, "", "{why}"),
                Err(err) => assert!(!expected.is_empty() && err.full().contains(expected), "{why}: {err:?}"),
            }
        }
    }
}
