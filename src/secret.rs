//! Text that must not be seen: redacted when printed, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Text that must reach a client or the keychain and nowhere else. Wiped when dropped.
///
/// It is neither `Display` nor `Clone` nor `Serialize`, so that a secret cannot slip into a
/// message by accident:
///
/// ```compile_fail
/// let secret = ecr_rs::secret::Secret::from(String::from("hunter2"));
/// println!("{secret}");
/// ```
///
/// Copies that the AWS SDK and the JSON reader make on the way are not wiped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Borrows the plain text; write it out at once, do not keep it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)") // not even the length: it tells the kind of login
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::from(String::from("canary"))), "Secret(***)");
    }
}
