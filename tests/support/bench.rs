//! A machine that signs: the loopback world with AWS Signer, images in its registry, and the
//! commands run in process.

use std::{
    io::{BufReader, Cursor},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use clap::Parser;
use ecr_rs::{
    aws::{Aws, Settings},
    cli::{
        profile::{self, Profile},
        sign::{self, ForNotation, Sign},
        signatures::{self, Signatures},
        signing::{Tools, tell},
    },
    config::Config,
    docker::{Login, logins},
    environment::Environment,
    journal::Journal,
    secret::Secret,
    sign::{Error, Reference, notation::Places},
    world::World,
};
use serde_json::{Value, json};

use super::{
    client,
    memory::MemoryStore,
    registry::{PLAIN_PASSWORD, PLAIN_USER, digest},
    signer::Signer,
    world::{ACCESS_KEY_ID, ACCOUNT, Loopback, REGION, SECRET_ACCESS_KEY},
};

/// Types of images.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The machine.
pub struct Bench {
    /// AWS and the registry.
    pub world: Loopback,
    /// AWS Signer in it.
    pub signer: Arc<Signer>,
    /// The profile `app` of our own account.
    pub profile: String,
    /// A folder of its own.
    pub folder: tempfile::TempDir,
    /// `$PATH` of the engine notation.
    pub path: PathBuf,
    /// Whether questions can be asked.
    pub terminal: bool,
    /// What is typed.
    pub stdin: String,
    /// Whether the keychain has the registry's login.
    pub logged_in: bool,
}

/// What a command left.
#[derive(Debug)]
pub struct Ran {
    /// Whether everything went well.
    pub good: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }
}

#[derive(Debug, clap::Parser)]
enum Command {
    Sign(Sign),
    #[command(subcommand)]
    Signatures(Signatures),
    #[command(subcommand)]
    Profile(Profile),
}

