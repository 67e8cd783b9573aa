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

#[test]
fn every_byte_outside_the_edit_stays() {
    each(|world, text, name| {
        world.setup("docker").unwrap();
        let now = read(&world.docker());
        let front = text.bytes().zip(now.bytes()).take_while(|(old, new)| old == new).count();
        let back = text.bytes().rev().zip(now.bytes().rev()).take_while(|(old, new)| old == new).count();
        let cut = text.len().saturating_sub(front + back);
        let old_store = before(text).map_or(4, |store| store.len() + 2).max(4);
        assert!(cut <= old_store, "{name}: {cut} bytes were replaced in\n{now}");
    });
}

#[test]
fn a_dry_run_shows_the_change_and_writes_nothing() {
    each(|world, text, name| {
        let files = world.files();
        let printed = world.setup("docker --dry-run").unwrap();
        assert_eq!(world.files(), files, "{name}");
        assert_no_secret(&(printed.stdout.clone() + &printed.stderr));
        assert!(printed.stdout.contains("\n+"), "{name}: {}", printed.stdout);
        assert!(printed.stdout.contains("\"ecr-rs\""), "{name}: {}", printed.stdout);
        let path = world.docker();
        assert!(printed.stdout.contains(&format!("--- {0}\n+++ {0}\n@@ -", path.display())), "{name}");
        // And the other way round.
        world.setup("docker").unwrap();
        let files = world.files();
        let printed = world.setup("docker --undo --dry-run").unwrap();
        assert_eq!(world.files(), files, "{name}");
        assert_no_secret(&printed.stdout);
        assert!(printed.stdout.lines().any(|line| line.starts_with('-') && line.contains("ecr-rs")), "{name}: {text}");
    });
}
