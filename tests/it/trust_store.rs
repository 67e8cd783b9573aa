//! Trust stores and the places of policies: what may lie in a store, what counts for nothing, whose goes first.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use ecr_rs::{
    aws::signing_profile::SigningProfile,
    environment::Environment,
    notary::certificate::Certificate,
    setup::{Plan, TrustRequest},
    verify::{
        distinguished_name::DistinguishedName,
        places::{self, Named},
        policy::{StoreKind, StoreName},
        trust_store::TrustStore,
    },
};
use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

use crate::support::signer::chain::{Chain, Shape};

fn store(kind: StoreKind) -> StoreName {
    StoreName { kind, name: "signer".into() }
}

/// What is put into the folder of the store `signer`.
type Fill = Box<dyn Fn(&Path)>;

fn put(name: &'static str, bytes: impl Into<Vec<u8>>) -> Fill {
    let bytes = bytes.into();
    Box::new(move |folder| fs::write(folder.join(name), &bytes).unwrap())
}

fn pem(der: &[u8]) -> String {
    Certificate::read(der).unwrap().pem()
}

/// The certificates of a store of this kind that was filled so, or the whole error.
fn read(kind: StoreKind, fill: &Fill) -> Result<usize, String> {
    let root = tempfile::tempdir().unwrap();
    let trust = TrustStore::Folder(root.path().into());
    let folder = trust.folder(&store(kind)).unwrap();
    fs::create_dir_all(&folder).unwrap();
    fill(&folder);
    let certificates = trust.certificates(&store(kind));
    certificates.map(|found| found.len()).map_err(|report| {
        let (full, place) = (report.full(), root.path().display().to_string());
        assert!(full.contains(&format!("{}:signer", kind.name())) && full.contains(&place), "which one: {full}");
        full
    })
}

#[test]
fn a_store_holds_authorities_and_self_signed_certificates() {
    use StoreKind::{Ca, SigningAuthority, Tsa};
    let chain = Chain::new();
    let [leaf, _, intermediate, root] = &chain.certificates[..] else { panic!("AWS's chain has four") };
    let no_authority = Chain::of(&Shape { authorities: false, ..Shape::aws(std::time::SystemTime::now()) });
    let alone = no_authority.certificates.last().unwrap();
    let both = chain.root_pem.clone() + &pem(intermediate);
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let rows: Vec<(StoreKind, Fill, Result<usize, &str>, &str)> = vec![
        (SigningAuthority, put("root.pem", chain.root_pem.clone()), Ok(1), "a PEM file"),
        (Ca, put("root.crt", root.clone()), Ok(1), "a DER file"),
        (Ca, put("root.cert", chain.root_pem.clone()), Ok(1), "the name of AWS's own file"),
        (Ca, put("root", chain.root_pem.clone()), Ok(1), "no ending: Notation asks for none"),
        (Ca, put("both.pem", both), Ok(2), "two in one file"),
        (Ca, put("root.pem", format!("# the root\n{}", chain.root_pem)), Ok(1), "words before the certificate"),
        (Ca, put("int.pem", pem(intermediate)), Ok(1), "an intermediate authority may be pinned"),
        (Tsa, put("int.pem", pem(intermediate)), Err("is no root certificate"), "but no timestamping authority's"),
        (Tsa, put("root.pem", chain.root_pem.clone()), Ok(1), "a root"),
        (Ca, put("own.pem", pem(alone)), Ok(1), "self-signed, and no authority"),
        (Tsa, put("own.pem", pem(alone)), Err("is no root certificate"), "the same for timestamps"),
        (Ca, put("leaf.pem", pem(leaf)), Err("is neither a certificate authority's nor self-signed"), "a leaf"),
        (Ca, put("root.pem", &chain.root_pem.as_bytes()[..300]), Err("holds no certificate"), "cut short"),
        (Ca, put("key.pem", key), Err("there is no certificate in it"), "a key"),
        (Ca, put("README", "the roots"), Err("holds no certificate"), "words alone"),
        (Ca, put("empty.pem", ""), Err("holds no certificate"), "an empty file"),
        (Ca, Box::new(|_| {}), Err("holds no certificate"), "an empty folder"),
    ];
    for (kind, fill, expected, why) in rows {
        match (read(kind, &fill), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{why}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{why}: {found}"),
            (found, _) => panic!("{why}: {found:?}"),
        }
    }
}

