//! The class of an error of the SDK, from AWS's code and the words of the causes.
//!
//! The SDK's credential errors are opaque boxes, so their words decide; `tests/it/aws_tokens.rs` and
//! `tests/it/aws_sources.rs` hold them against the linked SDK.

use super::error_chain::ErrorChain;
use crate::{
    identity::{SessionRenewal, Source},
    token::MintErrorKind,
};

/// How far the work for one call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first credentials.
    Credentials,
    /// The role of our configuration.
    Role,
    /// The call itself.
    Call,
}

/// A class of errors: each has its own words and its own hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorClass {
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
    /// A key has a character that no request can carry.
    UnusableKey,
    /// The signature does not match.
    WrongSecret,
    /// The request is too old or too new.
    Clock,
    /// Too many requests, after all tries.
    Throttled,
    /// AWS failed on its own side, after all tries.
    Broken,
    /// The endpoint that environment or profile names is no URL.
    Endpoint,
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
    Malformed,
    /// Anything else; the causes say it.
    Failed,
}

/// AWS's error codes (IAM user guide, "Common errors"; the API references of STS, SSO and ECR).
const CODES: &[(&[&str], ErrorClass)] = &[
    (
        &["AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedOperation", "NotAuthorized"],
        ErrorClass::Denied,
    ),
    (&["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"], ErrorClass::Expired),
    (
        &["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken"],
        ErrorClass::UnknownKey,
    ),
    (&["SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSignature"], ErrorClass::WrongSecret),
    (
        &["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", "RequestTimeTooSkewedException"],
        ErrorClass::Clock,
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
        ErrorClass::Throttled,
    ),
    (
        &["InternalFailure", "InternalError", "InternalServerException", "ServerException", "ServiceUnavailable"],
        ErrorClass::Broken,
    ),
    (&["UnauthorizedException"], ErrorClass::SessionEnded),
    (
        &["InvalidIdentityToken", "InvalidIdentityTokenException", "IDPRejectedClaim", "IDPRejectedClaimException"],
        ErrorClass::TokenFile,
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
const WORDS: &[(&str, ErrorClass)] = &[
    ("a character that no key has", ErrorClass::UnusableKey),
    ("failed to apply endpoint", ErrorClass::Endpoint),
    ("fips and custom endpoint are not supported", ErrorClass::FipsWithEndpoint),
    ("sso/cache", ErrorClass::SessionMissing),
    ("login/cache", ErrorClass::SessionMissing),
    ("cached sso token", ErrorClass::SessionMissing),
    ("the command ended with", ErrorClass::Process),
    ("the command could not be run", ErrorClass::Process),
    ("the command did not print credentials", ErrorClass::Process),
    ("dns error", ErrorClass::Name),
    ("failed to lookup address", ErrorClass::Name),
    ("tunnel error", ErrorClass::Proxy),
    ("proxy", ErrorClass::Proxy),
    ("unknownissuer", ErrorClass::Untrusted),
    ("invalid peer certificate", ErrorClass::Certificate),
    ("timeout occurred", ErrorClass::Timeout),
    ("operation timeout", ErrorClass::Timeout),
    ("timed out", ErrorClass::Timeout),
    ("connection refused", ErrorClass::Refused),
    ("unreachable", ErrorClass::Refused),
    ("no route to host", ErrorClass::Refused),
    ("connection reset", ErrorClass::Cut),
    ("connection closed", ErrorClass::Cut),
    ("connection was closed", ErrorClass::Cut),
    ("broken pipe", ErrorClass::Cut),
    ("unexpected eof", ErrorClass::Cut),
    ("incomplete message", ErrorClass::Cut),
    ("end of file", ErrorClass::Cut),
    ("no such file or directory", ErrorClass::TokenFile),
    ("cannot find the file", ErrorClass::TokenFile),
    ("infinite loop", ErrorClass::Profile),
    ("was not defined", ErrorClass::Profile),
    ("credential source", ErrorClass::Profile),
    ("did not contain credential", ErrorClass::Profile),
    ("invalid profile", ErrorClass::Profile),
    ("sso config", ErrorClass::Profile),
    ("sso-session named", ErrorClass::Profile),
];

impl ErrorClass {
    /// Finds the class of an error at a stage.
    pub(super) fn of(stage: Stage, source: &Source, chain: &ErrorChain) -> ErrorClass {
        let found = ErrorClass::of_words(chain);
        // The first credentials: a fault of an endpoint on this machine is no fault of AWS or the network.
        if stage == Stage::Credentials {
            match source {
                Source::Container { .. } => return ErrorClass::Container,
                Source::InstanceMetadata => return ErrorClass::Metadata,
                Source::WebIdentity(_) if matches!(found, ErrorClass::Failed | ErrorClass::Expired) => {
                    return ErrorClass::TokenFile;
                }
                Source::Profile(profile) if found == ErrorClass::Failed => match profile.renewal {
                    Some(SessionRenewal::Console { .. }) => return ErrorClass::SessionEnded,
                    _ if chain.lines.is_empty() => return ErrorClass::Profile,
                    _ => {}
                },
                _ => {}
            }
        }
        // Our own calls fail with a code of AWS or with words of the network; the rest is no answer of AWS.
        let ours = matches!(stage, Stage::Call | Stage::Role);
        if ours && found == ErrorClass::Failed && chain.code.is_none() { ErrorClass::Malformed } else { found }
    }

    fn of_words(chain: &ErrorChain) -> ErrorClass {
        if ENDED.iter().any(|words| chain.says(words)) {
            return ErrorClass::SessionEnded;
        }
        if let Some(code) = &chain.code {
            let row = CODES.iter().find(|(codes, _)| codes.contains(&code.as_str()));
            let skewed = ["Signature expired", "Signature not yet current", "is now earlier than", "is now later than"];
            return match row {
                Some((_, ErrorClass::WrongSecret)) if skewed.iter().any(|words| chain.message.contains(words)) => {
                    ErrorClass::Clock
                }
                Some((_, class)) => *class,
                None => ErrorClass::Failed,
            };
        }
        WORDS.iter().find(|(words, _)| chain.says(words)).map_or(ErrorClass::Failed, |(_, class)| *class)
    }

    /// What `get` makes of it.
    pub(super) fn kind(self, stage: Stage) -> MintErrorKind {
        match self {
            ErrorClass::SessionEnded
            | ErrorClass::SessionMissing
            | ErrorClass::Process
            | ErrorClass::TokenFile
            | ErrorClass::Container
            | ErrorClass::Metadata
            | ErrorClass::Expired
            | ErrorClass::UnknownKey
            | ErrorClass::UnusableKey
            | ErrorClass::WrongSecret
            | ErrorClass::Profile => MintErrorKind::NoCredentials,
            ErrorClass::Denied | ErrorClass::Clock | ErrorClass::Failed => match stage {
                Stage::Call => MintErrorKind::Denied,
                Stage::Credentials | Stage::Role => MintErrorKind::NoCredentials,
            },
            ErrorClass::Throttled
            | ErrorClass::Broken
            | ErrorClass::Endpoint
            | ErrorClass::FipsWithEndpoint
            | ErrorClass::Name
            | ErrorClass::Refused
            | ErrorClass::Proxy
            | ErrorClass::Untrusted
            | ErrorClass::Certificate
            | ErrorClass::Timeout
            | ErrorClass::Cut => MintErrorKind::Unreachable,
            ErrorClass::Malformed => MintErrorKind::Malformed,
        }
    }
}
