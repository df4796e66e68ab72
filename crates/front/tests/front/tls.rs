//! The front over HTTPS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use snapkeep_front::{Action, Fault, Front, ServerCert, TestCa};

use crate::support::{Answer, Call, Node, keeper};

fn get(front: &Front, pem: &str, host: &'static str) -> std::io::Result<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host).unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(front.authority())?);
    stream.write_all(&Call::new("GET", "/", "").sign(front).bytes())?;
    let mut back = Vec::new();
    match stream.read_to_end(&mut back) {
        // What arrived before a connection was cut is what the tests are about.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(back),
    }
}

#[test]
fn its_certificate_is_good_for_loopback() {
    let (node, ca) = (Node::start(), TestCa::new().unwrap());
    let front = node.front().principal(keeper()).tls(&ca).start_blocking().unwrap();
    assert!(front.url().starts_with("https://127.0.0.1:"));
    for host in ["127.0.0.1", "localhost", "::1"] {
        assert_eq!(Answer::parse(&get(&front, front.ca_pem().unwrap(), host).unwrap()).status, 200);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    ca.write_pem(file.path()).unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), ca.pem());
}

#[test]
fn certificates_can_be_wrong() {
    let (node, ca, other) = (Node::start(), TestCa::new().unwrap(), TestCa::new().unwrap());
    let error = |cert: &ServerCert, pem: &str| {
        let front = node.front().principal(keeper()).tls_with(&ca, cert).start_blocking().unwrap();
        get(&front, pem, "127.0.0.1").unwrap_err().to_string()
    };
    assert!(error(&ServerCert::WrongHost, ca.pem()).contains("not valid for name"));
    assert!(error(&ServerCert::Expired, ca.pem()).contains("expired"));
    assert!(error(&ServerCert::Valid, other.pem()).contains("UnknownIssuer"));
    assert!(error(&ServerCert::SelfSigned, ca.pem()).contains("certificate"));
    let named = ServerCert::Named(vec!["search-demo.eu-west-1.es.amazonaws.com".into()]);
    let front = node.front().principal(keeper()).tls_with(&ca, &named).start_blocking().unwrap();
    assert!(get(&front, ca.pem(), "search-demo.eu-west-1.es.amazonaws.com").is_ok());
}

#[test]
fn answers_are_cut_below_tls() {
    let (node, ca) = (Node::start(), TestCa::new().unwrap());
    let front = node.front().principal(keeper()).tls(&ca).start_blocking().unwrap();
    let cut = front.inject(Fault::on("GET", "/").nth(1).then(Action::CutAt(20)));
    let drop = front.inject(Fault::on("GET", "/").nth(2).then(Action::DropBefore));
    assert_eq!(get(&front, ca.pem(), "localhost").unwrap().len(), 20);
    assert_eq!(get(&front, ca.pem(), "localhost").unwrap().len(), 0);
    assert_eq!((front.injected(cut), front.injected(drop), node.got().len()), (1, 1, 1));
}

#[test]
fn callers_without_a_certificate_get_no_further_than_the_handshake() {
    let (node, ca) = (Node::start(), TestCa::new().unwrap());
    let front = node.front().principal(keeper()).require_client_certificate(&ca).tls(&ca).start_blocking().unwrap();
    assert!(get(&front, ca.pem(), "localhost").unwrap_err().to_string().contains("CertificateRequired"));
    assert!(front.requests().is_empty());
    let identity = ca.client("keeper").unwrap();
    assert!(identity.certificate_pem.contains("BEGIN CERTIFICATE") && identity.key_pem.contains("PRIVATE KEY"));
    assert_eq!(format!("{identity:?}"), "Identity");
}
