//! Trust stores and the chain's way into them (trust-store-trust-policy.md, "Trust Store" and "Authenticity").

use super::super::{
    certificate::{Issued, Template},
    envelope::{AUTHENTIC_TIME, SCHEME, SIGNING_TIME},
    keys::Key,
    scene::{Expect, Kit, authenticity, root},
};

/// A root that nobody has to do with.
pub fn other_root(_: &[Issued]) -> Vec<Vec<u8>> {
    let other = Template::authority(Key::P256("other root"), "Testkit Root CA");
    vec![other.issue(&other).der]
}

fn der(chain: &[Issued], at: usize) -> Vec<Vec<u8>> {
    vec![chain[at].der.clone()]
}

pub fn add(kit: &mut Kit) {
    const NOT_THERE: &str = "no certificate of its chain is in the trust store";
    kit.x509("trust_root", "the root is trusted", Expect::Verified, |_| {});
    kit.x509("trust_other_root", "another root of the same name is trusted", authenticity(NOT_THERE), |s| {
        s.stores[0].1 = Box::new(other_root);
    });
    kit.x509("trust_reissued_root", "a root of the same name and key, and other bytes", authenticity(NOT_THERE), |s| {
        let mut shape = s.shape.clone();
        shape.root().serial = 2;
        s.stores[0].1 = Box::new(move |_| der(&shape.issue(), 2));
    });
    kit.x509("trust_intermediate", "any certificate of the chain may be the trusted one", Expect::Verified, |s| {
        s.stores[0].1 = Box::new(|chain| der(chain, 1));
    });
    kit.x509(
        "trust_leaf",
        "a store holds authorities and certificates that sign themselves, no leaf",
        authenticity("neither a certificate authority's nor self-signed"),
        |s| s.stores[0].1 = Box::new(|chain| der(chain, 0)),
    );
    kit.x509(
        "trust_root_beside_leaf",
        "one certificate that may not be there spoils the store",
        authenticity("neither a certificate authority's nor self-signed"),
        |s| s.stores[0].1 = Box::new(|chain| [der(chain, 0), der(chain, 2)].concat()),
    );
    kit.x509("trust_among_others", "a store may hold many certificates", Expect::Verified, |s| {
        s.stores[0].1 = Box::new(|chain| [other_root(chain), der(chain, 2)].concat());
    });
    kit.x509("trust_second_store", "a statement may name several stores", Expect::Verified, |s| {
        s.policy.stores.push("ca:second".into());
        s.stores[0].1 = Box::new(other_root);
        s.stores.push(("ca:second".into(), root()));
    });
    kit.x509("trust_no_such_store", "a store that is not there", authenticity("does not exist"), |s| s.stores.clear());
    kit.x509(
        "trust_one_store_missing",
        "a store of the type that is not there fails the check, though the other has the root",
        authenticity("does not exist"),
        |s| s.policy.stores.push("ca:second".into()),
    );
    kit.x509("trust_empty_store", "a store without certificates", authenticity("holds no certificate"), |s| {
        s.stores[0].1 = Box::new(|_| Vec::new());
    });
    kit.x509("trust_unnamed_store", "a store that the statement does not name", authenticity(NOT_THERE), |s| {
        s.stores[0].1 = Box::new(other_root);
        s.stores.push(("ca:unnamed".into(), root()));
    });
    kit.x509(
        "trust_other_type",
        "the root is in a store of the other signing scheme",
        authenticity("names no trust store of the type `ca`"),
        |s| {
            s.policy.stores = vec!["signingAuthority:testkit".into()];
            s.stores[0].0 = "signingAuthority:testkit".into();
        },
    );
    kit.aws(
        "trust_other_type_authority",
        "the same the other way round",
        authenticity("names no trust store of the type `signingAuthority`"),
        |s| {
            s.policy.stores = vec!["ca:aws-signer-ts".into()];
            s.stores[0].0 = "ca:aws-signer-ts".into();
        },
    );
    kit.x509(
        "trust_same_name_other_type",
        "stores of one name and two types are two stores",
        authenticity(NOT_THERE),
        |s| {
            s.policy.stores.push("signingAuthority:testkit".into());
            s.stores[0].1 = Box::new(other_root);
            s.stores.push(("signingAuthority:testkit".into(), root()));
        },
    );
    kit.x509(
        "trust_tsa_only",
        "a store for timestamps is none for signers",
        authenticity("names no trust store of the type `ca`"),
        |s| {
            s.policy.stores = vec!["tsa:testkit".into()];
            s.stores[0].0 = "tsa:testkit".into();
        },
    );
    kit.aws("trust_broken_store_of_other_type", "only stores of the scheme's type are read", Expect::Verified, |s| {
        s.policy.stores.push("ca:absent".into());
    });
    kit.x509(
        "trust_authority_without_plugin",
        "a signing authority that asks for no plugin is judged by its leaf's subject",
        Expect::Verified,
        |s| {
            s.draft.set_critical(AUTHENTIC_TIME, "2026-03-01T12:00:00Z");
            s.draft.remove(SIGNING_TIME);
            s.draft.set(SCHEME, "notary.x509.signingAuthority");
            s.policy.stores = vec!["signingAuthority:testkit".into()];
            s.stores[0].0 = "signingAuthority:testkit".into();
        },
    );
    kit.x509(
        "trust_self_signed_leaf",
        "a certificate that signs itself may sign alone, if it is trusted itself",
        Expect::Verified,
        |s| drop(s.shape.0.drain(1..)),
    );
    kit.x509("trust_self_signed_leaf_unknown", "and not if it is not", authenticity(NOT_THERE), |s| {
        s.shape.0.drain(1..);
        s.stores[0].1 = Box::new(other_root);
    });
}
