//! Images in an OCI image layout on disk: signed, listed, deleted; and layouts that are not in order.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::support::{
    program::Outcome,
    registry::digest,
    signing_fixture::{INDEX, MANIFEST, SIGNATURE, SigningFixture},
};

/// A machine with a layout that has one image, `v1`, in an index `all`.
struct Layout {
    fixture: SigningFixture,
    folder: PathBuf,
    image: String,
}

impl Layout {
    fn new() -> Layout {
        let fixture = SigningFixture::new();
        let folder = fixture.home.path().join("layout");
        let mut layout = Layout { fixture, folder, image: String::new() };
        fs::create_dir_all(layout.folder.join("blobs/sha256")).unwrap();
        layout.write("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        let config = layout.blob(b"{}", "application/vnd.oci.image.config.v1+json");
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] });
        let mut image = layout.blob(manifest.to_string().as_bytes(), MANIFEST);
        layout.image = image["digest"].as_str().unwrap().to_owned();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [image] });
        let mut all = layout.blob(index.to_string().as_bytes(), INDEX);
        image["annotations"] = json!({ "org.opencontainers.image.ref.name": "v1" });
        image["x-kept"] = json!([1, { "b": 2, "a": 3 }]);
        all["annotations"] = json!({ "org.opencontainers.image.ref.name": "all" });
        let index =
            json!({ "schemaVersion": 2, "manifests": [image, all], "x-kept": true, "annotations": { "a": "b" } });
        layout.write("index.json", &index.to_string());
        layout
    }

    fn write(&self, name: &str, contents: &str) {
        fs::write(self.folder.join(name), contents).unwrap();
    }

    fn blob(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = digest(bytes);
        fs::write(self.path(&digest), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest.replace(':', "/"))
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.join("index.json")).unwrap()).unwrap()
    }

    fn named(&self, selector: &str) -> String {
        format!("{}{selector}", self.folder.display())
    }

    fn sign(&self, selector: &str, options: &[&str]) -> Outcome {
        let named = self.named(selector);
        self.fixture.sign(&[&["--oci-layout", &named, "--output", "json"], options].concat())
    }

    fn list(&self, selector: &str) -> Outcome {
        self.fixture.run(&["signatures", "list", "--oci-layout", &self.named(selector), "--output", "json"])
    }
}

#[test]
fn an_image_in_a_layout_is_signed_listed_and_unsigned() {
    let layout = Layout::new();
    let before = (layout.index(), layout.fixture.aws.calls().len());
    let told = &layout.sign(":v1", &["-m", "build=42"]).exits(0, "signed").json()["images"][0];
    assert_eq!(told["image"], layout.named(&format!("@{}", layout.image)));
    assert_eq!((&told["listed_by"], &told["tag"]), (&json!("index.json"), &json!("v1")));
    assert_eq!(told["manifest_format"], "config-mediatype", "Notation 1.x finds no other in a layout");
    let mut after = layout.index();
    let entry = after["manifests"].as_array_mut().unwrap().pop().expect("the signature");
    assert_eq!(after.to_string(), before.0.to_string(), "all else, and its order");
    assert_eq!((&entry["digest"], &entry["artifactType"]), (&told["signature"], &json!(SIGNATURE)));
    let signature = told["signature"].as_str().unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(layout.path(signature)).unwrap()).unwrap();
    assert_eq!(manifest["subject"]["digest"], layout.image);
    assert!(layout.path(manifest["layers"][0]["digest"].as_str().unwrap()).is_file());
    let calls = layout.fixture.aws.calls();
    assert!(calls[before.1..].iter().all(|call| call.operation == "SignPayload"), "no registry is asked");

    let listed = layout.list(&format!("@{}", layout.image)).exits(0, "list").json();
    assert_eq!(listed["signatures"][0]["digest"], signature);
    assert_eq!(listed["signatures"][0]["user_metadata"], json!({ "build": "42" }));
    layout.sign(":v1", &["--if-unsigned", "-m", "build=42"]).exits(0, "already signed");
    assert_eq!(layout.list(":v1").json()["signatures"].as_array().map(Vec::len), Some(1), "no second one");

    let named = layout.named(":v1");
    let delete = ["signatures", "delete", "--oci-layout", &named, "--all", "--yes"];
    layout.fixture.run(&delete).exits(0, "delete");
    assert_eq!(layout.index().to_string(), before.0.to_string(), "out again");
    assert!(!layout.path(signature).exists() && layout.path(&layout.image).is_file());
    let refused = ["signatures", "delete", "--oci-layout", &named, "--signature", &layout.image, "--yes"];
    layout.fixture.run(&refused).exits(1, "the image itself is no signature");
    assert!(layout.path(&layout.image).is_file());
}

