//! Keys, the one algorithm that each of them has, and every way to mix them up (signature-specification.md, "Algorithm
//! Selection"; RFC 7518, RFC 9053).

use num_bigint::BigUint;
use ring::hmac;

use super::super::{
    certificate::{Template, name},
    keys::{Hash, Key, Scheme},
    scene::{Expect, Kit, Scene, integrity},
};

/// The order of P-256 (FIPS 186-4, D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

const NOT_IT: &str = "not by the key of the leaf";

pub fn add(kit: &mut Kit) {
    for (file, key) in [
        ("rsa_2048", Key::Rsa(2048)),
        ("rsa_3072", Key::Rsa(3072)),
        ("rsa_4096", Key::Rsa(4096)),
        ("p256", Key::P256("x509 leaf")),
        ("p384", Key::P384("x509 leaf")),
        ("p521", Key::P521("x509 leaf")),
    ] {
        let why = format!("{} by the leaf's key", key.algorithm().0);
        kit.case(&format!("algorithm_{file}"), &why, Expect::Verified, Scene::with_key(key), |_| {});
        let mut cose = Scene::with_key(key);
        cose.cose();
        kit.case(&format!("algorithm_{file}_cose"), &why, Expect::Verified, cose, |_| {});
    }
    confusion(kit);
    rsa(kit);
    curves(kit);
    refused_keys(kit);
    issuers(kit);
}

fn confusion(kit: &mut Kit) {
    for (file, alg, why) in [
        ("none", "none", "no algorithm, and a signature"),
        ("rs256", "RS256", "RSA's old padding"),
        ("es384", "ES384", "the algorithm of another curve"),
        ("ps256", "PS256", "the algorithm of another kind"),
        ("es256k", "ES256K", "a curve that the Notary Project has not"),
        ("eddsa", "EdDSA", "the same"),
        ("case", "es256", "names are compared letter by letter"),
        ("empty", "", "an empty name"),
    ] {
        let reason = integrity("the leaf's key asks for `ES256`");
        kit.x509(&format!("algorithm_called_{file}"), why, reason, |s| s.draft.set("alg", alg));
    }
    kit.x509(
        "algorithm_called_none_unsigned",
        "no algorithm, and no signature",
        integrity("the leaf's key asks for `ES256`"),
        |s| {
            s.draft.set("alg", "none");
            s.draft.jws.members = Box::new(|members| members["signature"] = "".into());
        },
    );
    kit.x509("algorithm_missing", "the algorithm is missing", integrity("`alg` is missing"), |s| s.draft.remove("alg"));
    kit.x509("algorithm_number", "it is a text", integrity("`alg` is not a text"), |s| s.draft.set("alg", -7));
    // The classic of JWT: the public key as the secret of an HMAC.
    kit.x509(
        "algorithm_hs256",
        "the leaf's public key as an HMAC's secret",
        integrity("the leaf's key asks for `ES256`"),
        |s| {
            s.draft.set("alg", "HS256");
            s.draft.jws.members = Box::new(|members| {
                let part = |name: &str| members[name].as_str().expect("a text").to_owned();
                let key = hmac::Key::new(hmac::HMAC_SHA256, &Key::P256("x509 leaf").public());
                let tag = hmac::sign(&key, format!("{}.{}", part("protected"), part("payload")).as_bytes());
                members["signature"] = super::jws::base64url(tag.as_ref()).into();
            });
        },
    );
    let mut p384 = Scene::with_key(Key::P384("x509 leaf"));
    p384.draft.scheme = Some(Scheme::Fixed(Hash::Sha256));
    p384.draft.set("alg", "ES256");
    kit.case(
        "algorithm_es256_by_p384",
        "SHA-256 with a P-384 key, and called so",
        integrity("the leaf's key asks for `ES384`"),
        p384,
        |_| {},
    );
    for (file, key, scheme, why) in [
        ("es384_sha256", Key::P384("x509 leaf"), Scheme::Fixed(Hash::Sha256), "called ES384, over SHA-256"),
        ("es256_sha384", Key::P256("x509 leaf"), Scheme::Fixed(Hash::Sha384), "called ES256, over SHA-384"),
    ] {
        kit.case(&format!("algorithm_{file}"), why, integrity(NOT_IT), Scene::with_key(key), |s| {
            s.draft.scheme = Some(scheme)
        });
    }
}

fn rsa(kit: &mut Kit) {
    use Hash::{Sha1, Sha256, Sha384};
    for (file, scheme, why) in [
        ("pkcs1", Scheme::Pkcs1(Sha256), "called PS256, in RSA's old padding"),
        ("no_salt", Scheme::Pss(Sha256, Sha256, 0), "the salt is as long as the hash (RFC 7518, 3.5)"),
        ("short_salt", Scheme::Pss(Sha256, Sha256, 20), "the same: 20 bytes are another algorithm's"),
        ("long_salt", Scheme::Pss(Sha256, Sha256, 48), "the same: 48 bytes"),
        ("other_mask", Scheme::Pss(Sha256, Sha1, 32), "the mask has the same hash"),
        ("other_hash", Scheme::Pss(Sha384, Sha384, 48), "called PS256, in PS384"),
    ] {
        kit.case(&format!("algorithm_rsa_{file}"), why, integrity(NOT_IT), Scene::with_key(Key::Rsa(2048)), |s| {
            s.draft.scheme = Some(scheme);
        });
    }
    let mut called = Scene::with_key(Key::Rsa(2048));
    called.draft.set("alg", "PS384");
    called.draft.scheme = Some(Scheme::Pss(Sha384, Sha384, 48));
    kit.case(
        "algorithm_rsa_2048_ps384",
        "PS384 in truth, with a key that has PS256",
        integrity("the leaf's key asks for `PS256`"),
        called,
        |_| {},
    );
    let mut called = Scene::with_key(Key::Rsa(2048));
    called.draft.set("alg", "RS256");
    called.draft.scheme = Some(Scheme::Pkcs1(Sha256));
    kit.case(
        "algorithm_rsa_rs256",
        "RS256 in truth, which the Notary Project has not",
        integrity("the leaf's key asks for `PS256`"),
        called,
        |_| {},
    );
    let mut longer = Scene::with_key(Key::Rsa(2048));
    longer.draft.signature = Box::new(|signature| [&[0][..], &signature].concat());
    kit.case("algorithm_rsa_longer", "a zero before the signature", integrity(NOT_IT), longer, |_| {});
}

