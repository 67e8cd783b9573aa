//! The verbs and commands under bad environment variables: an answer or an error in words, never a signal,
//! a hang or a secret. The counts are printed as a table.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{self, Write},
    os::unix::ffi::OsStringExt,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    aws::faults::Fault,
    loopback::{
        ACCOUNT, CONTAINER_AUTHORIZATION, CONTAINER_PATH, Loopback, REGION, ROLE, SECRET_ACCESS_KEY, WEB_IDENTITY_TOKEN,
    },
    machine::Machine,
    program::{Outcome, Program, finish_within},
};

/// No run takes as long as this: everything that it asks is on this machine and answers at once.
const BOUND: Duration = Duration::from_secs(5);

/// What must be in no output.
const CANARY: &str = "CANARY";

/// What else the environment says, so that the variable under test is one that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    /// Keys in the environment; nothing is cached, so that AWS is asked.
    Keys,
    /// The same with a cache.
    Cache,
    /// A profile.
    Profile,
    /// A web identity.
    WebIdentity,
    /// The endpoint of a container.
    Container,
}

/// Variables under test: those that the program reads, and those that its libraries read for themselves.
const VARIABLES: &[(&str, Around)] = &[
    ("AWS_ENDPOINT_URL", Around::Keys),
    ("AWS_ENDPOINT_URL_ECR", Around::Keys),
    ("AWS_ENDPOINT_URL_ECR_PUBLIC", Around::Keys),
    ("AWS_ENDPOINT_URL_STS", Around::WebIdentity),
    ("AWS_ENDPOINT_URL_SIGNER", Around::Keys),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", Around::Profile),
    ("AWS_ACCESS_KEY_ID", Around::Keys),
    ("AWS_SECRET_ACCESS_KEY", Around::Keys),
    ("AWS_SESSION_TOKEN", Around::Keys),
    ("AWS_PROFILE", Around::Profile),
    ("AWS_DEFAULT_PROFILE", Around::Profile),
    ("AWS_CONFIG_FILE", Around::Profile),
    ("AWS_SHARED_CREDENTIALS_FILE", Around::Profile),
    ("AWS_REGION", Around::WebIdentity),
    ("AWS_DEFAULT_REGION", Around::Profile),
    ("AWS_STS_REGIONAL_ENDPOINTS", Around::WebIdentity),
    ("AWS_ROLE_ARN", Around::WebIdentity),
    ("AWS_ROLE_SESSION_NAME", Around::WebIdentity),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Around::WebIdentity),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Around::Container),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Around::Keys),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", Around::Container),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Around::Container),
    ("AWS_EC2_METADATA_DISABLED", Around::Keys),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", Around::Keys),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", Around::Keys),
    ("AWS_MAX_ATTEMPTS", Around::Keys),
    ("AWS_RETRY_MODE", Around::Profile),
    ("AWS_DEFAULTS_MODE", Around::Keys),
    ("AWS_USE_FIPS_ENDPOINT", Around::Keys),
    ("AWS_USE_DUALSTACK_ENDPOINT", Around::WebIdentity),
    ("AWS_ACCOUNT_ID_ENDPOINT_MODE", Around::Keys),
    ("AWS_SDK_UA_APP_ID", Around::Keys),
    ("AWS_EXECUTION_ENV", Around::Keys),
    ("AWS_CA_BUNDLE", Around::Keys),
    ("AWS_ECR_CACHE_DIR", Around::Cache),
    ("AWS_ECR_DISABLE_CACHE", Around::Cache),
    ("ECR_RS_CONFIG", Around::Keys),
    ("ECR_RS_LOG", Around::Cache),
    ("HTTPS_PROXY", Around::Keys),
    ("ALL_PROXY", Around::Keys),
    ("NO_PROXY", Around::Keys),
    ("SSL_CERT_FILE", Around::Keys),
    ("SSL_CERT_DIR", Around::Keys),
    ("DBUS_SESSION_BUS_ADDRESS", Around::Cache),
    ("XDG_RUNTIME_DIR", Around::Cache),
    ("XDG_CONFIG_HOME", Around::Keys),
    ("XDG_CACHE_HOME", Around::Cache),
    ("HOME", Around::Cache),
    ("TMPDIR", Around::Cache),
    ("PATH", Around::Profile),
    ("DOCKER_CONFIG", Around::Keys),
    ("TZ", Around::Cache),
    ("LANG", Around::Keys),
];

