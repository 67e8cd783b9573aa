//! Every config.json of `shapes/`: set up, set up again, taken back byte for byte.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::world::{World, assert_no_secret, read, write};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// Runs `check` over every shape, in a world of its own.
fn each(check: impl Fn(&World, &str, &str)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/setup/shapes");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".json") {
            let world = World::new();
            let text = read(&entry.path());
            write(&world.docker(), &text);
            check(&world, &text, &name);
            count += 1;
        }
    }
    assert!(count >= 40, "only {count} shapes found");
}

/// The text as docker reads it. Numbers that only serde_json cannot hold are made small first.
fn parsed(text: &str) -> Value {
    let text =
        text.trim_start_matches('\u{feff}').replace("1e999", "1e9").replace("\\ud800", "?").replace("\\udfff", "?");
    let text = text.replace(&"[".repeat(400), "[").replace(&"]".repeat(400), "]");
    match text.trim() {
        "" => json!({}),
        text => serde_json::from_str(text).unwrap(),
    }
}

#[test]
fn whole_store_and_back() {
    each(|world, text, name| {
        let printed = world.setup("docker").unwrap();
        let now = read(&world.docker());
        assert!(printed.stdout.contains("names ecr-rs for every registry"), "{name}: {printed:?}");
        let mut expected = parsed(text);
        expected["credsStore"] = json!("ecr-rs");
        for host in replaced(text) {
            expected["credHelpers"][host] = json!("ecr-rs");
        }
        assert_eq!(parsed(&now), expected, "{name}");
        let kept = before(text).filter(|store| store != "ecr-login");
        let carried = kept.map(|store| format!("[other-registries]\nstore = \"{store}\"\n"));
        assert_eq!(fs::read_to_string(world.ours()).ok(), carried, "{name}: no login is lost");

        let files = world.files();
        let again = world.setup("docker").unwrap();
        assert_eq!(again.stdout, format!("docker: already set up in {}\n", world.docker().display()), "{name}");
        assert_eq!(world.files(), files, "{name}: the second run writes nothing");

        let undone = world.setup("docker --undo").unwrap();
        assert_eq!(read(&world.docker()), text, "{name}");
        assert_eq!(world.files().len(), 1, "{name}: nothing is left beside it");
        for printed in [printed, again, undone] {
            assert_no_secret(&(printed.stdout + &printed.stderr));
        }
    });
}

/// The `credsStore` that docker read before.
fn before(text: &str) -> Option<String> {
    parsed(text)["credsStore"].as_str().filter(|store| !store.is_empty()).map(Into::into)
}

/// The hosts of the helper that we replace, in the order of their names.
fn replaced(text: &str) -> Vec<String> {
    let parsed = parsed(text);
    let helpers = parsed["credHelpers"].as_object().into_iter().flatten();
    let mut hosts: Vec<String> = helpers.filter(|(_, one)| *one == "ecr-login").map(|(host, _)| host.clone()).collect();
    hosts.sort();
    hosts
}

#[test]
fn single_hosts_and_back() {
    each(|world, text, name| {
        world.setup(&format!("docker --registry {ECR} public.ecr.aws")).unwrap();
        let now = read(&world.docker());
        let mut expected = parsed(text);
        if !expected["credHelpers"].is_object() {
            expected["credHelpers"] = json!({});
        }
        expected["credHelpers"][ECR] = json!("ecr-rs");
        expected["credHelpers"]["public.ecr.aws"] = json!("ecr-rs");
        if name == "duplicate-keys.json" {
            // Go merges the two maps, serde_json takes the last: compare that the first still stands.
            assert!(now.contains("\"credHelpers\": {\"gcr.io\": \"gcloud\"},"), "{now}");
        }
        if expected["credsStore"].is_null() && !text.contains("credsStore\":null") {
            expected.as_object_mut().unwrap().remove("credsStore");
        }
        assert_eq!(parsed(&now), expected, "{name}");
        assert!(!world.ours().exists(), "{name}: the store for other registries is not touched");

        world.setup(&format!("docker --registry public.ecr.aws {ECR}")).unwrap();
        assert_eq!(read(&world.docker()), now, "{name}: the second run writes nothing");

        world.setup("docker --undo").unwrap();
        assert_eq!(read(&world.docker()), text, "{name}");
        assert_eq!(world.files().len(), 1, "{name}: nothing is left beside it");
    });
}

#[test]
fn hosts_then_the_store_then_back() {
    each(|world, text, name| {
        world.setup(&format!("docker --registry {ECR}")).unwrap();
        world.setup("docker").unwrap();
        world.setup("docker --registry public.ecr.aws").unwrap();
        world.setup("docker --undo").unwrap();
        assert_eq!(read(&world.docker()), text, "{name}: the first copy is the one that counts");
        assert_eq!(world.files().len(), 1, "{name}");
    });
}

