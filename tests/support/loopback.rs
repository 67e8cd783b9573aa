//! AWS and registries in this process, on 127.0.0.1, on a port of their own.
//!
//! ```ignore
//! let loopback = Loopback::start();
//! let program = loopback.endpoint_variables().into_iter().fold(program, |p, (name, value)| p.with(name, value));
//! program.run(&["get"], format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"));
//! assert_eq!(loopback.count("GetAuthorizationToken"), 1);
//! loopback.faults.always("GetAuthorizationToken", Fault::Throttled);
//! ```

use std::{
    net::{SocketAddr, TcpListener},
    ops::Deref,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::runtime::Runtime;

use super::{
    aws::{
        self, Service,
        calls::{Call, Calls},
        faults::Faults,
        iam::{Credential, Iam, Principal, Role},
        sso::Sessions,
        tokens::Tokens,
    },
    proxy,
    registry::Registry,
    tls::Tls,
};

/// The account of [`ACCESS_KEY_ID`].
pub const ACCOUNT: &str = "111122223333";
/// A second account, with a principal and roles of its own.
pub const OTHER_ACCOUNT: &str = "444455556666";
/// Where the registries of the tests are.
pub const REGION: &str = "eu-west-1";
/// A second region.
pub const OTHER_REGION: &str = "us-east-1";
/// The key of `arn:aws:iam::111122223333:user/alice`; AWS's own example.
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// The key of `arn:aws:iam::444455556666:user/bob`.
pub const OTHER_ACCESS_KEY_ID: &str = "AKIAI44QH8DHBEXAMPLE";
/// Its secret.
pub const OTHER_SECRET_ACCESS_KEY: &str = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY";
/// A role of [`ACCOUNT`] that anyone may assume.
pub const ROLE: &str = "arn:aws:iam::111122223333:role/puller";
/// A role of [`OTHER_ACCOUNT`] that anyone may assume.
pub const OTHER_ROLE: &str = "arn:aws:iam::444455556666:role/puller";
/// A role of [`ACCOUNT`] that asks for [`EXTERNAL_ID`].
pub const GUARDED_ROLE: &str = "arn:aws:iam::111122223333:role/guarded";
/// What [`GUARDED_ROLE`] asks for.
pub const EXTERNAL_ID: &str = "customer-42";
/// The token that AssumeRoleWithWebIdentity takes.
pub const WEB_IDENTITY_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJsb29wYmFjayJ9.c2lnbmF0dXJl";
/// Where a container asks for credentials: the path of `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
pub const CONTAINER_PATH: &str = "/container/credentials";
/// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
pub const CONTAINER_AUTHORIZATION: &str = "Bearer container-authorization";

/// Everything that the servers know. All of it can be changed while they run.
pub struct State {
    /// Access keys and roles.
    pub iam: Iam,
    /// ECR's tokens.
    pub tokens: Tokens,
    /// What goes wrong.
    pub faults: Faults,
    /// What the registries hold.
    pub registry: Registry,
    /// Sessions of `aws sso login` and `aws login`.
    pub sessions: Sessions,
    /// The certificate authority.
    pub tls: Tls,
    /// What was asked.
    pub calls: Calls,
    /// The services, in the order in which they are asked.
    pub services: Vec<Arc<dyn Service>>,
    /// The `host:port` of every CONNECT.
    pub tunnels: Mutex<Vec<String>>,
    /// How many connections were taken.
    pub accepted: AtomicUsize,
}

impl State {
    /// Every call since the start.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.all()
    }

    /// How often an operation was asked for: `GetAuthorizationToken`, or with its service
    /// `ecr:GetAuthorizationToken`.
    pub fn count(&self, operation: &str) -> usize {
        let named = |call: &Call| call.operation == operation || call.name() == operation;
        self.calls.all().iter().filter(|call| named(call)).count()
    }

    /// How many connections were taken since the start.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The `host:port` of every CONNECT since the start.
    pub fn tunnels(&self) -> Vec<String> {
        self.tunnels.lock().expect("no holder panics").clone()
    }
}

/// The running servers; they end when this is dropped.
pub struct Loopback {
    state: Arc<State>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Loopback {
    /// Starts servers with the built-in services of AWS.
    pub fn start() -> Loopback {
        Loopback::with(Vec::new())
    }

    /// Starts them with more services, which are asked first.
    pub fn with(services: Vec<Arc<dyn Service>>) -> Loopback {
        Loopback::serving(services, Tls::new())
    }

    /// Starts them with a certificate authority that was made before.
    pub fn serving(services: Vec<Arc<dyn Service>>, tls: Tls) -> Loopback {
        let state = Arc::new(State {
            iam: Iam::default(),
            tokens: Tokens::default(),
            faults: Faults::default(),
            registry: Registry::default(),
            sessions: Sessions::default(),
            tls,
            calls: Calls::default(),
            services: [services, aws::built_in()].concat(),
            tunnels: Mutex::default(),
            accepted: AtomicUsize::default(),
        });
        populate(&state.iam);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads can be started");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket can be asked not to block");
        let address = listener.local_addr().expect("a bound socket has an address");
        runtime.spawn(proxy::serve(listener, Arc::clone(&state)));
        Loopback { state, address, runtime: Some(runtime) }
    }

    /// `http://127.0.0.1:PORT`: every service, over plain HTTP.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:PORT`: where they listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a program needs to be `alice` and to reach AWS by endpoint URLs.
    pub fn endpoint_variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = credentials();
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL_ECR_PUBLIC", "AWS_ENDPOINT_URL_STS"]
        {
            variables.push((name, self.endpoint()));
        }
        variables
    }

    /// What a program needs to be `alice` and to reach AWS and registries by their real names.
    pub fn proxy_variables(&self) -> Vec<(&'static str, String)> {
        let bundle = self.tls.bundle().display().to_string();
        let mut variables = credentials();
        variables.push(("HTTPS_PROXY", self.endpoint()));
        variables.push(("NO_PROXY", "127.0.0.1,localhost".into()));
        variables.push(("SSL_CERT_FILE", bundle.clone()));
        variables.push(("AWS_CA_BUNDLE", bundle));
        variables
    }
}

impl Deref for Loopback {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background(); // answers that hang on purpose must not hang the test
        }
    }
}

/// The variables of `alice`, on a machine that is no EC2 instance.
fn credentials() -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.into()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.into()),
        ("AWS_REGION", REGION.into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
    ]
}

fn populate(iam: &Iam) {
    for (account, name, id, secret) in [
        (ACCOUNT, "alice", ACCESS_KEY_ID, SECRET_ACCESS_KEY),
        (OTHER_ACCOUNT, "bob", OTHER_ACCESS_KEY_ID, OTHER_SECRET_ACCESS_KEY),
    ] {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        iam.add(Credential {
            access_key_id: id.into(),
            secret_access_key: secret.into(),
            session_token: None,
            principal: Principal { account: account.into(), arn, denied: Vec::new() },
            expires_at: None,
        });
    }
    iam.add_role(Role::new(ACCOUNT, "puller"));
    iam.add_role(Role::new(OTHER_ACCOUNT, "puller"));
    iam.add_role(Role { external_id: Some(EXTERNAL_ID.into()), ..Role::new(ACCOUNT, "guarded") });
}
