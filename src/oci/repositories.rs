//! The repositories of a run, each opened once.

use std::{collections::HashMap, sync::Arc};

use super::{Http, Purpose, Reference, RegistryAuth, Repository};
use crate::report::Report;

/// The repositories of a run, each opened once.
pub struct Repositories<'a> {
    http: &'a Http,
    purpose: Purpose,
    auths: &'a HashMap<String, Arc<RegistryAuth>>,
    open: HashMap<String, Arc<Repository>>,
}

impl<'a> Repositories<'a> {
    /// `auths` are by host; a host that is not there is spoken to without login.
    pub fn new(http: &'a Http, purpose: Purpose, auths: &'a HashMap<String, Arc<RegistryAuth>>) -> Repositories<'a> {
        Repositories { http, purpose, auths, open: HashMap::new() }
    }

    /// The repository of an image.
    pub fn of(&mut self, image: &Reference) -> Result<Arc<Repository>, Report> {
        if let Some(known) = self.open.get(&image.name()) {
            return Ok(Arc::clone(known));
        }
        let repository = Arc::new(Repository::open(self.http, image, self.purpose, self.login(image.host()))?);
        self.open.insert(image.name(), Arc::clone(&repository));
        Ok(repository)
    }

    /// The login of a host.
    pub(crate) fn login(&self, host: &str) -> Arc<RegistryAuth> {
        self.auths.get(host).cloned().unwrap_or_else(|| Arc::new(RegistryAuth::Anonymous))
    }
}
