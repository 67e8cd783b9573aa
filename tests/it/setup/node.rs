//! `setup containerd`: a node's disk in a temporary folder.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use ecr_rs::{
    aws::signing_profile::SigningProfile,
    environment::Environment,
    setup::{NodeRequest, Plan, Step},
};

use crate::support::program::{Outcome, Program};

const PROFILE: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";
const OURS: &str = "docker-credential-ecr-rs";
const BINARY: &str = env!("CARGO_BIN_EXE_docker-credential-ecr-rs");

/// A configuration in which verifiers have too little time, and none of them is asked.
const CONFIG: &str = "\
# the platform team's
version = 3
imports = ['conf.d/*.toml']

[plugins.'io.containerd.image-verifier.v1.bindir']
  bin_dir = '/opt/verifiers' # ours
  max_verifiers = 0
";

/// What a file beside it says.
const IMPORTED: &str = "[plugins.\"io.containerd.image-verifier.v1.bindir\"]\nper_verifier_timeout = \"2s\"\n";

struct Disk(tempfile::TempDir);

impl Disk {
    /// A disk that has the program where it is here.
    fn new() -> Disk {
        let disk = Disk(tempfile::tempdir().unwrap());
        let program = disk.put(BINARY, "");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        disk
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root().join(name.trim_start_matches('/'))
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn setup(&self, arguments: &[&str]) -> Outcome {
        let root = self.root().display().to_string();
        let program = Program::at(BINARY, &self.at("home"));
        program.run(&[&["setup", "containerd", "--root", &root], arguments].concat(), "")
    }

    /// What is in the folder of verifiers, by name.
    fn verifiers(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("opt/verifiers")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn request(&self) -> NodeRequest {
        NodeRequest {
            root: self.root().into(),
            profile: Some(SigningProfile::parse(PROFILE).unwrap()),
            program: Some(BINARY.into()),
        }
    }

    fn environment(&self) -> Environment {
        Environment {
            variable: Box::new(|_| None),
            home: None,
            config_folder: None,
            cache_folder: None,
            system_folder: self.at("etc"),
            runtime_folder: self.at("run"),
            temporary_folder: self.at("tmp"),
            interactive: false,
        }
    }
}

#[test]
fn a_node_is_set_up_and_goes_back() {
    let disk = Disk::new();
    let main = disk.put("etc/containerd/config.toml", CONFIG);
    let imported = disk.put("etc/containerd/conf.d/10-times.toml", IMPORTED);
    let link = disk.at("opt/verifiers").join(OURS);

    let shown = disk.setup(&["--signing-profile", PROFILE, "--dry-run"]).exits(0, "dry run");
    for part in
        ["trustpolicy.json (new)", "max_verifiers: \"0\" -> \"10\"", "per_verifier_timeout: \"\\\"2s\\\"\" -> ", BINARY]
    {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }
    assert!(!link.exists() && !disk.at("etc").join(OURS).exists(), "nothing was written");

    let done = disk.setup(&["--signing-profile", PROFILE]).exits(0, "set up");
    assert!(done.stdout.contains("systemctl restart containerd"), "{done:?}");
    assert_eq!(fs::read_link(&link).unwrap(), Path::new(BINARY), "as the node sees it");
    assert_eq!(disk.verifiers(), [OURS], "nothing else in the folder that is run whole");
    assert_eq!(fs::read_to_string(&main).unwrap(), CONFIG.replace("max_verifiers = 0", "max_verifiers = 10"));
    assert_eq!(
        fs::read_to_string(&imported).unwrap(),
        IMPORTED.replace("2s", "10s"),
        "the file that has the last word"
    );
    let policy = fs::read_to_string(disk.at("etc").join(OURS).join("trustpolicy.json")).unwrap();
    assert!(policy.contains(PROFILE) && policy.contains("signingAuthority:aws-signer-ts"), "{policy}");

    let again = disk.setup(&["--signing-profile", PROFILE]).exits(0, "again");
    assert!(again.stdout.contains("already"), "{again:?}");
    disk.setup(&[]).exits(0, "a policy is there: no profile is needed");

    // What others changed since stays.
    fs::write(&main, fs::read_to_string(&main).unwrap() + "\n[debug]\nlevel = 'debug'\n").unwrap();
    disk.setup(&["--undo"]).exits(0, "undone");
    assert_eq!(fs::read_to_string(&main).unwrap(), format!("{CONFIG}\n[debug]\nlevel = 'debug'\n"));
    assert_eq!(fs::read_to_string(&imported).unwrap(), IMPORTED, "byte for byte");
    assert!(disk.verifiers().is_empty() && !disk.at("etc").join(OURS).join("trustpolicy.json").exists());
    disk.setup(&["--undo"]).exits(0, "nothing is left to undo");
}

#[test]
fn containerds_own_defaults_need_no_line() {
    let disk = Disk::new();
    disk.setup(&["--signing-profile", PROFILE]).exits(0, "no configuration at all");
    assert!(disk.at("opt/containerd/image-verifier/bin").join(OURS).is_symlink());
    assert!(!disk.at("etc/containerd").exists(), "none was made");
    let disk = Disk::new();
    let text = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"docker.io\"]\nendpoint = []\n";
    let main = disk.put("etc/containerd/config.toml", text);
    let done = disk.setup(&["--signing-profile", PROFILE]).exits(0, "one that says nothing of verifiers");
    assert_eq!(fs::read_to_string(main).unwrap(), text);
    assert!(done.stderr.contains("registry.mirrors in ") && done.stderr.contains("pulls are not verified"), "{done:?}");
}

#[test]
fn what_would_not_verify_is_refused() {
    type Break = fn(&Disk);
    let rows: [(Break, &[&str], &str, &str); 9] = [
        (|_| (), &[], "every pull would be blocked", "nobody is trusted"),
        (|_| (), &["--signing-profile", "release"], "any account can give", "a name is anybody's"),
        (|_| (), &["docker"], "in a run of its own", "a user's client beside it"),
        (|_| (), &["--registry", "h.example"], "in a run of its own", "a registry"),
        (
            |disk| fs::remove_file(disk.at(BINARY)).unwrap(),
            &["--signing-profile", PROFILE],
            "is no program, and the link would lead there",
            "the program is not on that disk",
        ),
        (
            |disk| drop(disk.put("etc/containerd/config.toml", "version = \n")),
            &["--signing-profile", PROFILE],
            "config.toml:1:",
            "containerd's configuration cannot be read",
        ),
        (
            |disk| drop(disk.put("etc/containerd/config.toml", "imports = ['absent.toml']\n")),
            &["--signing-profile", PROFILE],
            "absent.toml is imported and is not there",
            "an import that is not there",
        ),
        (
            |disk| drop(disk.put(&format!("opt/containerd/image-verifier/bin/{OURS}"), "")),
            &["--signing-profile", PROFILE],
            "is there and is no link",
            "a file of our name",
        ),
        (
            |disk| {
                let text = format!(
                    r#"{{"version":"1.0","trustPolicies":[{{"name":"a","registryScopes":["*"],
                    "signatureVerification":{{"level":"strict"}},"trustStores":["signingAuthority:aws-signer-ts"],
                    "trustedIdentities":["{PROFILE}2"]}}]}}"#
                );
                disk.put(&format!("etc/{OURS}/trustpolicy.json"), &text);
            },
            &["--signing-profile", PROFILE],
            "trust init --signing-profile",
            "a policy that trusts others",
        ),
    ];
    for (change, arguments, words, why) in rows {
        let disk = Disk::new();
        change(&disk);
        let ran = disk.setup(arguments).exits(1, why);
        assert!(ran.stderr.contains(words), "{why}: {words:?} in {ran:?}");
        let link = disk.at("opt/containerd/image-verifier/bin").join(OURS);
        assert!(!link.is_symlink(), "{why}: no pull asks it");
    }
}