impl Bench {
    /// A machine with one profile.
    pub fn new() -> Bench {
        let signer = Signer::new();
        let world = Loopback::with(vec![signer.clone()]);
        let profile = signer.add_profile(ACCOUNT, REGION, "app");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file can be written");
        write("root.pem", &signer.chain.root_pem);
        write(
            "aws",
            &format!(
                "[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\nregion = \
                 {REGION}\nendpoint_url = {}\n",
                world.endpoint()
            ),
        );
        Bench {
            world,
            signer,
            profile,
            path: folder.path().join("bin"),
            folder,
            terminal: false,
            stdin: String::new(),
            logged_in: true,
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.world.address().to_string()
    }

    /// Pushes an image and gives its digest.
    pub fn push(&self, repository: &str, tag: &str) -> String {
        let config = json!({ "tag": tag, "repository": repository }).to_string();
        self.push_blob(repository, config.as_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest(config.as_bytes()),
                "size": config.len(),
            },
            "layers": [],
        });
        self.push_manifest(repository, tag, MANIFEST, &manifest)
    }

    /// Pushes an index of manifests that are there already.
    pub fn push_index(&self, repository: &str, tag: &str, children: &[(&str, String)]) -> String {
        let manifests: Vec<Value> = children
            .iter()
            .map(|(media_type, digest)| {
                let bytes = self.stored(repository, digest);
                json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        self.push_manifest(repository, tag, INDEX, &index)
    }

    /// Pushes a manifest under a tag.
    pub fn push_manifest(&self, repository: &str, tag: &str, media_type: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string();
        self.ask(
            &format!("PUT /v2/{repository}/manifests/{tag}"),
            &[("Content-Type", media_type)],
            bytes.as_bytes(),
            201,
        );
        digest(bytes.as_bytes())
    }

    /// Pushes a blob.
    pub fn push_blob(&self, repository: &str, bytes: &[u8]) {
        let line = format!("POST /v2/{repository}/blobs/uploads/?digest={}", digest(bytes));
        self.ask(&line, &[], bytes, 201);
    }

    /// Asks the registry as its user.
    #[track_caller]
    pub fn ask(&self, line: &str, headers: &[(&str, &str)], body: &[u8], expected: u16) -> client::Response {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let login = format!("Basic {}", STANDARD.encode(format!("{PLAIN_USER}:{PLAIN_PASSWORD}")));
        let headers = [headers, &[("Authorization", login.as_str())]].concat();
        let answer = client::ask(&self.world, "127.0.0.1", line, &headers, body).expect("the world answers");
        assert_eq!(answer.status, expected, "{line}: {}", answer.text());
        answer
    }

    /// A manifest as it is stored.
    #[track_caller]
    pub fn stored(&self, repository: &str, reference: &str) -> Vec<u8> {
        let found = self.world.registry.manifest("127.0.0.1", repository, reference);
        found.unwrap_or_else(|| panic!("{repository} has no {reference}"))
    }

    /// How often the registry took a manifest or blob.
    pub fn pushes(&self) -> usize {
        let taken = |status| matches!(status, Some(201));
        let wrote = |operation: &str| matches!(operation, "PutManifest" | "PutUpload" | "PostUpload");
        self.world.calls().iter().filter(|call| wrote(&call.operation) && taken(call.status)).count()
    }

    /// Signs with the profile and the loopback's root.
    pub fn sign(&self, arguments: &[&str]) -> Ran {
        let root = self.folder.path().join("root.pem").display().to_string();
        self.run(&[&["sign", "--signing-profile", &self.profile, "--signer-root", &root], arguments].concat())
    }

    /// Runs a command line.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let command = match Command::try_parse_from([&["test"], arguments].concat()) {
            Ok(command) => command,
            Err(err) => return Ran { good: false, stdout: String::new(), stderr: err.to_string() },
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let outcome = self.outcome(&command, &mut stdout, &mut stderr);
        let good = outcome.unwrap_or_else(|err| {
            tell(&err, &mut stderr).expect("memory can be written");
            false
        });
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("commands write text");
        Ran { good, stdout: text(stdout), stderr: text(stderr) }
    }

    fn outcome(&self, command: &Command, stdout: &mut Vec<u8>, stderr: &mut Vec<u8>) -> Result<bool, Error> {
        let folder = self.folder.path().to_path_buf();
        let variables = [
            ("AWS_CONFIG_FILE", folder.join("aws")),
            ("AWS_SHARED_CREDENTIALS_FILE", folder.join("absent")),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ];
        let environment = Environment {
            variable: Box::new(move |name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone().into())
            }),
            home: Some(folder.clone()),
            config_folder: None,
            cache_folder: None,
            temporary_folder: folder.clone(),
            interactive: self.terminal,
        };
        let store = MemoryStore::default();
        if self.logged_in {
            let login = Login { username: PLAIN_USER.into(), secret: Secret::from(PLAIN_PASSWORD.to_owned()) };
            logins::put(&store, &self.host(), &self.host(), &login).expect("memory takes it");
        }
        let now = SystemTime::now();
        let mut settings = Settings::read(&environment, now);
        settings.max_attempts = Some(2);
        settings.bounds.read = Duration::from_millis(1500); // for answers that never come
        let aws = Aws::new(settings);
        let mut warnings = Vec::new();
        let journal = Journal::new(&mut warnings, false);
        let world = World {
            environment: &environment,
            config: &Config::default(),
            instance: || false,
            now,
            cache: &MemoryStore::default(),
            logins: &store,
            tokens: &aws,
            journal: &journal,
        };
        let stdin = &mut BufReader::new(Cursor::new(self.stdin.as_bytes()));
        let tools = |images: &[Reference], profile: Option<&ecr_rs::sign::Profile>| {
            Tools::of(&world, &aws, images, profile, None)
        };
        match command {
            Command::Sign(command) => {
                let notation = ForNotation {
                    places: Places {
                        path: self.path.clone().into(),
                        libexec: Some(folder.join("libexec")),
                        helper: folder.join("docker-credential-ecr-rs"),
                        temporary: folder.clone(),
                    },
                    aws_profile: None,
                };
                let tools = tools(&command.images()?, Some(&command.profile()?))?;
                sign::run(command, &tools, &notation, stdout, stderr)
            }
            Command::Signatures(command) => {
                signatures::run(command, &tools(&[command.image()?], None)?, stdin, stdout, stderr)
            }
            Command::Profile(command) => {
                profile::run(command, &tools(&[], command.name()?.as_ref())?, stdin, stdout, stderr).map(|()| true)
            }
        }
    }
}
