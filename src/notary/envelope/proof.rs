//! What proves an envelope: the leaf's signature over it, and the signatures and shape of its chain.

use std::sync::{Mutex, PoisonError};

use crate::{
    notary::{
        certificate::Certificate,
        chain::{check_chain, verify_beside},
    },
    report::Report,
};

/// The proof of an envelope. It takes some milliseconds to check, and may be checked on another thread.
#[derive(Debug)]
pub struct Proof(Mutex<State>);

#[derive(Debug)]
enum State {
    Unchecked(Signed),
    Checked(Result<(), Report>),
}

/// What was signed, by whom, and the signature.
#[derive(Debug)]
pub(super) struct Signed {
    /// The kind of envelope, for people.
    pub(super) kind: &'static str,
    /// The bytes that the leaf's key signed.
    pub(super) message: Vec<u8>,
    /// The signature over them.
    pub(super) signature: Vec<u8>,
    /// The certificates, leaf first; there is one.
    pub(super) chain: Vec<Certificate>,
}

impl Proof {
    pub(super) fn of(signed: Signed) -> Proof {
        Proof(Mutex::new(State::Unchecked(signed)))
    }

    /// Whether the leaf's key signed the envelope, and the chain is one that may sign. What was found is kept, and what
    /// it was found in is not.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), Report> {
        self.checked(Signed::check)
    }

    /// The same in less time, for who has nothing else to do.
    pub(super) fn check_on_two_threads(&self) -> Result<(), Report> {
        self.checked(|signed| verify_beside(&signed.chain, || signed.is_by_leaf()).and_then(|()| signed.has_chain()))
    }

    fn checked(&self, check: impl FnOnce(&Signed) -> Result<(), Report>) -> Result<(), Report> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &*state {
            State::Checked(found) => found.clone(),
            State::Unchecked(signed) => check(signed),
        };
        *state = State::Checked(found.clone());
        found
    }
}

impl Signed {
    fn check(&self) -> Result<(), Report> {
        self.is_by_leaf()?;
        self.has_chain()
    }

    fn is_by_leaf(&self) -> Result<(), Report> {
        let leaf = self.chain.first().ok_or_else(|| self.bad("it has no certificate"))?;
        leaf.key.verify_envelope(&self.message, &self.signature).map_err(|why| self.bad(&why))
    }

    fn has_chain(&self) -> Result<(), Report> {
        check_chain(&self.chain).map_err(|err| err.under(self.bad("its certificates").what()))
    }

    fn bad(&self, why: &str) -> Report {
        Report::new(format!("the {} envelope cannot be accepted: {why}", self.kind))
    }
}
