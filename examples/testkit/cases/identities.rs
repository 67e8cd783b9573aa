//! Trusted identities: profiles of AWS Signer, and subjects of certificates.

use serde_json::json;

use super::super::{
    certificate::{BMP, PRINTABLE, UTF8, name},
    envelope::{ALIAS, PROFILE},
    scene::{ARN, Expect, JOB_ARN, Kit, VERSION, identity},
};

pub fn add(kit: &mut Kit) {
    profiles(kit);
    aliases(kit);
    subjects(kit);
}

fn profiles(kit: &mut Kit) {
    const OTHER: &str = "it is by";
    const NONE: &str = "names no signing profile";
    for (name, why, wanted, expect) in [
        ("profile", "a profile means every version of it", ARN.to_owned(), Expect::Verified),
        ("version", "this version", VERSION.into(), Expect::Verified),
        ("other_version", "another version", format!("{ARN}/9876543210"), identity(OTHER)),
        ("other_name", "another name", ARN.replace("/app", "/other"), identity(OTHER)),
        ("prefix", "a name that this one begins with", ARN.replace("/app", "/ap"), identity(OTHER)),
        ("longer", "a name that begins with this one", ARN.replace("/app", "/apps"), identity(OTHER)),
        (
            "other_region",
            "a profile of the same name in another region",
            ARN.replace("eu-west-1", "us-east-1"),
            identity(OTHER),
        ),
        (
            "other_account",
            "a profile of the same name in another account",
            ARN.replace("111122223333", "444455556666"),
            identity(OTHER),
        ),
        (
            "other_partition",
            "a profile of the same name in another partition",
            ARN.replace("arn:aws:signer:eu-west-1", "arn:aws-us-gov:signer:us-gov-west-1"),
            identity(OTHER),
        ),
        ("case_name", "case says nothing, as to AWS's plugin", ARN.replace("/app", "/APP"), Expect::Verified),
        (
            "other_service",
            "an ARN of another service is no profile's",
            ARN.replace(":signer:", ":kms:"),
            identity(NONE),
        ),
        ("other_resource", "a signing job is no profile", JOB_ARN.into(), identity(NONE)),
        ("too_long", "an ARN with a part too many", format!("{VERSION}/x"), identity(NONE)),
        ("name_alone", "a name alone is no ARN", "signer:app".into(), identity(NONE)),
        (
            "subject",
            "a subject does not speak for AWS Signer",
            "x509.subject: C=US, ST=WA, O=Testkit".into(),
            identity(NONE),
        ),
    ] {
        kit.aws(&format!("identity_profile_{name}"), why, expect, |s| s.identity(wanted));
    }
    kit.aws("identity_profile_case_version", "the same of a version", Expect::Verified, |s| {
        s.identity(format!("{ARN}/ABCDEFGHIJ"));
        s.draft.set(PROFILE, format!("{ARN}/abcdefghij"));
    });
    kit.aws("identity_profile_one_of_many", "one of several", Expect::Verified, |s| {
        s.policy.identities = vec![ARN.replace("/app", "/other"), "x509.subject: C=US, ST=WA, O=x".into(), ARN.into()];
    });
    kit.aws("identity_profile_signed_by_other", "the signature's word counts, not the job's", identity(OTHER), |s| {
        s.draft.set(PROFILE, VERSION.replace("/app/", "/other/"));
    });
}

fn aliases(kit: &mut Kit) {
    let alias = ARN.replace("signing-profiles", "aliases");
    let aliased = ARN.replace("signing-profiles/app", "aliased-signing-profiles/6d1d0d3f-0000-4000-8000-000000000000");
    for (name, why, wanted, expect) in [
        ("alias", "the alias that it was signed under", alias.clone(), Expect::Verified),
        ("alias_profile", "the profile itself", ARN.into(), Expect::Verified),
        ("alias_other", "another alias", format!("{alias}2"), identity("it is by")),
        ("alias_other_account", "the alias of another account", alias.replace("1111", "4444"), identity("it is by")),
    ] {
        kit.aws(&format!("identity_{name}"), why, expect, |s| {
            s.identity(wanted);
            s.draft.set_critical(ALIAS, alias.as_str());
        });
    }
    kit.aws("identity_alias_named_as_profile", "an alias is not the profile of its name", identity("it is by"), |s| {
        s.identity(alias.as_str());
    });
    kit.aws("identity_aliased_profile", "the profile behind an alias, which has no name", Expect::Verified, |s| {
        s.identity(aliased.as_str());
        s.draft.set(PROFILE, aliased.as_str());
        s.draft.set_critical(ALIAS, alias.as_str());
    });
    kit.aws("identity_aliased_profile_by_name", "the alias's name is no profile's", identity("it is by"), |s| {
        s.draft.set(PROFILE, aliased.as_str());
        s.draft.set_critical(ALIAS, alias.as_str());
    });
}

