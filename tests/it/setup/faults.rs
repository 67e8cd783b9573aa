//! What `setup` refuses: a clear error, and every file byte for byte as it was.

use std::{fs, path::Path};

use ecr_rs::report::Report;

use super::world::{World, assert_no_secret, read, write};

fn advice(err: &Report) -> &str {
    err.advice().unwrap_or_default()
}

/// Runs `setup docker` and `setup docker --undo`, which must fail in the same way and write nothing.
#[track_caller]
fn refused(world: &World, what: &str, hint: &str) {
    let files = world.files();
    let err = world.setup("docker").unwrap_err();
    let path = world.docker().display().to_string();
    assert_eq!(err.full().replace(&path, "FILE"), what);
    assert!(advice(&err).contains(hint), "the hint of `{what}` is `{}`", advice(&err));
    assert_no_secret(&format!("{err} {err:?}"));
    assert_eq!(world.files(), files, "{what}: a file was touched");
}

#[test]
fn unusable_texts_are_named_with_line_and_column() {
    for (text, what, hint) in [
        (&b"{\n\t\"auths\": {},\n\t\"credsStore\" \"desktop\"\n}"[..], "FILE:3:15: expected `:`", "repair the file"),
        (b"{\"auths\": {},}", "FILE:1:14: key must be a string", "repair the file"),
        (b"{\n  // mine\n  \"auths\": {}\n}", "FILE:2:3: key must be a string", "repair the file"),
        (
            b"{\"auths\": {\"h\": {\"auth\": \"canary-secret}",
            "FILE:1:40: EOF while parsing a string",
            "repair the file",
        ),
        (b"{}{}", "FILE:1:3: trailing characters", "repair the file"),
        (b"[]", "FILE:1:1: expected an object", "repair the file"),
        (b" \"canary\"", "FILE:1:2: expected an object", "repair the file"),
        (b"null", "FILE:1:1: expected an object", "repair the file"),
        (b"{\n \"credsStore\": true\n}", "FILE:2:16: `credsStore` is no string", "repair the file"),
        (b"{\"credsStore\": {\"a\": \"canary\"}}", "FILE:1:16: `credsStore` is no string", "repair the file"),
        (b"{\"credHelpers\": []}", "FILE:1:17: `credHelpers` is no object of strings", "repair the file"),
        (
            b"{\"credHelpers\": {\"gcr.io\": 7}}",
            "FILE:1:28: this entry of `credHelpers` is no string",
            "repair the file",
        ),
        (b"{\"CredsStore\": \"pass\"}", "FILE:1:2: `CredsStore` is not spelt `credsStore`", "repair the file"),
        (b"{\n\"a\": \"\xff\"}", "FILE:2:7: not UTF-8 text", "save the file as UTF-8"),
        (b"\xff\xfe{\x00}\x00", "FILE:1:1: not UTF-8 text", "save the file as UTF-8"),
        (
            b"{\"a\": \"\x01\"}",
            "FILE:1:7: control character (\\u0000-\\u001F) found while parsing a string",
            "repair the file",
        ),
        (b"{\"a\": 01}", "FILE:1:8: invalid number", "repair the file"),
        (b"\0\0\0\0", "FILE:1:1: expected value", "repair the file"),
    ] {
        let world = World::new();
        write(&world.docker(), text);
        refused(&world, what, hint);
    }
}

#[test]
fn a_huge_file_is_refused_and_one_at_the_limit_is_not() {
    let world = World::new();
    let frame = "{\"a\":\"\"}".len();
    let text = |size: u64| format!("{{\"a\":\"{}\"}}", "x".repeat(size as usize - frame));
    write(&world.docker(), text(ecr_rs::private_fs::MAX_FILE_SIZE + 1));
    refused(&world, "cannot read FILE: it is larger than 16777216 bytes", "move it away");
    write(&world.docker(), text(ecr_rs::private_fs::MAX_FILE_SIZE));
    world.setup("docker --dry-run").unwrap();
}

#[test]
fn a_folder_in_the_files_place_is_refused() {
    let world = World::new();
    fs::create_dir_all(world.docker()).unwrap();
    refused(&world, "cannot read FILE: it is a folder, not a regular file", "remove the folder");
    let world = World::new();
    write(&world.home().join(".docker"), "");
    let err = world.setup("docker").unwrap_err();
    assert!(err.to_string().starts_with("cannot read ") || err.to_string().contains("is not a folder"), "{err}");
}

