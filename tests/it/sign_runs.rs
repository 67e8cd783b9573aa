//! Runs of many images: how long they may last, and how much a registry may make of one name.

use std::{
    ffi::OsString,
    io::Cursor,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use ecr_rs::{
    cli,
    door::{Start, Streams, Terminals},
    environment::Environment,
};
use serde_json::json;

use crate::support::signing_fixture::{INDEX, MANIFEST, SigningFixture};

/// A run that began this long ago as the door sees it, at an image that is signed now.
#[test]
fn f2_5_the_clock_is_asked_for_each_image() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    let (variables, home) = (fixture.program().variables(), fixture.home.path().to_owned());
    let words = ["sign", "--signing-profile", &fixture.profile, "--signer-root", &fixture.root(), &image];
    let start = Start {
        name: "docker-credential-ecr-rs".into(),
        arguments: words.map(str::to_owned).into(),
        environment: Environment {
            variable: Box::new(move |name| variables.get(&OsString::from(name)).cloned()),
            home: Some(home.clone()),
            config_folder: Some(home.join(".config")),
            cache_folder: Some(home.join(".cache")),
            system_folder: home.join("etc"),
            runtime_folder: "/run".into(),
            temporary_folder: home,
            interactive: false,
        },
        now: SystemTime::now() - Duration::from_secs(3_600),
        clock: SystemTime::now,
        executable: || None,
        terminals: || Terminals { stdin: false, stdout: false, stderr: false },
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let streams = Streams { stdin: Box::leak(Box::new(Cursor::new(""))), stdout: &mut stdout, stderr: &mut stderr };
    let status = (cli::DOOR.run)(start, streams);
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert_eq!(format!("{status:?}"), format!("{:?}", ExitCode::SUCCESS), "{said}");
    assert!(said.contains(&format!("signed {image}")), "{said}");
}

/// An index of these digests, whether they are there or not.
fn index(digests: impl Iterator<Item = String>) -> Vec<u8> {
    let manifests: Vec<_> =
        digests.map(|digest| json!({ "mediaType": MANIFEST, "digest": digest, "size": 2 })).collect();
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }).to_string().into_bytes()
}

#[test]
fn f2_8_a_child_that_is_listed_many_times_is_fetched_once() {
    let fixture = SigningFixture::new();
    let child = fixture.push("app", "child");
    let bytes = index(std::iter::repeat_n(child.clone(), 20_000));
    fixture.aws.registry.plant("127.0.0.1", "app", "many", INDEX, bytes);
    let before = fixture.aws.count("GetManifest");
    let sign = [&format!("{}/app:many", fixture.host()), "--recursive", "--dry-run", "--output", "json"];
    let told = fixture.sign(&sign).exits(0, "two images").json();
    assert_eq!(told["images"].as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!(fixture.aws.count("GetManifest") - before, 2, "the index and its child");
}

#[test]
fn f2_8_an_index_of_more_manifests_than_any_is_refused() {
    let fixture = SigningFixture::new();
    let digests = |from: u32, to: u32| (from..to).map(|number| format!("sha256:{number:064x}"));
    let plant = |tag: &str, bytes| fixture.aws.registry.plant("127.0.0.1", "app", tag, INDEX, bytes);
    let lower = [0, 1, 2].map(|part| plant(&format!("lower{part}"), index(digests(part * 4_000, (part + 1) * 4_000))));
    plant("wide", index(digests(0, 10_001)));
    plant("deep", index(lower.into_iter()));
    for (tag, most) in [("wide", 1), ("deep", 4)] {
        let before = fixture.aws.count("GetManifest");
        let image = format!("{}/app:{tag}", fixture.host());
        let ran = fixture.sign(&[&image, "--recursive"]).exits(1, tag);
        assert!(ran.stderr.contains("the index lists more than 10000 manifests"), "{ran:?}");
        assert!(fixture.aws.count("GetManifest") - before <= most, "{tag}");
        assert_eq!(fixture.aws.count("SignPayload"), 0, "{tag}: nothing of it is signed");
    }
}
