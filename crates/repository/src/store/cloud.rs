//! Buckets, through `object_store`.

use super::connector::Connector;
use super::meter::Meter;
use super::pace::Pace;
use super::{Access, Blob, LARGE, Location, Settings, cap, most};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::path::Path;
use object_store::{BackoffConfig, CredentialProvider, ObjectMeta, ObjectStore, ObjectStoreExt as _, RetryConfig};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest time for one request's answer to begin, and for a pause within it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a request is sent again that the server did not serve.
const RETRIES: usize = 10;

/// What is said where no keys can be had: nothing was asked of the bucket then.
pub(super) const NO_KEYS: &str = "there are no AWS credentials";

/// AWS keys.
#[derive(Clone, Debug)]
pub struct AwsKeys {
    /// Access key id.
    pub access_key: String,
    /// Secret key.
    pub secret_key: Secret,
    /// Session token of temporary ones.
    pub token: Option<Secret>,
}

/// Keys under way; the error is one line.
pub type FetchingKeys<'a> = Pin<Box<dyn Future<Output = Result<AwsKeys, String>> + Send + 'a>>;

/// Hands out AWS keys, at each request those that are good then.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// The keys for the next request.
    fn keys(&self) -> FetchingKeys<'_>;
}

/// Keys as `object_store` asks for them.
#[derive(Debug)]
struct Provider(Arc<dyn KeySource>);

#[async_trait]
impl CredentialProvider for Provider {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let keys = self.0.keys().await.map_err(|why| object_store::Error::Unauthenticated {
            path: String::new(),
            source: format!("{NO_KEYS}: {why}").into(),
        })?;
        let token = keys.token.map(|token| token.expose().to_owned());
        Ok(Arc::new(AwsCredential { key_id: keys.access_key, secret_key: keys.secret_key.expose().to_owned(), token }))
    }
}

/// A bucket.
#[derive(Debug)]
pub(super) struct Cloud {
    store: Arc<dyn ObjectStore>,
    /// Whoever reads a large blob of metadata.
    large: Arc<Semaphore>,
}

impl Cloud {
    pub(super) fn open(location: &Location, settings: &Settings, meter: &Arc<Meter>) -> Result<Self, Failure> {
        let connector = Connector { client: client(settings)?, meter: Arc::clone(meter) };
        let store = match location {
            Location::Folder(_) => Err("a folder is no bucket".to_owned()),
            Location::S3 { bucket, region, endpoint, .. } => {
                s3(bucket, region.as_deref(), endpoint.as_deref(), settings, connector)
            }
            #[cfg(feature = "gcp")]
            Location::Gcs { bucket, .. } => object_store::gcp::GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retry(settings))
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
                .map_err(|error| error.to_string()),
            #[cfg(feature = "azure")]
            Location::Azure { container, .. } => object_store::azure::MicrosoftAzureBuilder::from_env()
                .with_container_name(container)
                .with_retry(retry(settings))
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
                .map_err(|error| error.to_string()),
        };
        let store = store.map_err(|why| {
            let cause = format!("{location} cannot be opened: {why}");
            Failure::new(Code::BadConfig, cause, "check bucket, region and endpoint")
        })?;
        Ok(Self { store, large: Arc::new(Semaphore::new(1)) })
    }

    /// A whole blob, and the turn that a large one has to wait for: held until its bytes are gone.
    pub(super) async fn read(&self, path: &str) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Access> {
        let found = self.store.get(&key(path)?).await.map_err(|error| Access::of_cloud(&error))?;
        if found.meta.size > cap(path) {
            return Err(Access::Other { why: format!("{path}: {} bytes are too many for metadata", found.meta.size) });
        }
        let most = most(path);
        if found.meta.size <= most {
            let is_large = found.meta.size > LARGE;
            // (It is never closed.)
            let turn = if is_large { Arc::clone(&self.large).acquire_owned().await.ok() } else { None };
            let bytes = found.bytes().await.map_err(|error| Access::of_cloud(&error))?;
            return Ok((bytes, turn));
        }
        let (mut parts, mut bytes) = (found.into_stream(), Vec::new());
        while let Some(part) = parts.try_next().await.map_err(|error| Access::of_cloud(&error))? {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 >= most {
                break;
            }
        }
        Ok((bytes.into(), None))
    }

    pub(super) async fn stream<T>(
        &self,
        path: &str,
        mut state: T,
        mut take: impl FnMut(&mut T, &[u8]),
        meter: &Meter,
        pace: &Pace,
    ) -> Result<(T, u64), Access> {
        let found = self.store.get(&key(path)?).await.map_err(|error| Access::of_cloud(&error))?;
        let mut parts = found.into_stream();
        let mut count = 0;
        while let Some(part) = parts.try_next().await.map_err(|error| Access::of_cloud(&error))? {
            take(&mut state, &part);
            count += part.len() as u64;
            meter.add_bytes(part.len() as u64);
            pace.spend(part.len() as u64).await;
        }
        Ok((state, count))
    }

    #[cfg(test)]
    pub(super) fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, large: Arc::new(Semaphore::new(1)) }
    }

    #[cfg(test)]
    pub(super) async fn put(&self, path: &str, bytes: Bytes) {
        self.store.put(&Path::parse(path).unwrap(), bytes.into()).await.unwrap();
    }

    pub(super) async fn look(&self, path: &str) -> Result<Blob, Access> {
        let found = self.store.head(&key(path)?).await.map_err(|error| Access::of_cloud(&error))?;
        Ok(blob(found))
    }

    pub(super) async fn list(&self, path: &str, mut each: impl FnMut(Blob)) -> Result<(), Access> {
        let prefix = key(path)?;
        let mut found = self.store.list(Some(&prefix));
        while let Some(meta) = found.try_next().await.map_err(|error| Access::of_cloud(&error))? {
            each(blob(meta));
        }
        Ok(())
    }

    pub(super) async fn level(&self, path: &str) -> Result<(Vec<Blob>, Vec<String>), Access> {
        let prefix = key(path)?;
        let found = self.store.list_with_delimiter(Some(&prefix)).await.map_err(|error| Access::of_cloud(&error))?;
        let folders = found.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
        Ok((found.objects.into_iter().map(blob).collect(), folders.collect()))
    }
}

