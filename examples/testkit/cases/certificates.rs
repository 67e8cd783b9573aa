//! Certificates and their chain (signature-specification.md, "Certificate Requirements"; notation-core-go,
//! `x509/codesigning_cert_validations.go`).

use super::super::{
    certificate::{
        BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, Extension, KEY_USAGE, Name, Template, UTF8, basic_constraints,
        extended_key_usage, key_usage, name, purpose, usage,
    },
    der,
    keys::Key,
    scene::{Expect, Kit, integrity},
};

pub fn add(kit: &mut Kit) {
    leaf_usage(kit);
    leaf_purposes(kit);
    authorities(kit);
    order(kit);
    names(kit);
    extensions(kit);
    encoding(kit);
}

fn leaf_usage(kit: &mut Kit) {
    use usage::DIGITAL_SIGNATURE;
    kit.x509("leaf_no_key_usage", "a leaf has a key usage", integrity("key usage is absent"), |s| {
        s.shape.leaf().remove(KEY_USAGE);
    });
    kit.x509("leaf_key_usage_not_critical", "which is critical", integrity("absent or not critical"), |s| {
        s.shape.leaf().set(key_usage(false, &[DIGITAL_SIGNATURE]));
    });
    kit.x509("leaf_no_digital_signature", "and has digitalSignature", integrity("has no digitalSignature"), |s| {
        s.shape.leaf().set(key_usage(true, &[usage::CONTENT_COMMITMENT]));
    });
    for (file, bit, reason) in [
        ("key_encipherment", usage::KEY_ENCIPHERMENT, "must not have keyEncipherment"),
        ("data_encipherment", usage::DATA_ENCIPHERMENT, "must not have dataEncipherment"),
        ("key_agreement", usage::KEY_AGREEMENT, "must not have keyAgreement"),
        ("key_cert_sign", usage::KEY_CERT_SIGN, "must not have keyCertSign"),
        ("crl_sign", usage::CRL_SIGN, "must not have cRLSign"),
        ("encipher_only", usage::ENCIPHER_ONLY, "must not have encipherOnly"),
        ("decipher_only", usage::DECIPHER_ONLY, "must not have decipherOnly"),
    ] {
        kit.x509(&format!("leaf_{file}"), "a leaf signs, and nothing else", integrity(reason), |s| {
            s.shape.leaf().set(key_usage(true, &[DIGITAL_SIGNATURE, bit]));
        });
    }
    kit.x509("leaf_content_commitment", "non-repudiation is a kind of signing", Expect::Verified, |s| {
        s.shape.leaf().set(key_usage(true, &[DIGITAL_SIGNATURE, usage::CONTENT_COMMITMENT]));
    });
    kit.x509(
        "leaf_is_authority",
        "a leaf is no authority",
        integrity("a leaf must not be a certificate authority"),
        |s| {
            s.shape.leaf().set(basic_constraints(true, true, None));
        },
    );
    kit.x509("leaf_says_no_authority", "and may say so", Expect::Verified, |s| {
        s.shape.leaf().set(basic_constraints(true, false, None));
    });
}

fn leaf_purposes(kit: &mut Kit) {
    for (file, oid, reason) in [
        ("server_auth", purpose::SERVER_AUTH, "must not have serverAuth"),
        ("client_auth", purpose::CLIENT_AUTH, "must not have clientAuth"),
        ("email_protection", purpose::EMAIL_PROTECTION, "must not have emailProtection"),
        ("time_stamping", purpose::TIME_STAMPING, "must not have timeStamping"),
        ("ocsp_signing", purpose::OCSP_SIGNING, "must not have OCSPSigning"),
        ("any", purpose::ANY, "must not have anyExtendedKeyUsage"),
    ] {
        kit.x509(&format!("leaf_purpose_{file}"), "a leaf is for code", integrity(reason), |s| {
            s.shape.leaf().set(extended_key_usage(&[purpose::CODE_SIGNING, oid]));
        });
    }
    kit.x509("leaf_no_purposes", "purposes may be left out", Expect::Verified, |s| {
        s.shape.leaf().remove(EXTENDED_KEY_USAGE);
    });
    kit.x509("leaf_purpose_unknown", "another purpose alone is not for code", integrity("has no codeSigning"), |s| {
        s.shape.leaf().set(extended_key_usage(&["1.3.6.1.4.1.99999.1"]));
    });
    kit.x509("leaf_purpose_unknown_too", "beside codeSigning it may be there", Expect::Verified, |s| {
        s.shape.leaf().set(extended_key_usage(&[purpose::CODE_SIGNING, "1.3.6.1.4.1.99999.1"]));
    });
    kit.x509("leaf_purposes_critical", "purposes may be critical", Expect::Verified, |s| {
        s.shape.leaf().set(Extension { critical: true, ..extended_key_usage(&[purpose::CODE_SIGNING]) });
    });
}

