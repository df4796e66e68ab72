//! A certificate authority for tests and the demo.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::sigv4::sha256_hex;

/// A certificate authority made for one run.
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl fmt::Debug for TestCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestCa")
    }
}

/// What is right or wrong with a server's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerCert {
    /// For 127.0.0.1, `::1` and localhost.
    #[default]
    Valid,
    /// For those and these names.
    Named(Vec<String>),
    /// For another host only.
    WrongHost,
    /// Ended in 2001.
    Expired,
    /// Of no authority but itself.
    SelfSigned,
}

/// A certificate and its private key, as PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// A certificate that a server shows, with its key.
pub(crate) struct Shown {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl TestCa {
    /// A new authority with a key of its own.
    pub fn new() -> io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        // Two authorities are never taken for one another by name.
        let id = sha256_hex(key.public_key_raw());
        params.distinguished_name.push(DnType::CommonName, format!("snapkeep test authority {}", &id[..8]));
        let pem = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// The authority's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes the authority's certificate, for `SNAPKEEP_CA_FILE`.
    pub fn write_pem(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, &self.pem)
    }

    /// A server's TLS with a certificate of this authority.
    pub fn server_config(&self, cert: &ServerCert) -> io::Result<Arc<ServerConfig>> {
        self.shown(cert)?.server_config(None)
    }

    /// A certificate of this authority for a client called `name`.
    pub fn client(&self, name: &str) -> io::Result<Identity> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let signed = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        Ok(Identity { certificate_pem: signed.pem(), key_pem: key.serialize_pem() })
    }

    pub(crate) fn shown(&self, cert: &ServerCert) -> io::Result<Shown> {
        let params = leaf(cert).map_err(io::Error::other)?;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let signed = match cert {
            ServerCert::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        Ok(Shown { certificate: signed.map_err(io::Error::other)?.der().clone(), key })
    }
}

impl Shown {
    /// A server's TLS; with `clients` (PEM) it asks callers for a certificate of that authority.
    pub(crate) fn server_config(self, clients: Option<&str>) -> io::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let config = versions.map_err(io::Error::other)?;
        let config = match clients {
            Some(pem) => config.with_client_cert_verifier(verifier(pem, provider)?),
            None => config.with_no_client_auth(),
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        Ok(Arc::new(config.with_single_cert(vec![self.certificate], key).map_err(io::Error::other)?))
    }
}

fn verifier(pem: &str, provider: Arc<CryptoProvider>) -> io::Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)?).map_err(io::Error::other)?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(io::Error::other)
}

fn leaf(cert: &ServerCert) -> Result<CertificateParams, rcgen::Error> {
    let mut names: Vec<String> = ["127.0.0.1", "::1", "localhost"].map(str::to_owned).to_vec();
    match cert {
        ServerCert::Named(more) => names.extend(more.iter().cloned()),
        ServerCert::WrongHost => names = vec!["elsewhere.invalid".to_owned()],
        ServerCert::Valid | ServerCert::Expired | ServerCert::SelfSigned => {}
    }
    let mut params = CertificateParams::new(names)?;
    if *cert == ServerCert::Expired {
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    params.use_authority_key_identifier_extension = *cert != ServerCert::SelfSigned;
    Ok(params)
}
