//! The sort of trouble behind an error of the SDK, from AWS's code and the words of the causes.
//!
//! The SDK's credential errors are opaque boxes, so their words decide; `tests/it/aws_tokens.rs` and
//! `tests/it/aws_sources.rs` hold them against the linked SDK.

use super::{FailureKind, chain::Chain, explain::Step};
use crate::identity::{Login, Source};

/// A sort of trouble: each has its own words and its own hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The SSO or `aws login` session has ended.
    SessionEnded,
    /// There is no such session on this machine.
    SessionMissing,
    /// A `credential_process` failed.
    Process,
    /// The web identity token cannot be read or is refused.
    TokenFile,
    /// The container's credential endpoint failed.
    Container,
    /// The instance's metadata service failed.
    Metadata,
    /// AWS knows us and says no.
    Denied,
    /// Session keys have ended.
    Expired,
    /// AWS does not know the access key.
    UnknownKey,
    /// The signature does not match.
    WrongSecret,
    /// The request is too old or too new.
    Clock,
    /// Too many requests, after all tries.
    Throttled,
    /// AWS failed on its own side, after all tries.
    Broken,
    /// A FIPS endpoint cannot be combined with a custom one.
    FipsWithEndpoint,
    /// The profile is not in order.
    Profile,
    /// A name could not be looked up.
    Name,
    /// Nobody listens, or there is no way.
    Refused,
    /// The proxy failed or refused.
    Proxy,
    /// The server's certificate is of an unknown issuer.
    Untrusted,
    /// The server's certificate has another fault.
    Certificate,
    /// No connection or no answer in time.
    Timeout,
    /// The connection ended early.
    Cut,
    /// The answer is none of AWS's.
    Garbage,
    /// Anything else; the causes say it.
    Failed,
}

/// AWS's error codes (IAM user guide, "Common errors"; the API references of STS, SSO and ECR).
const CODES: &[(&[&str], Trouble)] = &[
    (
        &["AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedOperation", "NotAuthorized"],
        Trouble::Denied,
    ),
    (&["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"], Trouble::Expired),
    (
        &["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken"],
        Trouble::UnknownKey,
    ),
    (&["SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSignature"], Trouble::WrongSecret),
    (
        &["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", "RequestTimeTooSkewedException"],
        Trouble::Clock,
    ),
    (
        &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
            "SlowDown",
        ],
        Trouble::Throttled,
    ),
    (
        &["InternalFailure", "InternalError", "InternalServerException", "ServerException", "ServiceUnavailable"],
        Trouble::Broken,
    ),
    (&["UnauthorizedException"], Trouble::SessionEnded),
    (
        &["InvalidIdentityToken", "InvalidIdentityTokenException", "IDPRejectedClaim", "IDPRejectedClaimException"],
        Trouble::TokenFile,
    ),
];

/// Words about a session that has ended, which tell more than the code beside them.
const ENDED: &[&str] = &[
    "the sso token has expired",
    "cached login token is expired",
    "your session has expired",
    "please reauthenticate",
];

