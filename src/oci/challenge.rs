//! What a registry asks for with a 401: the challenges of its `WWW-Authenticate` headers (RFC 9110, 11.6.1). Pure.

/// One challenge. A header may hold several, and an answer several headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Lower-case.
    pub(super) scheme: String,
    /// Names in lower case, values without their quotes.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The challenges of all headers, in their order. What cannot be read ends its header; what stands
    /// before it counts.
    pub(super) fn read_all<'a>(headers: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
        headers.flat_map(Challenge::read).collect()
    }

    fn read(header: &str) -> Vec<Challenge> {
        let mut found: Vec<Challenge> = Vec::new();
        let mut cursor = Cursor(header);
        loop {
            cursor.skip(is_separator);
            let Some(word) = cursor.token() else { return found };
            // A parameter belongs to the challenge before it; any other word begins a new one.
            match (found.last_mut(), cursor.value()) {
                (Some(challenge), Value::Read(value)) => {
                    challenge.parameters.push((word.to_ascii_lowercase(), value));
                }
                (_, Value::Absent) => {
                    found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
                    cursor.credentials();
                }
                (None, Value::Read(_)) => return found,
                (_, Value::Broken) => {
                    found.pop(); // half a challenge asks for nothing
                    return found;
                }
            }
        }
    }

    /// A parameter; the first of that name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What follows a word.
enum Value {
    /// No `=`.
    Absent,
    /// `=` and a token or a quoted string.
    Read(String),
    /// `=` and something else, or quotes without an end.
    Broken,
}

