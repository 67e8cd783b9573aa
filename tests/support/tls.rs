//! The loopback's certificate authority: a leaf for whatever name a client asks for.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Which certificates the loopback shows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Certificates {
    /// For the name that was asked, from the authority in [`Tls::bundle`].
    #[default]
    Good,
    /// For another name.
    WrongHost,
    /// From an authority that nobody was told of.
    UnknownAuthority,
}

/// TLS for the loopback.
pub struct Tls {
    /// What the server speaks with.
    pub config: Arc<ServerConfig>,
    resolver: Arc<Leaves>,
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>, // removed with the loopback
}

impl Tls {
    /// Makes an authority and writes its certificate to a folder of its own.
    pub fn new() -> Tls {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let tls = Tls::in_folder(folder.path());
        Tls { _temporary: Some(folder), ..tls }
    }

    /// Makes an authority and writes its certificate to `FOLDER/ca.pem`.
    pub fn in_folder(folder: &Path) -> Tls {
        let (trusted, stranger) = (Authority::new("Loopback CA"), Authority::new("Stranger CA"));
        std::fs::write(folder.join("ca.pem"), &trusted.pem).expect("a file can be written");
        let resolver = Arc::new(Leaves { trusted, stranger, shown: Mutex::default(), minted: Mutex::default() });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has every version's ciphers")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&resolver) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Tls { config: Arc::new(config), resolver, folder: folder.into(), _temporary: None }
    }

    /// The authority's certificate as a PEM file, for `SSL_CERT_FILE` and `AWS_CA_BUNDLE`.
    pub fn bundle(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Changes what new connections are shown.
    pub fn show(&self, certificates: Certificates) {
        *self.resolver.shown.lock().expect("no holder panics") = certificates;
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let key = KeyPair::generate().expect("ring makes P-256 keys");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("the parameters are valid");
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Authority { issuer: Issuer::new(params, key), der, pem }
    }

    fn leaf(&self, names: Vec<String>) -> CertifiedKey {
        let key = KeyPair::generate().expect("ring makes P-256 keys");
        let mut params = CertificateParams::new(names).expect("a name from SNI is a DNS name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.distinguished_name.push(DnType::CommonName, "loopback");
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are valid");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("ring signs with P-256");
        CertifiedKey::new(vec![certificate.der().clone(), self.der.clone()], key)
    }
}

/// Leaves by name, made when they are first asked for.
struct Leaves {
    trusted: Authority,
    stranger: Authority,
    shown: Mutex<Certificates>,
    minted: Mutex<HashMap<(Certificates, String), Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = *self.shown.lock().expect("no holder panics");
        let name = hello.server_name().unwrap_or("localhost").to_owned(); // no SNI: asked by address
        let mut minted = self.minted.lock().expect("no holder panics");
        let leaf = minted.entry((shown, name.clone())).or_insert_with(|| {
            Arc::new(match shown {
                Certificates::Good => self.trusted.leaf(vec![name, "127.0.0.1".into()]),
                Certificates::WrongHost => self.trusted.leaf(vec!["wrong.example".into()]),
                Certificates::UnknownAuthority => self.stranger.leaf(vec![name]),
            })
        });
        Some(Arc::clone(leaf))
    }
}

impl std::fmt::Debug for Leaves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leaves")
    }
}
