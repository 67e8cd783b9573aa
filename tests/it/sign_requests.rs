//! What a signature costs: its requests, in which order they begin, and the connections that they take.

use std::collections::BTreeMap;

use crate::support::{
    registry::Personality,
    signing_fixture::{MANIFEST, SigningFixture},
};

/// Of an image in a repository that has a signature.
const ONE_IMAGE: [(&str, usize); 8] = [
    ("GetManifest", 2), // the image, and the signature's read-back
    ("SignPayload", 1),
    ("HeadBlob", 1),
    ("PostUpload", 1),
    ("PutUpload", 1),
    ("PutManifest", 1),
    ("GetBlob", 1),
    ("GetReferrers", 1),
];

fn asked(fixture: &SigningFixture, from: usize) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for call in &fixture.aws.calls()[from..] {
        *counted.entry(call.operation.clone()).or_default() += 1;
    }
    counted
}

#[test]
fn f5_7_a_signature_takes_so_many_requests_and_connections() {
    type Change = fn(&mut Personality);
    type Counts = &'static [(&'static str, usize)];
    const FIRST: Counts = &[("PostUpload", 2), ("PutUpload", 2)];
    const TAG: Counts = &[("GetReferrers", 1), ("GetManifest", 5), ("PutManifest", 2)];
    let cases: [(&[&str], Change, Counts, usize, &str); 4] = [
        (&[], |_| {}, &[], 3, "two to the registry, one to AWS Signer"),
        (&[], |_| {}, FIRST, 3, "the first of a repository: the config is pushed too"),
        (&[], |registry| registry.referrers = false, TAG, 3, "a list under a tag"),
        (&["--dry-run"], |_| {}, &[("GetManifest", 1)], 1, "no upload is begun, no connection to AWS Signer"),
    ];
    for (options, change, differs, connections, why) in cases {
        let fixture = SigningFixture::new();
        let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
        if differs != FIRST {
            fixture.push_blob("app", b"{}");
        }
        fixture.aws.registry.behave(change);
        let (from, accepted) = (fixture.aws.calls().len(), fixture.aws.connections());
        fixture.sign(&[&[image.as_str()], options].concat()).exits(0, why);
        let usual: &[_] = if options.is_empty() { &ONE_IMAGE } else { &[] };
        let expected = usual.iter().chain(differs).map(|(operation, count)| (operation.to_string(), *count)).collect();
        assert_eq!(asked(&fixture, from), expected, "{why}");
        assert!(fixture.aws.connections() - accepted <= connections, "{why}: {}", fixture.aws.connections() - accepted);
    }
}

#[test]
fn an_image_that_is_signed_already_has_no_upload_begun() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    fixture.sign(&[&image]).exits(0, "the first signature");
    let from = fixture.aws.calls().len();
    let ran = fixture.sign(&[&image, "--if-unsigned"]).exits(0, "there is one");
    assert!(ran.stderr.contains("already") || ran.stdout.contains("already"), "{ran:?}");
    let asked = asked(&fixture, from);
    assert!(!asked.contains_key("PostUpload") && !asked.contains_key("SignPayload"), "{asked:?}");
}

#[test]
fn an_image_that_is_not_there_has_no_upload_begun() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let from = fixture.aws.calls().len();
    fixture.sign(&[&format!("{}/app:v2", fixture.host())]).exits(1, "no such tag");
    // The config is looked for while the image is.
    let expected = [("GetManifest", 1), ("HeadBlob", 1)].map(|(operation, count)| (operation.to_owned(), count));
    assert_eq!(asked(&fixture, from), BTreeMap::from(expected));
}

/// The registry learns nothing twice, however many images there are.
#[test]
fn f5_8_an_index_costs_what_its_images_cost() {
    let fixture = SigningFixture::new();
    let children: Vec<(&str, String)> =
        (0..40).map(|number| (MANIFEST, fixture.push("app", &format!("v{number}")))).collect();
    fixture.push_index("app", "all", &children);
    fixture.push_blob("app", b"{}");
    let from = fixture.aws.calls().len();
    fixture.sign(&[&format!("{}/app:all", fixture.host()), "--recursive"]).exits(0, "41 images");
    let mut expected: BTreeMap<String, usize> =
        ONE_IMAGE.iter().map(|(operation, count)| (operation.to_string(), 41 * count)).collect();
    expected.insert("HeadBlob".into(), 1); // one config is for all of them
    assert_eq!(asked(&fixture, from), expected);
}
