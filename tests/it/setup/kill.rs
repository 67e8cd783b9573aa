//! `setup` and `--undo` cut short at every single step: killed for real, failing, overtaken.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use ecr_rs::setup::{Plan, Request, Step, Target};

use super::world::{World, read, write};

const BEFORE: &str = "{\n\t\"auths\": {},\n\t\"credsStore\": \"desktop\"\n}";
const AFTER: &str = "{\n\t\"auths\": {},\n\t\"credsStore\": \"ecr-rs\"\n}";
const OURS_BEFORE: &str = "[cache]\nstore = \"file\"\n";
const OURS_AFTER: &str = "[cache]\nstore = \"file\"\n\n[other-registries]\nstore = \"desktop\"\n";

/// A world whose docker, notation and podman files are all to be changed, created or both.
fn world() -> World {
    let world = World::new();
    write(&world.docker(), BEFORE);
    write(&world.ours(), OURS_BEFORE);
    world
}

fn request() -> Request {
    Request { targets: vec![Target::Docker, Target::Notation, Target::Podman], ..Request::default() }
}

fn plan(world: &World, undo: bool) -> Plan {
    let environment = world.environment();
    if undo { Plan::undo(&request(), &environment) } else { Plan::setup(&request(), &environment) }.unwrap()
}

/// What any moment may show: the old file or the new one, and never a client that asks us before we
/// know who keeps the other logins.
fn assert_whole(world: &World, why: &str) {
    let (docker, ours) = (read(&world.docker()), read(&world.ours()));
    assert!([BEFORE, AFTER].contains(&&*docker), "{why}: {docker}");
    assert!([OURS_BEFORE, OURS_AFTER].contains(&&*ours), "{why}: {ours}");
    assert!(docker == BEFORE || ours == OURS_AFTER, "{why}: logins of other registries are lost for a moment");
    for (path, text) in [
        (world.notation(), "{\n\t\"credsStore\": \"ecr-rs\"\n}\n"),
        (
            world.containers("registries.conf.d/ecr-rs.conf"),
            "credential-helpers = [\"ecr-rs\", \"containers-auth.json\"]\n",
        ),
    ] {
        assert!(!path.exists() || read(&path) == text, "{why}: {}", path.display());
    }
}

/// Not a test of its own: the process that the next ones kill. Without their variables it does nothing.
#[test]
fn victim() {
    let (Ok(root), Ok(last)) = (env::var("SETUP_VICTIM"), env::var("SETUP_STEP")) else { return };
    let last: usize = last.parse().unwrap();
    let world = World::at(Path::new(&root));
    let mut steps = 0;
    let mut watch = |_: Step, _: &Path| {
        if steps == last {
            // SIGKILL: nothing of this process runs after it.
            #[cfg(unix)]
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            #[cfg(not(unix))]
            std::process::abort();
        }
        steps += 1;
        Ok(())
    };
    plan(&world, env::var("SETUP_UNDO").is_ok()).apply(&mut watch).unwrap();
}

/// Kills a run before its step number `step`; whether it was killed.
fn kill_at(world: &World, step: usize, undo: bool) -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "setup::kill::victim"])
        .env("SETUP_VICTIM", world.path(""))
        .env("SETUP_STEP", step.to_string());
    if undo {
        command.env("SETUP_UNDO", "1");
    }
    !command.output().unwrap().status.success()
}

#[test]
fn a_setup_killed_at_any_step_is_finished_by_the_next() {
    let done = world();
    done.setup("docker notation podman").unwrap();
    let mut steps = 0;
    loop {
        let world = world();
        let (original, killed) = (world.files(), kill_at(&world, steps, false));
        let why = format!("killed before step {steps}");
        assert_whole(&world, &why);
        world.setup("docker notation podman").unwrap();
        assert_eq!(world.files(), done.files(), "{why}, set up again");
        world.setup("docker notation podman --undo").unwrap();
        assert_eq!(world.files(), original, "{why}, undone");
        if !killed {
            break;
        }
        steps += 1;
    }
    assert!(steps > 40, "four files, four copies, seven steps each: only {steps} seen");
}

