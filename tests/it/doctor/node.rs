//! `doctor containerd`: nodes on which no pull would be verified, each with its cause.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{examine, row::install};
use crate::support::machine::Machine;

const PROFILE: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";
const CONFIG: &str = "etc/containerd/config.toml";
const BIN: &str = "opt/containerd/image-verifier/bin";

/// A node's disk on which all is well.
fn healthy(machine: &Machine) -> PathBuf {
    let root = machine.home.path().join("node");
    let program = machine.write("node/usr/local/bin/docker-credential-ecr-rs", "");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(root.join(BIN)).unwrap();
    symlink("/usr/local/bin/docker-credential-ecr-rs", root.join(BIN).join("verifier")).unwrap();
    let etc = root.join("etc/docker-credential-ecr-rs");
    let init = ["trust", "init", "--signing-profile", PROFILE];
    machine.program().with("NOTATION_CONFIG", etc).run(&init, "").exits(0, "a policy");
    root
}

fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn looked_at(machine: &Machine, root: &Path) -> (Option<i32>, Value) {
    examine(&machine.program(), &["containerd", "--root", &root.display().to_string()])
}

#[test]
fn a_node_that_verifies_has_nothing_to_do() {
    let machine = Machine::new();
    let root = healthy(&machine);
    for (config, why) in [
        ("", "no configuration"),
        ("version = 3\n[plugins.'io.containerd.cri.v1.images']\nmax_concurrent_downloads = 3\n", "the default, said"),
        (
            "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry]\nconfig_path = '/etc/containerd/certs.d'\n",
            "hosts.toml",
        ),
        (
            "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry.mirrors]\n\
             [plugins.'io.containerd.cri.v1.images']\ndisable_snapshot_annotations = true\n",
            "an empty table",
        ),
    ] {
        put(&root, CONFIG, config);
        let (status, report) = looked_at(&machine, &root);
        assert_eq!((status, &report["first"]), (Some(0), &Value::Null), "{why}: {report:#}");
    }
    assert_eq!(machine.aws.calls().len(), 0, "the credentials of another disk's machine are not here");
}

#[test]
fn what_goes_past_the_verifiers_is_named() {
    let images = |line: &str| format!("version = 3\n[plugins.'io.containerd.cri.v1.images']\n{line}\n");
    let older = |line: &str| format!("version = 2\n[plugins.'io.containerd.grpc.v1.cri']\n{line}\n");
    let table = |name: &str| images(&format!("registry.{name}.'h.example'.x = 1"));
    for (config, words) in [
        (images("use_local_image_pull = true"), "use_local_image_pull = true"),
        (images("disable_snapshot_annotations = false"), "disable_snapshot_annotations = false"),
        (images("discard_unpacked_layers = true"), "discard_unpacked_layers = true"),
        (table("mirrors"), "registry.mirrors"),
        (table("configs"), "registry.configs"),
        (table("auths"), "registry.auths"),
        (images("max_concurrent_downloads = 10"), "max_concurrent_downloads other than 3"),
        (images("image_pull_with_sync_fs = true"), "image_pull_with_sync_fs = true"),
        (older("max_concurrent_downloads = 10"), "max_concurrent_downloads other than 3"),
        (older("containerd.discard_unpacked_layers = true"), "discard_unpacked_layers = true"),
        ("[plugins.cri.registry.mirrors.'h.example']\nendpoint = []\n".into(), "registry.mirrors"),
        ("[plugins.cri.containerd]\ndiscard_unpacked_layers = true\n".into(), "discard_unpacked_layers = true"),
        ("imports = ['conf.d']\n".into(), "conf.d is no file, and containerd reads it as one"),
        ("imports = ['c*.d/sub/*.toml']\n".into(), "image_pull_with_sync_fs = true in "),
        ("imports = ['c*.d/sub/10.toml']\n".into(), "image_pull_with_sync_fs = true in "),
        (
            "disabled_plugins = ['io.containerd.image-verifier.v1.bindir']\n".into(),
            "switches io.containerd.image-verifier",
        ),
        ("disabled_plugins = ['io.containerd.transfer.v1.local']\n".into(), "switches io.containerd.transfer"),
        ("not TOML".into(), "containerd's configuration cannot be read"),
    ] {
        let machine = Machine::new();
        let root = healthy(&machine);
        put(&root, CONFIG, &config);
        put(&root, "etc/containerd/conf.d/sub/10.toml", &images("image_pull_with_sync_fs = true"));
        let (status, report) = looked_at(&machine, &root);
        let first = report["findings"].as_array().unwrap().iter().find(|finding| finding["verdict"] == "failed");
        let first = first.unwrap_or_else(|| panic!("{config}: {report:#}"));
        assert_eq!((status, &first["check"]), (Some(1), &"pulls".into()), "{config}: {report:#}");
        assert!(first["what"].as_str().unwrap().contains(words), "{config}: {first:#}");
    }
}

