//! The signing profile that signs images: named on the command line, or by config.toml for their registries.

use crate::{
    app::App, aws::signing_profile::SigningProfile, oci::Reference, report::Report, verify::trusted::profile_of_rule,
};

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
        let profile = profile_of_rule(&app.config, image)?.ok_or_else(|| {
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
