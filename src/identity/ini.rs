//! The grammar of the AWS files, `~/.aws/config` and `~/.aws/credentials`. Pure: bytes in, sections out.
//!
//! It is that of the AWS CLI, which reads them with Python's `configparser` (botocore,
//! `configloader.py`): options may be indented and written `key: value`, a deeper line goes on with the
//! value above it, an option or section that stands twice is refused. Two things differ:
//! a fault counts only where its section is used, and a comment behind a value is cut off, as in the
//! other AWS SDKs, since no value that selects an identity has a blank and `#` in it.

use std::collections::BTreeMap;

use crate::secret::Wiped;

/// The keys that select an identity. Their values have one line, and where one of them stands inside
/// another value, by its indentation, the file says something else than was meant.
pub(super) const IDENTITY_KEYS: &[&str] = &[
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_security_token",
    "role_arn",
    "external_id",
    "role_session_name",
    "source_profile",
    "credential_source",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_region",
    "sso_account_id",
    "sso_role_name",
    "login_session",
    PROCESS,
];

/// The one of them whose value may run over lines, and may hold `#`: it is a command.
const PROCESS: &str = "credential_process";

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) what: String,
}

/// One section: its settings under lower-case keys.
#[derive(Default, Clone)]
pub(super) struct Section {
    /// The settings; lines of a value are parted by `\n`. Some are secrets.
    pub(super) settings: BTreeMap<String, Wiped<String>>,
    /// The first fault among its lines. Whoever uses the section must look.
    pub(super) fault: Option<Fault>,
    /// The line of its heading.
    line: usize,
}

impl Section {
    fn blame(&mut self, line: usize, what: String) {
        self.fault.get_or_insert(Fault { line, what });
    }
}

/// Reads a file: its sections in their order, under the text between the brackets.
///
/// # Errors
/// A fault after which nobody can tell whose the lines are: before the first heading, or in one.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<(String, Section)>, Fault> {
    let mut sections: Vec<(String, Section)> = Vec::new();
    // The section that lines belong to, the option that deeper lines belong to, and how deep it stands.
    let (mut current, mut option, mut level) = (0, None::<String>, 0);
    for (line, bytes) in lines(bytes).enumerate().map(|(index, bytes)| (index + 1, bytes)) {
        let text = Wiped::new(String::from_utf8_lossy(bytes).into_owned());
        let value = text.trim();
        if value.starts_with(['#', ';']) {
            continue;
        }
        let section = sections.get_mut(current).map(|(_, section)| section);
        if value.is_empty() {
            // A value may go on after an empty line.
            let above = option.as_ref().and_then(|option| section?.settings.get_mut(option));
            above.into_iter().for_each(|above| above.push('\n'));
            continue;
        }
        let depth = text.chars().take_while(|c| c.is_whitespace()).count();
        if let (Some(section), Some(option)) = (section, &option)
            && depth > level
        {
            go_on(section, option, value, line);
            continue;
        }
        level = depth;
        if let Some(name) = heading(value) {
            option = None;
            current = sections.iter().position(|(known, _)| known == name).unwrap_or(sections.len());
            match sections.get_mut(current) {
                Some((_, twice)) => {
                    let before = twice.line;
                    twice.blame(line, format!("the section [{name}] stands here again, after line {before}"));
                }
                None => sections.push((name.to_owned(), Section { line, ..Section::default() })),
            }
        } else if value.starts_with('[') {
            return Err(Fault { line, what: "the heading of a section has no end: `]` is missing".into() });
        } else if let Some((_, section)) = sections.get_mut(current) {
            option = read_option(section, value, line);
        } else {
            let what = match value.starts_with('\u{feff}') {
                true => "the file begins with a byte order mark; save it as UTF-8 without one",
                false => "this stands before the first section",
            };
            return Err(Fault { line, what: what.into() });
        }
        if let (Some((_, section)), Err(_)) = (sections.get_mut(current), std::str::from_utf8(bytes)) {
            section.blame(line, "this is not UTF-8 text".into());
        }
    }
    for (_, section) in &mut sections {
        for value in section.settings.values_mut() {
            let end = value.trim_end().len();
            value.truncate(end);
        }
    }
    // What `[DEFAULT]` says is said in every section.
    if let Some(at) = sections.iter().position(|(name, _)| name == "DEFAULT") {
        let (_, defaults) = sections.remove(at);
        for (_, section) in &mut sections {
            for (key, value) in &defaults.settings {
                section.settings.entry(key.clone()).or_insert_with(|| value.clone());
            }
            section.fault = section.fault.take().or_else(|| defaults.fault.clone());
        }
    }
    Ok(sections)
}

