//! Expiry, the authentic timestamp, and what was revoked.

use super::super::{
    certificate::{Extension, at},
    der,
    envelope::{AUTHENTIC_TIME, EXPIRY, SIGNING_TIME},
    scene::{Expect, JOB_ARN, Kit, Revoked, VERSION, integrity, timestamp},
};

pub fn add(kit: &mut Kit) {
    expiry(kit);
    authority_times(kit);
    own_times(kit);
    aws_revocation(kit);
    chain_revocation(kit);
}

fn expiry(kit: &mut Kit) {
    const ENDED: Expect = Expect::Fails("expiry", "it ended at 2026-06-01T12:00:00Z");
    for (name, why, time, expect) in [
        ("second_before", "a second before it ends", "2026-06-01T11:59:59Z", Expect::Verified),
        ("that_second", "the second in which it ends is too late", "2026-06-01T12:00:00Z", ENDED),
        ("second_after", "a second after", "2026-06-01T12:00:01Z", ENDED),
    ] {
        kit.x509(&format!("expiry_{name}"), why, expect, |s| {
            s.time = time;
            s.draft.set(EXPIRY, "2026-06-01T12:00:00Z");
        });
    }
    kit.x509("expiry_none", "a signature need not end", Expect::Verified, |s| s.draft.drop_critical(EXPIRY));
    kit.x509("expiry_other_zone", "the same moment in another zone", ENDED, |s| {
        s.draft.set(EXPIRY, "2026-06-01T14:00:00+02:00");
    });
    for (name, expiry) in [("before_signing", "2026-02-01T12:00:00Z"), ("at_signing", "2026-03-01T12:00:00Z")] {
        let expect = integrity("expires before it was made");
        kit.x509(&format!("expiry_{name}"), "it ends after it was made, or it is wrong", expect, |s| {
            s.draft.set(EXPIRY, expiry);
            s.time = "2026-01-01T00:00:00Z";
        });
    }
}

fn authority_times(kit: &mut Kit) {
    const OUTSIDE: Expect = timestamp_const("not at the signing time");
    for (name, why, time, expect) in [
        ("first_second", "the leaf's first second", "2026-02-28T12:00:00Z", Expect::Verified),
        ("last_second", "the leaf's last second", "2026-03-03T12:00:00Z", Expect::Verified),
        ("too_early", "a second before the leaf", "2026-02-28T11:59:59Z", OUTSIDE),
        ("too_late", "a second after the leaf", "2026-03-03T12:00:01Z", OUTSIDE),
        ("other_zone", "a moment in another zone", "2026-03-03T14:00:00+02:00", Expect::Verified),
    ] {
        kit.aws(&format!("timestamp_authority_{name}"), why, expect, |s| s.draft.set(AUTHENTIC_TIME, time));
    }
    kit.aws("timestamp_authority_leaf_ended", "a leaf that has ended by now was valid then", Expect::Verified, |s| {
        s.time = "2030-01-01T00:00:00Z";
    });
    kit.aws("timestamp_authority_issuer_ended", "every certificate must have been valid", OUTSIDE, |s| {
        s.shape.issuer().until = at("2026-03-01T11:59:59Z");
    });
    kit.aws("timestamp_authority_root_not_begun", "the root, too", OUTSIDE, |s| {
        s.shape.root().from = at("2026-03-01T12:00:01Z");
    });
    kit.aws("timestamp_authority_with_tsa", "an authority's time needs no countersignature", Expect::Verified, |s| {
        s.policy.stores.push("tsa:testkit".into());
        s.stores.push(("tsa:testkit".into(), Box::new(super::trust::other_root)));
    });
    kit.aws("timestamp_never_valid", "a leaf that ends before it begins", OUTSIDE, |s| {
        s.shape.leaf().until = at("2026-02-27T12:00:00Z");
    });
    kit.aws("timestamp_no_end", "a certificate without an end (RFC 5280, 4.1.2.5)", Expect::Verified, |s| {
        s.shape.root().until = at("9999-12-31T23:59:59Z");
    });
}

const fn timestamp_const(reason: &'static str) -> Expect {
    Expect::Fails("timestamp", reason)
}

