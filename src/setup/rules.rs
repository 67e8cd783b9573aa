//! `[[registry]]` rules of our config.toml that name an AWS profile: added, told, and taken out again.

use std::path::Path;

use toml_edit::{ArrayOfTables, Item, Table, value};

use super::{request::NewRule, tables};
use crate::report::Report;

const RULES: &str = "registry";
const MATCH: &str = "match";
const PROFILE: &str = "profile";

/// What stands above a rule that is ours to take out again.
const MARK: &str = "# chosen in `setup`";

/// The text with one more rule, behind those that it has.
pub(super) fn add(path: &Path, text: &str, rule: &NewRule) -> Result<String, Report> {
    let mut document = tables::parse(path, text)?;
    let is_first = document.is_empty();
    let rules = document.entry(RULES).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(rules) = rules.as_array_of_tables_mut() else {
        return Err(Report::new(format!("{}: `registry` is written as an array", path.display()))
            .hint("write each rule below a heading [[registry]], then run it again"));
    };
    let mut table = Table::new();
    table.insert(MATCH, value(&rule.pattern));
    table.insert(PROFILE, value(&rule.profile));
    table.decor_mut().set_prefix(format!("{}{MARK}\n", if is_first { "" } else { "\n" }));
    rules.push(table);
    Ok(document.to_string())
}

/// The rules that [`add`] made, a line each.
pub(super) fn told(path: &Path, text: &str) -> Result<Vec<String>, Report> {
    let line = |rule: &NewRule| format!("[[registry]] match = {:?}, profile = {:?}", rule.pattern, rule.profile);
    Ok(added(path, text)?.iter().map(line).collect())
}

/// The rules that [`add`] made.
pub(super) fn added(path: &Path, text: &str) -> Result<Vec<NewRule>, Report> {
    let document = tables::parse(path, text)?;
    let rules = document.get(RULES).and_then(Item::as_array_of_tables).into_iter().flat_map(ArrayOfTables::iter);
    let read = |rule: &Table| {
        let text = |key: &str| rule.get(key).and_then(Item::as_str).map(String::from);
        Some(NewRule { account: String::new(), pattern: text(MATCH)?, profile: text(PROFILE)? })
    };
    Ok(rules.filter(|rule| is_ours(rule)).filter_map(read).collect())
}

/// The text without the rules that [`add`] made.
pub(super) fn remove(path: &Path, text: &str) -> Result<String, Report> {
    let mut document = tables::parse(path, text)?;
    let Some(rules) = document.get_mut(RULES).and_then(Item::as_array_of_tables_mut) else { return Ok(text.into()) };
    let all = rules.len();
    rules.retain(|rule| !is_ours(rule));
    let left = rules.len();
    if left == all {
        return Ok(text.into());
    }
    if left == 0 {
        document.remove(RULES);
    }
    Ok(document.to_string())
}

/// Whether a rule has our mark above it, and nothing else than we wrote.
fn is_ours(rule: &Table) -> bool {
    let above = rule.decor().prefix().and_then(|prefix| prefix.as_str());
    rule.len() == 2 && above.is_some_and(|above| above.lines().any(|line| line == MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_comes_last_and_is_found_again() {
        let path = Path::new("config.toml");
        let pattern = "111122223333.dkr.ecr.*.amazonaws.com";
        let rule = NewRule { account: String::new(), pattern: pattern.into(), profile: "a \"b\"".into() };
        let lines = format!("# chosen in `setup`\n[[registry]]\nmatch = \"{pattern}\"\nprofile = 'a \"b\"'\n");
        for (before, after, why) in [
            ("", lines.clone(), "no file"),
            ("# mine\n[cache]\nstore = \"file\"\n", format!("# mine\n[cache]\nstore = \"file\"\n\n{lines}"), "a table"),
            (
                "[[registry]]\nmatch = \"x\"\nprofile = \"y\" # why\n\n[cache]\n# end\n",
                format!("[[registry]]\nmatch = \"x\"\nprofile = \"y\" # why\n\n{lines}\n[cache]\n# end\n"),
                "behind another",
            ),
        ] {
            let now = add(path, before, &rule).expect(why);
            assert_eq!(now, after, "{why}");
            assert_eq!(added(path, &now).expect(why), std::slice::from_ref(&rule), "{why}");
            assert_eq!(told(path, &now).expect(why).len(), 1, "{why}");
            assert!(added(path, before).expect(why).is_empty(), "{why}: what others wrote is theirs");
            let touched = remove(path, &format!("{now}# touched\n")).expect(why);
            assert!(touched.ends_with("# touched\n") && !touched.contains(pattern), "{why}: {touched}");
            assert!(!before.contains("match") || touched.contains("match = \"x\""), "{why}: {touched}");
            assert_eq!(remove(path, before).expect(why), before, "{why}");
        }
        assert!(add(path, "registry = []\n", &rule).is_err(), "an array in one line");
    }
}
