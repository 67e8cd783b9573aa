//! Verification plugins other than AWS's (specifications, plugin-extensibility.md, "Verification Extensibility").

use serde_json::{Value, json};

use super::super::{
    envelope::{PLUGIN, PLUGIN_VERSION},
    scene::{Expect, Kit, Scene, integrity},
};

const NAME: &str = "com.example.verifier";
const ATTRIBUTE: &str = "com.example.attribute";
const IDENTITY: &str = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY";
const REVOCATION: &str = "SIGNATURE_VERIFIER.REVOCATION_CHECK";

fn metadata(capabilities: &[&str]) -> Value {
    json!({ "name": NAME, "description": "testkit", "version": "1.2.3", "url": "https://testkit.invalid",
        "supportedContractVersions": ["1.0"], "capabilities": capabilities })
}

fn answer(results: &[(&str, bool)]) -> Value {
    let result = |(capability, success): &(&str, bool)| {
        ((*capability).to_owned(), json!({ "success": success, "reason": "testkit says so" }))
    };
    let results: serde_json::Map<String, Value> = results.iter().map(result).collect();
    json!({ "verificationResults": results, "processedAttributes": [ATTRIBUTE] })
}

/// A signature that asks for a plugin, which knows its attribute.
fn scene(capabilities: &[&str], results: &[(&str, bool)]) -> Scene {
    let mut scene = Scene::x509();
    scene.draft.set_critical(PLUGIN, NAME);
    scene.draft.set_critical(ATTRIBUTE, "x");
    scene.plugin = Some((metadata(capabilities), answer(results)));
    scene
}

pub fn add(kit: &mut Kit) {
    let both = [IDENTITY, REVOCATION];
    let good = || scene(&both, &[(IDENTITY, true), (REVOCATION, true)]);
    let fails = Expect::Fails;
    kit.case("plugin_good", "the plugin says yes to both", Expect::Verified, good(), |_| {});
    kit.case(
        "plugin_says_identity",
        "the plugin, not the subject, tells who is trusted",
        Expect::Verified,
        good(),
        |s| {
            s.identity("x509.subject: C=DE, ST=BY, O=x");
        },
    );
    kit.case("plugin_refuses_identity", "the plugin says no", fails("identity", "testkit says so"), good(), |s| {
        s.plugin.as_mut().expect("there is one").1 = answer(&[(IDENTITY, false), (REVOCATION, true)]);
    });
    kit.case("plugin_refuses_revocation", "it was revoked", fails("revocation", "testkit says so"), good(), |s| {
        s.plugin.as_mut().expect("there is one").1 = answer(&[(IDENTITY, true), (REVOCATION, false)]);
    });
    kit.case(
        "plugin_refuses_logged",
        "the level makes of it what it does",
        Expect::Logged(&["revocation"]),
        good(),
        |s| {
            s.level("permissive");
            s.plugin.as_mut().expect("there is one").1 = answer(&[(IDENTITY, true), (REVOCATION, false)]);
        },
    );
    kit.case(
        "plugin_silent",
        "what it was asked and does not tell does not hold",
        fails("identity", "did not say"),
        good(),
        |s| {
            s.plugin.as_mut().expect("there is one").1 = answer(&[(REVOCATION, true)]);
        },
    );
    kit.case(
        "plugin_revocation_only",
        "who does not speak of identities leaves them to the subject",
        fails("identity", "which is not"),
        scene(&[REVOCATION], &[(REVOCATION, true)]),
        |s| s.identity("x509.subject: C=DE, ST=BY, O=x"),
    );
    kit.case(
        "plugin_identity_only",
        "who does not speak of revocation leaves it to the certificates",
        Expect::Verified,
        scene(&[IDENTITY], &[(IDENTITY, true)]),
        |_| {},
    );
    kit.case(
        "plugin_no_verifier",
        "a plugin that only signs",
        integrity("it cannot verify signatures"),
        scene(&["SIGNATURE_GENERATOR.RAW"], &[]),
        |_| {},
    );
    kit.case("plugin_absent", "the plugin is not installed", integrity("nobody asked it"), good(), |s| s.plugin = None);
    kit.case("plugin_absent_audit", "at any level", integrity("nobody asked it"), good(), |s| {
        s.level("audit");
        s.plugin = None;
    });
    kit.case("plugin_other_name", "it calls itself something else", integrity("it calls itself"), good(), |s| {
        s.plugin.as_mut().expect("there is one").0["name"] = "com.example.other".into();
    });
    kit.case(
        "plugin_other_contract",
        "it speaks another protocol",
        integrity("does not speak version 1.0"),
        good(),
        |s| {
            s.plugin.as_mut().expect("there is one").0["supportedContractVersions"] = json!(["2.0"]);
        },
    );
    for (version, why, expect) in [
        ("1.2.3", "just new enough", Expect::Verified),
        ("1.2.4", "too old", integrity("or newer, this is 1.2.3")),
        ("1.10.0", "numbers are compared as numbers", integrity("or newer, this is 1.2.3")),
        ("1.2.3-rc.1", "what comes before a release is older", Expect::Verified),
    ] {
        kit.case(&format!("plugin_version_{version}"), why, expect, good(), |s| {
            s.draft.set_critical(PLUGIN_VERSION, version);
        });
    }
    kit.case(
        "plugin_unprocessed",
        "a critical attribute that it does not know",
        integrity("does not know the critical attribute"),
        good(),
        |s| {
            s.draft.set_critical("com.example.more", "x");
        },
    );
    kit.x509(
        "plugin_none_unknown_critical",
        "a critical attribute and no plugin (the specification; Notation accepts it)",
        integrity("which is unknown"),
        |s| {
            s.draft.set_critical(ATTRIBUTE, "x");
        },
    );
    kit.x509("plugin_none_unknown", "an attribute that nobody must know", Expect::Verified, |s| {
        s.draft.set(ATTRIBUTE, "x");
    });
}