/// The lines of a file, whichever system wrote it.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else { return rest.take() };
        let next = if bytes[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 };
        rest = Some(&bytes[next..]);
        Some(&bytes[..end])
    })
}

/// What stands between the brackets of a heading; what follows them says nothing.
fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?;
    Some(&name[..name.rfind(']')?]).filter(|name| !name.is_empty())
}

/// Reads `key = value` or `key: value`, and gives the key.
fn read_option(section: &mut Section, line: &str, number: usize) -> Option<String> {
    let delimiter = line.find(['=', ':']).filter(|at| !line[..*at].trim().is_empty());
    let Some(at) = delimiter else {
        section.blame(number, "this is no heading, no comment and no `key = value`".into());
        return None;
    };
    let key = line[..at].trim().to_lowercase();
    let value = &line[at + 1..];
    let value = if key == PROCESS { value } else { without_comment(value) };
    if section.settings.insert(key.clone(), Wiped::new(value.trim().to_owned())).is_some() {
        section.blame(number, format!("{key} stands here again"));
    }
    Some(key)
}

/// Adds a deeper line to the value above it.
fn go_on(section: &mut Section, option: &str, line: &str, number: usize) {
    let key = line.split(['=', ':']).next().unwrap_or_default().trim().to_lowercase();
    if IDENTITY_KEYS.contains(&key.as_str()) {
        let what = format!("{key} is indented, so it belongs to {option} above it and not to the section");
        section.blame(number, what);
    } else if option != PROCESS && IDENTITY_KEYS.contains(&option) {
        section.blame(number, format!("{option} goes on here, and it has one line"));
    }
    let nested = section.settings.get(option).is_some_and(|value| value.is_empty() || value.starts_with('\n'));
    if nested && !line.contains('=') {
        section.blame(number, format!("this stands in the block of {option} and is no `key = value`"));
    }
    if let Some(value) = section.settings.get_mut(option) {
        value.push('\n');
        value.push_str(line);
    }
}

/// Cuts off a comment, which needs a blank before it.
fn without_comment(value: &str) -> &str {
    let end = value.char_indices().zip(value.chars().skip(1));
    let comment = end.into_iter().find(|((_, before), mark)| before.is_whitespace() && matches!(mark, '#' | ';'));
    comment.map_or(value, |((at, _), _)| &value[..at])
}

