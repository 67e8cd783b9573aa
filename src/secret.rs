//! Text that must not be seen: redacted when printed, wiped when dropped.

use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
};

use zeroize::Zeroize;

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
pub struct Secret(Wiped<String>);

impl Secret {
    /// Borrows the plain text; write it out at once, do not keep it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Wiped::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)") // not even the length: it tells the kind of login
    }
}

/// A buffer that is wiped when dropped, all that it has room for. What it outgrew while it was filled is not.
///
/// In place of `zeroize::Zeroizing`, which goes through a vector a byte at a time: that was a fifth of the
/// instructions of a cached `get`. The wiping itself is zeroize's.
#[derive(Clone, Default)]
pub struct Wiped<T: Buffer>(T);

/// What a [`Wiped`] can hold.
pub trait Buffer: Default {
    /// The same memory, as bytes.
    fn into_bytes(self) -> Vec<u8>;
}

impl Buffer for Vec<u8> {
    fn into_bytes(self) -> Vec<u8> {
        self
    }
}

impl Buffer for String {
    fn into_bytes(self) -> Vec<u8> {
        String::into_bytes(self)
    }
}

impl<T: Buffer> Wiped<T> {
    /// A buffer of which no copy is left.
    pub fn new(buffer: T) -> Wiped<T> {
        Wiped(buffer)
    }
}

impl<T: Buffer> Drop for Wiped<T> {
    fn drop(&mut self) {
        let mut bytes = mem::take(&mut self.0).into_bytes();
        bytes.as_mut_slice().zeroize();
        bytes.spare_capacity_mut().zeroize();
    }
}

impl<T: Buffer> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Buffer> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
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
