//! TLS: the system's certificate authorities and, if given, one's own; a certificate of ours, if the
//! cluster asks for one.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use snapkeep_core::{Code, Failure};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A certificate that says who we are (mutual TLS), beside whatever [`crate::Auth`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file: our certificate first, then those between it and its authority.
    pub certificate_file: PathBuf,
    /// PEM file: its private key, not encrypted. May be the same file.
    pub key_file: PathBuf,
}

/// A client configuration that trusts the system's authorities and those in `ca_file` (PEM), and that
/// shows `client`.
pub(crate) fn client_config(
    ca_file: Option<&Path>,
    client: Option<&ClientCertificate>,
) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        for certificate in certificates(path).map_err(|why| bad_ca_file(path, &why))? {
            roots.add(certificate).map_err(|error| bad_ca_file(path, &error.to_string()))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(Code::BadConfig, format!("TLS cannot be set up: {error}"), "report this"))?
        .with_root_certificates(roots);
    let Some(client) = client else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = client.read()?;
    builder.with_client_auth_cert(chain, key).map_err(|error| client.does_not_fit(&error))
}

impl ClientCertificate {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Failure> {
        let chain = certificates(&self.certificate_file).map_err(|why| {
            let cause = format!("the client certificate {} cannot be used: {why}", self.certificate_file.display());
            Failure::new(Code::BadConfig, cause, "it is a readable PEM file, your certificate first in it")
        })?;
        let key = PrivateKeyDer::from_pem_file(&self.key_file).map_err(|error| {
            let why = match error {
                pem::Error::NoItemsFound => "it holds no private key that can be read".to_owned(),
                other => said(&other),
            };
            let cause = format!("the client key {} cannot be used: {why}", self.key_file.display());
            Failure::new(Code::BadConfig, cause, "it is a readable PEM file with a private key that is not encrypted")
        })?;
        Ok((chain, key))
    }

    fn does_not_fit(&self, error: &rustls::Error) -> Failure {
        let (certificate, key) = (self.certificate_file.display(), self.key_file.display());
        let why = match error {
            rustls::Error::InconsistentKeys(_) => "they do not belong together".to_owned(),
            other => other.to_string(),
        };
        let cause = format!("the client certificate {certificate} and the client key {key} cannot be used: {why}");
        Failure::new(Code::BadConfig, cause, "give the private key that the certificate was made for")
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(said(&error)),
    }
}

/// As people say it, where the library's word is one for programmers.
fn said(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn bad_ca_file(path: &Path, why: &str) -> Failure {
    Failure::new(
        Code::BadConfig,
        format!("the CA file {} cannot be used: {why}", path.display()),
        "it is a readable file of PEM certificates; SNAPKEEP_CA_FILE or the configuration names it",
    )
}
