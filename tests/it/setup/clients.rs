//! Which files of which client are written, and where other registries' logins go on living.

use std::fs;

use super::world::{World, read, write};
use crate::support::{machine::Machine, terminal};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

#[test]
fn no_client_named_means_those_that_are_here() {
    let world = World::new();
    let printed = world.setup("").unwrap();
    let docker = world.docker();
    assert_eq!(
        printed.stdout,
        format!("docker: {} names ecr-rs for every registry\ntry: docker-credential-ecr-rs doctor\n", docker.display())
    );
    assert!(!world.notation().exists() && !world.containers("").exists(), "docker alone");

    let world = World::new();
    world.install("notation");
    world.install("skopeo");
    let printed = world.setup("").unwrap();
    assert_eq!(printed.stdout.lines().count(), 4, "{printed:?}");
    assert_eq!(read(&world.notation()), "{\n\t\"credsStore\": \"ecr-rs\"\n}\n");
    assert_eq!(
        read(&world.containers("registries.conf.d/ecr-rs.conf")),
        "credential-helpers = [\"ecr-rs\", \"containers-auth.json\"]\n"
    );
    world.setup("--undo").unwrap();
    assert!(world.files().is_empty());
}

#[test]
fn f3_16b_helm_has_a_file_of_its_own() {
    let mut world = World::new();
    world.set("HELM_CONFIG_HOME", world.path("home/helm"));
    let file = world.path("home/helm/registry/config.json");
    world.install("helm");
    world.setup("").unwrap();
    assert_eq!(read(&file), "{\n\t\"credsStore\": \"ecr-rs\"\n}\n", "helm is here");
    world.setup("--undo").unwrap();
    assert!(world.files().is_empty());

    write(&file, "{\"auths\":{\"ghcr.io\":{\"auth\":\"Y2k6Y2FuYXJ5LXNlY3JldA==\"}}}");
    let before = world.files();
    let printed = world.setup("helm").unwrap();
    assert!(printed.stderr.contains("setup helm --import"), "{printed:?}");
    assert!(read(&file).contains("\"credsStore\":\"ecr-rs\"") && !world.docker().exists());
    world.setup("--undo helm").unwrap();
    assert_eq!(world.files(), before, "byte for byte");

    world.set("HELM_REGISTRY_CONFIG", world.path("home/mine.json"));
    world.setup(&format!("helm --registry {ECR}")).unwrap();
    assert_eq!(
        read(&world.path("home/mine.json")),
        format!("{{\n\t\"credHelpers\": {{\n\t\t\"{ECR}\": \"ecr-rs\"\n\t}}\n}}\n")
    );
}

#[test]
fn without_named_clients_it_shows_and_asks_once() {
    let machine = Machine::new();
    let (program, docker) = (machine.program(), machine.home.path().join(".docker/config.json"));
    let asked = program.run(&["setup"], "").exits(1, "no terminal, no yes");
    assert!(asked.stdout.contains("credsStore") && asked.stderr.contains("add --yes"), "{asked:?}");
    let (status, screen) = terminal::run_typing(&program, &["setup"], "n\n");
    assert!(status == 1 && screen.contains("credsStore") && screen.contains("[y/N]"), "{screen}");
    assert!(!docker.exists(), "nothing is written before the answer");
    let (status, screen) = terminal::run_typing(&program, &["setup"], "y\n");
    assert!(status == 0 && screen.contains("try: docker-credential-ecr-rs doctor"), "{screen}");
    assert!(docker.exists());
    program.run(&["setup"], "").exits(0, "nothing changes, so nothing is asked");
    program.run(&["setup", "--undo"], "").exits(0, "going back is not asked about");
    program.run(&["setup", "docker"], "").exits(0, "nor is a client that is named");
}

#[test]
fn the_clients_own_variables_are_heeded() {
    let mut world = World::new();
    let (docker, notation, ours) =
        (world.path("d/config.json"), world.path("n/config.json"), world.path("o/mine.toml"));
    world.set("DOCKER_CONFIG", world.path("d"));
    world.set("NOTATION_CONFIG", world.path("n"));
    world.set("ECR_RS_CONFIG", &ours);
    write(&docker, "{\"credsStore\":\"pass\"}");
    world.setup("docker notation").unwrap();
    assert_eq!(read(&docker), "{\"credsStore\":\"ecr-rs\"}");
    assert_eq!(read(&notation), "{\n\t\"credsStore\": \"ecr-rs\"\n}\n");
    assert_eq!(read(&ours), "[other-registries]\nstore = \"pass\"\n");
    assert!(world.files().is_empty(), "nothing in the home folder");
}

