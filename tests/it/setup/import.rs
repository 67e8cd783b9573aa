//! `setup --import`: logins in clear text go into the keychain, and nowhere else.

use super::world::{World, assert_no_secret, read, write};
use crate::support::terminal;

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// Logins of `ci` and `AWS`, whose password is `canary-secret`.
const CI: &str = "\"auth\": \"Y2k6Y2FuYXJ5LXNlY3JldA==\"";
const AWS: &str = "\"auth\": \"QVdTOmNhbmFyeS1zZWNyZXQ=\"";

/// What `get` answers.
fn login(world: &World, server: &str) -> Option<(String, String)> {
    let answered = world.program().run(&["get"], server);
    let login: serde_json::Value = serde_json::from_str(&answered.stdout).ok()?;
    Some((login["Username"].as_str()?.into(), login["Secret"].as_str()?.into()))
}

fn ci() -> Option<(String, String)> {
    Some(("ci".into(), "canary-secret".into()))
}

/// Every file below the home folder, as text.
fn all_files(world: &World) -> String {
    world.files().values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

#[test]
fn a_login_moves_and_no_copy_of_it_is_left() {
    let hub = "https://index.docker.io/v1/";
    let before = format!(
        "{{\n\t\"auths\": {{\n\t\t\"{hub}\": {{{CI}, \"email\": \"a@b\"}},\n\t\t\"ghcr.io\": {{\"identitytoken\": \"canary-token\"}},\n\t\t\"{ECR}\": {{{AWS}}}\n\t}}\n}}\n"
    );
    let after = format!(
        "{{\n\t\"auths\": {{\n\t\t\"{hub}\": {{\n\t\t\t\"email\": \"a@b\"\n\t\t}},\n\t\t\"ghcr.io\": {{}},\n\t\t\"{ECR}\": {{{AWS}}}\n\t}},\n\t\"credsStore\": \"ecr-rs\"\n}}\n"
    );
    for steps in [&["docker --import"][..], &["docker", "docker --import"]] {
        let world = World::new();
        write(&world.docker(), &before);
        for step in steps {
            let shown = world.setup(&format!("{step} --dry-run")).unwrap();
            assert_no_secret(&format!("{shown:?}"));
            let moves = shown.stdout.contains(&format!("  auths.\"{hub}\": clear text -> the keychain\n"));
            assert_eq!(moves, step.contains("--import"), "{shown:?}");
            let printed = world.setup(step).unwrap();
            assert_no_secret(&format!("{printed:?}"));
            assert!(printed.stderr.contains(&format!("docker logout {ECR}")), "the old token: {printed:?}");
            let warns = printed.stderr.contains("setup docker --import, which moves it into the keychain");
            assert_eq!(warns, !step.contains("--import"), "{printed:?}");
        }
        assert_eq!(read(&world.docker()), after, "{steps:?}");
        assert_eq!(login(&world, hub), ci(), "{steps:?}");
        assert_eq!(login(&world, "ghcr.io"), Some(("<token>".into(), "canary-token".into())), "{steps:?}");
        let left = all_files(&world);
        assert!(!left.contains(CI) && !left.contains("canary-token"), "{steps:?}: no copy has one: {left}");
        let again = world.setup("docker --import").unwrap();
        assert!(again.stdout.contains("already set up"), "twice is once: {again:?}");

        let undone = world.setup("--undo").unwrap();
        assert_eq!(read(&world.docker()), after.replace(",\n\t\"credsStore\": \"ecr-rs\"", ""), "{steps:?}");
        assert_eq!(world.files().len(), 1, "{steps:?}: nothing is left beside it");
        for server in [hub, "ghcr.io"] {
            let what = format!("the login of {server} stays in Secret Service, where docker no longer looks for it");
            assert!(undone.stderr.contains(&what), "{steps:?}: {undone:?}");
        }
        assert!(!undone.stderr.contains(ECR), "{undone:?}");
        assert_eq!(login(&world, hub), ci(), "{steps:?}: and nothing is lost");
    }
}

#[test]
fn nothing_goes_that_the_keychain_does_not_give_back() {
    let text = format!("{{\"auths\":{{\"ghcr.io\":{{{CI}}},\"quay.io\":{{{CI}}}}}}}");
    let other = r#"{"ServerURL":"quay.io","Username":"me","Secret":"other"}"#;
    for (config, stored, what, why) in [
        ("[other-registries]\nstore = \"none\"\n", "", "cannot keep the login for ghcr.io", "no login is kept"),
        (
            "[other-registries]\nstore = \"gone\"\n",
            "",
            "cannot read the login for ghcr.io",
            "a helper that is not there",
        ),
        ("", other, "Secret Service has another login of quay.io", "another login is there"),
    ] {
        let world = World::new();
        write(&world.docker(), &text);
        write(&world.ours(), config);
        if !stored.is_empty() {
            world.program().run(&["store"], stored).exits(0, why);
        }
        let files = world.files();
        let err = world.setup("docker --import").unwrap_err();
        assert!(err.full().contains(what) && err.advice().is_some(), "{why}: {err:?}");
        assert_no_secret(&format!("{err:?}"));
        assert_eq!(world.files(), files, "{why}: no file is touched");
        assert_eq!(login(&world, "ghcr.io"), None, "{why}: and nothing is left in the keychain");
    }
}

#[test]
fn a_keychain_that_is_not_there_takes_no_login() {
    let mut world = World::new();
    world.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    write(&world.docker(), format!("{{\"auths\":{{\"ghcr.io\":{{{CI}}}}}}}"));
    let files = world.files();
    let err = world.setup("docker --import").unwrap_err();
    assert!(err.advice().is_some(), "{err:?}");
    assert_eq!(world.files(), files);
}

#[test]
fn podmans_own_files_are_emptied_too() {
    let mut world = World::new();
    world.set("XDG_RUNTIME_DIR", world.path("home/run"));
    let (session, own) = (world.path("home/run/containers/auth.json"), world.containers("auth.json"));
    write(&session, format!("{{\"auths\": {{\"quay.io\": {{{CI}}}, \"quay.io/org\": {{{CI}}}}}}}"));
    write(&own, format!("{{\"auths\": {{\"ghcr.io\": {{{CI}}}}}}}"));
    let printed = world.setup("podman --import").unwrap();
    assert_no_secret(&format!("{printed:?}"));
    assert_eq!(read(&own), "{\"auths\":{\"ghcr.io\":{}}}");
    assert_eq!(
        read(&session),
        format!("{{\"auths\":{{\"quay.io\":{{}},\"quay.io/org\":{{{CI}}}}}}}"),
        "no helper is asked for a path"
    );
    assert_eq!((login(&world, "quay.io"), login(&world, "ghcr.io")), (ci(), ci()));
    world.setup("--undo podman").unwrap();
    assert_eq!(world.files().len(), 2, "{:?}", world.files().keys());

    let world = World::new();
    write(&world.containers("auth.json"), format!("{{\"auths\": {{\"docker.io\": {{{CI}}}, \"ghcr.io\": {{{CI}}}}}}}"));
    world.setup("podman --import --registry docker.io").unwrap();
    assert_eq!(
        read(&world.containers("auth.json")),
        format!(
            "{{\"auths\":{{\"docker.io\":{{}},\"ghcr.io\":{{{CI}}}}},\"credHelpers\":{{\"docker.io\":\"ecr-rs\"}}}}"
        )
    );
    assert_eq!(login(&world, "docker.io"), ci());
}

#[test]
fn a_person_is_asked_first() {
    let world = World::new();
    write(&world.docker(), format!("{{\"auths\":{{\"ghcr.io\":{{{CI}}}}}}}"));
    let before = world.files();
    let asked = world.program().run(&["setup", "docker", "--import"], "").exits(1, "no terminal, no yes");
    assert!(asked.stdout.contains("clear text -> the keychain") && asked.stderr.contains("add --yes"), "{asked:?}");
    let (status, screen) = terminal::run_typing(&world.program(), &["setup", "docker", "--import"], "n\n");
    assert!(status == 1 && screen.contains("clear text -> the keychain") && screen.contains("[y/N]"), "{screen}");
    assert_no_secret(&screen);
    assert_eq!((world.files(), login(&world, "ghcr.io")), (before, None), "nothing is done before the answer");
    let (status, screen) = terminal::run_typing(&world.program(), &["setup", "docker", "--import"], "y\n");
    assert!(status == 0, "{screen}");
    assert_eq!(login(&world, "ghcr.io"), ci());
}