#[test]
fn cut_short_at_any_step_pulls_go_on() {
    for cut in 0.. {
        let disk = Disk::new();
        let main = disk.put("etc/containerd/config.toml", CONFIG);
        let plan = Plan::node(&disk.request(), &disk.environment()).unwrap();
        let mut steps = 0;
        let outcome = plan.apply(&mut |_: Step, _: &Path| {
            steps += 1;
            if steps > cut { Err(io::Error::other("cut")) } else { Ok(()) }
        });
        let now = fs::read_to_string(&main).unwrap();
        assert!(now == CONFIG || now == CONFIG.replace("max_verifiers = 0", "max_verifiers = 10"), "{cut}: {now}");
        // Whoever is asked can answer: the policy is there before the link is.
        if disk.verifiers() == [OURS] {
            assert!(disk.at("etc").join(OURS).join("trustpolicy.json").exists(), "{cut}");
        } else {
            assert!(disk.verifiers().is_empty(), "{cut}: {:?}", disk.verifiers());
        }
        disk.setup(&["--signing-profile", PROFILE]).exits(0, format!("{cut}: the next run ends it"));
        assert_eq!(disk.verifiers(), [OURS], "{cut}");
        if outcome.is_ok() {
            assert!(cut > 10, "{cut} steps were seen");
            break;
        }
    }
}