#[test]
fn an_undo_killed_at_any_step_is_finished_by_the_next() {
    let mut steps = 0;
    loop {
        let world = world();
        let original = world.files();
        world.setup("docker notation podman").unwrap();
        let killed = kill_at(&world, steps, true);
        let why = format!("killed before step {steps}");
        assert_whole(&world, &why);
        if steps % 2 == 0 {
            world.setup("docker notation podman").unwrap(); // A change of mind instead.
            assert_eq!(read(&world.docker()), AFTER, "{why}");
        }
        world.setup("docker notation podman --undo").unwrap();
        assert_eq!(world.files(), original, "{why}");
        if !killed {
            break;
        }
        steps += 1;
    }
    assert!(steps > 15, "only {steps} seen");
}

/// Runs with step number `fail` failing as a full disk does. Gives the step, and the error if any.
fn fail_at(world: &World, fail: usize) -> (Option<(Step, PathBuf)>, Result<(), ecr_rs::report::Report>) {
    let (mut steps, mut failed) = (0, None);
    let outcome = plan(world, false).apply(&mut |step, path| {
        steps += 1;
        if steps == fail + 1 {
            failed = Some((step, path.to_owned()));
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    });
    (failed, outcome)
}

#[test]
fn a_step_that_fails_leaves_whole_files_and_nothing_else() {
    for fail in 0.. {
        let world = world();
        let original = world.files();
        let (failed, outcome) = fail_at(&world, fail);
        let Some((step, path)) = failed else { break };
        let why = format!("{step:?} of {} failed", path.display());
        assert_whole(&world, &why);
        let temporary = world.files().into_keys().find(|name| name.contains(".ecr-rs."));
        assert_eq!(temporary, None, "{why}");
        match outcome {
            Ok(()) => assert_eq!(step, Step::FlushFolder, "{why}, unseen"),
            Err(err) => {
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(err.to_string().contains(name) || step == Step::MakeFolder, "{why}: {err}");
                assert_eq!(err.causes(), [io::Error::from(io::ErrorKind::StorageFull).to_string()], "{why}");
            }
        }
        world.setup("docker notation podman").unwrap();
        world.setup("docker notation podman --undo").unwrap();
        assert_eq!(world.files(), original, "{why}");
    }
}

#[test]
fn a_file_that_another_program_changes_meanwhile_stays_as_that_program_wrote_it() {
    let theirs = "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"credsStore\": \"desktop\"\n}";
    for undo in [false, true] {
        let world = world();
        if undo {
            world.setup("docker").unwrap();
        }
        let docker = fs::canonicalize(world.docker()).unwrap();
        let err = plan(&world, undo)
            .apply(&mut |step, path| match step == Step::Compare && path == docker {
                true => fs::write(path, theirs),
                false => Ok(()),
            })
            .unwrap_err();
        let what = format!(
            "{} was changed by another program just now; it is left as that program wrote it",
            world.docker().display()
        );
        assert_eq!((err.to_string(), err.advice()), (what, Some("run it again")));
        assert_eq!(read(&world.docker()), theirs);
        world.setup("docker --undo").unwrap();
        let files: BTreeMap<_, _> = world.files();
        assert_eq!(files.len(), 2, "{:?}", files.keys());
    }
    // Changed before the first step: nothing at all is written.
    let world = world();
    let plan = plan(&world, false);
    write(&world.docker(), theirs);
    let files = world.files();
    plan.apply(&mut |_, _| Ok(())).unwrap_err();
    assert_eq!(world.files(), files);
    // Created meanwhile where there was none.
    let world = World::new();
    let plan = Plan::setup(&request(), &world.environment()).unwrap();
    write(&world.docker(), theirs);
    plan.apply(&mut |_, _| Ok(())).unwrap_err();
    assert_eq!(read(&world.docker()), theirs);
}
