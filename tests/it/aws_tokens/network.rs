//! Networks that hang, fail or lie: bounded and named.

use std::{net::TcpListener, thread};

use super::*;

/// The bounds are the program's own: 3 s for a connection, 10 s for an answer, 20 s for all of it.
#[test]
fn nothing_waits_for_ever() {
    /// What hangs, from what the machine is told; the attempts, what is said, and a cause of it.
    type Row = (fn(&Machine) -> String, &'static str, &'static str, &'static str, &'static str);
    // A listener whose backlog nobody empties: the connection is made, the TLS handshake never ends.
    let mute = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let late = "127.0.0.1 did not answer in time for a token of account 111122223333 in eu-west-1";
    let never = "AWS gave no token of account 111122223333 in eu-west-1 within 20 s";
    let rows: [Row; 4] = [
        (|machine| alice(&machine.aws.endpoint()), "1", late, "HTTP read timeout occurred after 10s", "no answer"),
        (
            |machine| alice(&machine.aws.endpoint()),
            "9",
            never,
            "the time ended while waiting for the token (127.0.0.1 was asked last)",
            "the end of all patience",
        ),
        (
            |_| "[profile p]\ncredential_process = sleep 60\n".into(),
            "1",
            "the credential_process of profile p failed",
            "the command did not print credentials: it did not end within 20 s",
            "a credential process that hangs",
        ),
        (|_| alice("https://MUTE"), "1", late, "HTTP connect timeout occurred after 3s", "a handshake that never ends"),
    ];
    thread::scope(|scope| {
        for (config, attempts, what, cause, why) in rows {
            let mute = mute.local_addr().unwrap().to_string();
            scope.spawn(move || {
                let machine = Machine::new();
                machine.aws.faults.always("GetAuthorizationToken", Fault::Silent);
                let program = program(&machine, &config(&machine).replace("MUTE", &mute));
                let outcome = program.with("AWS_MAX_ATTEMPTS", attempts).run(&["get"], HOST);
                let hint = match what.contains("credential_process") {
                    true => "run the command of credential_process by hand to see what it says",
                    false => "check the network; behind a proxy, set HTTPS_PROXY",
                };
                let causes = check(&outcome, HOST, what, hint, why);
                let found = if what == never { causes == [cause] } else { causes.join("\n").contains(cause) };
                assert!(found, "{why}: {causes:?}");
            });
        }
    });
}

#[test]
fn a_network_that_fails_is_named() {
    let machine = Machine::new();
    let tls = format!("https://{}", machine.aws.address());
    let inspected = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to a PEM file with its certificate";
    let network = "check the network; behind a proxy, set HTTPS_PROXY";
    for (endpoint, trust, shown, host, hint, cause, why) in [
        (
            "http://127.0.0.1:1".into(), // tests get their ports above 1024
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
        machine.aws.tls.show(shown);
        let program = program(&machine, &alice(&endpoint));
        let program = if trust { program.with("AWS_CA_BUNDLE", machine.aws.tls.bundle()) } else { program };
        let what = format!("cannot reach {host} for a token of account 111122223333 in eu-west-1");
        let causes = check(&program.run(&["get"], HOST), HOST, &what, hint, why).join("\n");
        assert!(causes.contains(cause), "{why}: {causes}");
        check_public(&program, Public::Told, why);
    }
    machine.aws.tls.show(Certificates::Good);
    let trusting = program(&machine, &alice(&tls)).with("AWS_CA_BUNDLE", machine.aws.tls.bundle());
    password(&trusting.run(&["get"], HOST), "the bundle's authority is trusted");
    let of_profile = alice(&tls) + &format!("ca_bundle = {}\n", machine.aws.tls.bundle().display());
    let of_profile = program(&machine, &of_profile);
    password(&of_profile.run(&["get"], HOST), "so is the one that the profile's ca_bundle names");
}

#[test]
fn a_bad_ca_bundle_is_an_error_that_names_it() {
    let machine = Machine::new();
    let path = machine.write("bundle.pem", "no certificate");
    let program = program(&machine, &alice("http://127.0.0.1:1")).with("AWS_CA_BUNDLE", &path);
    let causes = check(
        &program.run(&["get"], HOST),
        HOST,
        "cannot ask AWS for account 111122223333 in eu-west-1: the CA bundle cannot be used",
        "AWS_CA_BUNDLE or the profile's ca_bundle must name a PEM file of certificates",
        "a file without certificates",
    );
    assert_eq!(causes, [format!("{} holds no usable certificate", path.display())]);
    check_public(&program, Public::Told, "a bad bundle");
}