/// Variables whose value is itself the secret.
const SECRETS: [&str; 3] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// The value that holds a secret where an address is asked for; elsewhere it is an odd name.
const URL: &str = "a password in a URL";

/// The longest string that Linux hands to a program (execve(2), MAX_ARG_STRLEN: 32 pages), less the name.
const LONGEST: usize = 32 * 4096 - 64;

/// Bad values. `home` holds a pipe, a folder and a file that is none of those that are read.
fn values(home: &Path) -> Vec<(&'static str, OsString)> {
    let bytes = |value: &[u8]| OsString::from_vec(value.to_vec());
    let path = |name: &str| home.join(name).into_os_string();
    vec![
        ("empty", bytes(b"")),
        ("a blank", bytes(b" ")),
        ("a tab", bytes(b"\t")),
        ("a line break", bytes(b"\n")),
        ("a Windows line break", bytes(b"\r\n")),
        ("two lines", bytes(b"a\nb: c")),
        ("a header", bytes(b"a\r\nX-Injected: b")),
        ("a colour", bytes(b"\x1b[31mred")),
        ("control bytes", bytes(b"\x01\x02\x7f")),
        ("Latin-1", bytes(b"M\xfcller")),
        ("no text", bytes(b"\xff\xfe\xfd")),
        ("half a character", bytes(b"\xe2\x82")),
        ("other letters", bytes("日本語".as_bytes())),
        ("marks of direction", bytes("\u{202e}abc\u{200b}".as_bytes())),
        ("a nought", bytes(b"0")),
        ("a negative number", bytes(b"-1")),
        ("a huge number", bytes(b"99999999999999999999999999")),
        ("a fraction", bytes(b"1.5e309")),
        ("yes", bytes(b"TRUE")),
        ("a word", bytes(b"garbage")),
        ("quotes", bytes(b"\"'`$(id)%s%n\\")),
        ("JSON", bytes(b"{\"a\":[1,{}]}")),
        ("a scheme alone", bytes(b"http://")),
        ("half an address", bytes(b"http://[::1")),
        (URL, format!("http://user:{CANARY}@127.0.0.1:1/").into()),
        ("another scheme", bytes(b"file:///dev/null")),
        ("a port that is none", bytes(b"http://127.0.0.1:99999")),
        ("the null device", bytes(b"/dev/null")),
        ("below a file", bytes(b"/dev/null/x")),
        ("an endless file", bytes(b"/dev/zero")),
        ("a pipe", path("pipe")),
        ("a folder", path("folder")),
        ("a file of bytes", path("bytes")),
        ("a relative path", bytes(b"./nothing/here")),
        ("the home folder", bytes(b"~/nothing")),
        ("128 KiB", bytes(&vec![b'A'; LONGEST])),
        ("128 KiB of lines", bytes(&b"a = b\n".repeat(LONGEST / 6))),
        ("a megabyte in all", bytes(b"a megabyte in all")),
    ]
}

/// What is run beside `get`, which meets every value: arguments and standard input, in turn.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["list"], ""),
    (&["store"], r#"{"ServerURL":"registry.example.com","Username":"u","Secret":"CANARY"}"#),
    (&["erase"], "registry.example.com"),
    (&["get"], "registry.example.com"),
    (&["get"], "public.ecr.aws"),
    (&["version"], ""),
    (&["status"], ""),
    (&["doctor", "111122223333.dkr.ecr.eu-west-1.amazonaws.com"], ""),
    (&["doctor", "--output", "json"], ""),
    (&["clear", "--all"], ""),
    (&["setup", "docker", "--dry-run"], ""),
    (&["profile", "list", "--region", "eu-west-1"], ""),
    (&["signatures", "list", "127.0.0.1:1/app:v1"], ""),
    (&["sign", "127.0.0.1:1/app:v1", "--signing-profile", "app"], ""),
];

