//! Names and sentences that several rooms need to the letter, each written once.

/// The program's name: what docker starts for `"credsStore": "ecr-rs"`, and what messages begin with.
pub(crate) const PROGRAM: &str = "docker-credential-ecr-rs";

/// `NAME (PACKAGE) VERSION`, as Docker's own helpers print it.
pub(crate) const VERSION: &str = concat!("docker-credential-ecr-rs (ecr_rs) ", env!("CARGO_PKG_VERSION"));

/// The program's name in a client's configuration: [`PROGRAM`] without `docker-credential-`.
pub(crate) const HELPER: &str = "ecr-rs";

/// The name in clients' configurations of the helper that we replace: amazon-ecr-credential-helper.
pub(crate) const REPLACED_HELPER: &str = "ecr-login";

/// What docker puts before a helper's name to find its program (docker-credential-helpers,
/// `client/command.go`).
pub(crate) const HELPER_PREFIX: &str = "docker-credential-";

/// The variable that marks a helper that we started, by its name, and whatever that starts. This program
/// asks nobody where it is set: a helper that leads back to us would ask us, and we it, for ever.
pub(crate) const DELEGATE_MARK: &str = "ECR_RS_DELEGATE";

/// What we say to a helper that asks us though we asked it, and what such a helper passes on.
pub(crate) const ASKED_AGAIN: &str = "asks docker-credential-ecr-rs again, which asked it";

/// Docker Hub's key in every credential store (docker/cli, `registry.IndexServer`).
pub(crate) const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The one sentence that clients read as "no login here, go on anonymously"
/// (docker-credential-helpers, `credentials/error.go`).
///
/// Compared byte for byte after trimming. Never print it for a failure: the client would hide the
/// cause behind "no basic auth credentials".
pub(crate) const NOT_FOUND: &str = "credentials not found in native keychain";

/// The AWS Signer plugin's name in Notation (AWS Signer developer guide, "Installing the client
/// components").
pub(crate) const NOTATION_PLUGIN: &str = "com.amazonaws.signer.notation.plugin";

/// The version of that plugin that this program stands for: where a signature asks for a newer one, it has
/// rules that are unknown here. Above AWS's own newest, 1.0.2292.
pub(crate) const NOTATION_PLUGIN_VERSION: &str = "1.1.0";

/// What tells our plugin from AWS's, which has the same name: the address that it gives of itself.
pub(crate) const NOTATION_PLUGIN_URL: &str = env!("CARGO_PKG_REPOSITORY");