fn curves(kit: &mut Kit) {
    for (file, key, hash) in [
        ("p256", Key::P256("x509 leaf"), Hash::Sha256),
        ("p384", Key::P384("x509 leaf"), Hash::Sha384),
        ("p521", Key::P521("x509 leaf"), Hash::Sha512),
    ] {
        let why = "r and s side by side, not in DER (RFC 7518, 3.4)";
        kit.case(&format!("algorithm_{file}_der"), why, integrity(NOT_IT), Scene::with_key(key), |s| {
            s.draft.scheme = Some(Scheme::Der(hash));
        });
    }
    let other_s = |signature: Vec<u8>| {
        let (order, s) = (BigUint::from_bytes_be(&ORDER), BigUint::from_bytes_be(&signature[32..]));
        let negated = (order - s).to_bytes_be();
        [&signature[..32], &vec![0; 32 - negated.len()], &negated].concat()
    };
    kit.x509("algorithm_p256_other_s", "s and its negation are both right (FIPS 186-4, 6.4)", Expect::Verified, |s| {
        s.draft.signature = Box::new(other_s);
    });
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let changes: [(&str, &str, Change); 5] = [
        ("longer", "a byte after s", |signature| [&signature[..], &[0]].concat()),
        ("shorter", "a byte too few", |signature| signature[..signature.len() - 1].to_vec()),
        ("swapped", "s before r", |signature| [&signature[32..], &signature[..32]].concat()),
        ("half", "r alone", |signature| signature[..32].to_vec()),
        ("order", "r is the curve's order, which no r is", |signature| [&ORDER[..], &signature[32..]].concat()),
    ];
    for (file, why, change) in changes {
        kit.x509(&format!("algorithm_p256_{file}"), why, integrity(NOT_IT), |s| s.draft.signature = Box::new(change));
    }
}

fn refused_keys(kit: &mut Kit) {
    for (file, key, why, reason) in [
        ("rsa_1024", Key::Rsa(1024), "RSA keys have 2048, 3072 or 4096 bits", "an RSA key of 1024 bits is not allowed"),
        ("rsa_2560", Key::Rsa(2560), "and nothing between", "an RSA key of 2560 bits is not allowed"),
        (
            "ed25519",
            Key::Ed25519("x509 leaf"),
            "a kind that the Notary Project has not",
            "keys of the kind 1.3.101.112",
        ),
    ] {
        kit.case(&format!("algorithm_{file}"), why, integrity(reason), Scene::with_key(key), |_| {});
    }
    kit.x509("algorithm_rsa_1024_issuer", "the same of an issuer", integrity("an RSA key of 1024 bits"), |s| {
        s.shape.issuer().key = Key::Rsa(1024);
    });
}

/// Issuers may have keys of another kind than the leaf.
fn issuers(kit: &mut Kit) {
    for (file, key) in [
        ("rsa_2048", Key::Rsa(2048)),
        ("rsa_4096", Key::Rsa(4096)),
        ("p384", Key::P384("x509 issuer")),
        ("p521", Key::P521("x509 issuer")),
    ] {
        kit.x509(&format!("algorithm_issuer_{file}"), "an issuer with another kind of key", Expect::Verified, |s| {
            s.shape.issuer().key = key;
        });
    }
    kit.x509("algorithm_issuer_sha384", "an issuer may use another hash than its key's", Expect::Verified, |s| {
        s.shape.leaf().hash = Some(Hash::Sha384);
    });
    for (file, key) in [("ecdsa", Key::P256("x509 issuer")), ("rsa", Key::Rsa(2048))] {
        kit.x509(
            &format!("algorithm_sha1_{file}"),
            "SHA-1 proves nothing any more",
            integrity("which is not allowed for its key"),
            |s| {
                s.shape.issuer().key = key;
                s.shape.leaf().hash = Some(Hash::Sha1);
            },
        );
    }
    kit.x509(
        "algorithm_sha1_root",
        "a root's own signature is checked, too",
        integrity("which is not allowed for its key"),
        |s| {
            s.shape.root().hash = Some(Hash::Sha1);
        },
    );
    kit.x509(
        "algorithm_other_outer",
        "the algorithm beside the signature is the one that was signed (RFC 5280, 4.1.1.2)",
        integrity("its two signature algorithms differ"),
        |s| {
            s.shape.leaf().outer_hash = Some(Hash::Sha384);
        },
    );
    let self_signed = Template::leaf(
        Key::Rsa(3072),
        name(&[("CN", "signer"), ("O", "Testkit"), ("ST", "WA"), ("C", "US")]),
        "2025-01-01T00:00:00Z",
        "2035-01-01T00:00:00Z",
    );
    kit.x509("algorithm_self_signed_rsa", "one certificate that signs itself", Expect::Verified, |s| {
        s.shape.0 = vec![self_signed]
    });
}
