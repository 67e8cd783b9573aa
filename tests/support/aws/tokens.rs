//! ECR's authorization tokens: minted like the real ones, and known to the registry.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::iam::{Principal, random_bytes};

/// A token that was minted here.
#[derive(Debug, Clone)]
pub struct Minted {
    /// The password: what follows `AWS:` in the authorizationToken.
    pub password: String,
    /// Who asked for it.
    pub principal: Principal,
    /// Its end.
    pub expires_at: SystemTime,
    /// Whether it is one of ECR Public.
    pub public: bool,
}

impl Minted {
    /// The `authorizationToken` of the API.
    pub fn authorization_token(&self) -> String {
        STANDARD.encode(format!("AWS:{}", self.password))
    }
}

/// The mint.
pub struct Tokens {
    minted: Mutex<HashMap<String, Minted>>,
    length: Mutex<usize>,
    life: Mutex<Duration>,
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens {
            minted: Mutex::default(),
            length: Mutex::new(1900), // an ordinary role's; session tokens reach 2,714
            life: Mutex::new(Duration::from_secs(12 * 60 * 60)),
        }
    }
}

impl Tokens {
    /// Sets the length of passwords from now on, in characters; rounded up to a multiple of four,
    /// as base64 is.
    pub fn set_length(&self, length: usize) {
        *self.length.lock().expect("no holder panics") = length;
    }

    /// Sets the life of tokens from now on.
    pub fn set_life(&self, life: Duration) {
        *self.life.lock().expect("no holder panics") = life;
    }

    /// Mints a token; `expired` makes one that ended an hour ago.
    pub fn mint(&self, principal: &Principal, public: bool, expired: bool) -> Minted {
        let now = SystemTime::now();
        let expires_at = match expired {
            true => now - Duration::from_secs(60 * 60),
            false => now + *self.life.lock().expect("no holder panics"),
        };
        let expiration = epoch(expires_at);
        let length = self.length.lock().expect("no holder panics").div_ceil(4) * 3;
        let datakey = STANDARD.encode(random_bytes(189));
        let body = |payload: &str| {
            json!({ "payload": payload, "datakey": datakey, "version": "2", "type": "DATA_KEY", "expiration": expiration })
                .to_string()
        };
        let room = length.saturating_sub(body("").len());
        let mut payload = STANDARD.encode(random_bytes(room));
        payload.truncate(room);
        let password = STANDARD.encode(body(&payload));
        let minted = Minted { password: password.clone(), principal: principal.clone(), expires_at, public };
        self.minted.lock().expect("no holder panics").insert(password, minted.clone());
        minted
    }

    /// The token behind a password, if it was minted here and has not ended.
    pub fn valid(&self, password: &str) -> Option<Minted> {
        let minted = self.minted.lock().expect("no holder panics").get(password).cloned();
        minted.filter(|minted| minted.expires_at > SystemTime::now())
    }
}

/// Seconds since 1970.
pub fn epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
