//! The same questions to a folder and to a bucket of the testbed's S3 server.

use super::*;
use snapkeep_core::secret::Secret;
use snapkeep_front::{Action, Fault, Front};
use snapkeep_testbed::Testbed;
use std::sync::Mutex;

/// The testbed's keys.
#[derive(Debug)]
struct Keys;

impl KeySource for Keys {
    fn keys(&self) -> FetchingKeys<'_> {
        let client = &Testbed::shared().s3().client;
        let keys = AwsKeys {
            access_key: client.access_key.clone(),
            secret_key: Secret::new(client.secret_key.clone()),
            token: None,
        };
        Box::pin(async move { Ok(keys) })
    }
}

fn settings() -> Settings {
    Settings { keys: Some(Arc::new(Keys)), retries: 3, ..Settings::default() }
}

/// A bucket with these blobs below `base`, seen through a front that injects faults.
async fn bucket(blobs: &[(&str, &[u8])]) -> (Store, Front) {
    let bed = Testbed::shared();
    let bucket = bed.unique("store");
    bed.s3().create_bucket(&bucket).await.unwrap();
    let front = Front::builder(&bed.s3().client.endpoint).transparent().start().await.unwrap();
    let place = |endpoint: &str| Location::S3 {
        bucket: bucket.clone(),
        prefix: "base".into(),
        region: Some(bed.s3().client.region.clone()),
        endpoint: Some(endpoint.to_owned()),
    };
    let writer = Store::open(place(&bed.s3().client.endpoint), &settings()).unwrap();
    for (name, bytes) in blobs {
        writer.put(&writer.path(name), Bytes::copy_from_slice(bytes)).await;
    }
    (Store::open(place(&front.url()), &settings()).unwrap(), front)
}

