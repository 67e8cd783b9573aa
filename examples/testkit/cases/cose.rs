//! The COSE envelope (specifications, signature-envelope-cose.md; RFC 9052): its headers, times, and its form.

use coset::cbor::value::Value as Cbor;
use serde_json::json;

use super::super::{
    envelope::{AUTHENTIC_TIME, EXPIRY, SCHEME, SIGNING_TIME},
    keys::Key,
    scene::{Expect, Kit, Scene, integrity},
};

type Entries = Vec<(Cbor, Cbor)>;

fn label(name: &str) -> Cbor {
    Cbor::from(name)
}

fn set(entries: &mut Entries, key: impl Into<Cbor>, value: impl Into<Cbor>) {
    let (key, value) = (key.into(), value.into());
    match entries.iter_mut().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = value,
        None => entries.push((key, value)),
    }
}

fn remove(entries: &mut Entries, key: impl Into<Cbor>) {
    let key = key.into();
    entries.retain(|(known, _)| *known != key);
}

fn critical(entries: &mut Entries, more: Cbor) {
    let crit = entries.iter_mut().find(|(key, _)| *key == Cbor::from(2));
    crit.expect("there is one").1.as_array_mut().expect("a list").push(more);
}

pub fn add(kit: &mut Kit) {
    kit.cose("cose_good", "as Notation makes it", Expect::Verified, |_| {});
    headers(kit);
    times(kit);
    certificates(kit);
    forms(kit);
}