fn own_times(kit: &mut Kit) {
    for (name, why, time, expect) in [
        ("first_second", "the leaf's first second", "2025-01-01T00:00:00Z", Expect::Verified),
        ("last_second", "the leaf's last second", "2035-01-01T00:00:00Z", Expect::Verified),
        (
            "not_begun",
            "nobody vouches for the signer's clock: now counts",
            "2024-12-31T23:59:59Z",
            timestamp("not now"),
        ),
        ("ended", "the same at the other end", "2035-01-01T00:00:01Z", timestamp("not now")),
    ] {
        kit.x509(&format!("timestamp_own_{name}"), why, expect, |s| s.time = time);
    }
    kit.x509("timestamp_own_claim", "a claim from outside the leaf's time is a claim only", Expect::Verified, |s| {
        s.draft.set(SIGNING_TIME, "2020-01-01T00:00:00Z");
    });
    kit.x509("timestamp_own_root_ended", "every certificate counts", timestamp("not now"), |s| {
        s.shape.root().until = at("2026-05-31T00:00:00Z");
    });
    let with_tsa = |s: &mut super::super::scene::Scene| {
        s.policy.stores.push("tsa:testkit".into());
        s.stores.push(("tsa:testkit".into(), Box::new(super::trust::other_root)));
    };
    const ASKED: &str = "asks for a timestamp (RFC 3161)";
    kit.x509("timestamp_tsa_none", "a store for timestamps asks for one", timestamp(ASKED), with_tsa);
    kit.x509("timestamp_tsa_garbage", "bytes are no timestamp", timestamp(ASKED), |s| {
        with_tsa(s);
        s.draft.header.insert("io.cncf.notary.timestampSignature".into(), "AAAA".into());
    });
    kit.x509("timestamp_tsa_later", "before the leaf ends none is asked for", Expect::Verified, |s| {
        with_tsa(s);
        s.policy.verify_timestamp = Some("afterCertExpiry");
    });
    kit.x509("timestamp_tsa_later_ended", "afterwards it is", timestamp(ASKED), |s| {
        with_tsa(s);
        s.policy.verify_timestamp = Some("afterCertExpiry");
        s.time = "2036-01-01T00:00:00Z";
    });
    kit.x509("timestamp_unasked", "what nobody asks for is not looked at", Expect::Verified, |s| {
        s.draft.header.insert("io.cncf.notary.timestampSignature".into(), "AAAA".into());
    });
}

fn aws_revocation(kit: &mut Kit) {
    let fails = |reason| Expect::Fails("revocation", reason);
    kit.aws("revocation_none", "nothing is revoked", Expect::Verified, |_| {});
    kit.aws("revocation_job", "the signature itself", fails("it is revoked: arn:aws:signer"), |s| {
        s.revoked.push(Revoked::Entity(JOB_ARN.into()));
    });
    kit.aws("revocation_profile", "the profile's version", fails("/signing-profiles/app/0123456789"), |s| {
        s.revoked.push(Revoked::Entity(VERSION.into()));
    });
    kit.aws("revocation_both", "both", fails("/signing-profiles/app/0123456789"), |s| {
        s.revoked.extend([VERSION, JOB_ARN].map(|entity| Revoked::Entity(entity.into())));
    });
    for (place, name, why) in [
        (0, "leaf", "the leaf, named by the hashes of what was signed of it and of its issuer"),
        (1, "issuer", "its issuer"),
        (2, "root", "the root, which is its own issuer"),
    ] {
        kit.aws(&format!("revocation_{name}"), why, fails("it is revoked: the certificate"), |s| {
            s.revoked.push(Revoked::Certificate(place));
        });
    }
    kit.aws("revocation_other_job", "another job", Expect::Verified, |s| {
        s.revoked.push(Revoked::Entity(JOB_ARN.replace("6d1d", "7e2e")));
    });
    kit.aws("revocation_other_version", "another version of the profile", Expect::Verified, |s| {
        s.revoked.push(Revoked::Entity(VERSION.replace("0123456789", "9876543210")));
    });
    kit.aws("revocation_unknown", "who cannot be asked does not say no", fails("it is not known"), |s| {
        s.unanswered = Some("connection refused");
    });
    kit.aws(
        "revocation_after_expiry",
        "nobody is asked where it fails before",
        Expect::Fails("expiry", "it ended"),
        |s| {
            s.unanswered = Some("connection refused");
            s.time = "2040-01-01T00:00:00Z";
        },
    );
}

fn chain_revocation(kit: &mut Kit) {
    const UNKNOWN: Expect = Expect::Fails("revocation", "names where its revocation is told");
    let address = der::value(0x86, b"http://testkit.invalid/");
    let list = der::sequence(&[der::sequence(&[der::explicit(0, &der::explicit(0, &address))])]);
    let list = Extension { oid: "2.5.29.31", critical: false, content: list };
    let access = |method| Extension {
        oid: "1.3.6.1.5.5.7.1.1",
        critical: false,
        content: der::sequence(&[der::sequence(&[der::oid(method), address.clone()])]),
    };
    let (ocsp, issuers) = (access("1.3.6.1.5.5.7.48.1"), access("1.3.6.1.5.5.7.48.2"));
    kit.x509(
        "revocation_chain_none",
        "no certificate says who would tell: nothing can be revoked",
        Expect::Verified,
        |_| {},
    );
    kit.x509("revocation_chain_list", "the leaf's list is at a host that is not there", UNKNOWN, |s| {
        s.shape.leaf().set(list.clone());
    });
    kit.x509("revocation_chain_ocsp", "the leaf's OCSP responder is not there", UNKNOWN, |s| s.shape.leaf().set(ocsp));
    kit.x509("revocation_chain_issuer", "the issuer's list is not there", UNKNOWN, |s| {
        s.shape.issuer().set(list.clone())
    });
    kit.x509("revocation_chain_root", "nobody asks about a root", Expect::Verified, |s| {
        s.shape.root().set(list.clone())
    });
    kit.x509("revocation_chain_issuers", "where the issuer is found tells nothing", Expect::Verified, |s| {
        s.shape.leaf().set(issuers);
    });
    kit.x509("revocation_chain_logged", "permissive logs what is not known", Expect::Logged(&["revocation"]), |s| {
        s.level("permissive");
        s.shape.leaf().set(list.clone());
    });
    kit.x509("revocation_chain_skipped", "and a policy may leave it out", Expect::Verified, |s| {
        s.overriding("revocation", "skip");
        s.shape.leaf().set(list);
    });
}
