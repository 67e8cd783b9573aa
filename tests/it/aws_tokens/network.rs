//! Networks that hang, fail or lie: bounded and named.

use super::*;

#[test]
fn nothing_waits_for_ever() {
    let world = Loopback::start();
    let home = Home::new();
    let bounds = |read, operation| {
        let [connect, read, operation] = [1_000, read, operation].map(Duration::from_millis);
        Aws::new(Settings { bounds: Bounds { connect, read, operation }, ..settings() })
    };
    let hint = "check the network; behind a proxy, set HTTPS_PROXY";
    world.faults.always("GetAuthorizationToken", Fault::Silent);
    let failure = check(
        bounds(100, 30_000).mint(&registry(HOST), &home.alice(&world.endpoint())),
        FailureKind::Unreachable,
        "127.0.0.1 did not answer in time for a token of account 111122223333 in eu-west-1",
        hint,
        "no answer",
    );
    assert!(failure.causes.join("\n").contains("HTTP read timeout occurred after 100ms"), "{failure:?}");
    let failure = check(
        bounds(30_000, 3_000).mint(&registry(HOST), &home.alice(&world.endpoint())),
        FailureKind::Unreachable,
        "AWS gave no token of account 111122223333 in eu-west-1 within 3 s",
        hint,
        "the end of all patience",
    );
    assert_eq!(failure.causes, ["the time ended while waiting for the token (127.0.0.1 was asked last)"]);
    let failure = check(
        bounds(30_000, 500).mint(&registry(HOST), &home.identity("[profile p]\ncredential_process = sleep 60\n")),
        FailureKind::Unreachable,
        "AWS gave no token of account 111122223333 in eu-west-1 within 0.5 s",
        hint,
        "a credential process that hangs",
    );
    assert_eq!(failure.causes, ["the time ended while waiting for credentials from profile p"]);
    // A listener whose backlog nobody empties: the connection is made, the TLS handshake never ends.
    let mute = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let failure = check(
        bounds(30_000, 30_000).mint(&registry(HOST), &home.alice(&format!("https://{}", mute.local_addr().unwrap()))),
        FailureKind::Unreachable,
        "127.0.0.1 did not answer in time for a token of account 111122223333 in eu-west-1",
        hint,
        "a handshake that never ends",
    );
    assert!(failure.causes.join("\n").contains("HTTP connect timeout occurred after 1s"), "{failure:?}");
}

#[test]
fn a_network_that_fails_is_named() {
    let world = Loopback::start();
    let home = Home::new();
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap(); // closed again at once
    let tls = format!("https://{}", world.address());
    let inspected = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to a PEM file with its certificate";
    let network = "check the network; behind a proxy, set HTTPS_PROXY";
    for (endpoint, trust, shown, host, hint, cause, why) in [
        (
            format!("http://{closed}"),
            false,
            Certificates::Good,
            "127.0.0.1",
            network,
            "Connection refused",
            "nobody listens",
        ),
        (
            "http://ecr.invalid".into(), // RFC 6761: never resolves
            false,
            Certificates::Good,
            "ecr.invalid",
            network,
            "failed to lookup address information",
            "a name that does not exist",
        ),
        (tls.clone(), false, Certificates::Good, "127.0.0.1", inspected, "UnknownIssuer", "an unknown authority"),
        (
            tls.clone(),
            true,
            Certificates::UnknownAuthority,
            "127.0.0.1",
            inspected,
            "UnknownIssuer",
            "another authority than the bundle's",
        ),
        (
            tls.clone(),
            true,
            Certificates::WrongHost,
            "127.0.0.1",
            "check this machine's clock, the endpoint and the proxy",
            "not valid for name",
            "a certificate for another name",
        ),
    ] {
        world.tls.show(shown);
        let aws = Aws::new(Settings { ca_bundle: trust.then(|| world.tls.bundle()), ..settings() });
        let what = format!("cannot reach {host} for a token of account 111122223333 in eu-west-1");
        let failure =
            check(aws.mint(&registry(HOST), &home.alice(&endpoint)), FailureKind::Unreachable, &what, hint, why);
        assert!(failure.causes.join("\n").contains(cause), "{why}: {failure:?}");
    }
    world.tls.show(Certificates::Good);
    let trusting = Aws::new(Settings { ca_bundle: Some(world.tls.bundle()), ..settings() });
    trusting.mint(&registry(HOST), &home.alice(&tls)).expect("the bundle's authority is trusted");
    let of_profile = Identity { ca_bundle: Some(world.tls.bundle()), ..home.alice(&tls) };
    mint(HOST, &of_profile).expect("so is the one that the profile's ca_bundle names");
}

#[test]
fn a_bad_ca_bundle_is_an_error_that_names_it() {
    let home = Home::new();
    let path = home.folder.path().join("bundle.pem");
    fs::write(&path, "no certificate").unwrap();
    let aws = Aws::new(Settings { ca_bundle: Some(path.clone()), ..settings() });
    let failure = check(
        aws.mint(&registry(HOST), &home.alice("http://127.0.0.1:1")),
        FailureKind::Unreachable,
        "cannot ask AWS for account 111122223333 in eu-west-1: the CA bundle cannot be used",
        "AWS_CA_BUNDLE or the profile's ca_bundle must name a PEM file of certificates",
        "a file without certificates",
    );
    assert_eq!(failure.causes, [format!("{} holds no usable certificate", path.display())]);
}
