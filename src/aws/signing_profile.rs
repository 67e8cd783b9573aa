//! Which signing profile signs: a name, an ARN, the ARN of one version, or that of an alias. Pure.

use std::fmt;

use crate::{
    identity::Target,
    registry::{PARTITIONS, is_account, is_region},
    report::Report,
};

/// The signed attribute with the profile version that AWS Signer signed with.
pub const PROFILE_VERSION: &str = "com.amazonaws.signer.signingProfileVersion";
/// The signed attribute with the alias that AWS Signer signed under.
pub const PROFILE_ALIAS: &str = "com.amazonaws.signer.signingProfileAlias";
/// The signed attribute with AWS Signer's job.
pub const SIGNING_JOB: &str = "com.amazonaws.signer.signingJob";

/// The one platform of AWS Signer that signs container images.
pub const PLATFORM: &str = "Notation-OCI-SHA384-ECDSA";

/// What an ARN of AWS Signer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `/signing-profiles/NAME`.
    Profile,
    /// `/aliases/NAME`: another name of a profile, which may come to mean another one.
    Alias,
    /// `/aliased-signing-profiles/UUID`: the profile behind an alias.
    Aliased,
}

impl Kind {
    /// The beginning of the resource of such an ARN. The documentation writes `/signing-profile/`, too.
    const PATHS: [(&str, Kind); 4] = [
        ("/signing-profiles/", Kind::Profile),
        ("/signing-profile/", Kind::Profile),
        ("/aliases/", Kind::Alias),
        ("/aliased-signing-profiles/", Kind::Aliased),
    ];

    fn path(self) -> &'static str {
        Kind::PATHS.iter().find(|(_, kind)| *kind == self).map_or("", |(path, _)| path)
    }
}

/// A signing profile as the user or a signature names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningProfile {
    /// Whether the name is a profile's own.
    pub kind: Kind,
    /// 2 to 64 letters, digits and `_` (AWS Signer API model, `ProfileName`); of [`Kind::Aliased`] a UUID.
    pub name: String,
    /// The version, where one is named: 10 letters and digits.
    pub version: Option<String>,
    /// Where the profile lives; `None` when only a name was given: our own account, our own region.
    pub home: Option<Home>,
}

/// The partition, region and account of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// The region whose Signer holds the profile.
    pub region: String,
    /// The 12-digit account that owns it; sent as `profileOwner`, so that another account's profile can sign.
    pub account: String,
}

impl Home {
    /// Its AWS Signer, as what an identity is looked for.
    pub fn target(&self) -> Target {
        Target {
            host: format!("signer.{}.amazonaws.com", self.region),
            account: self.account.clone(),
            region: self.region.clone(),
        }
    }
}

impl SigningProfile {
    /// Reads `NAME`, `arn:PARTITION:signer:REGION:ACCOUNT:/signing-profiles/NAME` or the same with
    /// `/VERSION`, and the ARNs of an alias and of the profile behind one.
    pub fn parse(text: &str) -> Result<SigningProfile, Report> {
        let bad = |why: String| {
            Report::new(format!("`{text}` is not a signing profile: {why}"))
                .hint("give a name, or arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME[/VERSION]")
        };
        let Some(rest) = text.strip_prefix("arn:") else {
            check_name(text).map_err(|why| bad(why.into()))?;
            return Ok(SigningProfile { kind: Kind::Profile, name: text.into(), version: None, home: None });
        };
        let parts: Vec<&str> = rest.splitn(5, ':').collect();
        let [partition, service, region, account, resource] = parts[..] else {
            return Err(bad("the ARN has fewer than six parts".into()));
        };
        if service != "signer" {
            return Err(bad(format!("the ARN's service is `{service}`, not `signer`")));
        }
        if !PARTITIONS.iter().any(|known| known.name == partition) {
            return Err(bad(format!("there is no partition `{partition}`")));
        }
        if !is_region(region) {
            return Err(bad(format!("`{region}` is not a region")));
        }
        if !is_account(account) {
            return Err(bad(format!("`{account}` is not a 12-digit account")));
        }
        let path = Kind::PATHS.iter().find_map(|(start, kind)| Some((resource.strip_prefix(start)?, *kind)));
        let Some((path, kind)) = path else {
            return Err(bad(format!("`{resource}` does not start with `/signing-profiles/`")));
        };
        let (name, version) = path.split_once('/').map_or((path, None), |(name, version)| (name, Some(version)));
        match kind {
            Kind::Profile | Kind::Alias => check_name(name),
            Kind::Aliased => check_uuid(name),
        }
        .map_err(|why| bad(why.into()))?;
        if kind == Kind::Alias && version.is_some() {
            return Err(bad("an alias has no version".into()));
        }
        if version.is_some_and(|v| v.len() != 10 || !v.bytes().all(|b| b.is_ascii_alphanumeric())) {
            return Err(bad("a version has 10 letters and digits".into()));
        }
        Ok(SigningProfile {
            kind,
            name: name.into(),
            version: version.map(str::to_owned),
            home: Some(Home { partition: partition.into(), region: region.into(), account: account.into() }),
        })
    }