fn host() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

/// The program in surroundings in which it works.
fn program(machine: &Machine, around: Around) -> Program {
    let variables = [machine.aws.endpoint_variables(), machine.aws.proxy_variables()].concat();
    let program = machine
        .program_with(variables)
        .with("AWS_EC2_METADATA_DISABLED", "true")
        .with("AWS_MAX_ATTEMPTS", "1")
        .with("AWS_REGION", REGION)
        .with("PATH", "/usr/bin:/bin");
    let cached = program.clone();
    let program = program.with("AWS_ECR_DISABLE_CACHE", "1");
    let without_keys = program.clone().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    match around {
        Around::Keys => program,
        Around::Cache => cached,
        Around::Profile => without_keys,
        Around::WebIdentity => without_keys
            .with("AWS_ROLE_ARN", ROLE)
            .with("AWS_CONFIG_FILE", "/dev/null")
            .with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("token")),
        Around::Container => without_keys
            .with("AWS_CONFIG_FILE", "/dev/null")
            .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{CONTAINER_PATH}", machine.aws.endpoint()))
            .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_AUTHORIZATION),
    }
}

/// A machine with what the surroundings and the values name.
fn machine() -> Machine {
    let machine = Machine::new();
    let keys = format!("aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET_ACCESS_KEY}\n");
    machine.write(".aws/config", &format!("[default]\n{keys}region = {REGION}\n"));
    machine.write("token", WEB_IDENTITY_TOKEN);
    fs::write(machine.home.path().join("bytes"), (0..=255).cycle().take(5000).collect::<Vec<u8>>()).unwrap();
    fs::create_dir(machine.home.path().join("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(machine.home.path().join("pipe")).status().unwrap().success());
    machine
}

/// One run, and what is asked of it.
struct Run<'a> {
    variable: &'a str,
    around: Around,
    what: &'a str,
    value: &'a OsString,
    arguments: &'a [&'a str],
    stdin: String,
}

impl Run<'_> {
    /// Runs it; gives the time that it took, or what is wrong.
    fn check(&self, machine: &Machine, home: &Path) -> Result<Duration, String> {
        let wrong = |what: String| {
            Err(format!("{} = {}, {:?} ({:?}): {what}", self.variable, self.what, self.arguments, self.around))
        };
        let is_blank = self.value.to_string_lossy().trim().is_empty();
        let mut value = self.value.clone();
        if self.what == URL && !["URL", "URI", "PROXY", "ENDPOINT"].iter().any(|end| self.variable.contains(end)) {
            value = "http://user:password@127.0.0.1:1/".into();
        }
        if SECRETS.contains(&self.variable) && !is_blank && value.len() < LONGEST {
            value.push(CANARY);
        }
        let mut program = program(machine, self.around).with(self.variable, value);
        if self.what == "a megabyte in all" {
            for number in 0..9 {
                program = program.with(&format!("FILLER_{number}"), OsString::from_vec(vec![b'A'; LONGEST]));
            }
        }
        let started = Instant::now();
        let child = program
            .command(self.arguments)
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|err| format!("{}: it cannot be started: {err}", self.what))?;
        let Some(outcome) = finish_within(BOUND, child, self.stdin.as_bytes()) else {
            return wrong(format!("it takes {} s", BOUND.as_secs()));
        };
        let took = started.elapsed();
        let Outcome { status, stdout, stderr } = &outcome;
        let printed = match self.arguments {
            ["get"] if *status == Some(0) => stderr.clone(), // the answer is a secret
            _ => format!("{stdout}{stderr}"),
        };
        let secrets = [CANARY, SECRET_ACCESS_KEY, WEB_IDENTITY_TOKEN, CONTAINER_AUTHORIZATION];
        match status {
            None => return wrong(format!("a signal: {stderr}")),
            Some(0..=2) => {}
            Some(other) => return wrong(format!("status {other}: {stderr}")),
        }
        if stderr.contains("panicked") || stderr.contains("on its own side") {
            return wrong(stderr.clone());
        }
        match secrets.iter().find(|secret| printed.contains(**secret)) {
            Some(secret) => wrong(format!("it shows {secret}: {printed}")),
            None => Ok(took),
        }
    }
}

