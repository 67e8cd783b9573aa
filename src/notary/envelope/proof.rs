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
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Unchecked(signed) = &*state {
            *state = State::Checked(signed.check());
        }
        match &*state {
            State::Checked(found) => found.clone(),
            State::Unchecked(_) => Err(Report::new("the signature was not verified")),
        }
    }
}

impl Signed {
    fn check(&self) -> Result<(), Report> {
        let bad = |why: String| self.bad(why);
        let leaf = self.chain.first().ok_or_else(|| bad("it has no certificate".into()))?;
        let own = || leaf.key.verify_envelope(&self.message, &self.signature);
        verify_beside(&self.chain, own).map_err(bad)?;
        check_chain(&self.chain).map_err(|err| err.under(bad("its certificates".into()).what()))
    }

    fn bad(&self, why: String) -> Report {
        Report::new(format!("the {} envelope cannot be accepted: {why}", self.kind))
    }
}
