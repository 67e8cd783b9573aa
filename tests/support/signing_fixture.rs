//! A machine that signs: the loopback AWS with AWS Signer, images in its registry, the registry's login in a
//! keychain, and the built program.

use std::{ops::Deref, sync::Arc};

use serde_json::{Value, json};

use super::{
    aws::iam::Principal,
    client,
    loopback::{ACCESS_KEY_ID, ACCOUNT, Loopback, REGION, SECRET_ACCESS_KEY},
    machine::Machine,
    program::{Outcome, Program},
    registry::{PLAIN_PASSWORD, PLAIN_USER, digest},
    signer::Signer,
    terminal,
};

/// Types of images.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Of a signature.
pub const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
/// Of an envelope.
pub const JWS: &str = "application/jose+json";

/// The registry of our own account.
pub const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// Pushes an image to [`ECR`] as someone with a token of it would, and gives its digest.
pub fn push_to_ecr(loopback: &Loopback, repository: &str, tag: &str) -> String {
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/builder");
    let token = loopback.tokens.mint(&Principal { account: ACCOUNT.into(), arn, denied: Vec::new() }, false, false);
    let login = format!("Basic {}", token.authorization_token());
    let config = json!({ "tag": tag }).to_string();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest(config.as_bytes()),
            "size": config.len(),
        },
    })
    .to_string();
    for (line, content_type, body) in [
        (
            format!("POST /v2/{repository}/blobs/uploads/?digest={}", digest(config.as_bytes())),
            "application/octet-stream",
            &config,
        ),
        (format!("PUT /v2/{repository}/manifests/{tag}"), MANIFEST, &manifest),
    ] {
        let headers = [("Authorization", login.as_str()), ("Content-Type", content_type)];
        let answer = client::ask(loopback, ECR, &line, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 201, "{line}: {}", answer.text());
    }
    digest(manifest.as_bytes())
}

/// The machine.
pub struct SigningFixture {
    /// The home folder, the keychain, and AWS with the registry.
    machine: Machine,
    /// AWS Signer.
    pub signer: Arc<Signer>,
    /// The profile `app` of our own account.
    pub profile: String,
}

impl Deref for SigningFixture {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl SigningFixture {
    /// A machine with one profile, whose keychain has the registry's login.
    pub fn new() -> SigningFixture {
        let fixture = SigningFixture::without_login();
        let login = json!({ "ServerURL": fixture.host(), "Username": PLAIN_USER, "Secret": PLAIN_PASSWORD });
        fixture.program().run(&["store"], login.to_string()).exits(0, "docker login");
        fixture
    }

    /// A machine with one profile and an empty keychain.
    pub fn without_login() -> SigningFixture {
        let signer = Signer::new();
        let machine = Machine::with(vec![signer.clone()]);
        let profile = signer.add_profile(ACCOUNT, REGION, "app");
        machine.write("root.pem", &signer.chain.root_pem);
        machine.write(
            "aws",
            &format!(
                "[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\nregion = \
                 {REGION}\nendpoint_url = {}\n",
                machine.aws.endpoint()
            ),
        );
        SigningFixture { machine, signer, profile }
    }

    /// The program: its identity is in a file, and its PATH is the folder `bin` of the home folder.
    pub fn program(&self) -> Program {
        let home = self.home.path();
        self.program_with(Vec::new())
            .with("AWS_CONFIG_FILE", home.join("aws"))
            .with("AWS_SHARED_CREDENTIALS_FILE", home.join("absent"))
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("AWS_MAX_ATTEMPTS", "2")
            .with("NOTATION_LIBEXEC", home.join("libexec"))
            .with("PATH", home.join("bin"))
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.aws.address().to_string()
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

    /// Pushes an envelope as a signature of an image, whoever made it, and gives the manifest's digest.
    pub fn push_envelope(&self, repository: &str, image: &str, media_type: &str, envelope: &[u8]) -> String {
        self.push_blob(repository, b"{}");
        self.push_blob(repository, envelope);
        let descriptor = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": SIGNATURE,
            "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [descriptor(media_type, envelope)],
            "subject": { "mediaType": MANIFEST, "digest": image, "size": self.stored(repository, image).len() },
        });
        let name = digest(manifest.to_string().as_bytes());
        self.push_manifest(repository, &name, MANIFEST, &manifest)
    }

    /// The descriptor of a stored manifest, as a list of signatures has it.
    pub fn listed_as_signature(&self, repository: &str, name: &str, media_type: &str) -> Value {
        let bytes = self.stored(repository, name);
        json!({ "mediaType": media_type, "digest": digest(&bytes), "size": bytes.len(), "artifactType": SIGNATURE })
    }

    /// What AWS Signer would be asked to sign of an image.
    pub fn payload(&self, repository: &str, image: &str) -> Vec<u8> {
        let size = self.stored(repository, image).len();
        json!({ "targetArtifact": { "mediaType": MANIFEST, "digest": image, "size": size } }).to_string().into_bytes()
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
        let answer = client::ask(&self.aws, "127.0.0.1", line, &headers, body).expect("the loopback answers");
        assert_eq!(answer.status, expected, "{line}: {}", answer.text());
        answer
    }

    /// A manifest as it is stored.
    #[track_caller]
    pub fn stored(&self, repository: &str, reference: &str) -> Vec<u8> {
        let found = self.aws.registry.manifest("127.0.0.1", repository, reference);
        found.unwrap_or_else(|| panic!("{repository} has no {reference}"))
    }

    /// How often the registry took a manifest or blob.
    pub fn pushes(&self) -> usize {
        let taken = |status| matches!(status, Some(201));
        let wrote = |operation: &str| matches!(operation, "PutManifest" | "PutUpload" | "PostUpload");
        self.aws.calls().iter().filter(|call| wrote(&call.operation) && taken(call.status)).count()
    }

    /// Signs with the profile and the loopback's root.
    #[track_caller]
    pub fn sign(&self, arguments: &[&str]) -> Outcome {
        let root = self.root();
        self.run(&[&["sign", "--signing-profile", &self.profile, "--signer-root", &root], arguments].concat())
    }

    /// Runs a command line.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.program().run(arguments, "")
    }

    /// Runs a command line at a terminal, where `typed` is typed: the exit status, and what was on the screen.
    #[track_caller]
    pub fn run_at_terminal(&self, arguments: &[&str], typed: &str) -> (i32, String) {
        terminal::run_typing(&self.program(), arguments, typed)
    }

    /// The file of the root certificate of the loopback's AWS Signer.
    pub fn root(&self) -> String {
        self.home.path().join("root.pem").display().to_string()
    }
}
