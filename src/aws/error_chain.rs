//! From an error of the SDK, which wraps a cause in four to six layers, to a few lines that a
//! person can read and that hold no secret.

use std::error::Error;

use aws_smithy_types::error::ErrorMetadata;

use crate::report::excerpt;

/// Layers that say nothing beside the layer below them (texts of the AWS SDK and hyper).
const EMPTY: &[&str] = &[
    "an error occurred while loading an access token",
    "an error occurred while loading credentials",
    "client error (Connect)",
    "client error (SendRequest)",
    "construction failure",
    "dispatch failure",
    "failed to construct request",
    "io error",
    "other",
    "request has timed out",
    "response error",
    "service error",
    "the credential provider was not enabled",
    "the credentials provider was not properly configured",
    "timed out",
    "timeout",
    "unexpected credentials error",
    "unhandled error",
];

/// From these words on, a text may repeat what a program printed, what a server answered or what it was
/// asked, and that may hold secrets: stderr of a `credential_process` comes verbatim, the others in
/// `Debug` form.
const UNSAFE_TAILS: &[&str] =
    &[" Stderr:", ", could not parse response", ". Response {", "Response {", " to request `Request {"];

/// The SDK's words that speak of its inside, and ours.
const REWORDED: &[(&str, &str)] = &[
    ("ProfileFile provider could not be built: ", ""),
    ("Error retrieving credentials: external process exited with code ", "the command ended with "),
    ("Error retrieving credentials from external process: ", "the command could not be run: "),
    ("Error retrieving credentials from external process", "the command did not print credentials"),
];

/// An error and its causes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorChain {
    /// The causes that say something, outermost first.
    pub(super) lines: Vec<String>,
    /// AWS's error code, such as `AccessDeniedException`.
    pub(super) code: Option<String>,
    /// AWS's message to that code.
    pub(super) message: String,
}

impl ErrorChain {
    /// Walks the causes.
    pub(super) fn of(error: &(dyn Error + 'static)) -> ErrorChain {
        let mut chain = ErrorChain::default();
        let mut layer = Some(error);
        while let Some(error) = layer {
            match error.downcast_ref::<ErrorMetadata>().map(|answer| (answer.code(), answer.message())) {
                Some((Some(code), message)) => chain.answered(code, message.unwrap_or_default()),
                Some((None, message)) => chain.add(clean(message.unwrap_or_default())),
                None => {
                    let text = error.to_string();
                    match exception(&text) {
                        Some((code, message)) => chain.answered(code, message),
                        None => chain.add(clean(&text)),
                    }
                }
            }
            layer = error.source();
        }
        chain
    }

    /// Whether a cause speaks of this; `words` in lower case.
    pub(super) fn says(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.to_lowercase().contains(words))
    }

    fn answered(&mut self, code: &str, message: &str) {
        self.lines.retain(|line| !line.starts_with("the answer has HTTP status ")); // the code says more
        let (code, message) = (clean(code), clean(message));
        self.add(if message.is_empty() { code.clone() } else { format!("{code}: {message}") });
        if self.code.is_none() {
            (self.code, self.message) = (Some(code), message);
        }
    }

    /// Layers repeat the text of the layer below, alone or within their own.
    fn add(&mut self, line: String) {
        let wrapper = line.starts_with("unhandled error (");
        if wrapper || line.is_empty() || EMPTY.contains(&line.as_str()) {
            return;
        }
        match self.lines.last_mut() {
            Some(last) if last.contains(&line) => {}
            Some(last) if line.contains(last.as_str()) => *last = line,
            _ => self.lines.push(line),
        }
    }
}

/// Code and message of a modelled exception, whose text is `ExpiredTokenException: message` or
/// `ExpiredTokenException [ExpiredTokenException]: message`.
fn exception(text: &str) -> Option<(&str, &str)> {
    let (head, message) = text.split_once(": ").unwrap_or((text, ""));
    let code = head.split_once(" [").map_or(head, |(code, _)| code);
    let named = code.ends_with("Exception") && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    named.then_some((code, message))
}

/// One line of printable text without the parts that may hold secrets.
fn clean(text: &str) -> String {
    let end = UNSAFE_TAILS.iter().filter_map(|tail| text.find(tail)).min().unwrap_or(text.len());
    let mut text = text[..end].trim().to_owned();
    if let Some((from, to)) = REWORDED.iter().find(|(from, _)| text.starts_with(from)) {
        text = text.replacen(from, to, 1).trim_end_matches('.').to_owned();
    }
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words = words.into_iter().filter(|word| !word.is_empty()).map(|word| match word.contains("://") {
        true => without_user(word),
        false => word.to_owned(),
    });
    excerpt(&words.collect::<Vec<_>>().join(" "))
}

/// A URL, with or without scheme, without user and password, which proxies' URLs may hold.
pub(super) fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, _)| url.split_at(scheme.len() + 3));
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}{}", &rest[at + 1..]),
        None => url.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// A layer of text over an optional cause.
    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<dyn Error + 'static>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref()
        }
    }

    fn layers(texts: &[&'static str]) -> ErrorChain {
        let error = texts.iter().rev().fold(None, |inner, text| Some(Box::new(Layer(text, inner)) as Box<dyn Error>));
        ErrorChain::of(&*error.unwrap())
    }

    #[test]
    fn wrapping_layers_vanish() {
        for (texts, lines, why) in [
            (
                &["dispatch failure", "io error", "client error (Connect)", "dns error"][..],
                &["dns error"][..],
                "wrappers",
            ),
            (&["a: b", "b"], &["a: b"], "a layer that repeats its cause"),
            (&["b", "a: b"], &["a: b"], "a cause that says more"),
            (&["service error", "unhandled error (X)", "boom"], &["boom"], "the wrapper of unknown errors"),
            (&["one\r\n two\t\u{1b}[31mthree"], &["one two [31mthree"], "one line, no control characters"),
            (
                &["Error retrieving credentials: external process exited with code exit status: 1. Stderr: SECRET"],
                &["the command ended with exit status: 1"],
                "what a credential process printed",
            ),
            (
                &["error response from IMDS (code: 404). Response { body: SECRET }"],
                &["error response from IMDS (code: 404)"],
                "an answer in Debug form",
            ),
            (&["no route to http://user:pw@proxy:3128/"], &["no route to http://proxy:3128/"], "a password in a URL"),
        ] {
            assert_eq!(layers(texts).lines, lines, "{why}");
        }
    }

    #[test]
    fn codes_are_found() {
        let metadata = ErrorMetadata::builder().code("AccessDenied").message("User: a is not").build();
        let unknown = Layer("service error", Some(Box::new(metadata)));
        assert_eq!(
            ErrorChain::of(&unknown),
            ErrorChain {
                lines: vec!["AccessDenied: User: a is not".into()],
                code: Some("AccessDenied".into()),
                message: "User: a is not".into()
            }
        );
        for (text, code, message) in [
            ("ExpiredTokenException: token is old", Some("ExpiredTokenException"), "token is old"),
            ("UnauthorizedException [UnauthorizedException]: gone", Some("UnauthorizedException"), "gone"),
            ("ServerException", Some("ServerException"), ""),
            ("an Exception: x", None, ""),
        ] {
            let chain = layers(&["service error", text]);
            assert_eq!((chain.code.as_deref(), chain.message.as_str()), (code, message), "{text}");
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let line = clean(&"ü".repeat(401));
        assert_eq!(line.chars().count(), 401);
        assert!(line.ends_with('…'));
    }
}