#[test]
fn the_previous_store_goes_on_keeping_logins() {
    for (docker, notation, config, expected, why) in [
        (Some("desktop"), None, None, Some("desktop"), "docker's"),
        (None, Some("pass"), None, Some("pass"), "notation's"),
        (Some("desktop"), None, Some("keychain"), Some("desktop"), "the built-in keychain is no other helper"),
        (Some("desktop"), Some("desktop"), Some("desktop"), Some("desktop"), "all agree"),
        (Some("ecr-login"), Some("pass"), None, Some("pass"), "Amazon's helper keeps no logins"),
        (Some("ecr-login"), None, None, None, "Amazon's helper alone"),
        (Some("ecr-rs"), None, None, None, "we were there already"),
        (Some("desktop"), Some("pass"), None, None, "two helpers: refused"),
        (Some("desktop"), None, Some("pass"), None, "another one is configured: refused"),
    ] {
        let world = World::new();
        let file = |store: &str| format!("{{\"credsStore\":\"{store}\"}}");
        let write_some =
            |path: &std::path::Path, store: Option<&str>| store.into_iter().for_each(|s| write(path, file(s)));
        write_some(&world.docker(), docker);
        write_some(&world.notation(), notation);
        if let Some(store) = config {
            write(&world.ours(), format!("[other-registries]\nstore = \"{store}\"\n"));
        }
        let files = world.files();
        let outcome = world.setup("docker notation");
        if why.ends_with("refused") {
            let err = outcome.unwrap_err();
            assert!(err.to_string().contains("`desktop`") && err.to_string().contains("`pass`"), "{why}: {err}");
            assert!(err.advice().unwrap_or_default().contains("remove `credsStore`"), "{why}: {err:?}");
            assert_eq!(world.files(), files, "{why}");
            continue;
        }
        outcome.unwrap();
        let text = expected.map(|store| format!("[other-registries]\nstore = \"{store}\"\n"));
        assert_eq!(fs::read_to_string(world.ours()).ok(), text, "{why}");
    }
}

#[test]
fn what_docker_desktop_wrote_back_is_set_up_again() {
    let world = World::new();
    let desktop = "{\"credsStore\":\"desktop\",\"currentContext\":\"desktop-linux\"}";
    write(&world.docker(), "{\"credsStore\":\"desktop\"}");
    world.setup("docker").unwrap();
    write(&world.docker(), desktop);
    world.setup("docker").unwrap();
    assert_eq!(read(&world.docker()), desktop.replacen("desktop", "ecr-rs", 1));
    world.setup("docker --undo").unwrap();
    assert_eq!(read(&world.docker()), desktop, "the copy is of the file as the second run found it");
    assert_eq!(world.files().len(), 1);
}

/// Notation reads docker's file while its own says nothing about logins; a file of its own hides it.
#[test]
fn notation_keeps_the_logins_that_it_reads_through_docker() {
    let world = World::new();
    write(&world.docker(), "{\"credsStore\":\"desktop\"}");
    write(&world.notation(), "{\"signatureFormat\":\"jws\",\"auths\":{}}");
    world.setup("notation").unwrap();
    assert_eq!(read(&world.notation()), "{\"signatureFormat\":\"jws\",\"auths\":{},\"credsStore\":\"ecr-rs\"}");
    assert_eq!(read(&world.ours()), "[other-registries]\nstore = \"desktop\"\n");
    assert_eq!(read(&world.docker()), "{\"credsStore\":\"desktop\"}", "docker was not named");

    let world = World::new();
    write(&world.docker(), "{\"credsStore\":\"desktop\"}");
    let printed = world.setup(&format!("docker notation --registry {ECR}")).unwrap();
    assert!(printed.stdout.contains("notation: reads "), "{printed:?}");
    assert!(!world.notation().exists());

    let printed = world.setup(&format!("notation --registry {ECR}")).unwrap();
    assert!(printed.stderr.contains("notation no longer reads the logins of"), "{printed:?}");
    assert!(world.notation().exists());
}

#[test]
fn podman_is_set_up_where_it_looks() {
    let commented =
        "# my registries\nunqualified-search-registries = [\"docker.io\"] # Hub\n\n[[registry]]\nlocation = \"x\"\n";
    let helpers = "credential-helpers = [\"ecr-rs\", \"containers-auth.json\"]\n";
    for (registries, drop_in, after, after_drop_in, why) in [
        (None, None, None, Some(helpers.to_owned()), "a new registries.conf would hide the system's"),
        (
            Some(commented),
            None,
            Some(commented.replacen("Hub\n", &format!("Hub\n{helpers}"), 1)),
            None,
            "comments stay, and it is no key of the table below",
        ),
        (
            Some("credential-helpers = [\"secretservice\"]\r\n"),
            None,
            Some("credential-helpers = [\"ecr-rs\",\"secretservice\"]\n".into()),
            None,
            "before the helper that is there",
        ),
        (
            Some("[registries.search]\nregistries = ['docker.io']\n"),
            None,
            Some("[registries.search]\nregistries = ['docker.io']\n".into()),
            Some(helpers.to_owned()),
            "a file of the first version may not be mixed",
        ),
        (
            Some(commented),
            Some("credential-helpers = ['pass']\n"),
            Some(commented.into()),
            Some("credential-helpers = [\"ecr-rs\",'pass']\n".into()),
            "a drop-in of that name goes before the file",
        ),
    ] {
        let world = World::new();
        let (file, extra) = (world.containers("registries.conf"), world.containers("registries.conf.d/ecr-rs.conf"));
        registries.into_iter().for_each(|text| write(&file, text));
        drop_in.into_iter().for_each(|text| write(&extra, text));
        let files = world.files();
        world.setup("podman").unwrap();
        assert_eq!(fs::read_to_string(&file).ok(), after, "{why}");
        assert_eq!(fs::read_to_string(&extra).ok(), after_drop_in, "{why}");
        let again = world.setup("podman").unwrap();
        assert!(again.stdout.starts_with("podman: already set up in "), "{why}: {again:?}");
        world.setup("podman --undo").unwrap();
        assert_eq!(world.files(), files, "{why}");
    }
}

