//! What a signature's certificates must lead to: the certificates of the trust stores that a statement names. Pure.

use super::{
    policy::{Statement, StoreKind, StoreName},
    trust_store::TrustStore,
};
use crate::{notary::certificate::Certificate, report::Report};

/// How many certificates are verified ahead: AWS Signer's roots are two.
const PREPARED: usize = 2;

/// What the trust stores of a statement hold, each read once.
#[derive(Debug, Clone, Default)]
pub struct Anchors(pub Vec<Store>);

/// A trust store that a statement names, and what reading it gave.
#[derive(Debug, Clone)]
pub struct Store {
    /// Its kind and name.
    pub name: StoreName,
    /// Its certificates; or why there are none.
    pub certificates: Result<Vec<Certificate>, Report>,
}

impl Anchors {
    /// Reads the stores of a statement. One that cannot be read fails the check that needs it.
    pub fn of(statement: &Statement, stores: &TrustStore) -> Anchors {
        let read = |name: &StoreName| Store { name: name.clone(), certificates: stores.certificates(name) };
        Anchors(statement.stores.iter().map(read).collect())
    }

    /// Verifies that the first of them sign themselves, which is remembered: the chains that lead to one need it.
    pub(super) fn prepare(&self) {
        for root in self.0.iter().flat_map(|store| store.certificates.iter().flatten()).take(PREPARED) {
            root.is_self_signed();
        }
    }

    /// Whether the statement names a store of a kind.
    pub(super) fn has(&self, kind: StoreKind) -> bool {
        self.0.iter().any(|store| store.name.kind == kind)
    }

    /// Where a chain leads among the stores of a kind, or why it leads nowhere.
    pub(super) fn check(&self, chain: &[Certificate], kind: StoreKind) -> Result<String, Report> {
        if !self.has(kind) {
            return Err(Report::new(format!(
                "the trust policy names no trust store of the type `{}`, which its signing scheme needs",
                kind.name()
            )));
        }
        // One that cannot be read fails the check, whatever the others hold (notation-go, `loadX509TrustStores`).
        let stores = self.0.iter().filter(|store| store.name.kind == kind);
        let stores = stores.map(|store| Ok((&store.name, store.certificates.as_ref().map_err(Clone::clone)?)));
        let stores: Vec<_> = stores.collect::<Result<_, Report>>()?;
        for (name, trusted) in &stores {
            // Any certificate of the chain will do, the leaf itself too (trust-store-trust-policy.md, "Authenticity").
            if let Some(found) = chain.iter().find(|own| trusted.iter().any(|known| known.der == own.der)) {
                return Ok(format!("its certificates lead to `{}` of the trust store {name}", found.subject));
            }
        }
        let names: Vec<String> = stores.iter().map(|(name, _)| name.to_string()).collect();
        let root = chain.last().map(|root| root.subject.as_str()).unwrap_or_default();
        Err(Report::new(format!("no certificate of its chain is in the trust store {}", names.join(" or "))).cause(
            format!("its root is `{root}`, SHA-256 {}", chain.last().map(Certificate::fingerprint).unwrap_or_default()),
        ))
    }
}
