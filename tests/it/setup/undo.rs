//! `--undo` after others changed the files meanwhile: our edits go, theirs stay.

use std::fs;

use super::world::{World, read, write};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

#[test]
fn what_others_changed_since_stays() {
    for (before, setup, meanwhile, after, why) in [
        (
            "{\n\t\"auths\": {},\n\t\"credsStore\": \"desktop\"\n}",
            "docker",
            "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"credsStore\": \"ecr-rs\"\n}",
            "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"credsStore\": \"desktop\"\n}",
            "docker login",
        ),
        (
            "{\n\t\"auths\": {}\n}",
            "docker",
            "{\n\t\"auths\": {},\n\t\"credsStore\": \"ecr-rs\",\n\t\"currentContext\": \"colima\"\n}",
            "{\n\t\"auths\": {},\n\t\"currentContext\": \"colima\"\n}",
            "docker context use, where there was no store",
        ),
        (
            "{\"credsStore\":\"pass\"}",
            "docker",
            "{\n\t\"auths\": {},\n\t\"credsStore\": \"ecr-rs\"\n}",
            "{\n\t\"auths\": {},\n\t\"credsStore\": \"pass\"\n}",
            "docker laid the file out anew",
        ),
        (
            "{\"credsStore\":\"pass\"}",
            "docker",
            "{\"credsStore\":\"desktop\"}",
            "{\"credsStore\":\"desktop\"}",
            "Docker Desktop put itself in: nothing of ours is left to undo",
        ),
        (
            "{\n  \"credHelpers\": {\n    \"gcr.io\": \"gcloud\"\n  }\n}\n",
            "docker --registry 123456789012.dkr.ecr.eu-west-1.amazonaws.com public.ecr.aws",
            "{\n  \"credHelpers\": {\n    \"gcr.io\": \"gcloud\",\n    \"123456789012.dkr.ecr.eu-west-1.amazonaws.com\": \"ecr-rs\",\n    \"public.ecr.aws\": \"ecr-rs\",\n    \"eu.gcr.io\": \"gcloud\"\n  }\n}\n",
            "{\n  \"credHelpers\": {\n    \"gcr.io\": \"gcloud\",\n    \"eu.gcr.io\": \"gcloud\"\n  }\n}\n",
            "gcloud auth configure-docker",
        ),
        (
            "{\n  \"credHelpers\": {\n    \"public.ecr.aws\": \"ecr-login\"\n  }\n}\n",
            "docker --registry public.ecr.aws",
            "{\n  \"credHelpers\": {\n    \"public.ecr.aws\": \"ecr-rs\"\n  },\n  \"auths\": {}\n}\n",
            "{\n  \"credHelpers\": {\n    \"public.ecr.aws\": \"ecr-login\"\n  },\n  \"auths\": {}\n}\n",
            "the helper that was there comes back",
        ),
        (
            "{}",
            "docker --registry public.ecr.aws",
            "{\n\t\"auths\": {},\n\t\"credHelpers\": {\n\t\t\"public.ecr.aws\": \"ecr-rs\"\n\t}\n}",
            "{\n\t\"auths\": {}\n}",
            "`credHelpers` that we brought goes with its last host",
        ),
    ] {
        let world = World::new();
        write(&world.docker(), before);
        world.setup(setup).unwrap();
        write(&world.docker(), meanwhile);
        world.setup("docker --undo").unwrap();
        assert_eq!(read(&world.docker()), after, "{why}");
        assert_eq!(world.files().len(), 1, "{why}: nothing is left beside it");
    }
}

#[test]
fn a_file_that_setup_created_goes_again() {
    let world = World::new();
    world.setup("docker").unwrap();
    assert_eq!(read(&world.docker()), "{\n\t\"credsStore\": \"ecr-rs\"\n}\n");
    let undone = world.setup("docker --undo").unwrap();
    assert!(world.files().is_empty());
    assert_eq!(undone.stdout, format!("docker: {} is gone, as it was\n", world.docker().display()), "F3.15");

    world.setup("docker").unwrap();
    write(&world.docker(), "{\n\t\"auths\": {},\n\t\"credsStore\": \"ecr-rs\"\n}");
    world.setup("docker --undo").unwrap();
    assert_eq!(read(&world.docker()), "{\n\t\"auths\": {}\n}", "what docker wrote into it stays");
    assert_eq!(world.files().len(), 1);
}

#[test]
fn without_a_copy_our_own_file_tells_the_previous_store() {
    let world = World::new();
    write(&world.docker(), "{\"credsStore\":\"desktop\"}");
    world.setup("docker").unwrap();
    fs::remove_file(ecr_rs::setup::backup_path(&world.docker())).unwrap();
    world.setup("docker --undo").unwrap();
    assert_eq!(read(&world.docker()), "{\"credsStore\":\"desktop\"}");
    assert_eq!(world.files().len(), 1);
}

#[test]
fn our_own_file_comes_back_unless_the_user_chose_anew() {
    let mine = "# mine\n[cache]\nstore = \"file\" # on purpose\n";
    for (meanwhile, after, why) in [
        (None, mine.to_owned(), "untouched"),
        (
            Some(format!("{mine}\n[other-registries]\nstore = \"desktop\"\n\n[[registry]]\nmatch = \"*\"\n")),
            format!("{mine}\n[[registry]]\nmatch = \"*\"\n"),
            "a rule was added",
        ),
        (
            Some(format!("{mine}\n[other-registries]\nstore = \"pass\"\n")),
            format!("{mine}\n[other-registries]\nstore = \"pass\"\n"),
            "the user chose another store",
        ),
    ] {
        let world = World::new();
        write(&world.docker(), "{\"credsStore\":\"desktop\"}");
        write(&world.ours(), mine);
        world.setup("docker").unwrap();
        assert_eq!(read(&world.ours()), format!("{mine}\n[other-registries]\nstore = \"desktop\"\n"));
        if let Some(text) = meanwhile {
            write(&world.ours(), text);
        }
        world.setup("docker --undo").unwrap();
        assert_eq!(read(&world.ours()), after, "{why}");
        assert_eq!(read(&world.docker()), "{\"credsStore\":\"desktop\"}", "{why}");
        assert_eq!(world.files().len(), 2, "{why}");
    }
}

#[test]
fn our_own_file_stays_while_a_client_needs_it() {
    let world = World::new();
    write(&world.docker(), "{\"credsStore\":\"desktop\"}");
    write(&world.notation(), "{\"credsStore\":\"desktop\"}");
    let files = world.files();
    world.setup("docker notation").unwrap();
    let printed = world.setup("docker --undo").unwrap();
    assert!(printed.stdout.contains("notation still needs it"), "{printed:?}");
    assert_eq!(read(&world.ours()), "[other-registries]\nstore = \"desktop\"\n");
    world.setup("--undo").unwrap();
    assert_eq!(world.files(), files);
}

#[test]
fn nothing_to_undo_changes_nothing() {
    let world = World::new();
    assert_eq!(world.setup("--undo").unwrap().stdout, "");
    write(&world.docker(), format!("{{\"credHelpers\":{{\"{ECR}\":\"ecr-login\"}}}}"));
    let files = world.files();
    let printed = world.setup("--undo").unwrap();
    assert_eq!(printed.stdout, format!("docker: nothing to undo in {}\n", world.docker().display()));
    assert_eq!(world.files(), files);
}