    /// Whether the profile version that a signature names is the one asked for. A name alone
    /// matches the name; an ARN matches whole; a version matches exactly that version. Case says nothing, as
    /// with AWS Signer's plugin for Notation (`verifier.go`, `EqualFold`).
    pub fn is_met_by(&self, signed_with: &SigningProfile) -> bool {
        let same = |wanted: &str, found: &str| wanted.eq_ignore_ascii_case(found);
        self.kind == signed_with.kind
            && same(&self.name, &signed_with.name)
            && (self.home.is_none() || self.home == signed_with.home)
            && self
                .version
                .as_deref()
                .is_none_or(|wanted| signed_with.version.as_deref().is_some_and(|found| same(wanted, found)))
    }

    /// The profile without its version.
    pub fn any_version(&self) -> SigningProfile {
        SigningProfile { version: None, ..self.clone() }
    }
}

impl fmt::Display for SigningProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Home { partition, region, account }) = &self.home {
            write!(f, "arn:{partition}:signer:{region}:{account}:{}", self.kind.path())?;
        }
        f.write_str(&self.name)?;
        match &self.version {
            Some(version) => write!(f, "/{version}"),
            None => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if !(2..=64).contains(&name.len()) {
        Err("a name has 2 to 64 characters")
    } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        Err("a name has only letters, digits and `_`")
    } else {
        Ok(())
    }
}

fn check_uuid(name: &str) -> Result<(), &'static str> {
    let groups = name.split('-').map(|group| group.len()).eq([8, 4, 4, 4, 12]);
    match groups && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        true => Ok(()),
        false => Err("an aliased profile is named by a UUID"),
    }
}

/// How long signatures of a profile are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// How many units.
    pub value: i32,
    /// The unit.
    pub unit: Unit,
}

/// The units that AWS Signer counts validity in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Days.
    Days,
    /// Months.
    Months,
    /// Years.
    Years,
}

