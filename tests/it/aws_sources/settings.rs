//! Endpoints, proxies, trust and tries: what the environment says of the way to AWS.

use super::*;

#[test]
fn every_host_has_its_own_endpoint() {
    let machine = Machine::new();
    let program = as_alice(&machine);
    for (host, endpoint, why) in [
        (HOST, "api.ecr.eu-west-1.amazonaws.com:443", "commercial"),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "api.ecr.cn-north-1.amazonaws.com.cn:443", "China"),
        ("111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", "api.ecr.us-iso-east-1.c2s.ic.gov:443", "ISO"),
        ("111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "api.ecr.eusc-de-east-1.amazonaws.eu:443", "EUSC"),
        (
            "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com",
            "api.ecr-fips.us-east-1.amazonaws.com:443",
            "FIPS hosts call the FIPS endpoint",
        ),
        (
            "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "api.ecr-fips.us-gov-west-1.amazonaws.com:443",
            "FIPS in GovCloud",
        ),
        ("111122223333.dkr-ecr.us-west-2.on.aws", "ecr.us-west-2.api.aws:443", "dual-stack"),
        ("111122223333.dkr-ecr-fips.us-west-2.on.aws", "ecr-fips.us-west-2.api.aws:443", "dual-stack FIPS"),
        ("public.ecr.aws", "api.ecr-public.us-east-1.amazonaws.com:443", "ECR Public"),
        ("ecr-public.aws.com", "ecr-public.us-east-1.api.aws:443", "ECR Public, dual-stack"),
    ] {
        let before = machine.aws.tunnels().len();
        machine.principal(&program.run(&["get"], host), why);
        assert_eq!(machine.aws.tunnels()[before..], [endpoint], "{why}: {host}");
    }
}

#[test]
fn settings_of_the_environment_are_honoured_or_harmless() {
    let rows: &[(Setup, &str)] = &[
        (|_, program| program.with("AWS_RETRY_MODE", "legacy"), "a mode of other SDKs, on which this one panics"),
        (|_, program| program.with("AWS_RETRY_MODE", "bogus"), "a mode of no SDK"),
        (|_, program| program.with("AWS_MAX_ATTEMPTS", "0"), "no try at all"),
        (|_, program| program.with("AWS_MAX_ATTEMPTS", "many"), "no number"),
        (
            |machine, program| {
                program.without("HTTPS_PROXY").without("AWS_CA_BUNDLE").with("AWS_ENDPOINT_URL", machine.aws.endpoint())
            },
            "an endpoint for everything",
        ),
        (
            |machine, program| {
                program
                    .with("HTTPS_PROXY", nobody())
                    .with("AWS_ENDPOINT_URL", nobody())
                    .with("AWS_ENDPOINT_URL_ECR", machine.aws.endpoint())
            },
            "an endpoint of ECR wins",
        ),
        (
            |machine, program| {
                program
                    .with("HTTPS_PROXY", nobody())
                    .with("NO_PROXY", "127.0.0.1,localhost")
                    .with("AWS_ENDPOINT_URL_ECR", format!("https://{}", machine.aws.address()))
            },
            "no proxy for this machine, and TLS",
        ),
        (
            |machine, program| program.without("HTTPS_PROXY").with("https_proxy", machine.aws.endpoint()),
            "curl's spelling of the proxy",
        ),
        (
            |machine, program| program.without("HTTPS_PROXY").with("ALL_PROXY", machine.aws.endpoint()),
            "one proxy for everything",
        ),
        (
            |machine, program| program.without("AWS_CA_BUNDLE").with("SSL_CERT_FILE", machine.aws.tls.bundle()),
            "OpenSSL's variable for trust",
        ),
    ];
    for (setup, why) in rows {
        let machine = Machine::new();
        machine.principal(&setup(&machine, as_alice(&machine)).run(&["get"], HOST), why);
    }
    let machine = Machine::new();
    machine.write("token", WEB_IDENTITY_TOKEN);
    let program = machine
        .program()
        .with("HTTPS_PROXY", nobody())
        .with("AWS_ENDPOINT_URL_ECR", machine.aws.endpoint())
        .with("AWS_ENDPOINT_URL_STS", machine.aws.endpoint())
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("token"))
        .with("AWS_ROLE_ARN", ROLE);
    machine.principal(&program.run(&["get"], HOST), "endpoints of each service, also for credentials");
    let token = machine.aws.sessions.open();
    machine.config(&sso_session()).sso_login("corp", &token, SystemTime::now() + hours(8), None);
    let program = program
        .without("AWS_WEB_IDENTITY_TOKEN_FILE")
        .without("AWS_ROLE_ARN")
        .with("AWS_ENDPOINT_URL_SSO", machine.aws.endpoint());
    machine.principal(&program.run(&["get"], HOST), "SSO's too");
}

#[test]
fn proxies_that_fail_are_named_without_their_password() {
    let machine = Machine::new();
    let absent = nobody();
    let what = "cannot reach api.ecr.eu-west-1.amazonaws.com for a token of account 111122223333 in eu-west-1";
    let with_password = absent.replace("http://", "http://user:CANARY@");
    let outcome = as_alice(&machine).with("HTTPS_PROXY", with_password).run(&["get"], HOST);
    refused(&outcome, what, "Connection refused", &format!("check the proxy {absent} and NO_PROXY"), "nobody there");

    let (address, asked) = refusing_proxy();
    let proxy = format!("http://{address}");
    let program = as_alice(&machine).with("AWS_MAX_ATTEMPTS", "1").with("HTTPS_PROXY", &proxy);
    let outcome = program.run(&["get"], HOST);
    let hint = format!("check the proxy {proxy} and NO_PROXY");
    refused(&outcome, what, "proxy authorization required", &hint, "it wants a password");
    assert!(asked.join().unwrap().starts_with("CONNECT api.ecr.eu-west-1.amazonaws.com:443 "));
}

/// A proxy that wants a password, for one connection; the thread ends with what it was asked.
fn refusing_proxy() -> (std::net::SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head).into_owned()
    });
    (address, thread)
}