/// The part of a header that was not read yet.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(skipped);
    }

    /// A token (RFC 9110, 5.6.2).
    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c: char| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// `=` and a value, with the blanks around `=` that a reader must bear (RFC 9110, 11.2).
    fn value(&mut self) -> Value {
        let Some(after) = self.0.trim_start_matches(is_blank).strip_prefix('=') else { return Value::Absent };
        self.0 = after.trim_start_matches(is_blank);
        match self.0.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted),
            None => {
                // Addresses stand here without quotes, though `:` and `/` are no letters of a token.
                let end = self.0.find([',', ' ', '\t', '"']).unwrap_or(self.0.len());
                let (value, rest) = self.0.split_at(end);
                self.0 = rest;
                if value.is_empty() { Value::Broken } else { Value::Read(value.into()) }
            }
        }
    }

    /// A quoted string, in which `\` quotes one character (RFC 9110, 5.6.4).
    fn quoted(&mut self, quoted: &'a str) -> Value {
        let (mut value, mut characters) = (String::new(), quoted.char_indices());
        while let Some((place, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &quoted[place + 1..];
                    return Value::Read(value);
                }
                '\\' => value.extend(characters.next().map(|(_, quoted)| quoted)),
                other => value.push(other),
            }
        }
        Value::Broken
    }

    /// Passes over a `token68`, which may stand behind a scheme in place of parameters: it asks for
    /// nothing that we have (RFC 9110, 11.2).
    fn credentials(&mut self) {
        let rest = self.0.trim_start_matches(is_blank);
        let end = rest.find([',', ' ', '\t']).unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches('=');
        let alone = rest[end..].trim_start_matches(is_blank);
        let is_token68 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        if !word.is_empty() && word.chars().all(is_token68) && (alone.is_empty() || alone.starts_with(',')) {
            self.0 = &rest[end..];
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_separator(c: char) -> bool {
    is_blank(c) || c == ','
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scheme and parameters of each challenge.
    fn read(header: &str) -> Vec<(String, Vec<(String, String)>)> {
        let all = Challenge::read_all(std::iter::once(header));
        all.into_iter().map(|challenge| (challenge.scheme, challenge.parameters)).collect()
    }

    type Expected = &'static [(&'static str, &'static [(&'static str, &'static str)])];

    #[test]
    fn f2_11_several_challenges_in_one_header() {
        let table: &[(&str, Expected, &str)] = &[
            (
                r#"Basic realm="https://x.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#,
                &[(
                    "basic",
                    &[("realm", "https://x.dkr.ecr.eu-west-1.amazonaws.com/"), ("service", "ecr.amazonaws.com")],
                )],
                "ECR",
            ),
            (
                r#"Bearer realm="https://auth.docker.io/token", service="registry.docker.io", scope="repository:a:pull,push""#,
                &[(
                    "bearer",
                    &[
                        ("realm", "https://auth.docker.io/token"),
                        ("service", "registry.docker.io"),
                        ("scope", "repository:a:pull,push"),
                    ],
                )],
                "the Hub, blanks, a comma in quotes",
            ),
            (
                r#"Basic realm="r", Bearer realm="https://h/t",service="s""#,
                &[("basic", &[("realm", "r")]), ("bearer", &[("realm", "https://h/t"), ("service", "s")])],
                "two in one header",
            ),
            (
                r#"Negotiate, NTLM TlRMTVNTUAAB==, Bearer realm="https://h/t""#,
                &[("negotiate", &[]), ("ntlm", &[]), ("bearer", &[("realm", "https://h/t")])],
                "no parameters, a token68",
            ),
            (
                r#"Newauth realm="apps", type=1,  title="Login to \"apps\"", Basic realm="simple""#,
                &[
                    ("newauth", &[("realm", "apps"), ("type", "1"), ("title", "Login to \"apps\"")]),
                    ("basic", &[("realm", "simple")]),
                ],
                "the example of RFC 9110",
            ),
            ("BASIC", &[("basic", &[])], "no values"),
            (
                "Bearer realm=https://h/t,service=s",
                &[("bearer", &[("realm", "https://h/t"), ("service", "s")])],
                "no quotes",
            ),
            (
                "Bearer REALM = \"https://h/t\"\t,\tservice\t=\ts",
                &[("bearer", &[("realm", "https://h/t"), ("service", "s")])],
                "blanks around =, another case",
            ),
            (", ,Basic ,, realm=r,", &[("basic", &[("realm", "r")])], "empty elements"),
            (r#"Bearer realm="https://h"#, &[], "an open quote"),
            (r#"Basic realm="r", Bearer realm="https://h"#, &[("basic", &[("realm", "r")])], "an open quote behind"),
            (r#"Bearer realm="https://h\"#, &[], "a backslash at the end"),
            ("Bearer realm=, service=s", &[("bearer", &[("service", "s")])], "no value: what a token68 looks like"),
            ("Bearer service=s, realm=", &[], "no value behind another"),
            ("realm=\"r\"", &[], "no scheme"),
            ("\u{7f}Basic", &[], "a control character"),
            ("", &[], "nothing"),
        ];
        for (header, expected, why) in table {
            let found = read(header);
            let found: Vec<(&str, Vec<(&str, &str)>)> = found
                .iter()
                .map(|(scheme, parameters)| {
                    (scheme.as_str(), parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect())
                })
                .collect();
            let expected: Vec<(&str, Vec<(&str, &str)>)> =
                expected.iter().map(|(scheme, parameters)| (*scheme, parameters.to_vec())).collect();
            assert_eq!(found, expected, "{why}: {header}");
        }
        let both = Challenge::read_all([r#"Basic realm="r""#, r#"Bearer realm="https://h/t""#].into_iter());
        assert_eq!(both.len(), 2, "two headers");
        assert_eq!(both[1].parameter("realm"), Some("https://h/t"));
    }

    #[test]
    fn f2_11_no_header_is_endless_or_breaks() {
        let pieces = ["Basic", " ", ",", "=", "\"", "\\", "realm", "a=b", "é", "\t"];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    for fourth in pieces {
                        Challenge::read(&[first, second, third, fourth].concat());
                    }
                }
            }
        }
        assert!(Challenge::read(&"a ".repeat(100_000)).len() <= 100_000);
    }
}
