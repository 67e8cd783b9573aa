//! What AWS, or who stands in for it, can answer in place of a token.

use super::*;

#[test]
fn every_refusal_has_its_own_words() {
    let machine = Machine::new();
    let program = as_alice(&machine);
    let here = "account 111122223333 in eu-west-1";
    let garbled = format!("AWS gave no usable answer for {here}");
    let unusable = format!("AWS gave no usable token of {here}");
    let impostor = "check that no proxy or endpoint_url answers in place of AWS";
    for (fault, public, what, hint, cause, why) in [
        (
            Fault::AccessDenied,
            Public::Silent,
            format!("AWS denied ecr:GetAuthorizationToken for {here}"),
            "allow ecr:GetAuthorizationToken on resource * to arn:aws:iam::111122223333:user/alice",
            "AccessDeniedException: User: arn:aws:iam::111122223333:user/alice is not authorized",
            "the missing action and whose it is",
        ),
        (
            Fault::Throttled,
            Public::Told,
            format!("AWS is throttling requests for {here}"),
            "wait a little and try again",
            "ThrottlingException: Rate exceeded",
            "throttled, after all tries",
        ),
        (
            Fault::Internal,
            Public::Told,
            format!("AWS failed on its own side for a token of {here}"),
            "try again; https://health.aws.amazon.com/health/status tells of AWS's own trouble",
            "InternalFailure: An internal error occurred",
            "status 500",
        ),
        (
            Fault::ClockSkew,
            Public::Silent,
            "AWS refused the request because of its time".into(),
            "set this machine's clock; AWS accepts 5 minutes of difference",
            "InvalidSignatureException: Signature expired",
            "a clock that is wrong",
        ),
        (
            Fault::SessionExpired,
            Public::Silent,
            "the AWS credentials of profile p have expired".into(),
            "get new credentials; session keys end",
            "ExpiredTokenException",
            "session keys that ended",
        ),
        (
            Fault::UnknownKey,
            Public::Silent,
            "AWS does not know the access key of profile p".into(),
            "check the access key and that it belongs to this AWS partition",
            "UnrecognizedClientException",
            "a deleted key",
        ),
        (Fault::Html, Public::Told, garbled.clone(), impostor, "the answer has HTTP status 403", "a proxy's page"),
        (Fault::Garbage, Public::Told, garbled.clone(), impostor, "the answer has HTTP status 200", "bytes"),
        (Fault::Truncated, Public::Told, garbled, impostor, "unexpected end of stream", "half an answer"),
        (
            Fault::WrongContent,
            Public::Told,
            unusable.clone(),
            impostor,
            "the answer has no authorizationData",
            "JSON about something else",
        ),
        (
            Fault::Without("authorizationToken"),
            Public::Told,
            unusable.clone(),
            impostor,
            "the answer has no authorizationToken",
            "no token",
        ),
        (
            Fault::Without("expiresAt"),
            Public::Told,
            unusable.clone(),
            impostor,
            "the answer has no usable expiresAt",
            "no end",
        ),
        (
            Fault::Without("proxyEndpoint"),
            Public::Token,
            unusable,
            impostor,
            "the answer has no proxyEndpoint",
            "no account to hold it against",
        ),
        (
            Fault::Cut,
            Public::Told,
            format!("127.0.0.1 cut the connection for a token of {here}"),
            "check the network; behind a proxy, set HTTPS_PROXY",
            "end of file",
            "cut in the middle of the body",
        ),
        (
            Fault::OtherAccount,
            Public::Token,
            "AWS answered for account 999999999999, asked for 111122223333".into(),
            "check the endpoint that AWS_ENDPOINT_URL or the profile's endpoint_url names",
            "",
            "another account's token",
        ),
        (
            Fault::ExpiredToken,
            Public::Told,
            format!("AWS gave a token of {here} that has already ended"),
            "check what answers at the endpoint that AWS_ENDPOINT_URL or the profile's endpoint_url names",
            "the token ended 3",
            "a token that ended before it came",
        ),
    ] {
        machine.aws.faults.clear();
        machine.aws.faults.always("GetAuthorizationToken", fault);
        let causes = check(&program.run(&["get"], HOST), HOST, &what, hint, why).join("\n");
        assert!(causes.contains(cause), "{why}: {causes}");
        check_public(&program, public, why);
    }
}

