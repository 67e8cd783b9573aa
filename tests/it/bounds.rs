//! What waits and grows, and how far: each counterpart at its worst, with the bound that ends it, and the
//! time and memory that the program took. Printed as a table.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command},
    sync::Mutex,
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;

use crate::support::{
    aws::faults::Fault,
    bus::Knob,
    loopback::{ACCOUNT, CONTAINER_AUTHORIZATION, CONTAINER_PATH, REGION, ROLE, WEB_IDENTITY_TOKEN},
    program::{Outcome, Program, finish_within},
    signer::envelope::Draft,
    signing_fixture::{MANIFEST, SIGNATURE, SigningFixture},
};

const MIB: u64 = 1 << 20;

/// Memory of an ordinary run, of the debug build that tests have: its own pages and the TLS roots.
const USUAL: u64 = 64 * MIB;

/// The bound of a mint and of a request to a registry, 20 s, with what a busy machine adds.
const WHOLE: Duration = Duration::from_secs(30);

/// How one row makes trouble: changes the machine, and gives the program, its arguments and its input.
type Prepare = fn(&SigningFixture) -> (Program, Vec<String>, String);

/// A counterpart at its worst.
struct Row {
    /// Who it is, and what it does.
    counterpart: &'static str,
    /// What ends it, in the words of the error, or of the warning.
    words: &'static str,
    /// The exit status.
    status: i32,
    /// The documented bound of its time.
    time: Duration,
    /// The most memory that may be in use at once.
    memory: u64,
    prepare: Prepare,
}

fn host() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

/// `get` of an ECR registry, whose operation has a fault.
fn get_with(fixture: &SigningFixture, operation: &str, fault: Fault) -> (Program, Vec<String>, String) {
    fixture.aws.faults.always(operation, fault);
    (fixture.program().with("AWS_ECR_DISABLE_CACHE", "1"), vec!["get".into()], host())
}

/// `get` of an identity that comes from an endpoint of this machine.
fn get_of_container(fixture: &SigningFixture, fault: Fault) -> (Program, Vec<String>, String) {
    let (program, arguments, stdin) = get_with(fixture, "ContainerCredentials", fault);
    let program = program
        .with("AWS_CONFIG_FILE", "/dev/null")
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{CONTAINER_PATH}", fixture.aws.endpoint()))
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_AUTHORIZATION);
    (program, arguments, stdin)
}

/// `get` of the profile of a `credential_process`.
fn get_of_process(fixture: &SigningFixture, command: &str) -> (Program, Vec<String>, String) {
    fixture.write("aws", &format!("[default]\ncredential_process = {command}\n"));
    let program = fixture.program().with("AWS_ECR_DISABLE_CACHE", "1").with("PATH", "/usr/bin:/bin");
    (program, vec!["get".into()], host())
}

/// A command about an image of the registry, whose operation has a fault.
fn command_with(
    fixture: &SigningFixture,
    command: &[&str],
    operation: &str,
    fault: Fault,
) -> (Program, Vec<String>, String) {
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    fixture.sign(&[&image]).exits(0, "a signature to look at");
    fixture.aws.faults.always(operation, fault);
    let profile = ["--signing-profile".to_owned(), fixture.profile.clone(), "--signer-root".into(), fixture.root()];
    let more = if matches!(command, ["sign" | "verify"]) { profile.to_vec() } else { Vec::new() };
    let arguments = command.iter().map(|word| (*word).to_owned()).chain([image]).chain(more).collect();
    (fixture.program(), arguments, String::new())
}

