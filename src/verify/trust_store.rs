//! Trust stores: the certificates that signatures must lead to, in folders or built in.
//!
//! `x509/{ca,signingAuthority,tsa}/NAME/` below one folder, as Notation has them (Notary Project,
//! trust-store-trust-policy.md, "Trust Store"; notation-go, `verifier/truststore`).

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::policy::{StoreKind, StoreName};
use crate::{aws::signer_roots::AWS_ROOTS, notary::certificate::Certificate, private_fs, report::Report};

/// Where the certificates of stores come from.
#[derive(Debug, Clone)]
pub enum TrustStore {
    /// The folder `truststore`, with `x509` in it.
    Folder(PathBuf),
    /// AWS Signer's own roots, under the names that AWS's documentation gives their stores.
    BuiltIn,
    /// These in every store: a `--signer-root` file.
    Given(Vec<Certificate>),
}

/// A store that was read.
#[derive(Debug, Clone)]
pub struct Contents {
    /// Its certificates with their files, in the order of the files' names; at least one.
    pub certificates: Vec<(PathBuf, Certificate)>,
    /// Folders in it, whose contents count for nothing.
    pub ignored: Vec<PathBuf>,
}

/// Most files of one store.
const MAX_FILES: usize = 1000;

impl TrustStore {
    /// The certificates of a store, at least one.
    ///
    /// # Errors
    /// There is no such store, it is empty, or something in it breaks a rule.
    pub fn certificates(&self, store: &StoreName) -> Result<Vec<Certificate>, Report> {
        match self {
            TrustStore::Folder(_) => {
                let read = self.read(store)?;
                Ok(read.certificates.into_iter().map(|(_, certificate)| certificate).collect())
            }
            TrustStore::Given(certificates) => Ok(certificates.clone()),
            TrustStore::BuiltIn => {
                let root =
                    AWS_ROOTS.iter().find(|root| store.kind == StoreKind::SigningAuthority && store.name == root.store);
                let root = root.ok_or_else(|| Report::new(format!("the trust store {store} is not built in")))?;
                Certificate::read_file(root.pem.as_bytes()).map_err(Report::new)
            }
        }
    }

    /// A store with what people want to know of it. What is not in a folder has no files.
    ///
    /// # Errors
    /// As of [`TrustStore::certificates`].
    pub fn read(&self, store: &StoreName) -> Result<Contents, Report> {
        match self.folder(store) {
            Some(folder) => read_folder(store, &folder),
            None => {
                let certificates = self.certificates(store)?;
                let certificates = certificates.into_iter().map(|one| (PathBuf::new(), one)).collect();
                Ok(Contents { certificates, ignored: Vec::new() })
            }
        }
    }

    /// Where a store's files are.
    pub fn folder(&self, store: &StoreName) -> Option<PathBuf> {
        match self {
            TrustStore::Folder(folder) => Some(folder.join("x509").join(store.kind.name()).join(&store.name)),
            TrustStore::BuiltIn | TrustStore::Given(_) => None,
        }
    }

    /// The stores that are there, in the order of their names; those that policies cannot name are not
    /// among them.
    pub fn names(&self) -> Result<Vec<StoreName>, Report> {
        let TrustStore::Folder(folder) = self else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for kind in StoreKind::ALL {
            let folder = folder.join("x509").join(kind.name());
            let entries = match entries(&folder) {
                Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                entries => {
                    entries.map_err(|err| Report::new(format!("cannot read {}", folder.display())).cause(err))?
                }
            };
            let folders = entries.iter().filter(|path| path.is_dir());
            let texts = folders.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
            names.extend(texts.filter(|name| StoreName::is_name(name)).map(|name| StoreName { kind, name }));
        }
        Ok(names)
    }
}

fn read_folder(store: &StoreName, folder: &Path) -> Result<Contents, Report> {
    let broken = |why: String| Report::new(format!("the trust store {store} cannot be used: {why}"));
    let place = folder.display();
    match folder.symlink_metadata() {
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Report::new(format!("the trust store {store} does not exist"))
                .cause(format!("there is no folder {place}"))
                .hint("put the root certificate there; for AWS Signer, `trust init --signing-profile ARN` does"));
        }
        Err(err) => return Err(broken(format!("{place} cannot be read")).cause(err)),
        // "Symlinks are not supported for the named store directories or certificate files."
        Ok(found) if found.is_symlink() => {
            return Err(broken(format!("{place} is a symbolic link")).hint("put the folder itself in its place"));
        }
        Ok(found) if !found.is_dir() => return Err(broken(format!("{place} is not a folder"))),
        Ok(_) => {}
    }
    let mut contents = Contents { certificates: Vec::new(), ignored: Vec::new() };
    let mut left = private_fs::MAX_FILE_SIZE;
    let entries = entries(folder).map_err(|err| broken(format!("{place} cannot be read")).cause(err))?;
    for path in entries {
        let file = path.display();
        let unreadable = |err: io::Error| {
            let hint = "a store holds certificates in regular files and nothing else; a mounted volume of links is none: mount each file with subPath";
            broken(format!("{file} cannot be read")).cause(err).hint(hint)
        };
        if path.symlink_metadata().map_err(unreadable)?.is_dir() {
            contents.ignored.push(path); // "sub directories … are ignored"; Notation fails
            continue;
        }
        let bytes =
            private_fs::open_no_link(&path).and_then(|file| private_fs::read_all(&file, left)).map_err(unreadable)?;
        left -= bytes.len() as u64; // it read no more than that
        let certificates = Certificate::read_file(&bytes)
            .map_err(|why| broken(format!("{file} holds no certificate in PEM or DER that can be read")).cause(why))?;
        for certificate in certificates {
            check(store, &certificate).map_err(|why| broken(format!("`{}` of {file} {why}", certificate.subject)))?;
            contents.certificates.push((path.clone(), certificate));
        }
    }
    match contents.certificates.is_empty() {
        false => Ok(contents),
        true => Err(broken(format!("{place} holds no certificate")).hint("put the root certificate there")),
    }
}

/// What a store may hold (notation-go, `ValidateCertificates` and `isRootCACertificate`).
fn check(store: &StoreName, certificate: &Certificate) -> Result<(), &'static str> {
    match (certificate.is_authority(), certificate.is_self_signed()) {
        (false, false) => Err("is neither a certificate authority's nor self-signed"),
        (true, true) => Ok(()),
        _ if store.kind == StoreKind::Tsa => Err("is no root certificate, which a tsa store must hold"),
        _ => Ok(()),
    }
}

/// What is in a folder, sorted by name, of which there may be [`MAX_FILES`].
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        if paths.len() == MAX_FILES {
            let why = format!("{} holds more than {MAX_FILES} files", folder.display());
            return Err(io::Error::new(ErrorKind::FileTooLarge, why));
        }
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}