#[test]
fn what_is_no_file_of_certificates_is_refused_and_nothing_waits() {
    let chain = Chain::new();
    let root = chain.root_pem.clone();
    let fifo = |folder: &Path| assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let rows: Vec<(Fill, &str, &str)> = vec![
        (
            Box::new(move |folder| {
                fs::write(folder.with_file_name("root.pem"), &root).unwrap();
                symlink("../root.pem", folder.join("root.pem")).unwrap();
            }),
            "it is a symbolic link, not a regular file",
            "a link to a good file, as mounted volumes have",
        ),
        (Box::new(|folder| symlink("/nowhere", folder.join("x")).unwrap()), "symbolic link", "a dangling link"),
        (Box::new(fifo), "it is a pipe, not a regular file", "a pipe that nobody writes to"),
        (
            Box::new(|folder| File::create(folder.join("big")).unwrap().set_len(1 << 40).unwrap()),
            "it is larger than",
            "a file without end",
        ),
        (
            Box::new(|folder| (0..1001).for_each(|at| fs::write(folder.join(at.to_string()), "x").unwrap())),
            "holds more than 1000 files",
            "files without end",
        ),
        (
            Box::new(|folder| {
                fs::remove_dir(folder).unwrap();
                symlink("/etc", folder).unwrap();
            }),
            "is a symbolic link",
            "the folder itself is a link",
        ),
        (
            Box::new(|folder| {
                fs::remove_dir(folder).unwrap();
                fs::write(folder, "x").unwrap();
            }),
            "is not a folder",
            "a file in the folder's place",
        ),
        (Box::new(|folder| fs::remove_dir(folder).unwrap()), "does not exist", "no such store"),
    ];
    for (fill, expected, why) in rows {
        let found = read(StoreKind::Ca, &fill).expect_err(why);
        assert!(found.contains(expected), "{why}: {found}");
    }
}

#[test]
fn folders_in_a_store_count_for_nothing() {
    let (chain, root) = (Chain::new(), tempfile::tempdir().unwrap());
    let trust = TrustStore::Folder(root.path().into());
    let folder = trust.folder(&store(StoreKind::Ca)).unwrap();
    fs::create_dir_all(folder.join("old")).unwrap();
    fs::write(folder.join("old/other.pem"), Chain::new().root_pem).unwrap();
    fs::write(folder.join("root.pem"), &chain.root_pem).unwrap();
    let contents = trust.read(&store(StoreKind::Ca)).unwrap();
    assert_eq!((contents.certificates.len(), contents.ignored), (1, vec![folder.join("old")]));
    fs::create_dir_all(root.path().join("x509/tsa/not a name")).unwrap();
    assert_eq!(trust.names().unwrap(), [store(StoreKind::Ca)], "what policies cannot name is no store");
}

/// Each byte of a certificate changed, one at a time: read or refused, and never taken for the one it was.
#[test]
fn damaged_certificates_are_read_or_refused() {
    let chain = Chain::new();
    let der = chain.certificates.last().unwrap();
    let root = tempfile::tempdir().unwrap();
    let trust = TrustStore::Folder(root.path().into());
    let folder = trust.folder(&store(StoreKind::Tsa)).unwrap();
    fs::create_dir_all(&folder).unwrap();
    for at in 0..der.len() {
        let mut bytes = der.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(folder.join("root.crt"), &bytes).unwrap();
        let found = trust.certificates(&store(StoreKind::Tsa));
        assert!(found.is_err(), "byte {at}: a root that its own key did not sign");
    }
}