fn folder(blobs: &[(&str, &[u8])]) -> (Store, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    for (name, bytes) in blobs {
        let path = place.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    (Store::open(Location::Folder(place.path().to_owned()), &Settings::default()).unwrap(), place)
}

impl Store {
    /// Over a store of a test's own.
    pub(crate) fn over(location: Location, store: Arc<dyn object_store::ObjectStore>) -> Self {
        let (meter, pace) = (Arc::new(Meter::default()), Pace::new(None));
        let backend = Backend::Cloud(Cloud::over(store));
        Self { location, backend, meter, pace, gate: Semaphore::new(REQUESTS_AT_ONCE) }
    }

    /// Writes a blob: for tests only.
    async fn put(&self, path: &str, bytes: Bytes) {
        let Backend::Cloud(cloud) = &self.backend else { panic!("a bucket") };
        cloud.put(path, bytes).await;
    }
}

async fn names(store: &Store, path: &str) -> Vec<(String, u64)> {
    let found = Mutex::new(Vec::new());
    let each = |blob: Blob| found.lock().unwrap().push((blob.path, blob.size));
    store.list(&store.path(path), each).await.unwrap();
    let base = store.path("");
    let mut found: Vec<_> = found.into_inner().unwrap();
    for (path, _) in &mut found {
        *path = path.strip_prefix(&base).unwrap().to_owned();
    }
    found.sort();
    found
}

/// What both kinds of store must answer.
async fn agrees(store: &Store) {
    assert_eq!(&store.read(&store.path("index-1")).await.unwrap()[..], b"one");
    assert_eq!(store.read(&store.path("index-2")).await, Err(Access::Missing));
    let parsed = store.read_as(&store.path("index-1"), <[u8]>::len).await;
    assert_eq!(parsed, Ok(3));
    let take = |all: &mut Vec<u8>, part: &[u8]| all.extend_from_slice(part);
    let (all, count) = store.stream(&store.path("indices/a/0/__x"), Vec::new(), take).await.unwrap();
    assert_eq!((all.len(), count), (300_000, 300_000));
    let found = store.look(&store.path("index-1")).await.unwrap();
    assert_eq!((found.size, found.class), (3, None));
    assert_eq!(store.look(&store.path("nothing")).await, Err(Access::Missing));
    let below = [("indices/a/0/__x".to_owned(), 300_000), ("indices/a/1/#y%".to_owned(), 1)];
    assert_eq!(names(store, "indices").await, below);
    assert_eq!(names(store, "nothing").await, []);
    let (blobs, folders) = store.level(store.location().base()).await.unwrap();
    assert_eq!((blobs.len(), folders), (1, vec!["indices".to_owned()]));
    for (path, expected) in [("indices/a/0", &["__x"][..]), ("indices/a", &[]), ("nothing", &[])] {
        let named = store.names(&store.path(path)).await.unwrap();
        assert_eq!(named.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected, "{path}");
    }
    let counts = store.counts();
    assert!(counts.lists >= 3 && counts.gets == 4 && counts.heads == 2, "{counts:?}");
    assert_eq!(counts.bytes, 3 + 3 + 300_000);
}

const BLOBS: &[(&str, &[u8])] = &[("index-1", b"one"), ("indices/a/0/__x", &[7; 300_000]), ("indices/a/1/#y%", b"y")];

#[tokio::test]
async fn a_folder_and_a_bucket_answer_alike() {
    let (in_folder, _place) = folder(BLOBS);
    agrees(&in_folder).await;
    let (in_bucket, _front) = bucket(BLOBS).await;
    agrees(&in_bucket).await;
}

/// Row 30: a store that is too busy is asked again; one that stays so is not called empty.
#[tokio::test]
async fn slow_down_is_waited_out() {
    let (store, front) = bucket(BLOBS).await;
    let slow = || Action::Status {
        code: 503,
        headers: vec![("Content-Type".into(), "application/xml".into())],
        body: Bytes::from_static(
            b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
        ),
    };
    let twice = front.inject(Fault::on("GET", "/**").first(2).then(slow()));
    assert_eq!(&store.read(&store.path("index-1")).await.unwrap()[..], b"one");
    assert_eq!((front.injected(twice), store.counts().retries, store.counts().gets), (2, 2, 3));
    front.clear_faults();
    front.inject(Fault::on("GET", "/**").then(slow()));
    let refused = store.read(&store.path("index-1")).await.unwrap_err();
    assert!(matches!(refused, Access::Throttled { .. }), "{refused:?}");
}

/// Row 27: what we may not read is never missing.
#[tokio::test]
async fn lost_access_is_not_missing() {
    let (store, front) = bucket(BLOBS).await;
    let refusal = |status: u16, code: &str, message: &str| Action::Status {
        code: status,
        headers: vec![("Content-Type".into(), "application/xml".into())],
        body: Bytes::from(format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )),
    };
    for (status, code, message, is_key) in [
        (403, "AccessDenied", "Access Denied", false),
        (403, "AccessDenied", "User is not authorized to perform: kms:Decrypt on resource k", true),
        (400, "KMS.DisabledException", "key is disabled", true),
        (403, "AllAccessDisabled", "All access to this object has been disabled", false),
        (400, "ExpiredToken", "The provided token has expired.", false),
    ] {
        front.clear_faults();
        let struck = front.inject(Fault::on("GET", "/**").then(refusal(status, code, message)));
        let read = store.read(&store.path("index-1")).await.unwrap_err();
        let list = store.level(store.location().base()).await.unwrap_err();
        assert_eq!(matches!(read, Access::KeyDenied { .. }), is_key, "{code}: {read:?}");
        assert!(read.is_lost_access() && list.is_lost_access(), "{code}: {read:?} {list:?}");
        assert_eq!(front.injected(struck), 2, "{code}: a refusal is not asked for again");
    }
}

/// Row 26: the class comes with the listing; reading a thawed blob's neighbour is told as archived.
#[tokio::test]
async fn the_storage_class_comes_from_the_listing() {
    let (store, front) = bucket(&[]).await;
    let listing = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>\
        <Contents><Key>base/a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;1&quot;</ETag>\
        <Size>1</Size><StorageClass>DEEP_ARCHIVE</StorageClass></Contents>\
        <Contents><Key>base/b</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;1&quot;</ETag>\
        <Size>2</Size><StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>";
    let xml = |code: u16, body: &str| Action::Status {
        code,
        headers: vec![("Content-Type".into(), "application/xml".into())],
        body: Bytes::from(body.to_owned()),
    };
    front.inject(Fault::on("GET", "/*").then(xml(200, listing)));
    let frozen =
        "<Error><Code>InvalidObjectState</Code><Message>x</Message><StorageClass>DEEP_ARCHIVE</StorageClass></Error>";
    front.inject(Fault::on("GET", "/*/**").then(xml(403, frozen)));
    let (blobs, _) = store.level(store.location().base()).await.unwrap();
    let classes: Vec<_> = blobs.iter().map(|blob| (blob.size, blob.class.as_deref())).collect();
    assert_eq!(classes, [(1, Some("DEEP_ARCHIVE")), (2, None)]);
    assert_eq!(store.read("base/a").await, Err(Access::Archived { class: "DEEP_ARCHIVE".into() }));
}