/// Parts a heading into words as a shell does; `None` where a quote has no end.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => {
                let escaped = rest.next()?;
                let word = word.get_or_insert_default();
                if !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            (None, '\\') => word.get_or_insert_default().push(rest.next()?),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> Section {
        parse(text.as_bytes()).unwrap().remove(0).1
    }

    #[test]
    fn options_are_read_as_the_aws_cli_reads_them() {
        for (text, key, value, why) in [
            ("[a]\nk = v", "k", Some("v"), "as it is mostly written"),
            ("[a]\n  k = v\n  l = w", "l", Some("w"), "all indented alike"),
            ("[a]\n\tk: v", "k", Some("v"), "a colon"),
            ("[a]\nk = v:w=x", "k", Some("v:w=x"), "the first delimiter counts"),
            ("[a] # b\nK=v", "k", Some("v"), "keys have no case; what follows a heading says nothing"),
            ("[a]\r\nk = v\r\n", "k", Some("v"), "lines of Windows"),
            ("[a]\rk = v\r", "k", Some("v"), "lines of old Macs"),
            ("[a]\nk = v ; c", "k", Some("v"), "a comment behind a value"),
            ("[a]\nk = v#w", "k", Some("v#w"), "a mark inside a word"),
            ("[a]\nk = #w", "k", Some(""), "nothing but a comment"),
            ("[a]\n  # c\n ; d\nk = v", "k", Some("v"), "comments may be indented"),
            ("[a]\nk =\n  l = w\n  m = x", "k", Some("\nl = w\nm = x"), "a nested block"),
            ("[a]\nk =\n  l = w", "l", None, "what is nested is not the section's"),
            ("[a]\nk = v\n\n  w\n\n", "k", Some("v\n\nw"), "a value that goes on after an empty line"),
            ("[a]\ncredential_process = x '#' # y", "credential_process", Some("x '#' # y"), "a command is whole"),
            ("[DEFAULT]\nk = d\n[a]\nl = w", "k", Some("d"), "what [DEFAULT] says is said everywhere"),
            ("[DEFAULT]\nk = d\n[a]\nk = v", "k", Some("v"), "but where the section says otherwise"),
        ] {
            let section = section(text);
            assert_eq!(section.settings.get(key).map(|value| value.as_str()), value, "{why}: {text:?}");
            assert_eq!(section.fault, None, "{why}");
        }
    }

    #[test]
    fn a_fault_is_its_sections_and_has_a_line() {
        for (text, line, words) in [
            ("[a]\nk", 2, "no `key = value`"),
            ("[a]\n= v", 2, "no `key = value`"),
            ("[a]\nk = v\nK: w", 3, "k stands here again"),
            ("[a]\n[a]", 2, "[a] stands here again, after line 1"),
            ("[a]\nregion = x\n  role_arn = y", 3, "role_arn is indented, so it belongs to region"),
            ("[a]\ns3 =\n  Role_Arn: y", 3, "role_arn is indented"),
            ("[a]\nrole_arn =\n\n  y", 4, "role_arn goes on here"),
            ("[a]\ns3 =\n  what is this", 3, "in the block of s3"),
        ] {
            let fault = section(text).fault.unwrap_or_else(|| panic!("{text:?} has a fault"));
            assert!(fault.line == line && fault.what.contains(words), "{text:?}: {fault:?}");
        }
        let fault = parse(b"[a]\n# \xff\nk = \xff").unwrap().remove(0).1.fault.unwrap();
        assert_eq!((fault.line, fault.what.as_str()), (3, "this is not UTF-8 text"), "in a comment it harms nobody");
        let sections = parse(b"[a]\nk\n[b]\nk = v").unwrap();
        assert_eq!(sections[1].1.fault, None, "another section is as good as ever");
    }

    #[test]
    fn where_nobody_can_tell_whose_lines_they_are_the_file_is_refused() {
        for (text, line, words) in [
            ("k = v", 1, "before the first section"),
            ("\u{feff}[a]\nk = v", 1, "byte order mark"),
            ("\u{feff}# c\n[a]", 1, "byte order mark"),
            ("[a]\nk = v\n[b\nk = v", 3, "no end"),
            ("[]", 1, "no end"),
        ] {
            let fault = parse(text.as_bytes()).err().unwrap_or_else(|| panic!("{text:?} is refused"));
            assert!(fault.line == line && fault.what.contains(words), "{text:?}: {fault:?}");
        }
        assert!(parse(b"\xff\xfe[\0a\0]\0").is_err(), "UTF-16");
        assert!(parse(b"").unwrap().is_empty() && parse(b"\n # c\n").unwrap().is_empty());
    }

    #[test]
    fn headings_have_words_as_in_a_shell() {
        for (text, expected) in [
            ("profile dev", Some(vec!["profile", "dev"])),
            ("profile  \"my prof\"", Some(vec!["profile", "my prof"])),
            ("profile 'it''s'", Some(vec!["profile", "its"])),
            ("profile my\\ prof", Some(vec!["profile", "my prof"])),
            ("profile \"a\\\"b\\c\"", Some(vec!["profile", "a\"b\\c"])),
            ("profile \"\"", Some(vec!["profile", ""])),
            ("profile prüf", Some(vec!["profile", "prüf"])),
            ("profile \"open", None),
            ("profile open\\", None),
        ] {
            let expected = expected.map(|words| words.into_iter().map(String::from).collect::<Vec<_>>());
            assert_eq!(words(text), expected, "{text:?}");
        }
    }
}
