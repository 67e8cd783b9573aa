//! The formats of the Notary Project: what is signed, envelopes, certificates. Pure: no I/O, no clock.

pub mod certificate;
pub mod chain;
pub mod envelope;
pub mod key;
pub mod payload;
