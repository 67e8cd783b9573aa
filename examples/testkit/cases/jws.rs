//! The JWS envelope (specifications, signature-envelope-jws.md; RFC 7515): its headers, `crit`, and its form.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::{
    envelope::{AUTHENTIC_TIME, Draft, EXPIRY, SCHEME, SIGNING_TIME},
    keys::Key,
    scene::{COSE, Expect, JWS, Kit, integrity},
};

pub fn add(kit: &mut Kit) {
    headers(kit);
    crit(kit);
    times(kit);
    protected_text(kit);
    members(kit);
    super::base64::add(kit);
    tampered(kit);
    forms(kit);
}

type Row = (&'static str, &'static str, &'static str, fn(&mut Draft));

fn headers(kit: &mut Kit) {
    let rows: [Row; 10] = [
        ("no_cty", "the content type is missing", "`cty` is missing", |d| d.remove("cty")),
        ("cty_number", "it is a text", "`cty` is not a text", |d| d.set("cty", 1)),
        ("no_scheme", "the signing scheme is missing", "signing scheme is missing", |d| d.drop_critical(SCHEME)),
        ("other_scheme", "there is no such scheme", "`notary.x509.other` is unknown", |d| {
            d.set(SCHEME, "notary.x509.other")
        }),
        ("scheme_case", "names are compared letter by letter", "`Notary.X509` is unknown", |d| {
            d.set(SCHEME, "Notary.X509")
        }),
        ("scheme_number", "a scheme is a text", "is not a text", |d| d.set(SCHEME, 1)),
        (
            "scheme_not_critical",
            "the scheme must be critical",
            "`io.cncf.notary.signingScheme` is not marked critical",
            |d| d.uncritical(SCHEME),
        ),
        ("expiry_not_critical", "so must an expiry", "`io.cncf.notary.expiry` is not marked critical", |d| {
            d.uncritical(EXPIRY)
        }),
        ("x5c_in_both", "a header stands in one place (RFC 7515, 7.2.1)", "in both headers", |d| {
            d.set("x5c", json!([]))
        }),
        ("alg_in_both", "the same of an algorithm that nobody signed", "in both headers", |d| {
            d.header.insert("alg".into(), "none".into());
        }),
    ];
    rule(kit, &rows);
    kit.x509("jws_expiry_in_both", "an expiry that nobody signed", integrity("in both headers"), |s| {
        s.draft.header.insert(EXPIRY.into(), "2099-01-01T00:00:00Z".into());
    });
    kit.x509("jws_unsigned_members", "what nobody signed may be there, and says nothing", Expect::Verified, |s| {
        s.draft.header.insert("io.cncf.notary.signingAgent".into(), "testkit/1.0".into());
        s.draft.header.insert("anything".into(), json!({ "x": [1] }));
    });
    kit.x509(
        "jws_jwk",
        "a key that travels along, by which it is signed",
        integrity("not by the key of the leaf"),
        |s| {
            s.draft.set("jwk", "the key would be here");
            s.signer = Some(Key::P256("stranger"));
        },
    );
}

/// Headers of a signature with a certificate of one's own.
fn rule(kit: &mut Kit, rows: &[Row]) {
    for (name, why, reason, change) in rows {
        kit.x509(&format!("jws_{name}"), why, integrity(reason), |s| change(&mut s.draft));
    }
}

fn crit(kit: &mut Kit) {
    let rows: [Row; 13] = [
        ("crit_missing", "no `crit`", "no `crit`", |d| d.remove("crit")),
        ("crit_empty", "an empty one (RFC 7515, 4.1.11)", "`crit` is empty", |d| d.set("crit", json!([]))),
        ("crit_text", "a text is no list", "no `crit`", |d| d.set("crit", SCHEME)),
        ("crit_null", "null is none", "no `crit`", |d| d.set("crit", Value::Null)),
        ("crit_object", "names as members are no list", "no `crit`", |d| d.set("crit", json!({ SCHEME: true }))),
        ("crit_number", "a name is a text", "an entry that is not a text", |d| {
            d.set("crit", json!([SCHEME, EXPIRY, 1]))
        }),
        ("crit_twice", "each name once", "names `io.cncf.notary.expiry` twice", |d| d.critical(EXPIRY)),
        ("crit_absent", "what is critical is there", "`com.example.absent` is marked critical but is not there", |d| {
            d.critical("com.example.absent");
        }),
        ("crit_unsigned", "and is signed", "is marked critical but is not there", |d| {
            d.critical("com.example.unsigned");
            d.header.insert("com.example.unsigned".into(), "x".into());
        }),
        ("crit_empty_name", "an empty name is one that is not there", "`` is marked critical", |d| d.critical("")),
        ("crit_case", "names are compared letter by letter", "is not marked critical", |d| {
            d.uncritical(SCHEME);
            d.critical("io.cncf.notary.SigningScheme");
        }),
        (
            "crit_b64",
            "an unencoded payload, which the Notary Project has not (RFC 7797)",
            "`b64`, which is unknown",
            |d| {
                d.set_critical("b64", false);
            },
        ),
        ("crit_unknown", "an attribute that nobody knows", "`com.example.unknown`, which is unknown", |d| {
            d.set_critical("com.example.unknown", "x");
        }),
    ];
    rule(kit, &rows);
    for (name, file) in
        [("alg", "alg"), ("cty", "cty"), ("crit", "crit"), ("kid", "kid"), ("typ", "typ"), ("x5t#S256", "x5t_s256")]
    {
        let why = format!("`crit` does not name what is JWS's own, as {name} (RFC 7515, 4.1.11)");
        kit.x509(&format!("jws_crit_names_{file}"), &why, integrity("which belongs to JWS itself"), |s| {
            if !s.draft.protected.contains_key(name) {
                s.draft.set(name, "x");
            }
            s.draft.critical(name);
        });
    }
    kit.x509("jws_crit_signing_time", "more may be critical than must be", Expect::Verified, |s| {
        s.draft.critical(SIGNING_TIME);
    });
}

fn times(kit: &mut Kit) {
    let rows: [Row; 8] = [
        ("time_missing", "a signing time is mandatory", "the signing time is missing", |d| d.remove(SIGNING_TIME)),
        ("time_words", "a time is RFC 3339's", "is not a time", |d| d.set(SIGNING_TIME, "yesterday")),
        ("time_no_zone", "with a zone", "is not a time", |d| d.set(SIGNING_TIME, "2026-03-01T12:00:00")),
        ("time_number", "a time is a text", "is not a text", |d| d.set(SIGNING_TIME, 1_772_366_400)),
        ("time_impossible", "there is no such day", "is not a time", |d| d.set(SIGNING_TIME, "2026-02-30T12:00:00Z")),
        ("expiry_words", "the same of an expiry", "is not a time", |d| d.set(EXPIRY, "never")),
        ("expiry_null", "null is no expiry", "is not a text", |d| d.set(EXPIRY, Value::Null)),
        (
            "time_of_authority",
            "the scheme of one's own has no authority's time",
            "the other scheme's signing time",
            |d| {
                d.set_critical(AUTHENTIC_TIME, "2026-03-01T12:00:00Z");
            },
        ),
    ];
    rule(kit, &rows);
    let authority: [Row; 4] = [
        ("authority_time_missing", "a signing authority tells the time", "authentic signing time is missing", |d| {
            d.drop_critical(AUTHENTIC_TIME);
        }),
        (
            "authority_time_not_critical",
            "which is critical",
            "`io.cncf.notary.authenticSigningTime` is not marked critical",
            |d| {
                d.uncritical(AUTHENTIC_TIME);
            },
        ),
        ("authority_both_times", "and the only one", "the other scheme's signing time", |d| {
            d.set(SIGNING_TIME, "2026-03-01T12:00:00Z");
        }),
        ("authority_other_time", "the signer's own is none", "authentic signing time is missing", |d| {
            d.drop_critical(AUTHENTIC_TIME);
            d.set(SIGNING_TIME, "2026-03-01T12:00:00Z");
        }),
    ];
    for (name, why, reason, change) in authority {
        kit.aws(&format!("jws_{name}"), why, integrity(reason), |s| change(&mut s.draft));
    }
}

fn protected_text(kit: &mut Kit) {
    type Edit = fn(String) -> String;
    let edits: [(&str, &str, Expect, Edit); 9] = [
        ("blanks", "JSON may have white space", Expect::Verified, |text| text.replace(",\"", " ,\n \"")),
        ("escapes", "and escapes", Expect::Verified, |text| text.replace("\"alg\"", "\"\\u0061lg\"")),
        ("repeated_alg", "readers differ in which they believe", integrity("`alg` is there twice"), |text| {
            text.replacen('{', "{\"alg\":\"none\",", 1)
        }),
        ("repeated_escaped", "the same, the first with an escape", integrity("`alg` is there twice"), |text| {
            text.replacen('{', "{\"\\u0061lg\":\"none\",", 1)
        }),
        ("repeated_expiry", "two ends", integrity("`io.cncf.notary.expiry` is there twice"), |text| {
            text.replacen('{', "{\"io.cncf.notary.expiry\":\"2099-01-01T00:00:00Z\",", 1)
        }),
        ("trailing", "something after the JSON", integrity("in its protected header"), |text| text + "x"),
        ("list", "a header is an object", integrity("it is not a JSON object"), |text| format!("[{text}]")),
        ("empty", "there is none", integrity("in its protected header"), |_| String::new()),
        ("byte_order_mark", "JSON has none", integrity("in its protected header"), |text| format!("\u{feff}{text}")),
    ];
    for (name, why, expect, edit) in edits {
        kit.x509(&format!("jws_protected_{name}"), why, expect, |s| s.draft.jws.protected = Box::new(edit));
    }
}

fn members(kit: &mut Kit) {
    type Change = fn(&mut serde_json::Map<String, Value>);
    let changes: [(&str, &str, &'static str, Change); 12] = [
        (
            "general_form",
            "the general form, of which the specification takes none",
            "only the flattened form is allowed",
            |m| {
                let signature = json!({ "protected": m.shift_remove("protected"), "header": m.shift_remove("header"), "signature": m.shift_remove("signature") });
                m.insert("signatures".into(), json!([signature]));
            },
        ),
        ("both_forms", "both forms at once (RFC 7515, 7.2.2)", "only the flattened form is allowed", |m| {
            m.insert("signatures".into(), json!([]));
        }),
        ("unknown_member", "a member that no JWS has", "it has the member `extra`", |m| {
            drop(m.insert("extra".into(), 1.into()))
        }),
        ("no_payload", "the payload is missing", "`payload` is missing", |m| drop(m.shift_remove("payload"))),
        ("no_protected", "the protected header is missing", "`protected` is missing", |m| {
            drop(m.shift_remove("protected"))
        }),
        ("no_signature", "the signature is missing", "`signature` is missing", |m| drop(m.shift_remove("signature"))),
        ("no_header", "the certificates are missing", "`header` is not an object", |m| drop(m.shift_remove("header"))),
        ("payload_number", "a payload is a text", "`payload` is not a text", |m| m["payload"] = 1.into()),
        ("header_list", "a header is an object", "`header` is not an object", |m| m["header"] = json!([])),
        ("x5c_missing", "no certificates", "it has no certificates", |m| m["header"] = json!({})),
        ("x5c_text", "one certificate is a list of one", "it has no certificates", |m| {
            m["header"]["x5c"] = m["header"]["x5c"][0].take();
        }),
        ("x5c_empty", "an empty list", "it has no certificate", |m| m["header"]["x5c"] = json!([])),
    ];
    for (name, why, reason, change) in changes {
        kit.x509(&format!("jws_{name}"), why, integrity(reason), |s| s.draft.jws.members = Box::new(change));
    }
    type Edit = fn(String) -> String;
    let edits: [(&str, &str, &'static str, Edit); 6] = [
        ("repeated_payload", "readers differ in which they believe", "`payload` is there twice", |text| {
            text.replacen('{', "{\"payload\":\"e30\",", 1)
        }),
        ("repeated_x5c", "other certificates for other readers", "`x5c` is there twice", |text| {
            text.replacen("\"x5c\":", "\"x5c\":[],\"x5c\":", 1)
        }),
        ("repeated_signature", "two signatures", "`signature` is there twice", |text| {
            text.replacen('{', "{\"signature\":\"\",", 1)
        }),
        ("trailing", "something after the envelope", "trailing characters", |text| text + "{}"),
        ("byte_order_mark", "JSON has none", "expected value", |text| format!("\u{feff}{text}")),
        ("cut_short", "half of an envelope", "EOF", |text| text[..text.len() / 2].into()),
    ];
    for (name, why, reason, edit) in edits {
        kit.x509(&format!("jws_{name}"), why, integrity(reason), |s| s.draft.jws.text = Box::new(edit));
    }
    kit.x509("jws_blanks", "JSON may have white space, members any order", Expect::Verified, |s| {
        s.draft.jws.members = Box::new(|members| {
            let payload = members.shift_remove("payload").expect("there is one");
            members.insert("payload".into(), payload);
        });
        s.draft.jws.text = Box::new(|text| text.replace("\",\"", "\" ,\r\n\t\"") + "\n");
    });
}

/// As the parts of a JWS are written.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn tampered(kit: &mut Kit) {
    const NOT_IT: &str = "not by the key of the leaf";
    type Change = fn(&mut serde_json::Map<String, Value>);
    let changes: [(&str, &str, Change); 5] = [
        ("payload", "the payload was changed afterwards", |m| {
            m["payload"] = URL_SAFE_NO_PAD.encode(r#"{"targetArtifact":{}}"#).into();
        }),
        ("protected", "a blank in the protected header was added afterwards", |m| {
            let text = m["protected"].as_str().expect("a text").to_owned();
            let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
            m["protected"] = URL_SAFE_NO_PAD.encode([&bytes[..], b" "].concat()).into();
        }),
        ("signature_empty", "an empty signature", |m| m["signature"] = "".into()),
        ("signature_zero", "r and s are zero", |m| m["signature"] = URL_SAFE_NO_PAD.encode([0; 64]).into()),
        ("signature_of_other", "the signature of another envelope", |m| {
            m["signature"] =
                URL_SAFE_NO_PAD.encode(Key::P256("x509 leaf").sign(Key::P256("").native(), b"other")).into();
        }),
    ];
    for (name, why, change) in changes {
        kit.x509(&format!("jws_tampered_{name}"), why, integrity(NOT_IT), |s| s.draft.jws.members = Box::new(change));
    }
    kit.x509("jws_other_key", "signed by a key that no certificate has", integrity(NOT_IT), |s| {
        s.signer = Some(Key::P256("stranger"));
    });
    kit.x509("jws_issuer_key", "signed by the issuer's key", integrity(NOT_IT), |s| {
        s.signer = Some(Key::P256("x509 issuer"));
    });
}

fn forms(kit: &mut Kit) {
    kit.x509("jws_compact", "the compact form", integrity("cannot be accepted"), |s| {
        s.draft.jws.text = Box::new(|text| {
            let members: Value = serde_json::from_str(&text).expect("JSON");
            let part = |name: &str| members[name].as_str().expect("a text").to_owned();
            [part("protected"), part("payload"), part("signature")].join(".")
        });
    });
    for (name, why, bytes) in [
        ("empty", "no bytes at all", &b""[..]),
        ("garbage", "bytes that are nothing", &[0, 1, 2, 0xff]),
        ("list", "JSON that is no object", b"[]"),
        ("null", "nothing, in JSON", b"null"),
    ] {
        kit.x509(&format!("jws_{name}"), why, integrity("the JWS envelope cannot be accepted"), |s| {
            s.raw = Some(bytes.into())
        });
    }
    kit.x509("jws_deep", "lists in lists, to let a reader's stack run over", integrity("recursion limit"), |s| {
        s.raw = Some([&b"{\"payload\":"[..], &vec![b'['; 5000]].concat());
    });
    kit.x509("jws_called_cose", "a JWS that is called COSE", integrity("the COSE envelope cannot be accepted"), |s| {
        s.media_type = COSE;
    });
    kit.cose("cose_called_jws", "COSE that is called JWS", integrity("the JWS envelope cannot be accepted"), |s| {
        s.media_type = JWS;
    });
    for (name, media_type) in
        [("jose", "application/jose"), ("none", "application/octet-stream"), ("case", "application/JOSE+json")]
    {
        let reason = integrity("is not a signature envelope");
        kit.x509(&format!("jws_media_type_{name}"), "a media type that no envelope has", reason, |s| {
            s.media_type = media_type
        });
    }
}