fn authorities(kit: &mut Kit) {
    const NO_AUTHORITY: &str = "not those of an authority";
    type Change = fn(&mut Template);
    let changes: [(&str, &str, &'static str, Change); 6] = [
        ("no_constraints", "an issuer says that it is one", NO_AUTHORITY, |t| t.remove(BASIC_CONSTRAINTS)),
        ("constraints_not_critical", "critically", NO_AUTHORITY, |t| t.set(basic_constraints(false, true, None))),
        ("constraints_false", "and does not say the contrary", NO_AUTHORITY, |t| {
            t.set(basic_constraints(true, false, None))
        }),
        ("no_key_usage", "an issuer has a key usage", "key usage is absent", |t| t.remove(KEY_USAGE)),
        ("key_usage_not_critical", "which is critical", "absent or not critical", |t| {
            t.set(key_usage(false, &[usage::KEY_CERT_SIGN]))
        }),
        ("no_key_cert_sign", "and has keyCertSign", "has no keyCertSign", |t| {
            t.set(key_usage(true, &[usage::CRL_SIGN]))
        }),
    ];
    for (file, why, reason, change) in changes {
        kit.x509(&format!("issuer_{file}"), why, integrity(reason), |s| change(s.shape.issuer()));
        // A root that is no authority could still be in a store, since it signs itself.
        kit.x509(&format!("root_{file}"), why, integrity(reason), |s| change(s.shape.root()));
    }
    for (file, root, most, expect, why) in [
        ("root_zero", true, 0, integrity("path length is too short"), "no authority may be below the root, and one is"),
        ("root_one", true, 1, Expect::Verified, "one may be"),
        ("issuer_zero", false, 0, Expect::Verified, "a leaf is no authority"),
    ] {
        kit.x509(&format!("path_length_{file}"), why, expect, |s| {
            let template = if root { s.shape.root() } else { s.shape.issuer() };
            template.set(basic_constraints(true, true, Some(most)));
        });
    }
    kit.x509("path_length_longer", "each authority counts", integrity("path length is too short"), |s| {
        let mut between = s.shape.0[1].clone();
        between.key = Key::P256("x509 between");
        between.subject = name(&[("CN", "Testkit Int CA"), ("C", "US")]);
        s.shape.0.insert(2, between);
        s.shape.root().set(basic_constraints(true, true, Some(1)));
    });
    kit.x509("issuer_is_leaf", "a leaf issued this one", integrity(NO_AUTHORITY), |s| {
        let mut signer = s.shape.0[0].clone();
        signer.key = Key::P256("x509 other leaf");
        s.shape.0.insert(1, signer);
    });
}

fn order(kit: &mut Kit) {
    type Change = fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>;
    let changes: [(&str, &str, &'static str, Change); 10] = [
        ("reversed", "the leaf comes first", "not by the key of the leaf", |mut c| {
            c.reverse();
            c
        }),
        ("no_root", "the root travels along", "it is the last but not self-signed", |c| c[..2].to_vec()),
        ("no_issuer", "so does every issuer", "its issuer is", |c| vec![c[0].clone(), c[2].clone()]),
        ("leaf_only", "a leaf alone signs itself", "it is the last but not self-signed", |c| c[..1].to_vec()),
        ("swapped", "each issuer follows", "its issuer is", |c| vec![c[0].clone(), c[2].clone(), c[1].clone()]),
        ("root_twice", "one certificate signs itself", "it is self-signed but not the last", |c| {
            [&c[..], &c[2..]].concat()
        }),
        ("leaf_twice", "a leaf did not issue itself", "its issuer is", |c| [&c[..1], &c[..]].concat()),
        ("stranger_last", "nothing follows the root", "it is self-signed but not the last", |mut c| {
            c.push(super::trust::other_root(&[]).remove(0));
            c
        }),
        ("stranger_between", "nothing is between", "its issuer is", |mut c| {
            c.insert(1, super::trust::other_root(&[]).remove(0));
            c
        }),
        (
            "other_root",
            "a root of the right name and another key",
            "not signed by the next certificate's key",
            |mut c| {
                let mut root = Template::authority(Key::P256("stranger"), "Testkit Root CA");
                root.serial = 1;
                c[2] = root.issue(&root).der;
                c
            },
        ),
    ];
    for (file, why, reason, change) in changes {
        kit.x509(&format!("chain_{file}"), why, integrity(reason), |s| s.chain = Box::new(change));
    }
    kit.x509(
        "chain_of_stranger",
        "a good chain, and a signature by a leaf of another",
        integrity("not by the key of the leaf"),
        |s| {
            s.signer = Some(Key::P256("x509 other leaf"));
        },
    );
    kit.x509(
        "chain_issuer_forged",
        "an issuer of the right name that the root never signed",
        integrity("not signed by the next certificate's key"),
        |s| {
            s.shape.issuer().signed_by = Some(Key::P256("stranger"));
        },
    );
    kit.x509(
        "chain_leaf_forged",
        "a leaf that its issuer never signed",
        integrity("not signed by the next certificate's key"),
        |s| {
            s.shape.leaf().signed_by = Some(Key::P256("stranger"));
        },
    );
    kit.x509("chain_root_forged", "a root that does not sign itself", integrity("not signed by"), |s| {
        s.shape.root().signed_by = Some(Key::P256("stranger"));
        s.stores[0].1 = Box::new(super::trust::other_root);
    });
    kit.x509(
        "chain_self_signed_and_root",
        "a leaf that signs itself, and a trusted root behind it",
        integrity("it is self-signed but not the last"),
        |s| {
            let mut alone = s.shape.0[0].clone();
            alone.issuer = Some(alone.subject.clone());
            alone.signed_by = Some(alone.key);
            s.shape.0[0] = alone;
        },
    );
    kit.x509("chain_long", "a chain without end", integrity("more than 32"), |s| {
        s.chain = Box::new(|chain| [&vec![chain[0].clone(); 40], &chain[1..]].concat());
    });
}

fn names(kit: &mut Kit) {
    let root: Name = name(&[("CN", "Testkit Root CA"), ("O", "Testkit"), ("ST", "WA"), ("C", "US")]);
    let named = root.clone();
    kit.x509("name_leaf_as_root", "keys tell who issued whom, not names alone", Expect::Verified, move |s| {
        s.shape.leaf().subject = named;
        s.identity("x509.subject: C=US, ST=WA, O=Testkit, CN=Testkit Root CA");
    });
    kit.x509("name_issuer_as_root", "an issuer may have its root's name", Expect::Verified, |s| {
        s.shape.issuer().subject = root.clone();
    });
    kit.x509("name_issuer_differs", "the key is right, the name is not", integrity("its issuer is"), |s| {
        s.shape.leaf().issuer = Some(name(&[("CN", "Testkit Other CA"), ("O", "Testkit"), ("ST", "WA"), ("C", "US")]));
    });
    kit.x509("name_issuer_other_case", "names are compared byte for byte", integrity("its issuer is"), |s| {
        s.shape.leaf().issuer =
            Some(name(&[("CN", "TESTKIT ISSUING CA"), ("O", "Testkit"), ("ST", "WA"), ("C", "US")]));
    });
    kit.x509(
        "name_root_differs",
        "a root that says another issued it",
        integrity("it is the last but not self-signed"),
        |s| {
            s.shape.root().issuer = Some(name(&[("CN", "Testkit Other CA")]));
            s.stores[0].1 = Box::new(super::trust::other_root);
        },
    );
    kit.x509("name_hostile", "control characters in a name", Expect::Verified, |s| {
        s.shape.leaf().subject.push(("2.5.4.17", UTF8, b"\x1b[2J\x07 12345".to_vec()));
    });
}

fn extensions(kit: &mut Kit) {
    let null = |oid, critical| Extension { oid, critical, content: der::null() };
    for (file, oid) in
        [("unknown", "1.3.6.1.4.1.99999.1"), ("name_constraints", "2.5.29.30"), ("policy_constraints", "2.5.29.36")]
    {
        kit.x509(
            &format!("extension_leaf_{file}"),
            "critical, and nobody here knows it (RFC 5280, 4.2)",
            integrity("is not understood"),
            |s| {
                s.shape.leaf().set(null(oid, true));
            },
        );
        kit.x509(&format!("extension_issuer_{file}"), "the same of an issuer", integrity("is not understood"), |s| {
            s.shape.issuer().set(null(oid, true));
        });
    }
    kit.x509("extension_root_unknown", "the same of a root", integrity("is not understood"), |s| {
        s.shape.root().set(null("1.3.6.1.4.1.99999.1", true));
    });
    kit.x509("extension_unknown", "one that is not critical is passed over", Expect::Verified, |s| {
        s.shape.leaf().set(null("1.3.6.1.4.1.99999.1", false));
    });
    let again = key_usage(true, &[usage::DIGITAL_SIGNATURE]);
    kit.x509(
        "extension_twice",
        "an extension stands there once (RFC 5280, 4.2)",
        integrity("there twice or cannot be read"),
        |s| {
            s.shape.leaf().extensions.push(again.clone());
        },
    );
    kit.x509(
        "extension_twice_differs",
        "two answers to one question",
        integrity("there twice or cannot be read"),
        |s| {
            s.shape.leaf().extensions.push(key_usage(true, &[usage::KEY_CERT_SIGN]));
        },
    );
    kit.x509(
        "extension_constraints_twice",
        "an authority to one reader, none to another",
        integrity("there twice or cannot be read"),
        |s| {
            s.shape.issuer().extensions.push(basic_constraints(true, false, None));
        },
    );
    kit.x509(
        "extension_usage_garbage",
        "a key usage that cannot be read",
        integrity("there twice or cannot be read"),
        |s| {
            s.shape.leaf().set(Extension { content: vec![0xff, 0x01], ..key_usage(true, &[0]) });
        },
    );
    kit.x509(
        "version_1_root",
        "X.509's first version has no extensions, so no authorities",
        integrity("not those of an authority"),
        |s| {
            s.shape.root().extensions.clear();
        },
    );
    kit.x509("version_1_leaf", "nor key usages", integrity("key usage is absent"), |s| {
        s.shape.leaf().extensions.clear()
    });
}

fn encoding(kit: &mut Kit) {
    type Spoil = fn(Vec<u8>) -> Vec<u8>;
    let spoils: [(&str, &str, &'static str, Spoil); 6] = [
        ("trailing", "a byte after the certificate", "bytes after the certificate", |der| [&der[..], &[0]].concat()),
        ("cut_short", "half of a certificate", "it is not a certificate", |der| der[..der.len() / 2].to_vec()),
        ("empty", "no bytes", "it is not a certificate", |_| Vec::new()),
        ("garbage", "bytes that are none", "it is not a certificate", |_| vec![0xff; 64]),
        ("long_length", "a length that is not in its shortest form (X.690, 10.1)", "is not DER", |der| {
            // The signature is the last value, of less than 128 bytes here: 03 LL becomes 03 81 LL.
            let content = der::contents(&der)[0].to_vec();
            let signature = der::contents(&content)[2].len();
            let at = content.len() - signature - 1;
            let longer = [&content[..at], &[0x81], &content[at..]].concat();
            der::value(0x30, &longer)
        }),
        ("unused_bits", "a signature is of whole bytes", "it is not a certificate", |mut der| {
            let signature = der::contents(der::contents(&der)[0])[2].len();
            let at = der.len() - signature;
            der[at] = 1;
            der
        }),
    ];
    for (file, why, reason, spoil) in spoils {
        kit.x509(&format!("certificate_{file}"), why, integrity(reason), |s| s.shape.leaf().spoil = spoil);
    }
    kit.x509("certificate_issuer_trailing", "the same of an issuer", integrity("bytes after the certificate"), |s| {
        s.shape.issuer().spoil = |der| [&der[..], &[0]].concat();
    });
}