#[test]
fn the_built_in_store_has_the_pinned_roots_alone() {
    for (kind, name, expected) in [
        (StoreKind::SigningAuthority, "aws-signer-ts", Some("90a87d05")),
        (StoreKind::SigningAuthority, "aws-us-gov-signer-ts", Some("673653ab")),
        (StoreKind::Ca, "aws-signer-ts", None),
        (StoreKind::SigningAuthority, "signer", None),
    ] {
        let found = TrustStore::BuiltIn.certificates(&StoreName { kind, name: name.into() });
        let fingerprints = found.ok().map(|found| found.iter().map(Certificate::fingerprint).collect::<Vec<_>>());
        let expected = expected.map(|start| fingerprints.iter().flatten().all(|one| one.starts_with(start)));
        assert_eq!(fingerprints.map(|all| all.len() == 1), expected, "{kind:?} {name}");
    }
}

#[test]
fn subjects_are_matched_attribute_by_attribute() {
    let chain = Chain::new();
    let subject = Certificate::read(&chain.certificates[0]).unwrap().subject_attributes().unwrap();
    for (text, expected, why) in [
        ("C=US, ST=WA, O=AWS", true, "the least"),
        ("O=AWS,ST=WA,C=US", true, "in any order, without blanks"),
        (" C = US ,  ST = WA , O = AWS ", true, "with blanks anywhere"),
        ("C=US, S=WA, O=AWS", true, "`S` is the state"),
        ("C=US, ST=WA, L=Seattle, O=AWS, OU=AWS Cryptography, CN=AWS Signer", true, "all of it"),
        ("C=US, ST=WA, O=\\41WS", true, "a byte in hexadecimal"),
        ("C=US, ST=WA, O=aws", false, "values have a case"),
        ("C=US, ST=WA, O=AWS, OU=Cryptography", false, "a part of a value"),
        ("C=US, ST=WA, O=AWS, STREET=Main", false, "an attribute that it has not"),
        ("C=US, ST=WA, O=AWS, 1.2.3=x", false, "a type that nothing has"),
        ("C=DE, ST=WA, O=AWS", false, "another country"),
        ("C=US, ST=WA, O=AWS\\ ", false, "a blank that counts"),
    ] {
        let name = DistinguishedName::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(name.matches(&subject), expected, "{why}: {name}");
        assert_eq!(DistinguishedName::parse(&name.to_string()).unwrap(), name, "{why}: reads what it wrote");
    }
}

#[test]
fn subjects_that_read_two_ways_match_nobody() {
    let named = |kinds: &[(DnType, DnValue)]| {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        kinds.iter().for_each(|(kind, value)| params.distinguished_name.push(kind.clone(), value.clone()));
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        Certificate::read(&der).unwrap().subject_attributes()
    };
    let text = |text: &str| DnValue::Utf8String(text.into());
    let unit = || DnType::CustomDnType(vec![2, 5, 4, 11]);
    let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
    let twice = named(&[(DnType::OrganizationalUnitName, text("a")), (unit(), text("b"))]);
    assert!(twice.unwrap_err().contains("`OU` twice"));
    let bmp = DnValue::BmpString("Größe".try_into().unwrap());
    let found = named(&[(DnType::CommonName, bmp), (email, text("a@b"))]).unwrap();
    assert_eq!(found, [("CN".to_owned(), "Größe".to_owned())], "UTF-16 is text; what has no short name is left out");
}

/// A user with a home folder and a machine's folder below `root`.
fn environment(root: &Path, config_folder: Option<PathBuf>, notation: Option<PathBuf>) -> Environment {
    Environment {
        variable: Box::new(move |name| notation.clone().filter(|_| name == "NOTATION_CONFIG").map(Into::into)),
        home: None,
        config_folder,
        cache_folder: None,
        system_folder: root.join("etc"),
        runtime_folder: "/run".into(),
        temporary_folder: root.into(),
        interactive: false,
    }
}