fn subjects(kit: &mut Kit) {
    const NOT_IT: &str = "which is not";
    for (name, why, wanted, expect) in [
        ("subset", "some of the subject's attributes", "C=US, ST=WA, O=Testkit", Expect::Verified),
        ("whole", "all of them", "C=US, ST=WA, L=Seattle, O=Testkit, OU=Releases, CN=signer", Expect::Verified),
        ("order", "in any order", "CN=signer, O=Testkit, C=US, ST=WA", Expect::Verified),
        ("blanks", "with or without blanks", "C=US,ST=WA ,  O=Testkit", Expect::Verified),
        ("s_is_st", "Windows writes ST so", "C=US, S=WA, O=Testkit", Expect::Verified),
        ("superset", "one attribute too many", "C=US, ST=WA, O=Testkit, STREET=Main", identity(NOT_IT)),
        ("other_value", "another value", "C=US, ST=WA, O=Testkit, CN=other", identity(NOT_IT)),
        ("case", "case counts in values", "C=US, ST=WA, O=TESTKIT", identity(NOT_IT)),
        ("prefix", "a value is compared whole", "C=US, ST=WA, O=Test", identity(NOT_IT)),
    ] {
        kit.x509(&format!("identity_subject_{name}"), why, expect, |s| s.identity(format!("x509.subject: {wanted}")));
    }
    kit.x509("identity_subject_anybody", "`*` is everybody who has a way to a trusted root", Expect::Verified, |s| {
        s.identity("*");
    });
    kit.x509("identity_subject_one_of_many", "one of several", Expect::Verified, |s| {
        s.policy.identities =
            vec!["x509.subject: C=DE, ST=BY, O=x".into(), "x509.subject: C=US, ST=WA, O=Testkit".into(), ARN.into()];
    });
    kit.x509(
        "identity_subject_profile",
        "a profile does not speak for certificates",
        identity("names no `x509.subject`"),
        |s| {
            s.identity(ARN);
        },
    );
    kit.x509(
        "identity_subject_unknown_kind",
        "a kind that nobody knows matches nobody",
        identity("names no `x509.subject`"),
        |s| {
            s.identity("spiffe://testkit/signer");
        },
    );
    kit.x509("identity_subject_of_issuer", "the leaf's subject counts, not its issuer's", identity(NOT_IT), |s| {
        s.identity("x509.subject: C=US, ST=WA, O=Testkit, CN=Testkit Issuing CA");
    });
    kit.x509("identity_subject_missing_state", "a subject without what every identity has", identity(NOT_IT), |s| {
        s.shape.leaf().subject = name(&[("CN", "signer"), ("O", "Testkit"), ("C", "US")]);
    });
    kit.x509("identity_subject_escaped", "a comma in a value is escaped in the policy", Expect::Verified, |s| {
        s.shape.leaf().subject = name(&[("O", "Testkit, Inc."), ("ST", "WA"), ("C", "US")]);
        s.identity(r"x509.subject: C=US, ST=WA, O=Testkit\, Inc.");
    });
    kit.x509(
        "identity_subject_looks_like_two",
        "a value that looks like two attributes is one",
        identity(NOT_IT),
        |s| {
            s.shape.leaf().subject = name(&[("O", "other"), ("ST", "WA"), ("OU", "x, O=Testkit"), ("C", "US")]);
            s.identity("x509.subject: C=US, ST=WA, O=Testkit");
        },
    );
    kit.x509(
        "identity_subject_twice",
        "a subject with two organizations is neither's",
        identity("its subject has `O` twice"),
        |s| {
            s.shape.leaf().subject = name(&[("O", "Testkit"), ("O", "other"), ("ST", "WA"), ("C", "US")]);
            s.identity("x509.subject: C=US, ST=WA, O=Testkit");
        },
    );
    for (form, tag, value, why) in [
        ("utf8", UTF8, "Zürich".as_bytes().to_vec(), "letters beyond ASCII"),
        ("printable", PRINTABLE, b"Zurich".to_vec(), "the older string"),
        ("bmp", BMP, "Zürich".encode_utf16().flat_map(u16::to_be_bytes).collect(), "two bytes a letter"),
    ] {
        kit.x509(&format!("identity_subject_{form}_string"), why, Expect::Verified, |s| {
            let subject = &mut s.shape.leaf().subject;
            subject.retain(|(oid, ..)| *oid != "2.5.4.7");
            subject.push(("2.5.4.7", tag, value));
            let city = if tag == PRINTABLE { "Zurich" } else { "Zürich" };
            s.identity(format!("x509.subject: C=US, ST=WA, O=Testkit, L={city}"));
        });
    }
    kit.x509("metadata_signed", "the metadata that is asked for", Expect::Verified, |s| s.metadata = vec!["team=blue"]);
    metadata(kit);
}

fn metadata(kit: &mut Kit) {
    let fails = |reason| Expect::Fails("metadata", reason);
    kit.x509("metadata_unasked", "metadata that nobody asks for does no harm", Expect::Verified, |s| {
        s.draft.payload_json(|p| p["targetArtifact"]["annotations"]["more"] = "x".into());
    });
    kit.x509("metadata_one_of_two", "all that is asked for", fails("`env` is not signed"), |s| {
        s.metadata = vec!["team=blue", "env=prod"];
    });
    kit.x509("metadata_none", "nothing was signed", fails("`team` is not signed"), |s| {
        s.metadata = vec!["team=blue"];
        s.draft.payload_json(|p| {
            drop(p["targetArtifact"].as_object_mut().expect("an object").shift_remove("annotations"))
        });
    });
    kit.x509("metadata_other_value", "another value", fails("`team` is `blue`, not `red`"), |s| {
        s.metadata = vec!["team=red"];
    });
    kit.x509("metadata_case_of_key", "case counts in keys", fails("`Team` is not signed"), |s| {
        s.metadata = vec!["Team=blue"];
    });
    kit.x509("metadata_case_of_value", "and in values", fails("`team` is `blue`"), |s| s.metadata = vec!["team=Blue"]);
    kit.x509("metadata_equals_sign", "a value may have a `=`", Expect::Verified, |s| {
        s.metadata = vec!["query=a=b"];
        s.draft.payload_json(|p| p["targetArtifact"]["annotations"] = json!({ "query": "a=b" }));
    });
    kit.x509("metadata_in_attribute", "a signed attribute is no metadata", fails("`env` is not signed"), |s| {
        s.metadata = vec!["env=prod"];
        s.draft.set("env", "prod");
    });
}
