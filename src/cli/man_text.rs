//! What the manual says beside the commands: the protocol, the configuration, variables, files and exit codes.

/// Words and what each means.
type Table = &'static [(&'static str, &'static str)];

/// The verbs that clients call (docker-credential-helpers).
pub(super) const PROTOCOL: Table = &[
    (
        "get",
        "Reads the name of a server from standard input and writes its login to standard output, as JSON. For a registry of ECR the login is a token, from the cache or from AWS.",
    ),
    ("store", "Reads a login as JSON from standard input and keeps it."),
    ("erase", "Reads the name of a server from standard input and forgets its login."),
    ("list", "Writes all servers that have a login, as JSON. Never reads standard input."),
    ("version", "Writes the name and the version."),
    ("kubelet", "Kubernetes' credential-provider protocol; kubelet --help tells more."),
];

/// A configuration.
pub(super) const CONFIG_EXAMPLE: &str = r#"[defaults]
profile = "auto"

[[registry]]
match = "111122223333.dkr.ecr.*.amazonaws.com"
profile = "prod""#;

/// The variables that are read.
pub(super) const ENVIRONMENT: Table = &[
    ("ECR_RS_CONFIG", "The path of config.toml."),
    ("ECR_RS_LOG", "Any text: each decision is a line on standard error."),
    ("AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_REGION, …", "As for the AWS CLI."),
    ("AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE", "Where the AWS files are."),
    ("AWS_CA_BUNDLE", "Certificates to trust in place of the system's."),
    ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "The proxy on the way to AWS and to registries."),
    ("AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR, …", "Other endpoints."),
    ("AWS_MAX_ATTEMPTS", "Tries of one call; 3 unless set."),
    ("AWS_EC2_METADATA_DISABLED", "true: the instance's role is not asked for."),
    ("AWS_ECR_CACHE_DIR", "The folder of the file store; asks for it where config.toml names no store."),
    ("AWS_ECR_DISABLE_CACHE", "Any text: no cache."),
    ("AWS_ECR_IGNORE_CREDS_STORAGE", "true: store and erase succeed and do nothing."),
    ("DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR", "Where the Linux keychain is."),
    ("NO_COLOR", "Any text: no colour on a terminal."),
];

/// The files that are read or written.
pub(super) const FILES: Table = &[
    (
        "~/.config/docker-credential-ecr-rs/config.toml",
        "The configuration. All of it is optional. On macOS below ~/Library/Application Support, on Windows below %AppData%.",
    ),
    ("/etc/docker-credential-ecr-rs/config.toml", "The same for every user who has none of their own; not on Windows."),
    ("~/.cache/docker-credential-ecr-rs/", "Locks; and, with the file store, tokens."),
    ("~/.aws/config, ~/.aws/credentials", "AWS profiles."),
    ("~/.docker/config.json", "Docker's configuration, into which setup writes one line."),
];

/// The exit codes.
pub(super) const EXIT_STATUS: Table = &[
    ("0", "It is done."),
    ("1", "It failed, or what was asked for does not hold; standard error says why."),
    ("2", "The arguments cannot be read."),
];
