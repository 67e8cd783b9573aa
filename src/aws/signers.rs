//! AWS Signer's clients of a command, one a region, each made when it is first asked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::{Aws, signer::Signer};
use crate::{identity::Identity, report::Report};

/// The clients, with one identity's credentials.
pub struct Signers<'a> {
    aws: &'a Aws,
    identity: &'a Result<Identity, Report>,
    open: Mutex<HashMap<String, Place>>,
}

/// The client of a region, opened once; or why it could not be.
type Place = Arc<OnceCell<Result<Signer, Report>>>;

impl<'a> Signers<'a> {
    /// Opens nothing. Where there is no identity, that is what every client fails with.
    pub fn new(aws: &'a Aws, identity: &'a Result<Identity, Report>) -> Signers<'a> {
        Signers { aws, identity, open: Mutex::default() }
    }

    /// What is done with the client of a region, or why there is none.
    pub async fn with<T>(
        &self,
        region: &str,
        work: impl AsyncFnOnce(&Signer) -> Result<T, Report>,
    ) -> Result<T, Report> {
        let cell = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(open.entry(region.to_owned()).or_default())
        };
        let opened = cell.get_or_init(|| async {
            match self.identity {
                Ok(identity) => self.aws.signer(identity, region).await,
                Err(none) => Err(none.clone()),
            }
        });
        work(opened.await.as_ref().map_err(Clone::clone)?).await
    }
}