/// The text without the white space that JSON does not read.
fn compact(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        let was_in_string = in_string;
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
        was_in_string || !matches!(c, ' ' | '\t' | '\r' | '\n')
    };
    text.chars().filter(keep).collect()
}

/// Spellings of names, values and numbers, their order, duplicates: all but white space.
#[test]
fn everything_outside_the_edit_stays_but_white_space() {
    each(|world, text, name| {
        world.setup("docker").unwrap();
        // An entry of the helper that we replace has our name in its place.
        let ours = |text: &str| text.replace(":\"ecr-login\"", ":\"ecr-rs\"");
        let (old, new) = (ours(&compact(text)), compact(&read(&world.docker())));
        let front = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
        let back = old.bytes().rev().zip(new.bytes().rev()).take_while(|(old, new)| old == new).count();
        let cut = old.len().saturating_sub(front + back);
        let old_store = before(text).map_or(4, |store| store.len() + 2).max(4);
        assert!(cut <= old_store, "{name}: {cut} bytes were replaced in\n{new}");
    });
}

/// What stands before the object, before its first member, and after it.
fn layout(text: &str) -> (&str, Option<&str>, &str) {
    let (around, object) = text.split_once('{').unwrap();
    let (object, end) = object.rsplit_once('}').unwrap();
    let (lead, _) = object.split_once('"').unwrap_or(("\n\t", "")); // docker's own where there is no member
    (around, lead.rsplit_once('\n').map(|(_, indent)| indent), end)
}

#[test]
fn the_files_own_style_stays() {
    each(|world, text, name| {
        let style = layout(if text.trim().is_empty() { "{}\n" } else { text });
        for arguments in ["docker", "docker --registry public.ecr.aws"] {
            world.setup(arguments).unwrap();
            let now = read(&world.docker());
            assert_eq!(layout(&now), style, "{name}: {now}");
            for line in now.lines().filter(|line| line.contains("\"ecr-rs\"")) {
                let Some(indent) = style.1 else {
                    assert!(line.contains(":\"ecr-rs\""), "{name}: one line has no blanks: {line}");
                    continue;
                };
                let depth = if line.contains("redsStore\"") { 1 } else { 2 };
                let expected = format!("{}\"", indent.repeat(depth));
                assert!(line.starts_with(&expected) && line.contains(": \"ecr-rs\""), "{name}: {line:?} in\n{now}");
            }
            let (crlf, all) = (now.matches("\r\n").count(), now.matches('\n').count());
            assert_eq!(crlf > 0, text.contains("\r\n"), "{name}: another newline");
            assert!(crlf == 0 || crlf == all, "{name}: mixed newlines in {now:?}");
        }
        world.setup("docker --undo").unwrap();
        assert_eq!(read(&world.docker()), text, "{name}");
    });
}

#[test]
fn a_dry_run_shows_the_keys_that_change_and_writes_nothing() {
    each(|world, text, name| {
        let (docker, ours) = (world.docker(), world.ours());
        let old = before(text).map_or("(none)".into(), |store| format!("{store:?}"));
        let kept = before(text).filter(|store| store != "ecr-login");
        let in_ours = |from: &str, state: &str| {
            let line = |store: String| format!("{} {state}\n  [other-registries] store: {store}\n", ours.display());
            kept.as_ref().map(|store| line(from.replace("STORE", &format!("{store:?}")))).unwrap_or_default()
        };
        let files = world.files();
        let printed = world.setup("docker --dry-run").unwrap();
        assert_eq!(world.files(), files, "{name}");
        let entries = |change: &str| {
            let line = |host| format!("  credHelpers.{host:?}: {change}\n");
            replaced(text).into_iter().map(line).collect::<String>()
        };
        let store = format!("{}\n  credsStore: {old} -> \"ecr-rs\"\n", docker.display());
        let store = store + &entries("\"ecr-login\" -> \"ecr-rs\"");
        assert_eq!(printed.stdout, in_ours("(none) -> STORE", "(new)") + &store, "{name}");
        assert_no_secret(&printed.stderr);
        // And the other way round.
        world.setup("docker").unwrap();
        let files = world.files();
        let printed = world.setup("docker --undo --dry-run").unwrap();
        assert_eq!(world.files(), files, "{name}");
        let store = format!("{}\n  credsStore: \"ecr-rs\" -> {old}\n", docker.display());
        let store = store + &entries("\"ecr-rs\" -> \"ecr-login\"");
        assert_eq!(printed.stdout, store + &in_ours("STORE -> (none)", "(removed)"), "{name}");
        assert_no_secret(&printed.stderr);
    });
}