/// In a layout an image has no registry: the policy's statement is chosen by `--scope`.
#[test]
fn an_image_in_a_layout_is_verified() {
    let layout = Layout::new();
    let fixture = &layout.fixture;
    let (named, root) = (layout.named(":v1"), fixture.root());
    let verify = |options: &[&str]| {
        let common = ["verify", "--oci-layout", &named, "--signer-root", &root];
        fixture.run(&[&common, options].concat())
    };
    let by_profile = ["--signing-profile", fixture.profile.as_str()];
    let unsigned = verify(&by_profile).exits(1, "unsigned");
    assert!(unsigned.stderr.contains("it has no signature"), "{unsigned:?}");
    assert!(unsigned.stderr.contains(&format!("sign --oci-layout {named} ")), "a hint that works: {unsigned:?}");
    layout.sign(":v1", &[]).exits(0, "signed");
    let ran = verify(&by_profile).exits(0, "verified");
    assert!(ran.stdout.starts_with(&format!("verified {}\n", layout.named(&format!("@{}", layout.image)))), "{ran:?}");

    let policy = fixture.home.path().join("policy.json");
    let statement = json!({
        "name": "one", "registryScopes": ["registry.example.com/app"], "signatureVerification": { "level": "strict" },
        "trustStores": ["signingAuthority:aws-signer-ts"], "trustedIdentities": [fixture.profile],
    });
    fs::write(&policy, json!({ "version": "1.0", "trustPolicies": [statement] }).to_string()).unwrap();
    let policy = policy.to_str().unwrap();
    for (options, code, why) in [
        (&["--policy", policy, "--scope", "registry.example.com/app"][..], 0, "the scope that the policy names"),
        (&["--policy", policy, "--scope", "registry.example.com/other"], 1, "another one"),
        (&["--policy", policy], 1, "none, and no statement for all"),
    ] {
        verify(options).exits(code, why);
    }

    let envelope = fs::read_dir(layout.folder.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let envelope = envelope.filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("\"protected\"")));
    for path in envelope {
        let text = fs::read_to_string(&path).unwrap().replace("\"signature\":\"", "\"signature\":\"AAAA");
        fs::write(path, text).unwrap();
    }
    let changed = verify(&by_profile).exits(1, "an envelope that was changed on the disk");
    assert!(changed.stdout.starts_with("not verified "), "{changed:?}");
}

#[test]
fn everything_that_an_index_in_a_layout_lists_is_signed() {
    let layout = Layout::new();
    let told = layout.sign(":all", &["--recursive"]).exits(0, "an index and its image").json();
    assert_eq!(told["images"].as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!(layout.index()["manifests"].as_array().map(Vec::len), Some(4));
    let dry = layout.sign(":all", &["--recursive", "--dry-run"]).exits(0, "nothing is written");
    assert_eq!(
        (dry.json()["images"].as_array().map(Vec::len), layout.index()["manifests"].as_array().map(Vec::len)),
        (Some(2), Some(4))
    );
}

#[test]
fn two_that_sign_at_once_lose_nothing() {
    let layout = Layout::new();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| layout.sign(":v1", &[]).exits(0, "one of six"));
        }
    });
    assert_eq!(layout.list(":v1").exits(0, "list").json()["signatures"].as_array().map(Vec::len), Some(6));
    let left: Vec<_> = fs::read_dir(&layout.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "no file is left behind: {left:?}");
}

