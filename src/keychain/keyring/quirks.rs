//! What differs between the operating systems' stores, and what their errors mean.

use keyring_core::Error as OsError;

use super::super::{Error, ErrorKind};

/// What differs between the operating systems' stores.
#[derive(Clone, Copy)]
pub struct Quirks {
    /// What people call the store.
    pub name: &'static str,
    /// The most bytes that one item's secret may have.
    pub max_secret: usize,
    /// The most bytes of a label that one item's name may carry.
    pub max_label: usize,
    /// What a search for items is narrowed by; it must find all of ours.
    pub search: &'static [(&'static str, &'static str)],
    /// How items are made.
    pub modifiers: &'static [(&'static str, &'static str)],
    /// Whether an error says that this one item is closed to us, while others may be open.
    pub access_denied: fn(&OsError) -> bool,
}

impl Quirks {
    pub(super) fn check<T>(&self, outcome: keyring_core::Result<T>) -> Result<T, Error> {
        outcome.map_err(|err| self.error(&err))
    }

    pub(super) fn timeout(&self, detail: &str) -> Error {
        Error { store: self.name, kind: ErrorKind::Timeout, detail: detail.into() }
    }

    pub(super) fn error(&self, err: &OsError) -> Error {
        let kind = match err {
            OsError::NoStorageAccess(_) => ErrorKind::Locked,
            _ if (self.access_denied)(err) => ErrorKind::Locked,
            OsError::BadEncoding(_)
            | OsError::BadDataFormat(..)
            | OsError::BadStoreFormat(_)
            | OsError::Ambiguous(_) => ErrorKind::Malformed,
            OsError::NoDefaultStore | OsError::NotSupportedByStore(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        };
        Error { store: self.name, kind, detail: words(err) }
    }
}

/// An error's words. Never its `Debug`, and no field that may carry the secret or a whole entry.
pub(super) fn words(err: &OsError) -> String {
    match err {
        OsError::PlatformFailure(cause) | OsError::NoStorageAccess(cause) => cause.to_string(),
        OsError::NoEntry => "the item went away in the middle".into(),
        OsError::BadEncoding(_) | OsError::BadDataFormat(..) => "an item's content is malformed".into(),
        OsError::BadStoreFormat(_) => "the store itself is malformed".into(),
        OsError::TooLong(what, limit) => format!("the {what} is longer than its limit of {limit}"),
        OsError::Invalid(..) => "it does not take such an item".into(),
        OsError::Ambiguous(_) => "several items have the same name".into(),
        OsError::NoDefaultStore => "no store was opened".into(),
        OsError::NotSupportedByStore(what) => what.clone(),
        _ => "an error that is unknown to this version".into(),
    }
}
