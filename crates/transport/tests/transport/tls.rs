//! Who is trusted, and who we are by certificate.

use crate::support::{Server, deadline, get, keeper, keys, put, settings};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_front::{Front, ServerCert, TestCa};
use snapkeep_transport::{Auth, Client, ClientCertificate, Lost, Settings};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn sigv4() -> Auth {
    Auth::SigV4 { credentials: keys(), region: crate::support::REGION.to_owned() }
}

/// Files of one test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn certificate(&self, ca: &TestCa) -> ClientCertificate {
        let identity = ca.client("keeper").unwrap();
        ClientCertificate {
            certificate_file: self.write("client.pem", &identity.certificate_pem),
            key_file: self.write("client.key", &identity.key_pem),
        }
    }
}

fn build(url: &str, auth: Auth, ca_file: &Path, client: Option<ClientCertificate>) -> Result<Client, Failure> {
    let settings = Settings { ca_file: Some(ca_file.to_owned()), client_certificate: client, ..settings() };
    Client::new(Endpoint::trusted(url).unwrap(), auth, settings)
}

#[tokio::test]
async fn a_certificate_that_is_wrong_is_refused_and_nothing_is_sent() {
    let (node, ca, files) = (Server::content(), TestCa::new().unwrap(), Files::new());
    let trusted = files.write("ca.pem", ca.pem());
    let other = files.write("other.pem", TestCa::new().unwrap().pem());
    for (certificate, ca_file, cause) in [
        (ServerCert::WrongHost, &trusted, "not valid for name \"127.0.0.1\""),
        (ServerCert::Expired, &trusted, "expired"),
        (ServerCert::SelfSigned, &trusted, "certificate"),
        (ServerCert::Valid, &other, "UnknownIssuer"),
    ] {
        let front = node.front().principal(keeper()).tls_with(&ca, &certificate).start().await.unwrap();
        let client = build(&front.url(), sigv4(), ca_file, None).unwrap();
        for lost in [client.read(&get(), deadline()).await, client.write(&put(), deadline()).await] {
            let lost = lost.unwrap_err();
            assert!(matches!(&lost, Lost::NotSent(text) if text.contains(cause)), "{certificate:?}: {lost:?}");
            assert!(lost.cause().contains("certificate"), "{lost:?}");
        }
        assert!(front.requests().is_empty() && node.got().is_empty(), "{certificate:?}");
    }
    let front = node.front().principal(keeper()).tls(&ca).start().await.unwrap();
    let client = build(&front.url(), sigv4(), &trusted, None).unwrap();
    assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_certificate_of_ours_opens_what_asks_for_one() {
    let (node, ca, files) = (Server::content(), TestCa::new().unwrap(), Files::new());
    let trusted = files.write("ca.pem", ca.pem());
    let front = |builder: snapkeep_front::Builder| builder.tls(&ca).require_client_certificate(&ca).start_blocking();
    let signed = front(node.front().principal(keeper())).unwrap();
    let plain = front(Front::builder(&node.url).transparent()).unwrap();
    let basic = || Auth::Basic { username: "u".into(), password: Secret::new("p") };
    for (front, auth) in [(&signed, sigv4()), (&plain, basic()), (&plain, Auth::None)] {
        let client = build(&front.url(), auth, &trusted, Some(files.certificate(&ca))).unwrap();
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
    }
    let stranger = Files::new();
    let unknown = stranger.certificate(&TestCa::new().unwrap());
    let before = node.got().len();
    for none_or_unknown in [None, Some(unknown)] {
        let client = build(&plain.url(), basic(), &trusted, none_or_unknown).unwrap();
        let lost = client.write(&put(), deadline()).await.unwrap_err();
        assert!(matches!(&lost, Lost::NotSent(text) if text.contains("client certificate")), "{lost:?}");
        assert!(lost.hint().is_some_and(|hint| hint.contains("client certificate")));
    }
    assert_eq!(node.got().len(), before);
}

#[test]
fn files_that_are_wrong_are_named() {
    let (ca, files) = (TestCa::new().unwrap(), Files::new());
    let trusted = files.write("ca.pem", ca.pem());
    let good = files.certificate(&ca);
    let missing = files.0.path().join("missing.pem");
    let empty = files.write("empty.pem", "");
    let torn = files.write("torn.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    let foreign = files.write("foreign.key", &ca.client("other").unwrap().key_pem);
    let locked =
        files.write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let with = |certificate: &Path, key: &Path| ClientCertificate {
        certificate_file: certificate.to_owned(),
        key_file: key.to_owned(),
    };
    let certificate = good.certificate_file.as_path();
    for (client, words) in [
        (with(&missing, &good.key_file), ["missing.pem", "No such file"]),
        (with(&empty, &good.key_file), ["empty.pem", "no certificate"]),
        (with(&torn, &good.key_file), ["torn.pem", "cannot be used"]),
        (with(certificate, &missing), ["missing.pem", "No such file"]),
        (with(certificate, certificate), ["client.pem", "no private key"]),
        (with(certificate, &locked), ["locked.key", "no private key"]),
        (with(certificate, &foreign), ["foreign.key", "do not belong together"]),
    ] {
        let failure = build("https://127.0.0.1:1", Auth::None, &trusted, Some(client)).unwrap_err();
        assert_eq!(failure.code, Code::BadConfig);
        assert!(words.iter().all(|word| failure.cause.contains(word)), "{words:?}: {}", failure.cause);
    }
    for (file, words) in [(&missing, "No such file"), (&empty, "no certificate"), (&torn, "torn.pem")] {
        let failure = build("https://127.0.0.1:1", Auth::None, file, None).unwrap_err();
        assert!(failure.code == Code::BadConfig && failure.cause.contains(words), "{}", failure.cause);
        assert!(failure.hint.contains("SNAPKEEP_CA_FILE or the configuration"), "{}", failure.hint);
    }
}

/// Plain HTTP leaves this machine under no name: what the operator typed is refused, and so is an address
/// elsewhere behind `localhost`.
#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    for url in ["http://10.0.0.4:9200", "http://cluster.example:9200", "http://[fd00::1]:9200"] {
        assert_eq!(Endpoint::trusted(url).unwrap_err().code, Code::EndpointNotAllowed, "{url}");
    }
    let elsewhere: snapkeep_transport::Lookup = |_| Box::pin(async { Ok(vec!["10.0.0.4:0".parse().unwrap()]) });
    let endpoint = Endpoint::trusted("http://localhost:1").unwrap();
    let client = Client::new(endpoint, Auth::None, Settings { lookup: elsewhere, ..settings() }).unwrap();
    let lost = client.write(&put(), deadline()).await.unwrap_err();
    assert!(matches!(&lost, Lost::AddressRefused(_)), "{lost:?}");
}
