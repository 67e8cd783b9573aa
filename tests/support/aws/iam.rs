//! The credential book: which access keys exist, whose they are, and which roles can be assumed.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use ring::rand::{SecureRandom, SystemRandom};

/// Who a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Twelve digits.
    pub account: String,
    /// `arn:aws:iam::ACCOUNT:user/NAME` or `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// Actions that its policy does not allow, as `ecr:GetAuthorizationToken`.
    pub denied: Vec<String>,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// `AKIA…`, or `ASIA…` for one of a session.
    pub access_key_id: String,
    /// What signs.
    pub secret_access_key: String,
    /// What a session's requests carry besides.
    pub session_token: Option<String>,
    /// Whose it is.
    pub principal: Principal,
    /// When the session ends.
    pub expires_at: Option<SystemTime>,
}

/// A role that can be assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `arn:aws:iam::ACCOUNT:role/NAME`.
    pub arn: String,
    /// Accounts whose principals may assume it; `None` for everybody's.
    pub trusts: Option<Vec<String>>,
    /// What AssumeRole must carry.
    pub external_id: Option<String>,
    /// What its sessions may not do.
    pub denied: Vec<String>,
}

impl Role {
    /// A role that any principal may assume and that may do everything.
    pub fn new(account: &str, name: &str) -> Role {
        let arn = format!("arn:aws:iam::{account}:role/{name}");
        Role { arn, trusts: None, external_id: None, denied: Vec::new() }
    }

    /// The account in its ARN.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The name in its ARN, without path.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

/// All keys and roles. Safe to change while it is served.
#[derive(Default)]
pub struct Iam {
    credentials: Mutex<HashMap<String, Credential>>,
    roles: Mutex<HashMap<String, Role>>,
}

impl Iam {
    /// Enters a key.
    pub fn add(&self, credential: Credential) {
        self.credentials.lock().expect("no holder panics").insert(credential.access_key_id.clone(), credential);
    }

    /// Takes a key away: requests that it signs are refused from now on.
    pub fn remove(&self, access_key_id: &str) {
        self.credentials.lock().expect("no holder panics").remove(access_key_id);
    }

    /// A key by its id.
    pub fn credential(&self, access_key_id: &str) -> Option<Credential> {
        self.credentials.lock().expect("no holder panics").get(access_key_id).cloned()
    }

    /// Enters a role, or changes it.
    pub fn add_role(&self, role: Role) {
        self.roles.lock().expect("no holder panics").insert(role.arn.clone(), role);
    }

    /// A role by its ARN.
    pub fn role(&self, arn: &str) -> Option<Role> {
        self.roles.lock().expect("no holder panics").get(arn).cloned()
    }

    /// Opens a session of a role: a new key at every call, as STS does.
    pub fn open_session(&self, role: &Role, session: &str, life: Duration) -> Credential {
        let account = role.account();
        let credential = Credential {
            access_key_id: format!("ASIA{}", random_id(16)),
            secret_access_key: random_text(40),
            session_token: Some(random_text(600)),
            principal: Principal {
                account: account.into(),
                arn: format!("arn:aws:sts::{account}:assumed-role/{}/{session}", role.name()),
                denied: role.denied.clone(),
            },
            expires_at: Some(SystemTime::now() + life),
        };
        self.add(credential.clone());
        credential
    }
}

/// Capital letters and digits, as access key ids are made of.
pub fn random_id(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    random_bytes(length).iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// Base64's letters, without padding.
pub fn random_text(length: usize) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    let mut text = STANDARD_NO_PAD.encode(random_bytes(length));
    text.truncate(length);
    text
}

/// Random bytes.
pub fn random_bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// ISO 8601 as AWS writes it; empty for `None`.
pub fn timestamp(time: Option<SystemTime>) -> String {
    let time = time.map(chrono::DateTime::<chrono::Utc>::from);
    time.map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