#[test]
fn the_users_policy_goes_before_the_machines() {
    let (user, machine) = ("home/.config/notation", "etc/docker-credential-ecr-rs");
    let (oci, plain) = ("trustpolicy.oci.json", "trustpolicy.json");
    let rows = [
        (vec![(user, oci), (user, plain), (machine, oci)], true, None, Some((user, oci)), "the user's first name"),
        (vec![(user, plain), (machine, oci)], true, None, Some((user, plain)), "the user's second name"),
        (vec![(machine, oci), (machine, plain)], true, None, Some((machine, oci)), "the machine's"),
        (vec![(machine, plain)], true, None, Some((machine, plain)), "the machine's second name"),
        (vec![(user, oci), (machine, plain)], false, None, Some((machine, plain)), "no home folder"),
        (vec![(user, oci), ("own", plain)], true, Some("own"), Some(("own", plain)), "NOTATION_CONFIG"),
        (vec![(user, oci)], true, Some("own"), None, "NOTATION_CONFIG stands for the user's folder"),
        (vec![], true, None, None, "nowhere"),
    ];
    for (files, has_home, notation, expected, why) in rows {
        let root = tempfile::tempdir().unwrap();
        for (folder, name) in files {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join(name), "{}").unwrap();
        }
        let config = has_home.then(|| root.path().join("home/.config"));
        let environment = environment(root.path(), config, notation.map(|folder| root.path().join(folder)));
        let found = Named::default().find(&environment);
        match expected {
            Some((folder, name)) => {
                let found = found.unwrap_or_else(|report| panic!("{why}: {}", report.full()));
                assert_eq!(found.policy, root.path().join(folder).join(name), "{why}");
                let store = found.store.folder(&store(StoreKind::Ca)).unwrap();
                assert_eq!(store, root.path().join(folder).join("truststore/x509/ca/signer"), "beside it: {why}");
            }
            None => {
                let report = found.expect_err(why);
                assert!(report.full().contains("there is no trust policy") && report.advice().is_some(), "{why}");
            }
        }
    }
}

#[test]
fn a_policy_of_the_users_own_says_what_it_hides() {
    let root = tempfile::tempdir().unwrap();
    let arn = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app";
    let request = TrustRequest { profile: SigningProfile::parse(arn).unwrap(), root: None, scopes: Vec::new() };
    let user = |root: &Path| environment(root, Some(root.join("home")), None);
    let (plan, question) = Plan::trust(&request, &user(root.path())).unwrap();
    assert!(plan.warnings.is_empty() && question.is_none(), "{:?}", plan.warnings);
    let machine = root.path().join("etc/docker-credential-ecr-rs");
    fs::create_dir_all(&machine).unwrap();
    fs::write(machine.join("trustpolicy.json"), "{}").unwrap();
    let (plan, _) = Plan::trust(&request, &user(root.path())).unwrap();
    assert!(plan.warnings[0].what().contains("is no longer read"), "{:?}", plan.warnings);
    let report = Plan::trust(&request, &environment(root.path(), None, None)).err().expect("nowhere to write");
    assert!(report.what().contains("there is no home folder"), "{report}");
}

#[test]
fn what_is_named_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let environment = environment(root.path(), None, None);
    for (policy, trust_store, expected, why) in [
        ("/p/policy.json", None, "/p/truststore", "beside the policy"),
        ("policy.json", None, "truststore", "beside it in this folder"),
        ("/p/policy.json", Some("/s"), "/s", "elsewhere"),
    ] {
        let named = Named { policy: Some(policy.into()), store: trust_store.map(PathBuf::from) };
        let found = named.find(&environment).unwrap();
        assert_eq!(found.policy, Path::new(policy), "{why}");
        let store = found.store.folder(&store(StoreKind::Tsa)).unwrap();
        assert_eq!(store, Path::new(expected).join("x509/tsa/signer"), "{why}");
    }
    assert!(places::present(&environment).is_empty());
}

#[test]
fn a_policy_is_a_regular_file() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("good"), "{}").unwrap();
    symlink("good", at("link")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    File::create(at("big")).unwrap().set_len(1 << 40).unwrap();
    for (name, expected, why) in [
        ("link", "it is a symbolic link", "a link, which Notation refuses"),
        ("folder", "it is a folder", "a container's mount of a file that was not there"),
        ("pipe", "it is a pipe", "a pipe that nobody writes to"),
        ("big", "it is larger than", "without end"),
        ("absent", "No such file", "a file that is not there"),
        ("good", "`version` is missing", "a file"),
    ] {
        let named = Named { policy: Some(at(name)), store: None };
        let report = named.find(&environment(root.path(), None, None)).unwrap().read().expect_err(why);
        assert!(report.full().contains(expected) && report.full().contains(name), "{why}: {}", report.full());
    }
}