fn key(path: &str) -> Result<Path, Access> {
    Path::parse(path).map_err(|error| Access::Other { why: format!("{path:?} is no path of a blob: {error}") })
}

fn blob(meta: ObjectMeta) -> Blob {
    Blob {
        size: meta.size,
        modified: Timestamp::from_millisecond(meta.last_modified.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH),
        // Our connector puts it there; what is a tag in truth, as in Azure's listings, does not look like a class.
        class: meta.e_tag.filter(|tag| is_class(tag)).map(String::into_boxed_str),
        path: meta.location.into(),
    }
}

fn is_class(tag: &str) -> bool {
    tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn s3(
    bucket: &str,
    region: Option<&str>,
    endpoint: Option<&str>,
    settings: &Settings,
    connector: Connector,
) -> Result<Arc<dyn ObjectStore>, String> {
    let region = region.or(endpoint.map(|_| "us-east-1")).ok_or("its region is not known")?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_retry(retry(settings))
        .with_http_connector(connector);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(is_loopback(endpoint)?);
    } else {
        // Names with dots have no valid certificate as a host's part.
        builder = builder.with_virtual_hosted_style_request(!bucket.contains('.'));
    }
    builder = match &settings.keys {
        Some(keys) => builder.with_credentials(Arc::new(Provider(Arc::clone(keys)))),
        None => builder.with_skip_signature(true),
    };
    builder.build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>).map_err(|error| error.to_string())
}

/// Whether the endpoint is plain HTTP to this machine; to another it is refused.
fn is_loopback(endpoint: &str) -> Result<bool, String> {
    let Some(rest) = endpoint.strip_prefix("http://") else {
        return if endpoint.starts_with("https://") {
            Ok(false)
        } else {
            Err(format!("{endpoint} is no https:// URL"))
        };
    };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).trim_matches(['[', ']']);
    let is_local = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    if is_local { Ok(true) } else { Err(format!("{endpoint}: plain HTTP goes to this machine only")) }
}

fn retry(settings: &Settings) -> RetryConfig {
    let max_retries = if settings.retries == 0 { RETRIES } else { settings.retries };
    RetryConfig { max_retries, backoff: BackoffConfig::default(), ..RetryConfig::default() }
}

/// One client for all requests: our TLS, no redirects, no compression.
fn client(settings: &Settings) -> Result<reqwest::Client, Failure> {
    let bad = |why: String| {
        let cause = format!("HTTPS cannot be set up: {why}");
        Failure::new(Code::BadConfig, cause, "the CA file must be a readable file of PEM certificates")
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &settings.ca_file {
        let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for certificate in certificates.map_err(|error| bad(format!("{}: {error}", path.display())))? {
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
    }
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(PATIENCE)
        .build()
        .map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_no_class() {
        assert!(is_class("STANDARD_IA") && is_class("GLACIER"));
        assert!(!is_class("\"9a0364b9e99bb480dd25e1f0284c8555\"") && !is_class("0x8D4BCC2E4835CD0"));
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:1/x"] {
            assert_eq!(is_loopback(good), Ok(true), "{good}");
        }
        assert_eq!(is_loopback("https://s3.example"), Ok(false));
        for bad in ["http://s3.example", "http://10.0.0.1:9000", "s3.example", "http://127.0.0.1.example"] {
            assert!(is_loopback(bad).is_err(), "{bad}");
        }
    }
}
