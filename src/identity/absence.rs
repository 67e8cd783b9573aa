//! What to say where no credentials are chosen: it must be true of a machine with profiles, too. Pure.

/// What is wrong with a machine that has none.
pub const NO_CREDENTIALS: &str = "this machine has no AWS credentials";

/// And what to do there.
pub const GET_CREDENTIALS: &str =
    "run `aws configure sso` or `aws configure`, or set AWS_PROFILE to a profile that has credentials";

/// What is so where there are profiles, none is the default one, and no account says which.
pub const NO_DEFAULT: &str = "no AWS profile is chosen, and there is no default one";

/// The most names in one line.
const SHOWN: usize = 8;

/// What is so, and one thing to do, where nobody has chosen among the profiles that have credentials and
/// none of them is of this account; empty is any account.
pub(super) fn of(account: &str, profiles: &[&str]) -> (String, String) {
    if profiles.is_empty() {
        return (NO_CREDENTIALS.into(), GET_CREDENTIALS.into());
    }
    let what = match account {
        "" => NO_DEFAULT.into(),
        _ => format!("no AWS profile is chosen, and none here is known to be of account {account}"),
    };
    let names = match profiles.len().checked_sub(SHOWN) {
        None | Some(0) => profiles.join(", "),
        Some(more) => format!("{} and {more} more", profiles[..SHOWN].join(", ")),
    };
    (what, format!("set AWS_PROFILE, or `profile` of a `[[registry]]` rule, to one of: {names}"))
}