impl Validity {
    /// Reads `135months`, `30d`, `2 years`; at most the 135 months that AWS Signer allows.
    pub fn parse(text: &str) -> Result<Validity, Report> {
        let bad = |why: &str| {
            Report::new(format!("`{text}` is not a validity: {why}")).hint("write 90days, 135months or 2years")
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (value, unit) = text.split_at(digits);
        let value: i32 = value.parse().map_err(|_| bad("it does not start with a number"))?;
        let (unit, most) = match unit.trim() {
            "d" | "day" | "days" => (Unit::Days, 4109),
            "m" | "month" | "months" => (Unit::Months, 135),
            "y" | "year" | "years" => (Unit::Years, 11),
            _ => return Err(bad("the unit is not days, months or years")),
        };
        if !(1..=most).contains(&value) {
            return Err(bad("AWS Signer allows 1 day to 135 months"));
        }
        Ok(Validity { value, unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/team_app";

    #[test]
    fn all_spellings() {
        let home = Some(Home { partition: "aws".into(), region: "eu-west-1".into(), account: "111122223333".into() });
        let whole = SigningProfile { kind: Kind::Profile, name: "team_app".into(), version: None, home: home.clone() };
        let version = SigningProfile { version: Some("0123456789".into()), ..whole.clone() };
        for (text, expected, why) in [
            ("team_app".to_owned(), SigningProfile { home: None, ..whole.clone() }, "a name"),
            (ARN.to_owned(), whole.clone(), "the API's ARN"),
            (ARN.replace("profiles", "profile"), whole.clone(), "the documentation's ARN"),
            (format!("{ARN}/0123456789"), version.clone(), "a version"),
        ] {
            let profile = SigningProfile::parse(&text).unwrap_or_else(|err| panic!("{why}: {err}"));
            assert_eq!(profile, expected, "{why}");
            assert!(profile.is_met_by(&version), "{why}");
        }
        assert_eq!(version.to_string(), format!("{ARN}/0123456789"));
        let shouted = SigningProfile { name: "TEAM_APP".into(), version: Some("ABCDEFGHIJ".into()), ..whole.clone() };
        assert!(shouted.is_met_by(&SigningProfile { version: Some("abcdefghij".into()), ..whole.clone() }), "case");
        for (other, why) in [
            (SigningProfile { version: Some("9876543210".into()), ..whole.clone() }, "another version"),
            (SigningProfile { name: "team_app2".into(), ..version.clone() }, "another name"),
            (SigningProfile::parse(&format!("{}/0123456789", ARN.replace("1111", "4444"))).unwrap(), "another account"),
            (
                SigningProfile::parse(&format!("{}/0123456789", ARN.replace("eu-west-1", "us-east-1"))).unwrap(),
                "another region",
            ),
        ] {
            assert!(!version.is_met_by(&other), "{why}");
        }
    }

    #[test]
    fn f2_19_aliases_have_arns_of_their_own() {
        let alias = ARN.replace("signing-profiles", "aliases");
        let aliased = ARN.replace("signing-profiles/team_app", "aliased-signing-profiles/") + UUID;
        let read = |text: &str| SigningProfile::parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
        for (wanted, signed_with, met, why) in [
            (&alias, &alias, true, "an alias"),
            (&aliased, &aliased, true, "the profile behind one"),
            (&aliased, &format!("{aliased}/0123456789"), true, "and a version of it"),
            (&alias, &ARN.to_owned(), false, "a profile of the alias's name is another thing"),
            (&ARN.to_owned(), &alias, false, "and the other way round"),
            (&"team_app".to_owned(), &alias, false, "a name alone is a profile's"),
            (&alias, &alias.replace("1111", "4444"), false, "another account's alias"),
        ] {
            assert_eq!(read(wanted).is_met_by(&read(signed_with)), met, "{why}");
            assert_eq!(read(wanted).to_string(), *wanted, "{why}");
        }
        for (text, expected) in [
            (format!("{alias}/0123456789"), "an alias has no version"),
            (alias.replace("team_app", "team-app"), "only letters, digits"),
            (aliased.replace("6d1d", "6g1d"), "named by a UUID"),
            (aliased.replace('-', ""), "does not start with"),
        ] {
            let err = SigningProfile::parse(&text).unwrap_err();
            assert!(err.what().contains(expected), "{text}: {err}");
        }
    }

    const UUID: &str = "6d1d0d3f-0000-4000-8000-000000000000";

    #[test]
    fn errors_name_the_part() {
        for (text, expected) in [
            ("x", "2 to 64 characters"),
            ("team-app", "only letters, digits"),
            ("arn:aws:signer:eu-west-1", "fewer than six parts"),
            ("arn:aws:kms:eu-west-1:111122223333:key/x", "service is `kms`"),
            ("arn:moon:signer:eu-west-1:111122223333:/signing-profiles/app", "no partition `moon`"),
            ("arn:aws:signer:EU:111122223333:/signing-profiles/app", "`EU` is not a region"),
            ("arn:aws:signer:eu-west-1:1111:/signing-profiles/app", "`1111` is not a 12-digit account"),
            ("arn:aws:signer:eu-west-1:111122223333:/signing-jobs/x", "does not start with `/signing-profiles/`"),
            ("arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app/v1", "a version has 10"),
            ("arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app/0123456789/x", "a version has 10"),
        ] {
            let err = SigningProfile::parse(text).unwrap_err();
            assert!(err.what().contains(expected), "{text}: {err}");
        }
    }

    #[test]
    fn validity() {
        for (text, value, unit) in
            [("135months", 135, Unit::Months), ("1d", 1, Unit::Days), ("2 years", 2, Unit::Years)]
        {
            assert_eq!(Validity::parse(text).unwrap(), Validity { value, unit }, "{text}");
        }
        for text in ["", "months", "0days", "136months", "12years", "1week", "-1days", "99999999999days"] {
            assert!(Validity::parse(text).is_err(), "{text}");
        }
    }
}
