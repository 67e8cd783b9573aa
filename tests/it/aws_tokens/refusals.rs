//! What AWS, or who stands in for it, can answer in place of a token.

use super::*;

#[test]
fn every_refusal_has_its_own_words() {
    let world = Loopback::start();
    let home = Home::new();
    let identity = home.alice(&world.endpoint());
    let here = "account 111122223333 in eu-west-1";
    let garbled = format!("AWS gave no usable answer for {here}");
    let unusable = format!("AWS gave no usable token of {here}");
    let impostor = "check that no proxy or endpoint_url answers in place of AWS";
    for (fault, kind, what, hint, cause, why) in [
        (
            Fault::AccessDenied,
            FailureKind::Denied,
            format!("AWS denied ecr:GetAuthorizationToken for {here}"),
            "allow ecr:GetAuthorizationToken on resource * to arn:aws:iam::111122223333:user/alice",
            "AccessDeniedException: User: arn:aws:iam::111122223333:user/alice is not authorized",
            "the missing action and whose it is",
        ),
        (
            Fault::Throttled,
            FailureKind::Unreachable,
            format!("AWS is throttling requests for {here}"),
            "wait a little and try again",
            "ThrottlingException: Rate exceeded",
            "throttled, after all tries",
        ),
        (
            Fault::Internal,
            FailureKind::Unreachable,
            format!("AWS failed on its own side for a token of {here}"),
            "try again; https://health.aws.amazon.com/health/status tells of AWS's own trouble",
            "InternalFailure: An internal error occurred",
            "status 500",
        ),
        (
            Fault::ClockSkew,
            FailureKind::Denied,
            "AWS refused the request because of its time".into(),
            "set this machine's clock; AWS accepts 5 minutes of difference",
            "InvalidSignatureException: Signature expired",
            "a clock that is wrong",
        ),
        (
            Fault::SessionExpired,
            FailureKind::NoCredentials,
            "the AWS credentials of profile p have expired".into(),
            "get new credentials; session keys end",
            "ExpiredTokenException",
            "session keys that ended",
        ),
        (
            Fault::UnknownKey,
            FailureKind::NoCredentials,
            "AWS does not know the access key of profile p".into(),
            "check the access key and that it belongs to this AWS partition",
            "UnrecognizedClientException",
            "a deleted key",
        ),
        (
            Fault::Html,
            FailureKind::Garbled,
            garbled.clone(),
            impostor,
            "the answer has HTTP status 403",
            "a proxy's page",
        ),
        (Fault::Garbage, FailureKind::Garbled, garbled.clone(), impostor, "the answer has HTTP status 200", "bytes"),
        (Fault::Truncated, FailureKind::Garbled, garbled, impostor, "unexpected end of stream", "half an answer"),
        (
            Fault::WrongContent,
            FailureKind::Garbled,
            unusable.clone(),
            impostor,
            "the answer has no authorizationData",
            "JSON about something else",
        ),
        (
            Fault::Without("authorizationToken"),
            FailureKind::Garbled,
            unusable.clone(),
            impostor,
            "the answer has no authorizationToken",
            "no token",
        ),
        (
            Fault::Without("expiresAt"),
            FailureKind::Garbled,
            unusable.clone(),
            impostor,
            "the answer has no usable expiresAt",
            "no end",
        ),
        (
            Fault::Without("proxyEndpoint"),
            FailureKind::Garbled,
            unusable,
            impostor,
            "the answer has no proxyEndpoint",
            "no account to hold it against",
        ),
        (
            Fault::Cut,
            FailureKind::Unreachable,
            format!("127.0.0.1 cut the connection for a token of {here}"),
            "check the network; behind a proxy, set HTTPS_PROXY",
            "end of file",
            "cut in the middle of the body",
        ),
        (
            Fault::OtherAccount,
            FailureKind::Garbled,
            "AWS answered for account 999999999999, asked for 111122223333".into(),
            "check the endpoint that AWS_ENDPOINT_URL or the profile's endpoint_url names",
            "",
            "another account's token",
        ),
        (
            Fault::ExpiredToken,
            FailureKind::Garbled,
            format!("AWS gave a token of {here} that has already ended"),
            "set this machine's clock; it seems to be ahead",
            "the token ended 3",
            "a token that ended before it came",
        ),
    ] {
        world.faults.clear();
        world.faults.always("GetAuthorizationToken", fault);
        let failure = check(mint(HOST, &identity), kind, &what, hint, why);
        let causes = failure.causes.join("\n");
        assert!(causes.contains(cause), "{why}: {causes}");
    }
}

#[test]
fn a_second_try_helps_where_a_first_one_met_bad_luck() {
    let world = Loopback::start();
    let home = Home::new();
    let identity = home.alice(&world.endpoint());
    for (fault, why) in [(Fault::Throttled, "throttled once"), (Fault::Internal, "500 once"), (Fault::Cut, "cut once")]
    {
        world.faults.times("GetAuthorizationToken", fault, 1);
        assert!(mint(HOST, &identity).is_ok(), "{why}");
    }
    let impatient = Aws::new(Settings { max_attempts: Some(1), ..settings() });
    world.faults.times("GetAuthorizationToken", Fault::Throttled, 1);
    assert!(impatient.mint(&registry(HOST), &identity).is_err(), "AWS_MAX_ATTEMPTS=1");
    let careless = Aws::new(Settings { max_attempts: Some(0), ..settings() });
    assert!(careless.mint(&registry(HOST), &identity).is_ok(), "AWS_MAX_ATTEMPTS=0 must not panic");
}

#[test]
fn ecr_public_names_both_actions() {
    let world = Loopback::start();
    let home = Home::new();
    world.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    check(
        mint("public.ecr.aws", &home.alice(&world.endpoint())),
        FailureKind::Denied,
        "AWS denied ecr-public:GetAuthorizationToken for ECR Public",
        "allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on resource * to \
         arn:aws:iam::111122223333:user/alice",
        "ECR Public needs two",
    );
}

#[test]
fn a_fips_host_never_falls_back_to_an_ordinary_endpoint() {
    let world = Loopback::start();
    let home = Home::new();
    let host = "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com";
    check(
        mint(host, &home.alice(&world.endpoint())),
        FailureKind::Unreachable,
        &format!("{host} asks for a FIPS endpoint, but another one is set"),
        "unset AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR and endpoint_url, or use the registry's host without -fips",
        "FIPS and an endpoint of one's own",
    );
    assert!(world.calls().is_empty(), "nothing was asked");
}
