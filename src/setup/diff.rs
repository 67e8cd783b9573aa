//! A change as a unified diff that is safe to show.

use super::file::UserFile;

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// The change of a file in the style of `diff -u`; empty where nothing changes. An edit touches one
/// place, so there is one hunk.
pub(super) fn of(file: &UserFile, after: Option<&str>) -> String {
    if file.text.as_deref() == after {
        return String::new();
    }
    let is_json = |text: &str| text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let show = |text: &str| if is_json(text) { blot(text) } else { text.into() };
    let (old, new) = (show(file.text()), show(after.unwrap_or_default()));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let name = |there: bool| if there { file.path.display().to_string() } else { "/dev/null".into() };
    let mut shown = format!("--- {}\n+++ {}\n", name(file.text.is_some()), name(after.is_some()));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    let (first, after_tail) = (same.saturating_sub(CONTEXT), tail.saturating_sub(CONTEXT));
    let (old_end, new_end) = (old.len() - after_tail, new.len() - after_tail);
    let range = |start: usize, end: usize| match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        lines => format!("{},{lines}", start + 1),
    };
    shown += &format!("@@ -{} +{} @@\n", range(first, old_end), range(first, new_end));
    let mut lines = |sign: char, lines: &[&str]| {
        for line in lines {
            shown.push(sign);
            shown += line;
            if !line.ends_with('\n') {
                shown += "\n\\ No newline at end of file\n";
            }
        }
    };
    lines(' ', &old[first..same]);
    lines('-', &old[same..old.len() - tail]);
    lines('+', &new[same..new.len() - tail]);
    lines(' ', &old[old.len() - tail..old_end]);
    shown
}

/// The JSON text with every string value deeper than the top replaced, but for helpers' names:
/// logins, HTTP headers and proxies hold secrets.
fn blot(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut depth, mut name, mut rest) = (0_usize, "", text);
    while let Some(at) = rest.find(['"', '{', '}', '[', ']']) {
        let (before, from) = rest.split_at(at);
        shown += before;
        let end = if from.starts_with('"') { string_end(from) } else { 1 };
        let (token, after) = from.split_at(end);
        rest = after;
        match token {
            "{" | "[" => depth += 1,
            "}" | "]" => depth = depth.saturating_sub(1),
            _ if after.trim_start().starts_with(':') => name = if depth == 1 { token } else { name },
            _ if depth > 1 && name != "\"credHelpers\"" => {
                shown += "\"***\"";
                continue;
            }
            _ => {}
        }
        shown += token;
    }
    shown + rest
}

/// The length of the string at the start of `text`, quotes included.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_and_the_layout_stays() {
        let text = "{\n \"auths\": {\"h\": {\"auth\": \"c2\\\"VjcmV0\"}},\n \"HttpHeaders\" : {\"X\":[\"s\"]},\n \"credHelpers\": {\"h\": \"pass\"},\n \"credsStore\": \"desktop\"\n}";
        assert_eq!(
            blot(text),
            "{\n \"auths\": {\"h\": {\"auth\": \"***\"}},\n \"HttpHeaders\" : {\"X\":[\"***\"]},\n \"credHelpers\": {\"h\": \"pass\"},\n \"credsStore\": \"desktop\"\n}"
        );
    }

    #[test]
    fn one_hunk_with_its_lines_counted() {
        let file = |text: Option<&str>| UserFile {
            path: "/c/config.json".into(),
            real: "/c/config.json".into(),
            text: text.map(Into::into),
            metadata: None,
        };
        for (before, after, shown) in [
            (
                Some("{\n1\n2\n3\n4\n\"a\": 5\n}"),
                Some("{\n1\n2\n3\n4\n\"a\": 5,\n\"k\": 6\n}"),
                "--- /c/config.json\n+++ /c/config.json\n@@ -3,5 +3,6 @@\n 2\n 3\n 4\n-\"a\": 5\n+\"a\": 5,\n+\"k\": 6\n }\n\\ No newline at end of file\n",
            ),
            (None, Some("{}\n"), "--- /dev/null\n+++ /c/config.json\n@@ -0,0 +1 @@\n+{}\n"),
            (Some("{}\n"), None, "--- /c/config.json\n+++ /dev/null\n@@ -1 +0,0 @@\n-{}\n"),
            (Some("{}"), Some("{}"), ""),
        ] {
            assert_eq!(of(&file(before), after), shown);
        }
    }
}
