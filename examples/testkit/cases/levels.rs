//! Each level with each check that fails, and what `override` makes of it (trust-store-trust-policy.md, "Signature
//! Verification details").

use super::super::scene::{Expect, Kit, Revoked, Scene, VERSION, identity};

/// A way to fail: its name, why it is there, what stands in the reason, and how the scene is spoilt.
type Way = (&'static str, &'static str, &'static str, fn(&mut Scene));

/// A failure of each check, of a signature of AWS Signer that holds in all else.
const WAYS: [Way; 8] = [
    ("integrity", "the image is another one", "not this image", |s| s.image.2 = 6),
    ("authenticity", "the trust store holds another root", "no certificate of its chain is in the trust store", |s| {
        s.stores[0].1 = Box::new(super::trust::other_root);
    }),
    (
        "identity",
        "another profile signed",
        "not by arn:aws:signer:eu-west-1:111122223333:/signing-profiles/other",
        |s| {
            s.identity("arn:aws:signer:eu-west-1:111122223333:/signing-profiles/other");
        },
    ),
    ("expiry", "the signature has ended", "it ended at 2037-06-01T12:00:00Z", |s| s.time = "2040-01-01T00:00:00Z"),
    ("timestamp", "the leaf had ended when the authority signed", "not at the signing time", |s| {
        s.draft.set("io.cncf.notary.authenticSigningTime", "2026-03-04T00:00:00Z");
    }),
    ("revocation", "the profile's version is revoked", "it is revoked", |s| {
        s.revoked.push(Revoked::Entity(VERSION.into()));
    }),
    ("unknown", "nobody says whether it is revoked", "it is not known whether it is revoked", |s| {
        s.unanswered = Some("connection refused");
    }),
    ("metadata", "metadata is asked for that nobody signed", "`env` is not signed", |s| s.metadata = vec!["env=prod"]),
];

pub fn add(kit: &mut Kit) {
    for (level, logged) in [
        ("strict", &[][..]),
        ("permissive", &["expiry", "timestamp", "revocation"]),
        ("audit", &["authenticity", "identity", "expiry", "timestamp", "revocation"]),
    ] {
        let why = format!("the level {level} with nothing that fails");
        kit.aws(&format!("level_{level}_good"), &why, Expect::Verified, |s| s.level(level));
        for (way, why, reason, spoil) in WAYS {
            let check = if way == "unknown" { "revocation" } else { way };
            let expect = match logged.iter().position(|known| *known == check) {
                Some(at) => Expect::Logged(&logged[at..=at]),
                None => Expect::Fails(check, reason),
            };
            kit.aws(&format!("level_{level}_{way}"), why, expect, |s| {
                s.level(level);
                spoil(s);
            });
        }
    }
    let way = |wanted: &str| WAYS.iter().find(|(way, ..)| *way == wanted).expect("there is this way");
    for (level, check, action, wanted, expect) in [
        ("strict", "authenticity", "log", "authenticity", Expect::Logged(&["authenticity"])),
        ("strict", "authenticity", "log", "identity", Expect::Logged(&["identity"])),
        ("strict", "authenticTimestamp", "log", "timestamp", Expect::Logged(&["timestamp"])),
        ("strict", "expiry", "log", "expiry", Expect::Logged(&["expiry"])),
        ("strict", "revocation", "log", "revocation", Expect::Logged(&["revocation"])),
        ("strict", "revocation", "log", "unknown", Expect::Logged(&["revocation"])),
        ("strict", "revocation", "skip", "revocation", Expect::Verified),
        ("strict", "revocation", "skip", "unknown", Expect::Verified),
        ("strict", "expiry", "log", "timestamp", Expect::Fails("timestamp", way("timestamp").2)),
        ("permissive", "expiry", "enforce", "expiry", Expect::Fails("expiry", way("expiry").2)),
        ("permissive", "authenticTimestamp", "enforce", "timestamp", Expect::Fails("timestamp", way("timestamp").2)),
        ("permissive", "revocation", "enforce", "revocation", Expect::Fails("revocation", way("revocation").2)),
        ("permissive", "revocation", "enforce", "unknown", Expect::Fails("revocation", way("unknown").2)),
        ("permissive", "authenticity", "log", "identity", Expect::Logged(&["identity"])),
        ("audit", "authenticity", "enforce", "authenticity", Expect::Fails("authenticity", way("authenticity").2)),
        ("audit", "authenticity", "enforce", "identity", Expect::Fails("identity", way("identity").2)),
        ("audit", "revocation", "skip", "revocation", Expect::Verified),
    ] {
        let (_, why, _, spoil) = way(wanted);
        let why = format!("{why}; the level is {level} with {check} set to {action}");
        kit.aws(&format!("override_{level}_{check}_{action}_{wanted}"), &why, expect, |s| {
            s.level(level);
            s.overriding(check, action);
            spoil(s);
        });
    }
    let everything = Expect::Logged(&["authenticity", "identity", "expiry", "timestamp", "revocation"]);
    kit.aws("level_audit_everything", "audit logs every failure, one after the other", everything, |s| {
        s.level("audit");
        for way in ["authenticity", "identity", "expiry", "timestamp", "revocation"] {
            WAYS.iter().filter(|(known, ..)| *known == way).for_each(|(.., spoil)| spoil(s));
        }
    });
    kit.aws(
        "level_audit_everything_tampered",
        "audit enforces integrity",
        super::super::scene::integrity("not by the key of the leaf"),
        |s| {
            s.level("audit");
            s.draft.signature = Box::new(|mut signature| {
                signature[0] ^= 1;
                signature
            });
        },
    );
    kit.aws(
        "level_strict_wildcard_identity",
        "AWS's plugin refuses the identity `*`",
        identity("every identity (`*`)"),
        |s| {
            s.identity("*");
        },
    );
    kit.aws("level_audit_wildcard_identity", "at any level", identity("every identity (`*`)"), |s| {
        s.level("audit");
        s.identity("*");
    });
}