#[test]
fn a_second_try_helps_where_a_first_one_met_bad_luck() {
    let machine = Machine::new();
    let program = as_alice(&machine);
    for (fault, why) in [(Fault::Throttled, "throttled once"), (Fault::Internal, "500 once"), (Fault::Cut, "cut once")]
    {
        machine.aws.faults.times("GetAuthorizationToken", fault, 1);
        program.run(&["get"], HOST).exits(0, why);
    }
    machine.aws.faults.times("GetAuthorizationToken", Fault::Throttled, 1);
    program.clone().with("AWS_MAX_ATTEMPTS", "1").run(&["get"], HOST).exits(1, "AWS_MAX_ATTEMPTS=1");
    program.with("AWS_MAX_ATTEMPTS", "0").run(&["get"], HOST).exits(0, "AWS_MAX_ATTEMPTS=0 must not panic");
}

/// A client of ECR Public goes on anonymously; `doctor` tells why.
#[test]
fn ecr_public_names_both_actions() {
    let machine = Machine::new();
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    let program = as_alice(&machine);
    check_public(&program, Public::Silent, "denied");
    let report = program.run(&["doctor", "public.ecr.aws", "--output", "json"], "").json();
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == "ecr").expect("ECR is asked");
    let what = finding["what"].as_str().unwrap();
    assert!(what.contains("AWS denied ecr-public:GetAuthorizationToken for ECR Public"), "{finding:#}");
    assert_eq!(
        finding["hint"],
        "allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on resource * to \
         arn:aws:iam::111122223333:user/alice"
    );
}

#[test]
fn f1_1_an_endpoint_that_is_no_url_is_named_without_the_request() {
    let machine = Machine::new();
    for (endpoint, cause) in [
        ("foo", "failed to apply endpoint `foo`"),
        ("http://", "endpoint is not a valid URI"),
        ("http://alice:CANARY@[::1", "endpoint is not a valid URI"),
    ] {
        let program = program(&machine, &alice("")).with("AWS_ENDPOINT_URL", endpoint);
        let what = "cannot ask AWS for account 111122223333 in eu-west-1: the endpoint that is set is no URL";
        let hint = "correct or unset AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_… and endpoint_url";
        let causes = check(&program.run(&["get"], HOST), HOST, what, hint, endpoint).join("\n");
        assert!(causes.contains(cause) && !causes.contains("SdkBody"), "{endpoint}: {causes}");
        check_public(&program, Public::Told, endpoint);
    }
}

/// An endpoint that the user names is the one that is asked, whatever the registry's host is.
#[test]
fn f1_9_an_endpoint_of_ones_own_is_asked_for_every_kind_of_host() {
    const PRIVATE: &[&str] = &[
        "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com",
        "111122223333.dkr-ecr.us-west-2.on.aws",
        "111122223333.dkr-ecr-fips.us-west-2.on.aws",
        HOST,
    ];
    let machine = Machine::new();
    let endpoint = machine.aws.endpoint();
    let without = alice(&endpoint).replace(&format!("endpoint_url = {endpoint}\n"), "");
    let base = without.replace("[profile p]", "[profile base]");
    let role = format!("[profile p]\nrole_arn = {ROLE}\nsource_profile = base\n{base}");
    let services = format!("{without}services = s\n[services s]\necr =\n  endpoint_url = {endpoint}\n");
    for (config, variable, service, hosts, why) in [
        (&alice(&endpoint), None, "ecr", PRIVATE, "endpoint_url of the profile"),
        (&services, None, "ecr", PRIVATE, "endpoint_url of its services"),
        (&without, Some("AWS_ENDPOINT_URL"), "ecr", PRIVATE, "AWS_ENDPOINT_URL"),
        (&role, Some("AWS_ENDPOINT_URL"), "ecr", PRIVATE, "for STS as well"),
        (
            &without,
            Some("AWS_ENDPOINT_URL_ECR_PUBLIC"),
            "ecr-public",
            &["public.ecr.aws", "ecr-public.aws.com"],
            "Public",
        ),
    ] {
        let program = program(&machine, config);
        let program = variable.map_or(program.clone(), |name| program.with(name, &endpoint));
        for host in hosts {
            for switches in
                [&[][..], &["AWS_USE_FIPS_ENDPOINT"], &["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"]]
            {
                let program = switches.iter().fold(program.clone(), |program, name| program.with(name, "true"));
                let why = format!("{host}: {why}, {switches:?}");
                password(&program.run(&["get"], host), &why);
                assert_eq!(machine.aws.calls().pop().map(|call| call.service).as_deref(), Some(service), "{why}");
            }
        }
    }
}