#[test]
fn a_broken_file_of_our_own_is_mended_first() {
    for (config, text, what) in [
        ("{\"credsStore\":\"desktop\"}", "[cache\n", ":1: "),
        ("{\"credsStore\":\"desktop\"}", "[other-registries]\nstore = 1\n", ":2: "),
        ("{\"credsStore\":\"desktop\"}", "other-registries = 1\n", ":1: "),
        ("{}", "[cach]\nstore = \"file\"\n", ":1: "),
        ("{\"credsStore\":\"../evil\"}", "", "is no credential helper's suffix"),
    ] {
        let world = World::new();
        write(&world.docker(), config);
        write(&world.ours(), text);
        let files = world.files();
        let err = world.setup("docker").unwrap_err();
        assert!(err.to_string().contains(what), "{err}");
        assert!(err.to_string().contains("config.toml"), "{err}");
        assert_eq!(world.files(), files, "docker's file waits until ours is right");
    }
}

#[test]
fn without_a_home_folder_the_variables_must_say_where() {
    let mut world = World::new();
    world.homeless = true;
    for (arguments, client, hint) in [
        ("docker", "docker", "set HOME or DOCKER_CONFIG"),
        ("notation", "notation", "set HOME or NOTATION_CONFIG"),
        ("podman", "podman", "set HOME"),
        ("podman --registry public.ecr.aws", "podman", "set HOME or REGISTRY_AUTH_FILE"),
        ("docker --undo", "docker", "set HOME or DOCKER_CONFIG"),
    ] {
        let err = world.setup(arguments).unwrap_err();
        let what = format!("cannot tell where {client} keeps its configuration: there is no home folder");
        assert_eq!((err.to_string(), err.advice()), (what, Some(hint)));
    }
    world.set("DOCKER_CONFIG", world.path("d"));
    world.setup("docker").unwrap();
    assert_eq!(read(&world.path("d/config.json")), "{\n\t\"credsStore\": \"ecr-rs\"\n}\n");
    write(&world.path("d/config.json"), "{\"credsStore\":\"desktop\"}");
    let err = world.setup("docker").unwrap_err();
    assert!(advice(&err).contains("ECR_RS_CONFIG"), "the previous store has to be kept somewhere: {err}");
    assert_eq!(read(&world.path("d/config.json")), "{\"credsStore\":\"desktop\"}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn links_that_lead_nowhere_are_refused() {
        let world = World::new();
        fs::create_dir_all(world.docker().parent().unwrap()).unwrap();
        symlink("missing.json", world.docker()).unwrap();
        let err = world.setup("docker").unwrap_err();
        assert!(
            err.to_string().ends_with("config.json is a symbolic link to missing.json, which does not exist"),
            "{err}"
        );
        assert!(advice(&err).contains("create the link's target"));
        assert_eq!(fs::read_link(world.docker()).unwrap(), Path::new("missing.json"));

        fs::remove_file(world.docker()).unwrap();
        symlink("config.json", world.docker()).unwrap();
        let err = world.setup("docker").unwrap_err();
        assert_eq!(err.to_string(), format!("cannot read {}", world.docker().display()));
        let os = std::io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error());
        assert_eq!(err.causes(), [os.to_string()]);
        assert!(advice(&err).contains("may lead back to itself"));
        assert_eq!(fs::read_dir(world.docker().parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting_for_it() {
        let world = World::new();
        fs::create_dir_all(world.docker().parent().unwrap()).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(world.docker()).unwrap();
        let err = world.setup("docker").unwrap_err();
        assert!(err.full().ends_with("config.json: it is a socket, not a regular file"), "{err:?}");
        drop(socket);
    }

    #[test]
    fn read_only_files_and_folders_are_refused() {
        let world = World::new();
        write(&world.docker(), "{}");
        set_mode(&world.docker(), 0o444);
        refused(&world, "FILE is read-only", "chmod u+w");
        assert_eq!(mode(&world.docker()), 0o444);

        set_mode(&world.docker(), 0o600);
        let folder = world.docker().parent().unwrap().to_owned();
        set_mode(&folder, 0o500);
        refused(&world, &format!("the folder {} is read-only", folder.display()), "chmod u+w");
        fs::remove_file(world.docker()).ok(); // Only root can.
        let err = world.setup("docker").unwrap_err();
        assert_eq!(err.to_string(), format!("the folder {} is read-only", folder.display()));
        set_mode(&folder, 0o700);
    }

    /// Whatever its mode says, and whoever asks: `chmod` would not help.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_home_of_the_kernels_is_refused() {
        for folder in ["/proc/home", "/proc", "/sys/home/user"] {
            let mut world = World::new();
            world.set("DOCKER_CONFIG", folder);
            let err = world.setup("docker").unwrap_err();
            assert!(err.what().starts_with("no file can be made in /"), "{folder}: {err}");
            assert!(advice(&err).contains("set HOME") && !advice(&err).contains("chmod"), "{folder}: {err:?}");
        }
    }

    /// A file of another user: root makes one, anybody else takes one of root's.
    #[test]
    fn another_users_file_is_refused() {
        let world = World::new();
        let us = rustix::process::geteuid().as_raw();
        if us == 0 {
            write(&world.docker(), "{}");
            chown(world.docker(), Some(4242), None).unwrap();
        } else {
            fs::create_dir_all(world.docker().parent().unwrap()).unwrap();
            symlink("/etc/passwd", world.docker()).unwrap();
        }
        let owner = if us == 0 { 4242 } else { 0 };
        refused(&world, &format!("FILE belongs to another user (id {owner}, you are {us})"), "without sudo");
        assert_eq!(fs::metadata(world.docker()).unwrap().uid(), owner);
        if us == 0 {
            // As root a new file in that user's folder would lock the user out.
            fs::remove_file(world.docker()).unwrap();
            chown(world.docker().parent().unwrap(), Some(4242), None).unwrap();
            let err = world.setup("docker").unwrap_err();
            assert!(err.to_string().contains("belongs to another user (id 4242"), "{err}");
            assert!(world.files().is_empty());
        }
    }

    #[test]
    fn the_target_of_a_link_is_edited_and_the_link_stays() {
        let world = World::new();
        let dotfile = world.path("dotfiles/docker.json");
        write(&dotfile, "{\"credsStore\":\"pass\"}");
        fs::create_dir_all(world.docker().parent().unwrap()).unwrap();
        symlink("../../dotfiles/link.json", world.docker()).unwrap();
        symlink("docker.json", world.path("dotfiles/link.json")).unwrap();
        world.setup("docker").unwrap();
        assert_eq!(read(&dotfile), "{\"credsStore\":\"ecr-rs\"}");
        assert_eq!(fs::read_link(world.docker()).unwrap(), Path::new("../../dotfiles/link.json"));
        assert_eq!(fs::read_dir(world.path("dotfiles")).unwrap().count(), 2, "no copy lands among the dotfiles");
        world.setup("docker --undo").unwrap();
        assert_eq!(read(&dotfile), "{\"credsStore\":\"pass\"}");
        assert_eq!(fs::read_link(world.docker()).unwrap(), Path::new("../../dotfiles/link.json"));
        assert_eq!(world.files().len(), 1);
    }

    #[test]
    fn permissions_stay_and_new_files_are_private() {
        for before in [0o600, 0o644, 0o640, 0o755] {
            let world = World::new();
            write(&world.docker(), "{\"auths\":{}}");
            set_mode(&world.docker(), before);
            world.setup("docker").unwrap();
            assert_eq!(mode(&world.docker()), before);
            assert_eq!(mode(&ecr_rs::setup::backup_path(&world.docker())), before, "a copy is no wider than the file");
            world.setup("docker --undo").unwrap();
            assert_eq!(mode(&world.docker()), before);
        }
        let world = World::new();
        world.setup("docker").unwrap();
        assert_eq!((mode(&world.docker()), mode(world.docker().parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn the_group_stays_where_it_may() {
        if rustix::process::geteuid().as_raw() != 0 {
            return; // Only root may give a file to any group.
        }
        let world = World::new();
        write(&world.docker(), "{}");
        chown(world.docker(), None, Some(4242)).unwrap();
        set_mode(&world.docker(), 0o660);
        world.setup("docker").unwrap();
        assert_eq!((fs::metadata(world.docker()).unwrap().gid(), mode(&world.docker())), (4242, 0o660));
    }
}
