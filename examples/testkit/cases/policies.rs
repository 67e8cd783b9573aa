//! Trust policies: every rule that one can break (trust-store-trust-policy.md, "Trust Policy"; notation-go,
//! `verifier/trustpolicy`), and which statement is chosen.

use serde_json::{Value, json};

use super::super::scene::{Expect, Kit, Scene};

/// The policy of every case with members of its statement changed; null takes one out.
fn with(changes: Value) -> String {
    let mut statement = Scene::x509().policy.statement("testkit");
    merge(&mut statement, &changes);
    document(&[statement])
}

fn merge(statement: &mut Value, changes: &Value) {
    let members = statement.as_object_mut().expect("a statement is an object");
    for (name, value) in changes.as_object().expect("changes are an object") {
        match value {
            Value::Null => drop(members.shift_remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

fn document(statements: &[Value]) -> String {
    json!({ "version": "1.0", "trustPolicies": statements }).to_string()
}

/// Two statements: the usual one for a repository of its own, and another.
fn two(changes: Value) -> String {
    let mut statements = [Scene::x509().policy.statement("testkit"), Scene::x509().policy.statement("second")];
    statements[0]["registryScopes"] = json!(["registry.example/app"]);
    merge(&mut statements[1], &changes);
    document(&statements)
}

pub fn add(kit: &mut Kit) {
    broken_documents(kit);
    broken_statements(kit);
    broken_identities(kit);
    broken_scopes(kit);
    good(kit);
    selection(kit);
}

fn broken_documents(kit: &mut Kit) {
    let good = with(json!({}));
    for (name, why, reason, document) in [
        ("no_json", "the policy is no JSON", "is no trust policy", "{\"version\":".to_owned()),
        ("list", "the policy is no object", "it is not a JSON object", "[]".into()),
        ("no_version", "the version is missing", "`version` is missing", good.replace("\"version\":\"1.0\",", "")),
        ("other_version", "there is one version only", "`version` is \"1.1\"", good.replace("1.0", "1.1")),
        ("number_version", "a version is a text", "`version` is 1.0", good.replace("\"1.0\"", "1.0")),
        ("no_statements", "the statements are missing", "`trustPolicies` is no list", "{\"version\":\"1.0\"}".into()),
        ("empty", "a policy has a statement", "`trustPolicies` is no list of at least one", document(&[])),
        ("statement_no_object", "a statement is an object", "it is no JSON object", document(&["x".into()])),
        (
            "same_names",
            "names are unique",
            "another statement has this name",
            two(json!({ "name": "testkit", "registryScopes": ["h.example/b"] })),
        ),
        (
            "repeated_member",
            "readers differ in which of two equal members they believe",
            "`version` is there twice",
            good.replacen('{', "{\"version\":\"1.0\",", 1),
        ),
        (
            "repeated_level",
            "the same deep inside: strict to one reader, audit to another",
            "`level` is there twice",
            good.replace("\"level\":\"strict\"", "\"level\":\"strict\",\"level\":\"audit\""),
        ),
    ] {
        kit.malformed(&format!("policy_{name}"), why, reason, &document);
    }
}

fn broken_statements(kit: &mut Kit) {
    let level = |verification: Value| json!({ "signatureVerification": verification });
    for (name, why, reason, changes) in [
        ("no_name", "a statement has a name", "`name` is no text", json!({ "name": null })),
        ("empty_name", "that is not empty", "`name` is no text", json!({ "name": "" })),
        ("no_verification", "a statement has a level", "`signatureVerification` is no object", level(Value::Null)),
        ("no_level", "the level is missing", "`level` is missing", level(json!({ "verifyTimestamp": "always" }))),
        ("other_level", "there is no such level", "`level` is \"lenient\"", level(json!({ "level": "lenient" }))),
        ("shouted_level", "levels are written small", "`level` is \"Strict\"", level(json!({ "level": "Strict" }))),
        (
            "override_integrity",
            "integrity cannot be left out",
            "`integrity` is always enforced",
            level(json!({ "level": "audit", "override": { "integrity": "log" } })),
        ),
        (
            "override_skip_authenticity",
            "only revocation can be skipped",
            "`authenticity` cannot be skipped",
            level(json!({ "level": "strict", "override": { "authenticity": "skip" } })),
        ),
        (
            "override_skip_expiry",
            "the same of expiry",
            "`expiry` cannot be skipped",
            level(json!({ "level": "strict", "override": { "expiry": "skip" } })),
        ),
        (
            "override_skip_timestamp",
            "the same of the timestamp",
            "`authenticTimestamp` cannot be skipped",
            level(json!({ "level": "strict", "override": { "authenticTimestamp": "skip" } })),
        ),
        (
            "override_unknown_check",
            "there is no such check",
            "`identity` is no check",
            level(json!({ "level": "strict", "override": { "identity": "log" } })),
        ),
        (
            "override_unknown_action",
            "there is no such action",
            "`expiry` is \"warn\", no action",
            level(json!({ "level": "strict", "override": { "expiry": "warn" } })),
        ),
        (
            "override_of_skip",
            "the level skip checks nothing that could be changed",
            "the level `skip` checks nothing",
            json!({ "signatureVerification": { "level": "skip", "override": { "revocation": "log" } },
                "trustStores": null, "trustedIdentities": null, "registryScopes": ["h.example/a"] }),
        ),
        (
            "skip_with_trust",
            "the level skip trusts nobody in particular",
            "no trust stores and no trusted identities",
            json!({ "signatureVerification": { "level": "skip" }, "registryScopes": ["h.example/a"] }),
        ),
        (
            "skip_everything",
            "the specification forbids what would trust every image; Notation accepts it",
            "the level `skip` for the scope `*`",
            json!({ "signatureVerification": { "level": "skip" }, "trustStores": null, "trustedIdentities": null }),
        ),
        (
            "other_verify_timestamp",
            "there is no such time",
            "`verifyTimestamp` is \"never\"",
            level(json!({ "level": "strict", "verifyTimestamp": "never" })),
        ),
        (
            "no_stores",
            "somebody must be trusted",
            "`trustStores` must name at least one",
            json!({ "trustStores": null }),
        ),
        ("empty_stores", "an empty list is none", "`trustStores` must name at least one", json!({ "trustStores": [] })),
        ("store_no_type", "a store has a type", "is of no known kind", json!({ "trustStores": ["testkit"] })),
        ("store_other_type", "there is no such type", "is of no known kind", json!({ "trustStores": ["CA:testkit"] })),
        ("store_no_name", "a store has a name", "has no name of a folder", json!({ "trustStores": ["ca:"] })),
        ("store_path", "a name is no path", "has no name of a folder", json!({ "trustStores": ["ca:../testkit"] })),
        ("store_parent", "nor another folder", "has no name of a folder", json!({ "trustStores": ["ca:.."] })),
        ("store_number", "a store is a text", "`trustStores` is no list of texts", json!({ "trustStores": [1] })),
    ] {
        kit.malformed(&format!("policy_{name}"), why, reason, &with(changes));
    }
}

fn broken_identities(kit: &mut Kit) {
    for (name, why, reason, identities) in [
        ("no_identities", "somebody must be trusted", "`trustedIdentities` must name at least one", &[][..]),
        (
            "wildcard_and_more",
            "`*` stands alone",
            "the identity `*` stands alone",
            &["*", "x509.subject: C=US, ST=WA, O=x"],
        ),
        ("identity_no_kind", "an identity has a kind", "has no kind before a `:`", &["C=US"]),
        ("dn_no_country", "C is mandatory", "`C` is missing", &["x509.subject: ST=WA, O=x"]),
        ("dn_no_state", "ST is mandatory", "`ST` is missing", &["x509.subject: C=US, O=x"]),
        ("dn_no_organization", "O is mandatory", "`O` is missing", &["x509.subject: C=US, ST=WA"]),
        ("dn_empty", "a name says something", "has no `=`", &["x509.subject:"]),
        (
            "dn_joined",
            "no attributes that are joined",
            "a `+` joins attributes",
            &["x509.subject: C=US, ST=WA, O=x+OU=y"],
        ),
        ("dn_twice", "each attribute once", "`O` is there twice", &["x509.subject: C=US, ST=WA, O=x, O=y"]),
        ("dn_alias_twice", "S is ST", "`ST` is there twice", &["x509.subject: C=US, ST=WA, S=WA, O=x"]),
        (
            "dn_hexadecimal",
            "no values in hexadecimal",
            "values in hexadecimal",
            &["x509.subject: C=US, ST=WA, O=#0c0178"],
        ),
        (
            "dn_subset",
            "a certificate that is one is the other, too",
            "one certificate could be both",
            &["x509.subject: C=US, ST=WA, O=x", "x509.subject: C=US, ST=WA, O=x, CN=y"],
        ),
        (
            "dn_same",
            "the same in another order",
            "one certificate could be both",
            &["x509.subject: C=US, ST=WA, O=x", "x509.subject: O=x, ST=WA, C=US"],
        ),
    ] {
        kit.malformed(&format!("policy_{name}"), why, reason, &with(json!({ "trustedIdentities": identities })));
    }
}

fn broken_scopes(kit: &mut Kit) {
    for (name, why, reason, scopes) in [
        ("no_scopes", "a statement is for something", "`registryScopes` must name at least one", &[][..]),
        ("scope_wildcard_and_more", "`*` stands alone", "the scope `*` stands alone", &["*", "h.example/a"]),
        ("scope_glob", "`*` is no part of a scope", "has a `*`", &["h.example/*"]),
        ("scope_tag", "a scope is a repository, no image", "is no repository", &["h.example/a:v1"]),
        ("scope_scheme", "nor an address", "is no repository", &["https://h.example/a"]),
        ("scope_host", "nor a host", "is no repository", &["h.example"]),
        ("scope_twice", "each scope once", "is there twice", &["h.example/a", "h.example/a"]),
    ] {
        kit.malformed(&format!("policy_{name}"), why, reason, &with(json!({ "registryScopes": scopes })));
    }
    let shared = two(json!({ "registryScopes": ["registry.example/app"] }));
    kit.malformed("policy_scope_shared", "a scope is in one statement", "is in the statement `testkit`, too", &shared);
    let wide = document(&["a", "b"].map(|name| Scene::x509().policy.statement(name)));
    kit.malformed("policy_scope_wildcard_shared", "`*` too", "the scope `*` is in the statement `a`, too", &wide);
}

fn good(kit: &mut Kit) {
    for (name, why, changes) in [
        (
            "other_identity_kind",
            "an identity of a kind that nobody knows is no error",
            json!({ "trustedIdentities": ["spiffe:x", "x509.subject: C=US, ST=WA, O=Testkit"] }),
        ),
        (
            "empty_override",
            "an override of nothing",
            json!({ "signatureVerification": { "level": "strict", "override": {} } }),
        ),
        (
            "explicit_timestamp",
            "the value that is meant anyway",
            json!({ "signatureVerification": { "level": "strict", "verifyTimestamp": "always" } }),
        ),
        (
            "many_scopes",
            "one of several repositories",
            json!({ "registryScopes": ["h.example/a", "registry.example/app"] }),
        ),
    ] {
        kit.x509(&format!("policy_good_{name}"), why, Expect::Verified, |s| s.document = Some(with(changes)));
    }
}

fn selection(kit: &mut Kit) {
    let other = json!({ "trustedIdentities": ["x509.subject: C=DE, ST=BY, O=x"], "registryScopes": ["*"] });
    let not_it = Expect::Fails("identity", "which is not");
    kit.x509("selection_exact", "the repository's own statement comes before `*`", Expect::Verified, |s| {
        s.document = Some(two(other.clone()));
    });
    kit.x509("selection_wildcard", "every other repository is judged by `*`", not_it.clone(), |s| {
        s.document = Some(two(other.clone()));
        s.repository = "registry.example/other".into();
    });
    kit.x509("selection_no_prefix", "a scope is no prefix", not_it, |s| {
        s.document = Some(two(other));
        s.repository = "registry.example/app/part".into();
    });
    let no_statement = Expect::Fails("no-statement", "no statement is for registry.example/other");
    kit.x509("selection_none", "where no statement is for it, nothing is trusted", no_statement, |s| {
        s.document = Some(with(json!({ "registryScopes": ["registry.example/app"] })));
        s.repository = "registry.example/other".into();
    });
    let skip = json!({ "signatureVerification": { "level": "skip" }, "trustStores": null, "trustedIdentities": null,
        "registryScopes": ["registry.example/unsigned"] });
    kit.x509("selection_skip", "one repository whose images nobody signs", Expect::Fails("skipped", ""), |s| {
        s.document = Some(two(skip.clone()));
        s.repository = "registry.example/unsigned".into();
    });
    kit.x509("selection_beside_skip", "the other one is judged", Expect::Verified, |s| s.document = Some(two(skip)));
}
