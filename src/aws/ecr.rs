//! GetAuthorizationToken, private and public, and the checks on what it answers.

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::DateTime;
use aws_types::SdkConfig;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    registry::{Kind, Registry, is_account},
    secret::Secret,
    token::{Token, USERNAME},
};

/// The life of a token (ECR API reference, GetAuthorizationToken: "valid for 12 hours").
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// What GetAuthorizationToken answered, before it is believed.
pub(super) struct Answer {
    /// base64 of `AWS:password`.
    pub(super) token: Option<String>,
    /// When the token ends.
    pub(super) expires_at: Option<DateTime>,
    /// `https://ACCOUNT.dkr.ecr.REGION.SUFFIX`; ECR Public has none.
    pub(super) proxy_endpoint: Option<String>,
}

/// Asks for a token of the registry's account; `None` when the answer holds no authorization data.
pub(super) async fn ask(
    config: &SdkConfig,
    credentials: Credentials,
    registry: &Registry,
) -> Result<Option<Answer>, Refused> {
    match &registry.kind {
        Kind::Private { account } => {
            let client = aws_sdk_ecr::Client::from_conf(
                aws_sdk_ecr::config::Builder::from(config).credentials_provider(credentials).build(),
            );
            #[expect(
                deprecated,
                reason = "a token serves every registry, but only this way AWS says which account it is for"
            )]
            let request = client.get_authorization_token().registry_ids(account);
            let data =
                request.send().await.map_err(Refused::of)?.authorization_data.unwrap_or_default().into_iter().next();
            Ok(data.map(|data| Answer {
                token: data.authorization_token,
                expires_at: data.expires_at,
                proxy_endpoint: data.proxy_endpoint,
            }))
        }
        Kind::Public => {
            let client = aws_sdk_ecrpublic::Client::from_conf(
                aws_sdk_ecrpublic::config::Builder::from(config).credentials_provider(credentials).build(),
            );
            let data = client.get_authorization_token().send().await.map_err(Refused::of)?.authorization_data;
            Ok(data.map(|data| Answer {
                token: data.authorization_token,
                expires_at: data.expires_at,
                proxy_endpoint: None,
            }))
        }
    }
}

/// A call that failed, with the status of its answer: where a proxy answers in place of AWS, the
/// SDK's error says only that the answer is no JSON.
#[derive(Debug)]
pub(super) struct Refused {
    status: Option<u16>,
    cause: Box<dyn Error + Send + Sync>,
}

impl Refused {
    fn of<E: Error + Send + Sync + 'static>(error: SdkError<E, HttpResponse>) -> Refused {
        Refused { status: error.raw_response().map(|answer| answer.status().as_u16()), cause: error.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "the answer has HTTP status {status}"),
            None => f.write_str("service error"),
        }
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// Why an answer of AWS cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Garbled {
    /// There is no authorization data, or a part of it is missing.
    Missing(&'static str),
    /// The token is not base64 of `AWS:password`.
    Token(&'static str),
    /// The token is for another account.
    Account(String),
    /// The token has ended before it came.
    Ended(Duration),
}

impl fmt::Display for Garbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Garbled::Missing(part) => write!(f, "the answer has no {part}"),
            Garbled::Token(fault) => write!(f, "the authorizationToken {fault}"),
            Garbled::Account(account) => write!(f, "AWS answered for account {account}"),
            Garbled::Ended(ago) => write!(f, "the token ended {} s ago by this machine's clock", ago.as_secs()),
        }
    }
}

/// Believes an answer only when it is whole, for the asked account and still valid.
pub(super) fn check(answer: Option<Answer>, registry: &Registry, now: SystemTime) -> Result<Token, Garbled> {
    let answer = answer.ok_or(Garbled::Missing("authorizationData"))?;
    let token = answer.token.ok_or(Garbled::Missing("authorizationToken"))?;
    let password = password(token)?;
    if let Kind::Private { account } = &registry.kind {
        let endpoint = answer.proxy_endpoint.ok_or(Garbled::Missing("proxyEndpoint"))?;
        let host = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
        match host.split(['.', '/', ':']).next().filter(|text| is_account(text)) {
            Some(answered) if answered == account => {}
            Some(answered) => return Err(Garbled::Account(answered.into())),
            None => return Err(Garbled::Missing("account in its proxyEndpoint")),
        }
    }
    let expires_at = answer.expires_at.and_then(|time| SystemTime::try_from(time).ok());
    let expires_at = expires_at.ok_or(Garbled::Missing("usable expiresAt"))?;
    match now.duration_since(expires_at) {
        Ok(ago) => Err(Garbled::Ended(ago)),
        // On a clock that is behind, the end that AWS names would come too late.
        Err(_) => Ok(Token { password, expires_at: expires_at.min(now + LIFE) }),
    }
}