#[test]
fn podman_serves_single_hosts_by_its_auth_json() {
    let mut world = World::new();
    world.setup(&format!("podman --registry {ECR} docker.io")).unwrap();
    let helpers =
        format!("{{\n\t\"credHelpers\": {{\n\t\t\"{ECR}\": \"ecr-rs\",\n\t\t\"docker.io\": \"ecr-rs\"\n\t}}\n}}\n");
    assert_eq!(read(&world.containers("auth.json")), helpers, "podman's name of the Hub");
    world.setup("podman --undo").unwrap();
    assert!(world.files().is_empty());

    let named = world.path("auth.json");
    world.set("REGISTRY_AUTH_FILE", &named);
    world.setup(&format!("podman --registry {ECR}")).unwrap();
    assert!(read(&named).contains(ECR));
    assert!(world.files().is_empty());
}

#[test]
fn a_dry_run_lists_hosts_and_podmans_helpers() {
    let world = World::new();
    write(&world.docker(), "{\"credHelpers\":{\"gcr.io\":\"gcloud\",\"public.ecr.aws\":\"ecr-login\"}}");
    write(&world.containers("registries.conf"), "credential-helpers = [\"pass\"]\n");
    let files = world.files();
    let printed = world.setup(&format!("docker --registry {ECR} public.ecr.aws --dry-run")).unwrap();
    let (docker, registries) = (world.docker(), world.containers("registries.conf"));
    let hosts = format!(
        "  credHelpers.\"{ECR}\": (none) -> \"ecr-rs\"\n  credHelpers.\"public.ecr.aws\": \"ecr-login\" -> \"ecr-rs\"\n"
    );
    assert_eq!(printed.stdout, format!("{}\n{hosts}", docker.display()));
    let printed = world.setup("podman --dry-run").unwrap();
    let helpers = "  credential-helpers: [\"pass\"] -> [\"ecr-rs\", \"pass\"]\n";
    assert_eq!(printed.stdout, format!("{}\n{helpers}", registries.display()));
    assert_eq!(world.files(), files);
    // A name out of the file moves no cursor.
    write(&world.docker(), "{\"credsStore\":\"a\\u001b[2J\\u202eb\"}");
    let printed = world.setup("docker --registry public.ecr.aws --dry-run").unwrap();
    assert!(!printed.stdout.contains(['\u{1b}', '\u{202e}']), "{printed:?}");
    write(&world.docker(), "{\"credHelpers\":{\"public.ecr.aws\":\"a\\u001b[2J\\u202eb\"}}");
    let printed = world.setup("docker --registry public.ecr.aws --dry-run").unwrap();
    assert!(printed.stdout.contains("\"a\\u{1b}[2J\\u{202e}b\" -> \"ecr-rs\""), "{printed:?}");
}

#[test]
fn hosts_are_written_as_clients_look_them_up() {
    for (typed, key) in [
        (ECR, ECR),
        ("https://123456789012.DKR.ecr.eu-west-1.amazonaws.com/v2/", ECR),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app", ECR),
        ("ecr-public.aws.com", "ecr-public.aws.com"),
        ("https://ghcr.io", "ghcr.io"),
        ("localhost:5000", "localhost:5000"),
        ("docker.io", "https://index.docker.io/v1/"),
    ] {
        let world = World::new();
        world.setup(&format!("docker --registry {typed}")).unwrap();
        assert!(
            read(&world.docker()).contains(&format!("\"{key}\": \"ecr-rs\"")),
            "{typed}: {}",
            read(&world.docker())
        );
    }
    for typed in ["docker", "ghcr.io/owner", "*.dkr.ecr.eu-west-1.amazonaws.com", "nothing"] {
        let world = World::new();
        let err = world.setup(&format!("--registry {typed}")).unwrap_err();
        assert_eq!(err.to_string(), format!("`{typed}` is no registry's host"));
        assert!(world.files().is_empty(), "{typed}");
    }
}
