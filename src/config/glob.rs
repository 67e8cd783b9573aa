//! Patterns on host names: `*` for any run of characters, `?` for one. Pure.

/// A pattern on a host name, lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Reads a pattern; the error says what it may hold.
    pub fn parse(text: &str) -> Result<Glob, &'static str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '*' | '?' | '[' | ']');
        // Brackets stand around an IPv6 address and nowhere else: sets of characters are not read.
        let brackets = text.starts_with('[') && text.contains("]") && text.contains(':');
        match text {
            "" => Err("the pattern is empty"),
            _ if text.contains('/') => Err("a pattern matches a host: no scheme and no path"),
            _ if !text.chars().all(allowed) => {
                Err("a host name has letters, digits, '.', '-', '_' and a port; '*' and '?' are wildcards")
            }
            _ if text.contains(['[', ']']) && !brackets => {
                Err("sets in brackets are not read: '*' and '?' are the wildcards")
            }
            _ => Ok(Glob(text.to_ascii_lowercase())),
        }
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names exactly one host.
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether a lower-case host fits.
    pub fn matches(&self, host: &str) -> bool {
        fits(self.0.as_bytes(), host.as_bytes(), |pattern, byte| pattern == b'?' || pattern == byte)
    }

    /// Whether every host that fits `other` fits this one too, so that a later rule for `other`
    /// could never apply.
    pub fn covers(&self, other: &Glob) -> bool {
        // Read as text, a `*` of the other may only be eaten by a `*` of ours.
        fits(self.0.as_bytes(), other.0.as_bytes(), |pattern, byte| {
            (pattern == b'?' || pattern == byte) && byte != b'*'
        })
    }
}

/// The usual wildcard match with one step of memory: linear for one `*`, never exponential.
fn fits(pattern: &[u8], text: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|pattern| same(*pattern, text[t])) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            (p, t) = (star_p + 1, star_t + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_hosts() {
        for (pattern, host, fits, why) in [
            ("ghcr.io", "ghcr.io", true, "a name is itself"),
            ("GHCR.io", "ghcr.io", true, "hosts have no case"),
            ("ghcr.io", "xghcr.io", false, "not a part of a name"),
            ("1*.dkr.ecr.*.amazonaws.com", "111122223333.dkr.ecr.eu-west-1.amazonaws.com", true, "two stars"),
            (
                "1*.dkr.ecr.*.amazonaws.com",
                "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
                false,
                "the end counts",
            ),
            ("*", "anything", true, "all"),
            ("a?c", "abc", true, "one character"),
            ("a?c", "ac", false, "not none"),
            ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, "ends soon"),
        ] {
            assert_eq!(Glob::parse(pattern).unwrap().matches(host), fits, "{why}: {pattern} {host}");
        }
        for pattern in ["", "https://ghcr.io", "ghcr.io/x", "a b", "{a,b}", "[ab].example", "ü.example"] {
            assert!(Glob::parse(pattern).is_err(), "{pattern:?}");
        }
    }

    #[test]
    fn covering() {
        for (first, later, covers) in [
            ("*", "ghcr.io", true),
            ("*.example", "*.a.example", true),
            ("*.a.example", "*.example", false),
            ("a?c", "a*c", false),
            ("a*c", "a?c", true),
            ("x", "x", true),
            ("*", "*", true),
            ("1*.ecr.*", "1*.ecr.eu", true),
            ("1*.ecr.eu", "1*.ecr.*", false),
        ] {
            assert_eq!(
                Glob::parse(first).unwrap().covers(&Glob::parse(later).unwrap()),
                covers,
                "{first} over {later}"
            );
        }
    }
}