#[test]
fn strangers_in_the_folder_are_told() {
    let disk = Disk::new();
    disk.put("opt/containerd/image-verifier/bin/README", "notes");
    symlink("/nowhere", disk.at("opt/containerd/image-verifier/bin/dangling")).unwrap();
    let done = disk.setup(&["--signing-profile", PROFILE]).exits(0, "set up");
    assert_eq!(done.stderr.matches("is no program: containerd runs it all the same").count(), 2, "{done:?}");
}

/// The disk of another machine may lead anywhere with its links, but not out of itself.
#[test]
fn links_of_the_disk_stay_on_it() {
    let disk = Disk::new();
    let outside = tempfile::tempdir().unwrap();
    let leads = |name: &str, to: &str| {
        fs::create_dir_all(disk.at(name).parent().unwrap()).unwrap();
        symlink(to, disk.at(name)).unwrap();
    };
    leads("opt/containerd/image-verifier/bin", &outside.path().join("bin").display().to_string());
    leads("etc/containerd/config.toml", &outside.path().join("config.toml").display().to_string());
    let (main, there) = (outside.path().join("config.toml"), outside.path().strip_prefix("/").unwrap());
    let text = "[plugins.\"io.containerd.image-verifier.v1.bindir\"]\nmax_verifiers = 0\n";
    fs::write(&main, text).unwrap();
    let inside = disk.put(there.join("config.toml").to_str().unwrap(), text);
    disk.setup(&["--signing-profile", PROFILE]).exits(0, "set up");
    assert_eq!(fs::read_to_string(&main).unwrap(), text, "this machine's");
    assert!(fs::read_to_string(&inside).unwrap().contains("max_verifiers = 10"), "that machine's");
    assert!(!outside.path().join("bin").exists() && disk.root().join(there).join("bin").join(OURS).is_symlink());
    disk.setup(&["--undo"]).exits(0, "undone");
    assert_eq!(fs::read_to_string(&inside).unwrap(), text);
    assert!(!disk.root().join(there).join("bin").join(OURS).is_symlink());
}

#[test]
fn hints_are_about_that_disk() {
    let disk = Disk::new();
    let root = format!(" --root {}", disk.root().display());
    let refused = disk.setup(&[]).exits(1, "nobody is trusted");
    assert!(refused.stderr.contains(&format!("setup containerd --signing-profile ARN{root}\n")), "{refused:?}");
    fs::remove_file(disk.at(BINARY)).unwrap();
    let refused = disk.setup(&["--signing-profile", PROFILE]).exits(1, "no program there");
    let install = format!("hint: install -D {BINARY} {}", disk.at(BINARY).display());
    assert!(refused.stderr.contains(&install), "{refused:?}");
}
