//! The kubelet's side of the wire: `CredentialProviderRequest` and `CredentialProviderResponse`, version 1.
//!
//! Source: kubernetes/kubelet, `pkg/apis/credentialprovider/v1/types.go`.

use std::{
    collections::BTreeMap,
    io::Read,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{
    door,
    registry::USERNAME,
    report::{Report, excerpt},
    secret::{Secret, Wiped},
    token::Token,
};

/// The name of the program that is replaced: a link of this name to ours is this door.
pub(super) const NAME: &str = "ecr-credential-provider";

/// The first argument that is this door under any other name.
pub(super) const ARGUMENT: &str = "kubelet";

/// The one version that is spoken, which kubelets know since Kubernetes 1.26.
pub(super) const API_VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";

const REQUEST: &str = "CredentialProviderRequest";

/// Most bytes of a request: all annotations of an object have 256 KiB at most (Kubernetes,
/// `validation.TotalAnnotationSizeLimitB`), a token some KiB.
const MAX_REQUEST: usize = 1 << 20;

/// The request as it comes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    image: Option<String>,
    service_account_token: Option<String>,
    service_account_annotations: Option<BTreeMap<String, String>>,
}

/// What the kubelet asks.
pub(super) struct Request {
    /// The image, as the pod names it, without tag or digest.
    pub(super) image: String,
    /// The token of the pod's service account, for the audience that the kubelet's configuration names.
    pub(super) token: Option<Secret>,
    /// The annotations of the service account that the kubelet's configuration lists.
    pub(super) annotations: BTreeMap<String, String>,
}

impl Request {
    /// Reads a request. Its content is never quoted: it may be a token.
    pub(super) fn read(stdin: &mut dyn Read) -> Result<Request, Report> {
        let bad = |what: String| {
            Report::new(format!("standard input is no {REQUEST}: {what}"))
                .hint("the kubelet writes it; --config-example prints a configuration for it")
        };
        let bytes = door::read_input(stdin, 4096, MAX_REQUEST).map_err(&bad)?;
        if bytes.trim_ascii().is_empty() {
            return Err(bad("it is empty".into()));
        }
        let received: Received = serde_json::from_slice(&bytes)
            .map_err(|err| bad(format!("line {}, column {} cannot be read", err.line(), err.column())))?;
        let token = received.service_account_token.map(Secret::from);
        if received.kind != REQUEST {
            return Err(bad(format!("its kind is {:?}", excerpt(&received.kind))));
        }
        if received.api_version != API_VERSION {
            let what = format!("the request is of {:?}, and this speaks {API_VERSION}", excerpt(&received.api_version));
            return Err(Report::new(what).hint(format!("write `apiVersion: {API_VERSION}` for this provider")));
        }
        Ok(Request {
            image: received
                .image
                .filter(|image| !image.trim().is_empty())
                .ok_or_else(|| bad("it names no image".into()))?,
            token: token.filter(|token| !token.expose().trim().is_empty()),
            annotations: received.service_account_annotations.unwrap_or_default(),
        })
    }

    /// The registry of the image as it is spelled: what the kubelet compares the answer with.
    pub(super) fn host(&self) -> &str {
        let image = self.image.trim();
        let image = image.split_once("://").map_or(image, |(_, rest)| rest);
        image.split('/').next().unwrap_or(image)
    }

    /// Whether a service account's token came with it.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    kind: &'static str,
    api_version: &'static str,
    cache_key_type: &'static str,
    cache_duration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<BTreeMap<&'a str, Auth<'a>>>,
}

#[derive(Serialize)]
struct Auth<'a> {
    username: &'static str,
    password: &'a str,
}

/// The answer for a registry. Without a token it says that there are no credentials, and the kubelet pulls
/// anonymously.
///
/// The key is the registry, also with a role for each service account: the kubelet adds namespace, name, UID
/// and the annotations of the service account to it, so that what one got is never another's
/// (`generateServiceAccountCacheKey`), and the role comes from those annotations or is the same for all.
///
/// The kubelet may keep it until the token is as old as one that `get` replaces: a pull that starts in the last
/// moment can still finish. That nothing was found it does not keep: it asks again at the next pull.
pub(super) fn response(host: &str, token: Option<&Token>, refresh_before: Duration, now: SystemTime) -> Wiped<String> {
    let kept = token.map_or(Duration::ZERO, |token| token.remaining(now).saturating_sub(refresh_before));
    let auth = token.map(|token| Auth { username: USERNAME, password: token.password.expose() });
    let answer = Response {
        kind: "CredentialProviderResponse",
        api_version: API_VERSION,
        cache_key_type: "Registry",
        cache_duration: format!("{}s", kept.as_secs()),
        auth: auth.map(|auth| BTreeMap::from([(host, auth)])),
    };
    let mut line = Wiped::new(serde_json::to_string(&answer).expect("text becomes JSON"));
    line.push('\n');
    line
}