/// The password in an authorizationToken. It must be printable, because it becomes a header and a
/// line of Docker's protocol.
fn password(token: String) -> Result<Secret, Garbled> {
    let bytes = STANDARD.decode(Secret::from(token).expose()).map_err(|_| Garbled::Token("is not base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| Garbled::Token("is not text"))?;
    let password = text.strip_prefix(USERNAME).and_then(|rest| rest.strip_prefix(':'));
    let password = password.map(|password| Secret::from(password.to_owned()));
    drop(Secret::from(text)); // wiped
    match password {
        None => Err(Garbled::Token("is not for the user AWS")),
        Some(password) if password.expose().is_empty() => Err(Garbled::Token("has no password")),
        Some(password) if !password.expose().bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Garbled::Token("has a password that is not printable"))
        }
        Some(password) => Ok(password),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Server;

    const NOW: u64 = 1_800_000_000;

    fn registry(line: &str) -> Registry {
        let custom = |host: &str| {
            (host == "docker.example.com")
                .then(|| crate::registry::Custom { account: "123456789012".into(), region: "eu-west-1".into() })
        };
        match Server::parse(line, custom) {
            Some(Server::Ecr(registry)) => registry,
            other => panic!("{other:?}"),
        }
    }

    fn answer() -> Answer {
        Answer {
            token: Some(STANDARD.encode("AWS:pw")),
            expires_at: Some(DateTime::from_secs(NOW as i64 + 43_200)),
            proxy_endpoint: Some("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com".into()),
        }
    }

    #[test]
    fn answers_are_believed_only_when_whole_and_right() {
        const PRIVATE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let token = |text: &str| Some(Answer { token: Some(text.into()), ..answer() });
        let encoded = |text: &[u8]| token(&STANDARD.encode(text));
        let endpoint = |text: &str| Some(Answer { proxy_endpoint: Some(text.into()), ..answer() });
        let until = |time| Some(Answer { expires_at: time, ..answer() });
        for (host, answer, expected, why) in [
            (PRIVATE, Some(answer()), Ok("pw"), "as AWS answers"),
            ("docker.example.com", Some(answer()), Ok("pw"), "a custom domain is held against the account"),
            (PRIVATE, encoded(b"AWS:p:w=/+"), Ok("p:w=/+"), "only the first colon parts user and password"),
            (
                "public.ecr.aws",
                Some(Answer { proxy_endpoint: None, ..answer() }),
                Ok("pw"),
                "ECR Public names no endpoint",
            ),
            (PRIVATE, None, Err(Garbled::Missing("authorizationData")), "an empty answer"),
            (
                PRIVATE,
                Some(Answer { token: None, ..answer() }),
                Err(Garbled::Missing("authorizationToken")),
                "no token",
            ),
            (PRIVATE, token("%%%"), Err(Garbled::Token("is not base64")), "not base64"),
            (PRIVATE, encoded(b"AWS:\xff"), Err(Garbled::Token("is not text")), "bytes"),
            (PRIVATE, encoded(b"pw"), Err(Garbled::Token("is not for the user AWS")), "no user"),
            (PRIVATE, encoded(b"BWS:pw"), Err(Garbled::Token("is not for the user AWS")), "another user"),
            (PRIVATE, encoded(b"AWS:"), Err(Garbled::Token("has no password")), "an empty password"),
            (
                PRIVATE,
                encoded(b"AWS:p\nw"),
                Err(Garbled::Token("has a password that is not printable")),
                "a line break would end a line of the protocol",
            ),
            (
                PRIVATE,
                endpoint("https://210987654321.dkr.ecr.eu-west-1.amazonaws.com"),
                Err(Garbled::Account("210987654321".into())),
                "another account",
            ),
            (
                PRIVATE,
                endpoint("https://evil.example/123456789012.dkr.ecr"),
                Err(Garbled::Missing("account in its proxyEndpoint")),
                "the account must be where it belongs",
            ),
            (
                PRIVATE,
                Some(Answer { proxy_endpoint: None, ..answer() }),
                Err(Garbled::Missing("proxyEndpoint")),
                "no endpoint",
            ),
            (PRIVATE, until(None), Err(Garbled::Missing("usable expiresAt")), "no end"),
            (
                PRIVATE,
                until(Some(DateTime::from_secs(NOW as i64 - 60))),
                Err(Garbled::Ended(Duration::from_secs(60))),
                "ended",
            ),
            (
                PRIVATE,
                until(Some(DateTime::from_secs(NOW as i64))),
                Err(Garbled::Ended(Duration::ZERO)),
                "ends this second",
            ),
        ] {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
            let outcome = check(answer, &registry(host), now).map(|token| token.password.expose().to_owned());
            assert_eq!(outcome, expected.map(str::to_owned), "{why}");
        }
    }

    #[test]
    fn the_end_of_a_token_is_at_most_its_life_away() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        for (seconds, remaining, why) in [
            (3_600, 3_600, "as AWS says"),
            (43_200, 43_200, "a new token"),
            (86_400, 43_200, "this clock is behind"),
            (i64::MAX - NOW as i64, 43_200, "a time that no clock has"),
        ] {
            let end = Some(DateTime::from_secs(NOW as i64 + seconds));
            let answer = Answer { expires_at: end, ..answer() };
            let token = check(Some(answer), &registry("123456789012.dkr.ecr.eu-west-1.amazonaws.com"), now).unwrap();
            assert_eq!(token.remaining(now).as_secs(), remaining, "{why}");
        }
    }
}