/// A helper of other registries' logins that runs this script.
fn get_of_helper(fixture: &SigningFixture, script: &str) -> (Program, Vec<String>, String) {
    let file = fixture.write("bin/docker-credential-odd", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    fixture.configure("[other-registries]\nstore = \"odd\"\n");
    let path = format!("{}:/usr/bin:/bin", fixture.home.path().join("bin").display());
    (fixture.program().with("PATH", path), vec!["get".into()], "registry.example.com".into())
}

fn get_of_bus(fixture: &SigningFixture, knob: Knob) -> (Program, Vec<String>, String) {
    fixture.bus.set(knob);
    (fixture.program(), vec!["get".into()], "registry.example.com".into())
}

const fn row(counterpart: &'static str, words: &'static str, prepare: Prepare) -> Row {
    Row { counterpart, words, status: 1, time: WHOLE, memory: USUAL, prepare }
}

fn rows() -> Vec<Row> {
    vec![
        row("ECR: a body of 1 GB", "longer than 1048576 bytes", |fixture| {
            get_with(fixture, "GetAuthorizationToken", Fault::Gigabyte)
        }),
        row("ECR: a body without end", "longer than 1048576 bytes", |fixture| {
            get_with(fixture, "GetAuthorizationToken", Fault::Endless)
        }),
        row("ECR: a refusal without end", "longer than 1048576 bytes", |fixture| {
            get_with(fixture, "GetAuthorizationToken", Fault::LongRefusal)
        }),
        row("ECR: a head of 8 MiB", "", |fixture| get_with(fixture, "GetAuthorizationToken", Fault::LongHead)),
        row("ECR: a body of ten bytes a second", "within 20 s", |fixture| {
            get_with(fixture, "GetAuthorizationToken", Fault::Trickle)
        }),
        row("ECR: no answer", "did not answer in time", |fixture| {
            get_with(fixture, "GetAuthorizationToken", Fault::Silent)
        }),
        row("STS: a body without end", "longer than 1048576 bytes", |fixture| {
            fixture.configure(&format!("[[registry]]\nmatch = \"{}\"\nrole-arn = \"{ROLE}\"\n", host()));
            get_with(fixture, "AssumeRole", Fault::Endless)
        }),
        row("STS for a web identity: a body without end", "longer than 1048576 bytes", |fixture| {
            let token = fixture.write("token", WEB_IDENTITY_TOKEN);
            let (program, arguments, stdin) = get_with(fixture, "AssumeRoleWithWebIdentity", Fault::Endless);
            let program = program
                .with("AWS_CONFIG_FILE", "/dev/null")
                .with("AWS_ENDPOINT_URL", fixture.aws.endpoint())
                .with("AWS_ROLE_ARN", ROLE)
                .with("AWS_WEB_IDENTITY_TOKEN_FILE", token);
            (program, arguments, stdin)
        }),
        row("STS for a service account: ten bytes a second", "within 20 s", |fixture| {
            let (program, _, _) = get_with(fixture, "AssumeRoleWithWebIdentity", Fault::Trickle);
            let request = json!({
                "kind": "CredentialProviderRequest",
                "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
                "image": host(),
                "serviceAccountToken": WEB_IDENTITY_TOKEN,
                "serviceAccountAnnotations": { "eks.amazonaws.com/ecr-role-arn": ROLE },
            });
            (program.without("HOME"), vec!["kubelet".into()], request.to_string())
        }),
        row("container endpoint: 1 GB of credentials", "longer than 1048576 bytes", |fixture| {
            get_of_container(fixture, Fault::Gigabyte)
        }),
        row("container endpoint: credentials without end", "longer than 1048576 bytes", |fixture| {
            get_of_container(fixture, Fault::Endless)
        }),
        row("instance metadata: credentials without end", "longer than 1048576 bytes", |fixture| {
            let (program, arguments, stdin) = get_with(fixture, "ImdsCredentials", Fault::Endless);
            let program = program
                .with("AWS_CONFIG_FILE", "/dev/null")
                .with("AWS_EC2_METADATA_DISABLED", "false")
                .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", fixture.aws.endpoint());
            (program, arguments, stdin)
        }),
        row("credential_process: 600 MB", "more than 1048576 bytes", |fixture| {
            get_of_process(fixture, "head -c 600000000 /dev/zero")
        }),
        row("credential_process: lines without end", "more than 1048576 bytes", |fixture| {
            get_of_process(fixture, "yes")
        }),
        row("credential_process: it and its children hang", "within 20 s", |fixture| {
            get_of_process(fixture, "sleep 4711 & wait")
        }),
        Row {
            // 48 MiB are read, into a buffer that doubles.
            memory: 2 * 48 * MIB + USUAL,
            ..row("AWS Signer: a signature without end", "longer than 50331648 bytes", |fixture| {
                command_with(fixture, &["sign"], "SignPayload", Fault::Endless)
            })
        },
        Row {
            time: Duration::from_secs(45) + WHOLE, // a job of AWS Signer is waited for, not started again
            ..row("AWS Signer: ten bytes a second", "occurred after 45s", |fixture| {
                command_with(fixture, &["sign"], "SignPayload", Fault::Trickle)
            })
        },
        row("registry: a manifest without end", "longer than 4194304 bytes", |fixture| {
            command_with(fixture, &["sign"], "GetManifest", Fault::Endless)
        }),
        row("registry: a manifest of ten bytes a second", "no answer within 20 s", |fixture| {
            command_with(fixture, &["sign"], "GetManifest", Fault::Trickle)
        }),
        row("registry: a refusal without end", "longer than", |fixture| {
            command_with(fixture, &["sign"], "GetManifest", Fault::LongRefusal)
        }),
        row("registry: a push that is refused without end", "longer than", |fixture| {
            command_with(fixture, &["sign"], "PutManifest", Fault::LongRefusal)
        }),
        row("registry: a head of 8 MiB", "failed", |fixture| {
            command_with(fixture, &["sign"], "GetManifest", Fault::LongHead)
        }),
        row("registry: referrers without end", "longer than", |fixture| {
            command_with(fixture, &["signatures", "list"], "GetReferrers", Fault::Endless)
        }),
        Row {
            // An envelope may have 32 MiB, in a buffer that doubles.
            memory: 2 * 32 * MIB + USUAL,
            ..row("registry: a signature's blob without end", "longer than", |fixture| {
                command_with(fixture, &["signatures", "inspect"], "GetBlob", Fault::Endless)
            })
        },
        Row {
            // Two of them at the same time, in buffers that double.
            memory: 2 * 48 * MIB + USUAL,
            ..row("registry: four signatures of 24 MiB", "integrity: the JWS envelope cannot be accepted", |fixture| {
                let digest = image_with_large_signatures(fixture, 4);
                verify_image(fixture, &digest)
            })
        },
        Row {
            // Two of them are read, and kept.
            memory: 2 * 48 * MIB + USUAL,
            ..row("registry: eight signatures of 24 MiB, listed", "more than 64 MiB", |fixture| {
                let digest = image_with_large_signatures(fixture, 8);
                let image = format!("{}/app@{digest}", fixture.host());
                (fixture.program(), ["signatures", "list", &image].map(str::to_owned).to_vec(), String::new())
            })
        },
        // Each byte of these wants to become a value of many bytes. They are in a buffer that doubles.
        Row {
            memory: 2 * 16 * MIB + USUAL,
            ..row("registry: a signature of 12 MiB of numbers", "more than 100000 values", |fixture| {
                let numbers = format!(r#"{{"header":[{}0]}}"#, "0,".repeat(6 << 20));
                verify_envelope(fixture, "application/jose+json", numbers.as_bytes())
            })
        },
        Row {
            memory: 2 * 16 * MIB + USUAL,
            ..row("registry: the same in COSE", "has 12582912 bytes, more than", |fixture| {
                let mut numbers = vec![0; 12 << 20];
                numbers[..6].copy_from_slice(&[0xd2, 0x9a, 0x00, 0xbf, 0xff, 0xfa]); // a tagged list of all that follows
                verify_envelope(fixture, "application/cose", &numbers)
            })
        },
        Row {
            // The envelope, and its texts once more.
            memory: 3 * 16 * MIB + USUAL,
            ..row("registry: a signature with 12 MiB of certificates", "more than 32 certificates", |fixture| {
                let chain = &fixture.signer.chain;
                let digest = fixture.push("app", "v1");
                let mut draft = Draft::aws(chain, &fixture.payload("app", &digest), "p", "j", SystemTime::now());
                draft.certificates = vec![chain.certificates[0].clone(); (9 << 20) / chain.certificates[0].len()];
                verify_envelope(fixture, "application/jose+json", &draft.jws(chain))
            })
        },
        Row {
            memory: 40 * MIB,
            ..row("registry: a list that is one platform of 800 KB", "answered 404", |fixture| {
                let lie = json!({
                    "mediaType": MANIFEST, "digest": format!("sha256:{}", "0".repeat(64)), "size": 7,
                    "artifactType": SIGNATURE, "platform": vec![0; 400_000],
                });
                fixture.aws.registry.behave(|personality| personality.lies = vec![lie]);
                verify_image(fixture, &fixture.push("app", "v1"))
            })
        },
        row("AWS Signer: it never says what is revoked", "it is not known whether it is revoked", |fixture| {
            command_with(fixture, &["verify"], "GetRevocationStatus", Fault::Silent)
        }),
        row("another helper: 600 MB", "over 1048576 bytes", |fixture| {
            get_of_helper(fixture, "exec head -c 600000000 /dev/zero")
        }),
        Row {
            time: Duration::from_secs(15),
            ..row("another helper: it hangs", "stopped after 10 s", |fixture| {
                get_of_helper(fixture, "sleep 4712 & wait")
            })
        },
        row("keychain: an answer that claims 128 MiB", "", |fixture| get_of_bus(fixture, Knob::HugeLength)),
        row("keychain: signals without end", "", |fixture| get_of_bus(fixture, Knob::Flood)),
        row("keychain: a byte at a time", "", |fixture| get_of_bus(fixture, Knob::Trickle)),
        row("keychain: no answer", "", |fixture| get_of_bus(fixture, Knob::Silent)),
    ]
}

/// `verify` of an image whose one signature is these bytes.
fn verify_envelope(fixture: &SigningFixture, media_type: &str, envelope: &[u8]) -> (Program, Vec<String>, String) {
    let digest = fixture.push("app", "v1");
    fixture.push_envelope("app", &digest, media_type, envelope);
    verify_image(fixture, &digest)
}

/// An image with so many signatures of 24 MiB, each of other bytes.
fn image_with_large_signatures(fixture: &SigningFixture, count: u8) -> String {
    let digest = fixture.push("app", "v1");
    for number in 0..count {
        fixture.push_envelope("app", &digest, "application/jose+json", &vec![number; 24 << 20]);
    }
    digest
}

fn verify_image(fixture: &SigningFixture, digest: &str) -> (Program, Vec<String>, String) {
    let image = format!("{}/app@{digest}", fixture.host());
    let words = ["verify", &image, "--signing-profile", &fixture.profile, "--signer-root", &fixture.root()];
    (fixture.program(), words.map(str::to_owned).to_vec(), String::new())
}

/// The peak of a process's memory in bytes (proc(5), VmHWM), looked at until it is gone.
fn watch(id: u32) -> thread::JoinHandle<u64> {
    let file = Path::new("/proc").join(id.to_string()).join("status");
    thread::spawn(move || {
        let mut peak = 0;
        while let Some(seen) = fs::read_to_string(&file).ok().and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().to_owned();
            line.strip_suffix(" kB")?.parse::<u64>().ok()
        }) {
            peak = peak.max(seen * 1024);
            thread::sleep(Duration::from_millis(2));
        }
        peak
    })
}