/// Words of the SDK, hyper and rustls, in lower case; the first row that fits wins.
const WORDS: &[(&str, Trouble)] = &[
    ("fips and custom endpoint are not supported", Trouble::FipsWithEndpoint),
    ("sso/cache", Trouble::SessionMissing),
    ("login/cache", Trouble::SessionMissing),
    ("cached sso token", Trouble::SessionMissing),
    ("the command ended with", Trouble::Process),
    ("the command could not be run", Trouble::Process),
    ("the command did not print credentials", Trouble::Process),
    ("dns error", Trouble::Name),
    ("failed to lookup address", Trouble::Name),
    ("tunnel error", Trouble::Proxy),
    ("proxy", Trouble::Proxy),
    ("unknownissuer", Trouble::Untrusted),
    ("invalid peer certificate", Trouble::Certificate),
    ("timeout occurred", Trouble::Timeout),
    ("timed out", Trouble::Timeout),
    ("connection refused", Trouble::Refused),
    ("unreachable", Trouble::Refused),
    ("no route to host", Trouble::Refused),
    ("connection reset", Trouble::Cut),
    ("connection closed", Trouble::Cut),
    ("connection was closed", Trouble::Cut),
    ("broken pipe", Trouble::Cut),
    ("unexpected eof", Trouble::Cut),
    ("incomplete message", Trouble::Cut),
    ("end of file", Trouble::Cut),
    ("no such file or directory", Trouble::TokenFile),
    ("cannot find the file", Trouble::TokenFile),
    ("infinite loop", Trouble::Profile),
    ("was not defined", Trouble::Profile),
    ("credential source", Trouble::Profile),
    ("did not contain credential", Trouble::Profile),
    ("invalid profile", Trouble::Profile),
    ("sso config", Trouble::Profile),
    ("sso-session named", Trouble::Profile),
];

impl Trouble {
    /// Finds the sort of an error of a step.
    pub(super) fn of(step: Step, source: &Source, chain: &Chain) -> Trouble {
        let found = Trouble::said(chain);
        // The first credentials: a fault of an endpoint on this machine is no fault of AWS or the network.
        if step == Step::Credentials {
            match source {
                Source::Container { .. } => return Trouble::Container,
                Source::InstanceMetadata => return Trouble::Metadata,
                Source::WebIdentity { .. } if matches!(found, Trouble::Failed | Trouble::Expired) => {
                    return Trouble::TokenFile;
                }
                Source::Profile(profile) if found == Trouble::Failed => match profile.login {
                    Some(Login::Console { .. }) => return Trouble::SessionEnded,
                    _ if chain.lines.is_empty() => return Trouble::Profile,
                    _ => {}
                },
                _ => {}
            }
        }
        // Our own calls fail with a code of AWS or with words of the network; the rest is no answer of AWS.
        let ours = matches!(step, Step::Token | Step::Role);
        if ours && found == Trouble::Failed && chain.code.is_none() { Trouble::Garbage } else { found }
    }

    fn said(chain: &Chain) -> Trouble {
        if ENDED.iter().any(|words| chain.says(words)) {
            return Trouble::SessionEnded;
        }
        if let Some(code) = &chain.code {
            let row = CODES.iter().find(|(codes, _)| codes.contains(&code.as_str()));
            let skewed = ["Signature expired", "Signature not yet current", "is now earlier than", "is now later than"];
            return match row {
                Some((_, Trouble::WrongSecret)) if skewed.iter().any(|words| chain.message.contains(words)) => {
                    Trouble::Clock
                }
                Some((_, trouble)) => *trouble,
                None => Trouble::Failed,
            };
        }
        WORDS.iter().find(|(words, _)| chain.says(words)).map_or(Trouble::Failed, |(_, trouble)| *trouble)
    }

    /// What `get` makes of it.
    pub(super) fn kind(self, step: Step) -> FailureKind {
        match self {
            Trouble::SessionEnded
            | Trouble::SessionMissing
            | Trouble::Process
            | Trouble::TokenFile
            | Trouble::Container
            | Trouble::Metadata
            | Trouble::Expired
            | Trouble::UnknownKey
            | Trouble::WrongSecret
            | Trouble::Profile => FailureKind::NoCredentials,
            Trouble::Denied | Trouble::Clock | Trouble::Failed => match step {
                Step::Token => FailureKind::Denied,
                Step::Credentials | Step::Role => FailureKind::NoCredentials,
            },
            Trouble::Throttled
            | Trouble::Broken
            | Trouble::FipsWithEndpoint
            | Trouble::Name
            | Trouble::Refused
            | Trouble::Proxy
            | Trouble::Untrusted
            | Trouble::Certificate
            | Trouble::Timeout
            | Trouble::Cut => FailureKind::Unreachable,
            Trouble::Garbage => FailureKind::Garbled,
        }
    }
}