#[test]
fn f1_1_nothing_in_the_environment_aborts_hangs_or_shows_a_secret() {
    let machine = machine();
    let home = machine.home.path().join("folder");
    let values = values(machine.home.path());
    let mut runs = Vec::new();
    for (at, (variable, around)) in VARIABLES.iter().enumerate() {
        for (turn, (what, value)) in values.iter().enumerate() {
            let (arguments, stdin) = COMMANDS[(at + turn / 3) % COMMANDS.len()];
            let get: (&[&str], String) = (&["get"], host());
            let other = (turn % 3 == at % 3).then(|| (arguments, stdin.to_owned()));
            for (arguments, stdin) in std::iter::once(get).chain(other) {
                runs.push(Run { variable, around: *around, what, value, arguments, stdin });
            }
        }
    }
    let (next, broken) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let slowest = Mutex::new((Duration::ZERO, 0));
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..4 * thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((number, run)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|number| Some((number, runs.get(number)?)))
                {
                    match run.check(&machine, &home) {
                        Ok(took) => {
                            let mut slowest = slowest.lock().unwrap();
                            *slowest = (*slowest).max((took, number));
                        }
                        Err(wrong) => broken.lock().unwrap().push(wrong),
                    }
                }
            });
        }
    });
    let took = started.elapsed();
    let mut commands: BTreeMap<String, usize> = BTreeMap::new();
    runs.iter().for_each(|run| *commands.entry(run.arguments.join(" ")).or_default() += 1);
    let (longest, number) = slowest.into_inner().unwrap();
    let mut table = format!(
        "\nBad environments: {} variables x {} values, {} runs in {:.0} s; the slowest took {} ms ({} = {}, {})\n",
        VARIABLES.len(),
        values.len(),
        runs.len(),
        took.as_secs_f32(),
        longest.as_millis(),
        runs[number].variable,
        runs[number].what,
        runs[number].arguments.join(" "),
    );
    for (command, count) in commands {
        table += &format!("{count:6}  {command}\n");
    }
    io::stdout().write_all(table.as_bytes()).unwrap(); // not captured, so that it is shown
    let broken = broken.into_inner().unwrap();
    assert!(VARIABLES.len() >= 40 && values.len() >= 30 && runs.len() >= 2000);
    assert!(broken.is_empty(), "{} runs:\n{}", broken.len(), broken.join("\n"));
}

/// CI systems and compose files write "unset" so.
#[test]
fn f1_1_an_endpoint_that_is_set_and_blank_is_unset() {
    let machine = Machine::new();
    let names = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL_ECR_PUBLIC", "AWS_ENDPOINT_URL_STS"];
    let by_name = machine.program_with(machine.aws.proxy_variables()).with("AWS_ECR_DISABLE_CACHE", "1");
    machine.configure(&format!("[[registry]]\nmatch = \"{}\"\nrole-arn = \"{ROLE}\"\n", host()));
    for blank in ["", " ", "\n"] {
        let all = names.iter().fold(by_name.clone(), |program, name| program.with(name, blank));
        for program in names.iter().map(|name| by_name.clone().with(name, blank)).chain([all]) {
            for host in [host().as_str(), "public.ecr.aws"] {
                let answer = program.run(&["get"], host).exits(0, format!("{blank:?}"));
                assert_eq!(answer.stderr, "", "{blank:?}");
            }
        }
    }
    let keys = format!("aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET_ACCESS_KEY}\n");
    let by_profile = by_name.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    for (config, why) in [
        (format!("[default]\n{keys}endpoint_url =\n"), "endpoint_url of the profile"),
        (
            format!("[default]\n{keys}services = s\n[services s]\necr =\n  endpoint_url =\nsts =\n  endpoint_url = \n"),
            "endpoint_url of its services",
        ),
    ] {
        machine.write(".aws/config", &config);
        by_profile.run(&["get"], host()).exits(0, why);
    }
    let hosts: Vec<String> = machine.aws.calls().into_iter().map(|call| call.host).collect();
    assert!(hosts.iter().all(|host| host.ends_with(".amazonaws.com")), "AWS's own names: {hosts:?}");
    let with_signer = machine
        .program_with(machine.aws.proxy_variables())
        .with("AWS_ENDPOINT_URL_SIGNER", "")
        .run(&["profile", "list", "--region", REGION], "");
    assert!(with_signer.stderr.contains("AWS Signer cannot list"), "the loopback has none: {with_signer:?}");
}

