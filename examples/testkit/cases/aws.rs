//! The attributes of AWS Signer (its plugin for Notation, `internal/verifier/verifier.go`).

use super::super::{
    envelope::{ALIAS, AUTHENTIC_TIME, JOB, PLUGIN, PLUGIN_VERSION, PROFILE, SCHEME, SIGNING_TIME},
    scene::{ARN, Expect, Kit, VERSION, integrity},
};

pub fn add(kit: &mut Kit) {
    kit.aws("aws_good", "as AWS Signer signs", Expect::Verified, |_| {});
    kit.aws("aws_longer_chain", "with the chain of four that AWS has", Expect::Verified, |s| {
        let mut between = s.shape.0[1].clone();
        between.key = super::super::keys::Key::P384("aws between");
        between.subject = super::super::certificate::name(&[("CN", "Testkit Int CA"), ("O", "Testkit"), ("C", "US")]);
        s.shape.0.insert(2, between);
    });
    for (name, attribute) in [("profile", PROFILE), ("job", JOB)] {
        kit.aws(
            &format!("aws_{name}_missing"),
            "without it nobody knows who signed",
            integrity("lacks the critical attribute"),
            |s| {
                s.draft.drop_critical(attribute);
            },
        );
        kit.aws(
            &format!("aws_{name}_not_critical"),
            "AWS marks it critical",
            integrity("lacks the critical attribute"),
            |s| {
                s.draft.uncritical(attribute);
            },
        );
        kit.aws(&format!("aws_{name}_number"), "it is a text", integrity("lacks the critical attribute"), |s| {
            s.draft.set(attribute, 1);
        });
    }
    kit.aws("aws_profile_without_version", "a version signs", integrity("and not by a version of it"), |s| {
        s.draft.set(PROFILE, ARN);
    });
    for (name, why, value) in [
        ("garbage", "no ARN", "app".to_owned() + "/x"),
        ("other_service", "an ARN of another service", VERSION.replace("signer", "kms")),
        ("other_resource", "an ARN of no profile", VERSION.replace("signing-profiles", "signing-jobs")),
        ("no_account", "an ARN without an account", VERSION.replace("111122223333", "")),
    ] {
        kit.aws(&format!("aws_profile_{name}"), why, integrity("the signature's profile cannot be read"), |s| {
            s.draft.set(PROFILE, value);
        });
    }
    kit.aws(
        "aws_alias_not_critical",
        "what is not critical proves nothing",
        integrity("lacks the critical attribute"),
        |s| {
            s.draft.set(ALIAS, ARN.replace("signing-profiles", "aliases"));
        },
    );
    kit.aws("aws_alias_is_profile", "a profile is no alias", integrity("which is of another kind"), |s| {
        s.draft.set_critical(ALIAS, ARN);
    });
    kit.aws(
        "aws_unknown_critical",
        "a critical attribute that nobody knows",
        integrity("`com.example.unknown`, which is unknown"),
        |s| {
            s.draft.set_critical("com.example.unknown", "x");
        },
    );
    kit.aws(
        "aws_unknown",
        "an attribute that nobody must know (the specification; Notation refuses it)",
        Expect::Verified,
        |s| s.draft.set("com.example.unknown", "x"),
    );
    kit.aws(
        "aws_own_scheme",
        "AWS's plugin takes a signing authority only",
        integrity("not the signing authority's"),
        |s| {
            s.draft.set(SCHEME, "notary.x509");
            s.draft.drop_critical(AUTHENTIC_TIME);
            s.draft.set(SIGNING_TIME, "2026-03-01T12:00:00Z");
            s.policy.stores = vec!["ca:aws".into()];
            s.stores[0].0 = "ca:aws".into();
        },
    );
    let older = integrity("or newer, this is");
    for (name, why, version, expect) in [
        ("old", "a plugin that is old enough", "1.0.0", Expect::Verified),
        ("high", "a plugin that does not exist yet", "99.0.0", older),
        ("no_version", "no semantic version", "latest", integrity("is not a version of")),
        ("short", "a version of two numbers is none", "1.0", integrity("is not a version of")),
        ("empty", "an empty text is none", "", integrity("is not a text")),
    ] {
        kit.aws(&format!("aws_plugin_version_{name}"), why, expect, |s| s.draft.set_critical(PLUGIN_VERSION, version));
    }
    kit.aws("aws_plugin_version_not_critical", "it must be critical", integrity("is not marked critical"), |s| {
        s.draft.set(PLUGIN_VERSION, "1.0.0");
    });
    kit.aws("aws_plugin_not_critical", "so must the plugin", integrity("is not marked critical"), |s| {
        s.draft.uncritical(PLUGIN);
    });
    kit.aws("aws_plugin_empty", "a plugin has a name", integrity("is not a text"), |s| s.draft.set(PLUGIN, ""));
    kit.aws("aws_plugin_number", "that is a text", integrity("is not a text"), |s| s.draft.set(PLUGIN, 1));
    kit.aws("aws_plugin_case", "and is compared letter by letter", integrity("nobody asked it"), |s| {
        s.draft.set(PLUGIN, "com.amazonaws.signer.notation.Plugin");
    });
    kit.aws("aws_cose", "the same as COSE, which AWS never returns", Expect::Verified, |s| s.cose());
    kit.aws("aws_cose_profile_missing", "the same rule there", integrity("lacks the critical attribute"), |s| {
        s.cose();
        s.draft.drop_critical(PROFILE);
    });
}
