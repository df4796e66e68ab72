//! TLS: the system's certificate authorities and, if given, one's own.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use snapkeep_core::{Code, Failure};
use std::path::Path;
use std::sync::Arc;

/// A client configuration that trusts the system's authorities and those in `ca_file` (PEM).
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        for certificate in own_authorities(path)? {
            roots.add(certificate).map_err(|error| bad_ca_file(path, &error.to_string()))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(Code::BadConfig, format!("TLS cannot be set up: {error}"), "report this"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn own_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| error.to_string());
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(bad_ca_file(path, "it holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(bad_ca_file(path, &error)),
    }
}

fn bad_ca_file(path: &Path, why: &str) -> Failure {
    Failure::new(
        Code::BadConfig,
        format!("the CA file {} cannot be used: {why}", path.display()),
        "SNAPKEEP_CA_FILE names a readable file of PEM certificates",
    )
}
