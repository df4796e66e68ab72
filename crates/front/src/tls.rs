//! A certificate authority for tests and the demo.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

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
        let params = leaf(cert).map_err(io::Error::other)?;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let signed = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = versions.map_err(io::Error::other)?.with_no_client_auth();
        let config = config.with_single_cert(vec![signed.der().clone()], key).map_err(io::Error::other)?;
        Ok(Arc::new(config))
    }
}

fn leaf(cert: &ServerCert) -> Result<CertificateParams, rcgen::Error> {
    let mut names: Vec<String> = ["127.0.0.1", "::1", "localhost"].map(str::to_owned).to_vec();
    match cert {
        ServerCert::Named(more) => names.extend(more.iter().cloned()),
        ServerCert::WrongHost => names = vec!["elsewhere.invalid".to_owned()],
        ServerCert::Valid | ServerCert::Expired => {}
    }
    let mut params = CertificateParams::new(names)?;
    if *cert == ServerCert::Expired {
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
