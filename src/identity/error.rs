//! Why no identity could be chosen.

use std::{fmt, io, path::PathBuf};

use crate::report::Report;

/// Why no identity could be chosen. Absence of credentials is no error but [`super::Source::None`].
#[derive(Debug)]
pub enum IdentityError {
    /// A profile is named that neither file has. The SDK would go on to the instance's role.
    UnknownProfile {
        /// The name that was asked for.
        profile: String,
        /// What asked for it.
        asked_by: String,
        /// The profiles that exist.
        known: Vec<String>,
    },
    /// A rule names a profile that has no credentials.
    EmptyProfile {
        /// The profile.
        profile: String,
        /// What asked for it.
        asked_by: String,
    },
    /// A profile does not say whole whose credentials it means. To go on to the next source would be
    /// to take somebody else's.
    BrokenProfile {
        /// The profile.
        profile: String,
        /// What is missing or contradicts itself.
        what: String,
        /// The files that say it.
        files: [PathBuf; 2],
    },
    /// The environment does not say whole whose credentials it means.
    Variables {
        /// What is wrong.
        what: String,
        /// One next step.
        hint: String,
    },
    /// More than one profile is of the registry's account, and nothing says which is meant.
    Ambiguous {
        /// The registry's account.
        account: String,
        /// The profiles that belong to it.
        profiles: Vec<String>,
    },
    /// One of the AWS files is there and cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The OS's words.
        cause: io::Error,
    },
    /// A line of one of the AWS files cannot be read.
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::UnknownProfile { profile, asked_by, .. } => {
                write!(f, "there is no AWS profile {profile:?}, which {asked_by} names")
            }
            IdentityError::EmptyProfile { profile, asked_by } => {
                write!(f, "the AWS profile {profile:?}, which {asked_by} names, has no credentials")
            }
            IdentityError::BrokenProfile { profile, .. } => {
                write!(f, "the AWS profile {profile:?} has no usable credentials")
            }
            IdentityError::Variables { what, .. } => f.write_str(what),
            IdentityError::Ambiguous { account, profiles } => {
                write!(f, "there is more than one AWS profile of account {account}: {}", profiles.join(", "))
            }
            IdentityError::Unreadable { path, .. } => write!(f, "cannot read {}", path.display()),
            IdentityError::Line { path, line, .. } => {
                write!(f, "line {line} of {} cannot be read", path.display())
            }
        }
    }
}

impl std::error::Error for IdentityError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IdentityError::Unreadable { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl IdentityError {
    /// What is wrong in the file, where the file is what is wrong.
    fn cause(&self) -> Option<&str> {
        match self {
            IdentityError::BrokenProfile { what, .. } | IdentityError::Line { what, .. } => Some(what),
            _ => None,
        }
    }

    /// One next step the reader can take.
    pub fn hint(&self) -> String {
        match self {
            IdentityError::UnknownProfile { known, .. } if known.is_empty() => {
                "there are no AWS profiles here: run `aws configure sso` or `aws configure`".into()
            }
            IdentityError::UnknownProfile { known, .. } => format!("the profiles that exist: {}", known.join(", ")),
            IdentityError::EmptyProfile { profile, .. } => {
                format!("run `aws configure --profile {profile}`, or name another profile")
            }
            IdentityError::BrokenProfile { files, .. } => {
                let files = files.iter().filter(|file| file.is_file()).map(|file| file.display().to_string());
                format!("check the profile in {}", files.collect::<Vec<_>>().join(" and "))
            }
            IdentityError::Variables { hint, .. } => hint.clone(),
            IdentityError::Ambiguous { .. } => {
                "set AWS_PROFILE to one of them, or add a `[[registry]]` rule that names it".into()
            }
            IdentityError::Unreadable { .. } => "make it a regular file, readable for this user".into(),
            IdentityError::Line { .. } => {
                "correct that line: until then nobody can tell whose credentials are meant".into()
            }
        }
    }
}

impl From<IdentityError> for Report {
    fn from(err: IdentityError) -> Report {
        let report = Report::of(&err);
        err.cause().into_iter().fold(report, |report, cause| report.cause(cause)).hint(err.hint())
    }
}