#[test]
fn an_import_has_the_last_word() {
    let machine = Machine::new();
    let root = healthy(&machine);
    let key = |value: bool| format!("[plugins.'io.containerd.cri.v1.images']\ndiscard_unpacked_layers = {value}\n");
    put(
        &root,
        CONFIG,
        &format!("version = 3\nimports = ['conf.d/*.toml', '/etc/containerd/last.toml']\n{}", key(true)),
    );
    put(&root, "etc/containerd/conf.d/ignored.txt", "not TOML");
    put(&root, "etc/containerd/conf.d/10.toml", &key(true));
    put(&root, "etc/containerd/last.toml", &format!("imports = ['config.toml']\n{}", key(false)));
    let (status, report) = looked_at(&machine, &root);
    assert_eq!(status, Some(0), "the last says no, and a circle ends: {report:#}");
    // Tables are put together: one that is empty takes nothing away.
    let registry = "[plugins.'io.containerd.cri.v1.images'.registry]\n";
    put(&root, "etc/containerd/conf.d/10.toml", &format!("{registry}mirrors.'h.example'.endpoint = []\n"));
    put(&root, "etc/containerd/conf.d/20.toml", &format!("{registry}config_path = '/x'\nmirrors = {{}}\n"));
    let (status, report) = looked_at(&machine, &root);
    assert!(status == Some(1) && report["first"].as_str().unwrap().contains("10.toml"), "{report:#}");
    put(&root, "etc/containerd/last.toml", &key(true));
    let (_, report) = looked_at(&machine, &root);
    assert!(
        report.to_string().contains("discard_unpacked_layers = true in ") && report.to_string().contains("last.toml")
    );
}

#[test]
fn the_folder_of_verifiers_is_looked_through() {
    type Break = fn(&Path);
    let rows: [(Break, &str, &str, &str); 10] = [
        (|root| fs::remove_dir_all(root.join(BIN)).unwrap(), "failed", "every image is allowed", "no folder"),
        (
            |root| {
                fs::remove_dir_all(root.join(BIN)).unwrap();
                put(root, BIN, "");
            },
            "failed",
            "cannot be listed, and every pull is blocked",
            "a file in its place",
        ),
        (|root| fs::remove_file(root.join(BIN).join("verifier")).unwrap(), "failed", "every image is allowed", "empty"),
        (|root| put(root, &format!("{BIN}/README"), ""), "failed", "every pull is blocked", "a stray file"),
        (
            |root| fs::create_dir(root.join(BIN).join("sub")).unwrap(),
            "failed",
            "every pull is blocked",
            "a folder in it",
        ),
        (
            |root| fs::remove_file(root.join("usr/local/bin/docker-credential-ecr-rs")).unwrap(),
            "failed",
            "every pull is blocked",
            "the link leads nowhere",
        ),
        (
            |root| {
                put(root, &format!("{BIN}/aaa"), "");
                fs::set_permissions(root.join(BIN).join("aaa"), fs::Permissions::from_mode(0o755)).unwrap();
            },
            "warning",
            "is asked before each pull, too",
            "another program, a CNI plugin perhaps",
        ),
        (
            |root| {
                put(root, CONFIG, "[plugins.'io.containerd.image-verifier.v1.bindir']\nmax_verifiers = 0\n");
            },
            "failed",
            "is not asked: max_verifiers is 0",
            "none is asked",
        ),
        (
            |root| {
                let text = "[plugins.'io.containerd.image-verifier.v1.bindir']\nper_verifier_timeout = '5s'\n";
                put(root, CONFIG, text);
            },
            "warning",
            "per_verifier_timeout is shorter",
            "too little time",
        ),
        (
            |root| put(root, CONFIG, "[plugins.'io.containerd.image-verifier.v1.bindir']\nbin_dir = '/opt/cni/bin'\n"),
            "failed",
            "/opt/cni/bin has no verifier",
            "another folder",
        ),
    ];
    for (change, verdict, words, why) in rows {
        let machine = Machine::new();
        let root = healthy(&machine);
        change(&root);
        let (status, report) = looked_at(&machine, &root);
        let found = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["verdict"] == verdict && finding["what"].as_str().unwrap().contains(words));
        assert!(found, "{why}: {report:#}");
        assert_eq!(status, Some(i32::from(verdict == "failed")), "{why}");
    }
}

