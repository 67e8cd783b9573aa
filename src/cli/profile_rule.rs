//! The signing profile of images: named on the command line, or by config.toml for their registries.

use crate::{app::App, aws::signing_profile::SigningProfile, oci::Reference, report::Report};

/// The signing profile that config.toml names for an image's registry.
pub(super) fn of_rule(app: &App, image: &Reference) -> Result<Option<SigningProfile>, Report> {
    let Some(rule) = app.config.rule_for(image.host()) else { return Ok(None) };
    let Some(arn) = &rule.signing_profile else { return Ok(None) };
    SigningProfile::parse(arn).map(Some).map_err(|err| err.under(rule.place()))
}

/// The one profile that signs images: the one that was named, else that of their rules.
///
/// # Errors
/// There is none, or not one.
pub(super) fn that_signs(app: &App, named: Option<&str>, images: &[Reference]) -> Result<SigningProfile, Report> {
    if let Some(named) = named {
        return SigningProfile::parse(named);
    }
    let mut found: Option<SigningProfile> = None;
    for image in images {
        let profile = of_rule(app, image)?.ok_or_else(|| {
            Report::new(format!("no signing profile is named for {image}"))
                .hint("add --signing-profile PROFILE, or name its ARN as signing-profile in config.toml")
        })?;
        if let Some(other) = found.replace(profile.clone()).filter(|other| *other != profile) {
            return Err(Report::new(format!("config.toml names {other} and {profile} for these images"))
                .hint("sign the images of each in a run of their own, or add --signing-profile"));
        }
    }
    found.ok_or_else(|| Report::new("there is no image to sign"))
}
