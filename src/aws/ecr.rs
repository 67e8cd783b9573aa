//! GetAuthorizationToken, private and public, and the checks on what it answers.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_types::SdkConfig;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::response::Refused;
use crate::{
    registry::{Kind, Registry, TOKEN_LIFETIME, USERNAME, is_account},
    report::Report,
    secret::Secret,
    token::{MintError, MintErrorKind, Token},
};

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
pub(super) async fn ask(config: &SdkConfig, registry: &Registry) -> Result<Option<Answer>, Refused> {
    match &registry.kind {
        Kind::Private { account } => {
            let client = aws_sdk_ecr::Client::new(config);
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
            let client = aws_sdk_ecrpublic::Client::new(config);
            let data = client.get_authorization_token().send().await.map_err(Refused::of)?.authorization_data;
            Ok(data.map(|data| Answer {
                token: data.authorization_token,
                expires_at: data.expires_at,
                proxy_endpoint: None,
            }))
        }
    }
}

/// Why an answer of AWS cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// There is no authorization data, or a part of it is missing.
    #[error("the answer has no {0}")]
    Missing(&'static str),
    /// The token is not base64 of `AWS:password`.
    #[error("the authorizationToken {0}")]
    Token(&'static str),
    /// The token is for another account.
    #[error("AWS answered for account {0}")]
    Account(String),
    /// The token has ended before it came.
    #[error("the token ended {} s ago by this machine's clock", .0.as_secs())]
    Ended(Duration),
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answerer {
    /// AWS, at its own endpoint.
    Aws,
    /// Whatever listens at the endpoint that environment or profile names.
    Endpoint,
}

impl Malformed {
    /// The error of a mint that got such an answer, from AWS or from an endpoint that stands in its place.
    pub(super) fn report(self, registry: &Registry, from: Answerer) -> MintError {
        let asked = match &registry.kind {
            Kind::Private { account } => format!("account {account} in {}", registry.region),
            Kind::Public => "ECR Public".into(),
        };
        let report = match &self {
            Malformed::Account(account) => {
                Report::new(format!("AWS answered for account {account}, asked for {}", registry.account()))
                    .hint("check the endpoint that AWS_ENDPOINT_URL or the profile's endpoint_url names")
            }
            Malformed::Ended(_) => Report::new(format!("AWS gave a token of {asked} that has already ended"))
                .cause(&self)
                .hint(match from {
                    Answerer::Aws => "set this machine's clock; it seems to be ahead",
                    Answerer::Endpoint => {
                        "check what answers at the endpoint that AWS_ENDPOINT_URL or the profile's endpoint_url names"
                    }
                }),
            Malformed::Missing(_) | Malformed::Token(_) => Report::new(format!("AWS gave no usable token of {asked}"))
                .cause(&self)
                .hint("check that no proxy or endpoint_url answers in place of AWS"),
        };
        MintError { kind: MintErrorKind::Malformed, report }
    }
}

/// Believes an answer only when it is whole, for the asked account and still valid.
pub(super) fn check(answer: Option<Answer>, registry: &Registry, now: SystemTime) -> Result<Token, Malformed> {
    let answer = answer.ok_or(Malformed::Missing("authorizationData"))?;
    let token = answer.token.ok_or(Malformed::Missing("authorizationToken"))?;
    let password = password(token)?;
    if let Kind::Private { account } = &registry.kind {
        let endpoint = answer.proxy_endpoint.ok_or(Malformed::Missing("proxyEndpoint"))?;
        let host = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
        match host.split(['.', '/', ':']).next().filter(|text| is_account(text)) {
            Some(answered) if answered == account => {}
            Some(answered) => return Err(Malformed::Account(answered.into())),
            None => return Err(Malformed::Missing("account in its proxyEndpoint")),
        }
    }
    let expires_at = answer.expires_at.and_then(|time| SystemTime::try_from(time).ok());
    let expires_at = expires_at.ok_or(Malformed::Missing("usable expiresAt"))?;
    match now.duration_since(expires_at) {
        Ok(ago) => Err(Malformed::Ended(ago)),
        // On a clock that is behind, the end that AWS names would come too late.
        Err(_) => Ok(Token { password, expires_at: expires_at.min(now + TOKEN_LIFETIME) }),
    }
}

/// The password in an authorizationToken. It must be printable, because it becomes a header and a
/// line of Docker's protocol.
fn password(token: String) -> Result<Secret, Malformed> {
    let bytes = STANDARD.decode(Secret::from(token).expose()).map_err(|_| Malformed::Token("is not base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| Malformed::Token("is not text"))?;
    let password = text.strip_prefix(USERNAME).and_then(|rest| rest.strip_prefix(':'));
    let password = password.map(|password| Secret::from(password.to_owned()));
    drop(Secret::from(text)); // wiped
    match password {
        None => Err(Malformed::Token("is not for the user AWS")),
        Some(password) if password.expose().is_empty() => Err(Malformed::Token("has no password")),
        Some(password) if !password.expose().bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Malformed::Token("has a password that is not printable"))
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
            (PRIVATE, None, Err(Malformed::Missing("authorizationData")), "an empty answer"),
            (
                PRIVATE,
                Some(Answer { token: None, ..answer() }),
                Err(Malformed::Missing("authorizationToken")),
                "no token",
            ),
            (PRIVATE, token("%%%"), Err(Malformed::Token("is not base64")), "not base64"),
            (PRIVATE, encoded(b"AWS:\xff"), Err(Malformed::Token("is not text")), "bytes"),
            (PRIVATE, encoded(b"pw"), Err(Malformed::Token("is not for the user AWS")), "no user"),
            (PRIVATE, encoded(b"BWS:pw"), Err(Malformed::Token("is not for the user AWS")), "another user"),
            (PRIVATE, encoded(b"AWS:"), Err(Malformed::Token("has no password")), "an empty password"),
            (
                PRIVATE,
                encoded(b"AWS:p\nw"),
                Err(Malformed::Token("has a password that is not printable")),
                "a line break would end a line of the protocol",
            ),
            (
                PRIVATE,
                endpoint("https://210987654321.dkr.ecr.eu-west-1.amazonaws.com"),
                Err(Malformed::Account("210987654321".into())),
                "another account",
            ),
            (
                PRIVATE,
                endpoint("https://evil.example/123456789012.dkr.ecr"),
                Err(Malformed::Missing("account in its proxyEndpoint")),
                "the account must be where it belongs",
            ),
            (
                PRIVATE,
                Some(Answer { proxy_endpoint: None, ..answer() }),
                Err(Malformed::Missing("proxyEndpoint")),
                "no endpoint",
            ),
            (PRIVATE, until(None), Err(Malformed::Missing("usable expiresAt")), "no end"),
            (
                PRIVATE,
                until(Some(DateTime::from_secs(NOW as i64 - 60))),
                Err(Malformed::Ended(Duration::from_secs(60))),
                "ended",
            ),
            (
                PRIVATE,
                until(Some(DateTime::from_secs(NOW as i64))),
                Err(Malformed::Ended(Duration::ZERO)),
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