/// On a disk that is mounted here, a link leads where it leads on that machine.
#[test]
fn links_lead_where_they_lead_there() {
    let machine = Machine::new();
    let root = healthy(&machine);
    let verifiers = root.join("var/verifiers");
    fs::create_dir_all(verifiers.parent().unwrap()).unwrap();
    fs::rename(root.join(BIN), &verifiers).unwrap();
    symlink("/var/verifiers", root.join(BIN)).unwrap();
    symlink("../usr/./local", root.join("local")).unwrap();
    fs::remove_file(verifiers.join("verifier")).unwrap();
    symlink("/local/bin/docker-credential-ecr-rs", verifiers.join("verifier")).unwrap();
    put(&root, "nix/config.toml", "version = 3\n");
    fs::create_dir_all(root.join("etc/containerd")).unwrap();
    symlink("/nix/config.toml", root.join(CONFIG)).unwrap();
    let (status, report) = looked_at(&machine, &root);
    assert_eq!((status, &report["first"]), (Some(0), &Value::Null), "{report:#}");
    put(
        &root,
        "nix/config.toml",
        "version = 3\n[plugins.'io.containerd.cri.v1.images']\nuse_local_image_pull = true\n",
    );
    let (_, report) = looked_at(&machine, &root);
    assert!(report["first"].as_str().unwrap().contains("nix/config.toml"), "{report:#}");
    fs::remove_file(verifiers.join("verifier")).unwrap();
    symlink("verifier", verifiers.join("verifier")).unwrap();
    let (_, report) = looked_at(&machine, &root);
    assert!(report.to_string().contains("verifier is no program"), "a circle ends: {report:#}");
}

/// What is to be done is to be done on that disk.
#[test]
fn hints_are_about_the_disk_that_was_looked_at() {
    let machine = Machine::new();
    let root = machine.home.path().join("empty");
    let (_, report) = looked_at(&machine, &root);
    let there = format!(" --root {}", root.display());
    let set_up = format!("docker-credential-ecr-rs setup containerd --signing-profile ARN{there}");
    for finding in report["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "failed") {
        assert_eq!(finding["hint"], set_up, "{finding:#}");
    }
    assert_eq!(report["run"], format!("docker-credential-ecr-rs doctor containerd{there}"), "{report:#}");
}

#[test]
fn the_policy_is_read() {
    let machine = Machine::new();
    let root = healthy(&machine);
    let policy = root.join("etc/docker-credential-ecr-rs/trustpolicy.json");
    let verdict = || {
        let (status, report) = looked_at(&machine, &root);
        let of_policy = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["check"] == "policy" && (status == Some(0) || finding["verdict"] == "failed"));
        (status, of_policy.unwrap_or_else(|| panic!("{report:#}"))["what"].as_str().unwrap().to_owned())
    };
    assert!(verdict().1.contains(PROFILE));
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o666)).unwrap();
    let (status, what) = verdict();
    assert!(status == Some(1) && what.contains("others can write to"), "{what}");
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o644)).unwrap();
    let folder = policy.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    let (status, what) = verdict();
    let expected = format!("others can write to {}, and decide", folder.display());
    assert!(status == Some(1) && what.contains(&expected), "its folder: {what}");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&policy, "{").unwrap();
    assert_eq!(verdict().0, Some(1), "a policy that cannot be read");
    fs::remove_file(&policy).unwrap();
    assert!(verdict().1.contains("there is no trust policy"));
    let rule = format!("[[registry]]\nmatch = \"*\"\nsigning-profile = \"{PROFILE}\"\n");
    put(&root, "etc/docker-credential-ecr-rs/config.toml", &rule);
    let (status, what) = verdict();
    assert!(status == Some(0) && what.contains("config.toml trusts"), "{what}");
}

#[test]
fn versions_of_containerd() {
    for (script, verdict, words, why) in [
        ("echo containerd github.com/containerd/containerd/v2 v2.4.2 abc", "ok", "2.4.2", "one that asks"),
        ("echo containerd github.com/containerd/containerd/v2 v2.1.0-rc.1 abc", "ok", "2.1.0", "the first"),
        (
            "echo containerd github.com/containerd/containerd/v2 v2.0.5 abc",
            "failed",
            "from 2.1.0 on",
            "one that does not",
        ),
        (
            "echo containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u2",
            "failed",
            "1.6.20",
            "Debian's",
        ),
        ("echo hello", "warning", "says no version", "another program"),
        ("exec sleep 600", "failed", "did not end within", "one that hangs"),
        ("yes", "failed", "printed more than", "one that never stops"),
    ] {
        let machine = Machine::new();
        let program = install(&machine, machine.program(), "bin/containerd", script);
        let path = format!("{}:/usr/bin:/bin", machine.home.path().join("bin").display());
        let (_, report) = examine(&program.with("PATH", path), &["containerd"]);
        let found = &report["findings"][0];
        assert_eq!((&found["check"], &found["verdict"]), (&"containerd".into(), &verdict.into()), "{why}: {found:#}");
        assert!(found["what"].as_str().unwrap().contains(words), "{why}: {found:#}");
    }
}