#[test]
fn f1_1_a_key_that_no_request_can_carry_is_an_error_and_not_shown() {
    let machine = Machine::new();
    let program = machine.program().with("AWS_ECR_DISABLE_CACHE", "1").with("AWS_EC2_METADATA_DISABLED", "true");
    let trimmed = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| {
        let value = if name == "AWS_ACCESS_KEY_ID" { "AKIAIOSFODNN7EXAMPLE" } else { SECRET_ACCESS_KEY };
        (name, format!(" {value}\r\n"))
    });
    let with_blanks = trimmed.iter().fold(program.clone(), |program, (name, value)| program.with(name, value));
    with_blanks.run(&["get"], host()).exits(0, "blanks around keys are nobody's");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        for value in ["AKIA\nCANARY", "AKIÄCANARY", "AKIA\u{7f}CANARY", "AKIA CANARY"] {
            refused(&program.clone().with(name, value), name, value);
        }
    }
    // The same from who gives out keys.
    machine.configure(&format!("[[registry]]\nmatch = \"{}\"\nrole-arn = \"{ROLE}\"\n", host()));
    machine.aws.faults.always("AssumeRole", Fault::OddAccessKey);
    refused(&program, "a role's access key", "STS");
    machine.configure("");
    let role = format!(
        "[default]\nrole_arn = {ROLE}\nsource_profile = a\n[profile a]\nrole_arn = {ROLE}\nsource_profile = b\n"
    );
    let keys = format!("aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET_ACCESS_KEY}\n");
    machine.write(".aws/config", &format!("{role}[profile b]\n{keys}"));
    let without_keys = program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    refused(&without_keys, "a role that assumes a role", "STS");
    machine.write(".aws/config", "");
    machine.aws.faults.always("ContainerCredentials", Fault::OddAccessKey);
    let container = without_keys
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{CONTAINER_PATH}", machine.aws.endpoint()))
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_AUTHORIZATION);
    refused(&container, "a container's access key", "its endpoint");
    assert_eq!(machine.minted(), 1, "only the keys with blanks around them were used");
}

#[track_caller]
fn refused(program: &Program, what: &str, value: &str) {
    let outcome = program.run(&["get"], host()).exits(1, format!("{what}, {value:?}"));
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains("  hint: "), "{what}, {value:?}: {outcome:?}");
    assert!(told.contains("that no key has"), "{what}, {value:?}: {outcome:?}");
    assert!(!told.contains(CANARY) && !told.contains("on its own side"), "{what}, {value:?}: {outcome:?}");
}

#[test]
fn f1_1_no_core_dump_is_left() {
    let aws = Loopback::start();
    aws.faults.always("GetAuthorizationToken", Fault::Silent);
    let home = tempfile::tempdir().unwrap();
    let program = aws.endpoint_variables().into_iter().fold(
        Program::at(Machine::binary(), home.path()).with("AWS_ECR_DISABLE_CACHE", "1"),
        |program, (name, value)| program.with(name, value),
    );
    let mut child = program.spawn(&["get"]);
    child.stdin.take().unwrap().write_all(host().as_bytes()).unwrap();
    let until = Instant::now() + BOUND;
    while aws.count("GetAuthorizationToken") == 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    let folder = Path::new("/proc").join(child.id().to_string());
    let limits = fs::read_to_string(folder.join("limits")).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.join("environ")).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // What may not be dumped belongs to root (proc(5)); for root itself there is nothing to see.
    assert_eq!(owner, 0, "PR_SET_DUMPABLE");
}