/// What a run took, and what it answered.
struct Seen {
    time: Duration,
    memory: u64,
    outcome: Option<Outcome>,
}

fn look(row: &Row) -> Seen {
    let fixture = SigningFixture::new();
    let (program, arguments, stdin) = (row.prepare)(&fixture);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    let child: Child = program.with("AWS_MAX_ATTEMPTS", "1").spawn(&arguments);
    let peak = watch(child.id());
    let outcome = finish_within(2 * row.time, child, stdin.as_bytes());
    Seen { time: started.elapsed(), memory: peak.join().unwrap(), outcome }
}

#[test]
fn f1_7_nothing_waits_or_grows_without_a_bound() {
    let rows = rows();
    let seen = Mutex::new(Vec::new());
    // A few at a time: each has its own AWS, bus and home, and time is measured.
    let next = Mutex::new(0..rows.len());
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some(number) = next.lock().unwrap().next() else { break };
                    let found = look(&rows[number]);
                    seen.lock().unwrap().push((number, found));
                }
            });
        }
    });
    let mut seen = seen.into_inner().unwrap();
    seen.sort_by_key(|(number, _)| *number);
    let mut table = format!("\n{:50} {:>9} {:>9}  ended by\n", "Bounds: counterpart", "peak MiB", "seconds");
    let mut broken = Vec::new();
    for (number, Seen { time, memory, outcome }) in &seen {
        let row = &rows[*number];
        let told = outcome
            .as_ref()
            .map_or_else(|| "it hangs".into(), |Outcome { stdout, stderr, .. }| format!("{stdout}{stderr}"));
        // The innermost cause, else the end of the first line.
        let cause = told.lines().rev().find_map(|line| line.trim().strip_prefix("caused by: "));
        let ended = cause.or_else(|| told.lines().next()?.rsplit(": ").next()).unwrap_or_default();
        let (peak, seconds) = (*memory as f64 / MIB as f64, time.as_secs_f32());
        table += &format!("{:50} {peak:9.1} {seconds:9.2}  {ended}\n", row.counterpart);
        let status = outcome.as_ref().and_then(|outcome| outcome.status);
        if status != Some(row.status) || *time > row.time || *memory > row.memory || !told.contains(row.words) {
            broken.push(format!("{}: status {status:?}, {time:?}, {} MiB: {told}", row.counterpart, memory / MIB));
        }
        if *memory == 0 {
            broken.push(format!("{}: its memory was not seen", row.counterpart));
        }
    }
    io::stdout().write_all(table.as_bytes()).unwrap(); // not captured, so that it is shown
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The second half of F1.13: what a `credential_process` has started ends with it.
#[test]
fn f1_13_what_a_credential_process_started_ends_with_its_bound() {
    let fixture = SigningFixture::new();
    let file = fixture.home.path().join("numbers");
    let (program, arguments, stdin) =
        get_of_process(&fixture, &format!("sh -c 'sleep 4713 & echo $! > {}; yes'", file.display()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = program.run(&arguments, stdin).exits(1, "it prints too much");
    assert!(outcome.stderr.contains("more than 1048576 bytes"), "{outcome:?}");
    let number = fs::read_to_string(file).unwrap();
    let until = Instant::now() + WHOLE;
    let lives = || Command::new("kill").args(["-0", number.trim()]).output().unwrap().status.success();
    while lives() && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!lives(), "{number} lives on");
}