#[test]
fn a_layout_that_is_not_in_order_is_refused() {
    type Damage = fn(&Layout);
    let cases: [(Damage, &str, &str, &str); 12] = [
        (|l| fs::remove_file(l.folder.join("oci-layout")).unwrap(), ":v1", "is no OCI image layout", "no mark"),
        (|l| l.write("oci-layout", "{}"), ":v1", "is no OCI image layout", "an empty mark"),
        (
            |l| l.write("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#),
            ":v1",
            "its version is `2.0.0`",
            "a newer one",
        ),
        (|l| l.write("oci-layout", &"x".repeat(5_000)), ":v1", "larger than 4096 bytes", "a long mark"),
        (|l| fs::remove_file(l.folder.join("index.json")).unwrap(), ":v1", "cannot read", "no index"),
        (|l| l.write("index.json", "[]"), ":v1", "the index cannot be read", "another JSON"),
        (
            |l| {
                fs::rename(l.folder.join("index.json"), l.folder.join("other")).unwrap();
                std::os::unix::fs::symlink("other", l.folder.join("index.json")).unwrap();
            },
            ":v1",
            "index.json",
            "a link, which a new index would replace",
        ),
        (|_| {}, ":v2", "has no such tag", "another tag"),
        (
            |_| {},
            "@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8b",
            "No such file",
            "no such blob",
        ),
        (|l| fs::write(l.path(&l.image), "x").unwrap(), ":v1", "index.json gives it", "another size"),
        (
            |l| {
                let bytes = fs::read_to_string(l.path(&l.image)).unwrap();
                fs::write(l.path(&l.image), bytes.replace("[]", "{}")).unwrap();
            },
            ":v1",
            "its content has the digest",
            "another content",
        ),
        (
            |l| {
                fs::remove_file(l.path(&l.image)).unwrap();
                let fifo = std::process::Command::new("mkfifo").arg(l.path(&l.image)).status().unwrap();
                assert!(fifo.success());
            },
            ":v1",
            "not a regular file",
            "a pipe without a writer",
        ),
    ];
    for (damage, selector, cause, why) in cases {
        let layout = Layout::new();
        damage(&layout);
        for ran in [layout.sign(selector, &[]), layout.list(selector)] {
            let ran = ran.exits(1, why);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains(cause), "{why}: {ran:?}");
        }
        assert_eq!(layout.fixture.aws.count("SignPayload"), 0, "{why}");
    }
}

#[test]
fn what_calls_itself_a_signature_of_another_image_is_none() {
    let layout = Layout::new();
    let mut index = layout.index();
    let config = layout.blob(b"{}", "application/vnd.oci.empty.v1+json");
    for subject in [json!(null), json!({ "mediaType": MANIFEST, "digest": digest(b"other"), "size": 1 })] {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": SIGNATURE, "config": config, "layers": [config],
            "subject": subject,
        });
        let mut entry = layout.blob(manifest.to_string().as_bytes(), MANIFEST);
        entry["artifactType"] = SIGNATURE.into();
        index["manifests"].as_array_mut().unwrap().push(entry);
    }
    layout.write("index.json", &index.to_string());
    assert_eq!(layout.list(":v1").exits(0, "list").json()["signatures"], json!([]));
}

#[test]
fn what_only_the_native_engine_knows_is_refused_with_notation() {
    let layout = Layout::new();
    let ran = layout.sign(":v1", &["--engine", "notation"]).exits(1, "another engine");
    assert!(ran.stderr.contains("--oci-layout has no meaning with --engine notation"), "{ran:?}");
}