fn headers(kit: &mut Kit) {
    type Change = fn(&mut Entries);
    let changes: [(&str, &str, &'static str, Change); 22] = [
        ("no_alg", "the algorithm is missing", "its algorithm is missing", |p| remove(p, 1)),
        ("alg_text", "an algorithm is a number", "its algorithm is missing", |p| set(p, 1, "ES256")),
        ("alg_other", "of the leaf's key", "its algorithm is -35, the leaf's key asks for -7", |p| set(p, 1, -35)),
        ("alg_private", "not of somebody's own", "its algorithm is -65537", |p| set(p, 1, -65537)),
        ("alg_label_text", "the label is a number, too", "its algorithm is missing", |p| {
            remove(p, 1);
            set(p, "alg", -7);
        }),
        ("alg_label_digit", "not its digit", "its algorithm is missing", |p| {
            remove(p, 1);
            set(p, "1", -7);
        }),
        ("no_cty", "the content type is missing", "its content type is missing", |p| remove(p, 3)),
        ("cty_number", "it is a text", "its content type is missing", |p| set(p, 3, 50)),
        ("cty_other", "of the Notary Project", "the payload is `application/json`", |p| set(p, 3, "application/json")),
        ("no_crit", "no `crit`", "it has no critical headers", |p| remove(p, 2)),
        ("crit_empty", "an empty one (RFC 9052, 3.1)", "got empty array", |p| set(p, 2, Cbor::Array(Vec::new()))),
        ("crit_text", "a text is no list", "got tstr, expected array", |p| set(p, 2, SCHEME)),
        ("crit_twice", "each name once", "name `io.cncf.notary.expiry` twice", |p| critical(p, label(EXPIRY))),
        ("crit_absent", "what is critical is there", "is marked critical but is not there", |p| {
            critical(p, label("com.example.absent"))
        }),
        ("crit_unknown_number", "a number that nobody knows", "is not understood", |p| critical(p, 33.into())),
        ("crit_bytes", "a name is no byte string", "got bstr, expected int/tstr", |p| {
            critical(p, Cbor::Bytes(SCHEME.into()))
        }),
        (
            "scheme_not_critical",
            "the scheme must be critical",
            "`io.cncf.notary.signingScheme` is not marked critical",
            |p| {
                set(p, 2, Cbor::Array(vec![label(EXPIRY)]));
            },
        ),
        ("expiry_not_critical", "so must an expiry", "`io.cncf.notary.expiry` is not marked critical", |p| {
            set(p, 2, Cbor::Array(vec![label(SCHEME)]));
        }),
        ("no_scheme", "the signing scheme is missing", "the signing scheme is missing", |p| {
            remove(p, SCHEME);
            set(p, 2, Cbor::Array(vec![label(EXPIRY)]));
        }),
        ("scheme_bytes", "a scheme is a text", "the signing scheme is not a text", |p| {
            set(p, SCHEME, Cbor::Bytes(b"notary.x509".to_vec()))
        }),
        ("repeated_scheme", "a label stands there once (RFC 9052, 3)", "duplicate map key", |p| {
            p.push((label(SCHEME), label("notary.x509")))
        }),
        ("repeated_alg", "the same of a number", "duplicate map key", |p| p.push((1.into(), (-7).into()))),
    ];
    for (name, why, reason, change) in changes {
        kit.cose(&format!("cose_{name}"), why, integrity(reason), |s| s.draft.cose.protected = Box::new(change));
    }
    kit.cose("cose_crit_alg", "what everybody knows may be critical", Expect::Verified, |s| {
        s.draft.cose.protected = Box::new(|protected| critical(protected, 1.into()));
    });
    kit.cose(
        "cose_unknown_critical",
        "a critical attribute that nobody knows",
        integrity("`com.example.unknown`, which is unknown"),
        |s| {
            s.draft.set_critical("com.example.unknown", "x");
        },
    );
    kit.cose("cose_unknown", "an attribute that nobody must know", Expect::Verified, |s| {
        s.draft.set("com.example.unknown", json!([true, 1, "x"]));
    });
    kit.cose("cose_alg_unsigned", "an algorithm that nobody signed", integrity("its algorithm is missing"), |s| {
        s.draft.remove("alg");
        s.draft.cose.unprotected = Box::new(|unprotected| set(unprotected, 1, -7));
    });
    kit.cose("cose_expiry_in_both", "a header stands in one place (RFC 9052, 3)", integrity("in both headers"), |s| {
        s.draft.cose.unprotected =
            Box::new(|unprotected| set(unprotected, EXPIRY, Cbor::Tag(1, Box::new(4_102_444_800_u64.into()))));
    });
    kit.cose("cose_unsigned_members", "what nobody signed may be there, and says nothing", Expect::Verified, |s| {
        s.draft.header.insert("io.cncf.notary.signingAgent".into(), "testkit/1.0".into());
        s.draft.header.insert("anything".into(), 1.into());
    });
}

fn times(kit: &mut Kit) {
    const NO_TIME: &str = "is not a time in whole seconds";
    type Change = fn(&mut Entries);
    let changes: [(&str, &str, &'static str, Change); 9] = [
        ("untagged", "a time has the tag 1 (RFC 8949, 3.4.2)", NO_TIME, |p| set(p, SIGNING_TIME, 1_772_366_400_u64)),
        ("text", "a text is none", NO_TIME, |p| set(p, SIGNING_TIME, "2026-03-01T12:00:00Z")),
        ("tag_0", "nor one with the tag of texts", NO_TIME, |p| {
            set(p, SIGNING_TIME, Cbor::Tag(0, Box::new("2026-03-01T12:00:00Z".into())));
        }),
        ("fraction", "seconds are whole", NO_TIME, |p| {
            set(p, SIGNING_TIME, Cbor::Tag(1, Box::new(1_772_366_400.5.into())))
        }),
        ("huge", "a time that no calendar has", NO_TIME, |p| set(p, EXPIRY, Cbor::Tag(1, Box::new(u64::MAX.into())))),
        ("expiry_untagged", "the same of an expiry", NO_TIME, |p| set(p, EXPIRY, 2_127_472_000_u64)),
        ("expiry_twice_tagged", "one tag", NO_TIME, |p| {
            set(p, EXPIRY, Cbor::Tag(1, Box::new(Cbor::Tag(1, Box::new(2_127_472_000_u64.into())))));
        }),
        ("missing", "a signing time is mandatory", "the signing time is missing", |p| remove(p, SIGNING_TIME)),
        ("of_authority", "the scheme of one's own has no authority's time", "the other scheme's signing time", |p| {
            set(p, AUTHENTIC_TIME, Cbor::Tag(1, Box::new(1_772_366_400_u64.into())));
            critical(p, label(AUTHENTIC_TIME));
        }),
    ];
    for (name, why, reason, change) in changes {
        kit.cose(&format!("cose_time_{name}"), why, integrity(reason), |s| s.draft.cose.protected = Box::new(change));
    }
    kit.cose("cose_expired", "the end has passed", Expect::Fails("expiry", "it ended at"), |s| {
        s.time = "2040-01-01T00:00:00Z"
    });
    kit.cose(
        "cose_expiry_before_signing",
        "it ends before it was made",
        integrity("expires before it was made"),
        |s| {
            s.draft.set(EXPIRY, "2026-02-01T12:00:00Z");
        },
    );
    let mut authority = Scene::aws();
    authority.cose();
    authority.draft.uncritical(AUTHENTIC_TIME);
    let reason = integrity("`io.cncf.notary.authenticSigningTime` is not marked critical");
    kit.case("cose_authority_time_not_critical", "an authority's time is critical", reason, authority, |_| {});
}

fn certificates(kit: &mut Kit) {
    kit.cose("cose_x5chain_alone", "one certificate may stand without a list (RFC 9360, 2)", Expect::Verified, |s| {
        s.shape.0.drain(1..);
        s.draft.cose.unprotected = Box::new(|unprotected| {
            let alone = unprotected[0].1.as_array().expect("a list")[0].clone();
            set(unprotected, 33, alone);
        });
    });
    type Change = fn(&mut Entries);
    let changes: [(&str, &str, &'static str, Change); 6] = [
        ("missing", "no certificates", "it has no certificates", |u| remove(u, 33)),
        ("empty", "an empty list", "it has no certificate", |u| set(u, 33, Cbor::Array(Vec::new()))),
        ("label_text", "the label is a number", "it has no certificates", |u| {
            let chain = u[0].1.clone();
            remove(u, 33);
            set(u, "33", chain);
        }),
        ("jws_name", "not JWS's name", "it has no certificates", |u| {
            let chain = u[0].1.clone();
            remove(u, 33);
            set(u, "x5c", chain);
        }),
        ("texts", "certificates are byte strings", "is not a byte string", |u| {
            set(u, 33, Cbor::Array(vec!["AAAA".into()]))
        }),
        ("number", "a number is none", "its certificates cannot be read", |u| set(u, 33, 1)),
    ];
    for (name, why, reason, change) in changes {
        kit.cose(&format!("cose_x5chain_{name}"), why, integrity(reason), |s| {
            s.draft.cose.unprotected = Box::new(change)
        });
    }
    kit.cose("cose_x5chain_reversed", "the leaf comes first", integrity("not by the key of the leaf"), |s| {
        s.chain = Box::new(|mut chain| {
            chain.reverse();
            chain
        });
    });
}

fn forms(kit: &mut Kit) {
    type Change = fn(&mut Vec<Cbor>);
    let changes: [(&str, &str, &'static str, Change); 9] = [
        ("payload_detached", "the payload is inside", "its payload is empty", |p| p[2] = Cbor::Null),
        ("payload_tampered", "the payload was changed afterwards", "not by the key of the leaf", |p| {
            p[2] = Cbor::Bytes(b"{\"targetArtifact\":{}}".to_vec());
        }),
        ("payload_text", "a payload is a byte string", "got tstr, expected bstr", |p| p[2] = "{}".into()),
        ("protected_empty", "no protected header", "it has no critical headers", |p| p[0] = Cbor::Bytes(Vec::new())),
        ("protected_map", "a protected header is in a byte string", "got map, expected bstr", |p| {
            p[0] = Cbor::Map(Vec::new())
        }),
        ("protected_trailing", "with nothing after it", "extraneous data", |p| {
            p[0].as_bytes_mut().expect("bytes").push(0)
        }),
        ("signature_empty", "an empty signature", "not by the key of the leaf", |p| p[3] = Cbor::Bytes(Vec::new())),
        ("three_parts", "a part is missing", "expected array with 4 items", |p| drop(p.pop())),
        ("five_parts", "a part too many", "expected array with 4 items", |p| p.push(Cbor::Null)),
    ];
    for (name, why, reason, change) in changes {
        kit.cose(&format!("cose_{name}"), why, integrity(reason), |s| s.draft.cose.parts = Box::new(change));
    }
    kit.cose("cose_payload_empty", "no payload", integrity("its payload is empty"), |s| s.draft.payload.clear());
    kit.cose("cose_payload_detached_empty", "none, and signed as empty", integrity("its payload is empty"), |s| {
        s.draft.payload.clear();
        s.draft.cose.parts = Box::new(|parts| parts[2] = Cbor::Null);
    });
    kit.cose("cose_alg_in_both", "the same algorithm twice", integrity("`alg` is in both headers"), |s| {
        s.draft.cose.unprotected = Box::new(|unprotected| set(unprotected, 1, -7));
    });
    for (name, why, tag) in [
        ("missing", "the tag says what it is", None),
        ("of_many", "that of COSE_Sign, which has several signatures", Some(98)),
        ("of_mac", "that of COSE_Mac0", Some(17)),
    ] {
        kit.cose(&format!("cose_tag_{name}"), why, integrity("the COSE envelope cannot be accepted"), |s| {
            s.draft.cose.tag = tag
        });
    }
    kit.cose("cose_trailing", "something after the envelope", integrity("the COSE envelope cannot be accepted"), |s| {
        let chain: Vec<Vec<u8>> = s.shape.issue().into_iter().map(|one| one.der).collect();
        s.raw = Some([s.draft.seal_cose(Key::P256("x509 leaf"), &chain), vec![0]].concat());
    });
    kit.cose("cose_empty", "no bytes at all", integrity("the COSE envelope cannot be accepted"), |s| {
        s.raw = Some(Vec::new())
    });
    kit.cose(
        "cose_deep",
        "lists in lists, to let a reader's stack run over",
        integrity("the COSE envelope cannot be accepted"),
        |s| {
            s.raw = Some(vec![0x81; 5000]);
        },
    );
    kit.cose(
        "cose_endless",
        "a list that claims to be longer than memory",
        integrity("the COSE envelope cannot be accepted"),
        |s| {
            s.raw = Some([&[0xd2, 0x9b][..], &[0xff; 8]].concat());
        },
    );
    kit.cose(
        "cose_base64",
        "base64 of the envelope in its place",
        integrity("the COSE envelope cannot be accepted"),
        |s| {
            s.raw = Some(b"0oRYy6UBJgOA".to_vec());
        },
    );
}
