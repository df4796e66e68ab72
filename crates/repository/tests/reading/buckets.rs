//! A bucket with hashed paths, and what goes wrong on the way to it.

use crate::stage::{alone, choice};
use bytes::Bytes;
use serde_json::json;
use snapkeep_core::Code;
use snapkeep_core::secret::Secret;
use snapkeep_front::{Action, Fault, Front};
use snapkeep_repository::load::Loader;
use snapkeep_repository::open::Opened;
use snapkeep_repository::orphans::orphans;
use snapkeep_repository::store::{AwsKeys, FetchingKeys, KeySource, Location, Settings, Store};
use snapkeep_repository::usage::{Prices, usage};
use snapkeep_repository::verify::{Effect, Kind, Level, Outcome, Report, Unwatched, verify};
use snapkeep_testbed::{NodeHandle, Testbed};
use std::sync::Arc;
use tokio::sync::MutexGuard;

#[derive(Debug)]
struct Keys;

impl KeySource for Keys {
    fn keys(&self) -> FetchingKeys<'_> {
        let client = &Testbed::shared().s3().client;
        let secret_key = Secret::new(client.secret_key.clone());
        let keys = AwsKeys { access_key: client.access_key.clone(), secret_key, token: None };
        Box::pin(async move { Ok(keys) })
    }
}

/// A repository in a bucket below `deep/er`, with two snapshots, seen through a front.
struct Bucket {
    node: &'static NodeHandle,
    name: String,
    index: String,
    front: Front,
    _alone: MutexGuard<'static, ()>,
}

impl Bucket {
    async fn new() -> Self {
        let bed = Testbed::shared();
        let node = bed.node("opensearch-3.3.0");
        let guard = alone(node).await;
        let (bucket, index) = (bed.unique("reading"), bed.unique("books"));
        bed.s3().create_bucket(&bucket).await.unwrap();
        let front = Front::builder(&bed.s3().client.endpoint).transparent().start().await.unwrap();
        let this = Self { node, name: bucket, index, front, _alone: guard };
        let settings = json!({"bucket": this.name, "region": "us-east-1", "base_path": "deep/er"});
        let (status, answer) =
            node.put(&format!("/_snapshot/{}", this.name), json!({"type": "s3", "settings": settings})).await;
        assert_eq!(status, 200, "{answer}");
        for (name, documents) in [("first", 200), ("second", 400)] {
            node.load_documents(&this.index, documents).await;
            this.snapshot(name).await;
        }
        this
    }

    async fn snapshot(&self, name: &str) {
        let path = format!("/_snapshot/{}/{name}?wait_for_completion=true", self.name);
        let (status, answer) = self.node.put(&path, json!({"indices": self.index})).await;
        assert_eq!((status, &answer["snapshot"]["state"]), (200, &json!("SUCCESS")), "{answer}");
    }

    fn store(&self) -> Store {
        let location = Location::S3 {
            bucket: self.name.clone(),
            prefix: "deep/er".into(),
            region: Some("us-east-1".into()),
            endpoint: Some(self.front.url()),
        };
        let settings = Settings { keys: Some(Arc::new(Keys)), retries: 3, ..Settings::default() };
        Store::open(location, &settings).unwrap()
    }

    async fn verified(&self, level: Level) -> Report {
        let store = self.store();
        let loader = Loader::new(&store);
        let opened = Opened::open(&loader).await.unwrap();
        verify(&loader, &opened, &choice(level), None, &Unwatched).await.unwrap()
    }

    /// Key and size of one blob with data.
    async fn data(&self) -> (String, u64) {
        let objects = Testbed::shared().s3().objects(&self.name).await.unwrap();
        let data = objects.into_iter().filter(|object| object.key.contains("/0/__"));
        data.map(|object| (object.key, object.size)).max_by_key(|(_, size)| *size).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_hashed_paths_is_whole_and_weighed() {
    let bucket = Bucket::new().await;
    let (key, _) = bucket.data().await;
    assert!(!key.starts_with("deep/er"), "the shards lie before the base path: {key}");
    for level in [Level::Metadata, Level::Blobs, Level::Checksums] {
        let report = bucket.verified(level).await;
        assert_eq!((report.findings, report.outcome), (vec![], Outcome::Whole), "{level:?}");
    }
    let store = bucket.store();
    let loader = Loader::new(&store);
    let opened = Opened::open(&loader).await.unwrap();
    let used = usage(&loader, &opened, &Prices::with(&[])).await.unwrap();
    let objects = Testbed::shared().s3().objects(&bucket.name).await.unwrap();
    let all: u64 = objects.iter().map(|object| object.size).sum();
    assert_eq!(used.classes.unwrap().values().map(|class| class.bytes).sum::<u64>(), all);
    let left = orphans(&loader, &opened).await.unwrap();
    assert_eq!((left.orphans, left.undecided, left.running), (vec![], vec![], false));
}

/// Row 28: a snapshot in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_meanwhile_gets_no_verdict() {
    let bucket = Bucket::new().await;
    let store = bucket.store();
    let loader = Loader::new(&store);
    let opened = Opened::open(&loader).await.unwrap();
    bucket.snapshot("third").await;
    let report = verify(&loader, &opened, &choice(Level::Blobs), None, &Unwatched).await.unwrap();
    assert_eq!((report.outcome, report.generation), (Outcome::Inconclusive, opened.generation));
    assert_eq!(report.failure().unwrap().code, Code::Inconclusive);
    assert_eq!(orphans(&loader, &opened).await.unwrap_err().code, Code::Inconclusive);
}

/// Row 30: bytes that are wrong on the way are read again; those that stay wrong are corrupt.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_read_twice() {
    let bucket = Bucket::new().await;
    let (key, size) = bucket.data().await;
    let path = format!("/{}/{key}", bucket.name);
    let wrong = || Action::ReplaceBody(Bytes::from(vec![7; usize::try_from(size).unwrap()]));
    let once = bucket.front.inject(Fault::on("GET", &path).first(1).then(wrong()));
    let report = bucket.verified(Level::Checksums).await;
    assert_eq!((report.outcome, report.rereads, bucket.front.injected(once)), (Outcome::Whole, 1, 1));
    let always = bucket.front.inject(Fault::on("GET", &path).then(wrong()));
    let report = bucket.verified(Level::Checksums).await;
    assert_eq!(bucket.front.injected(always), 2);
    let finding = &report.findings[0];
    assert_eq!(
        (finding.kind, finding.effect, finding.blob.as_deref()),
        (Kind::CorruptBlob, Effect::Shard, Some(&*key))
    );
}

/// Row 27: one blob that may not be read is neither missing nor damaged.
#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_may_not_be_read_is_not_damaged() {
    let bucket = Bucket::new().await;
    let (key, _) = bucket.data().await;
    let denied =
        b"<Error><Code>AccessDenied</Code><Message>User is not authorized to perform: kms:Decrypt</Message></Error>";
    let headers = vec![("Content-Type".to_owned(), "application/xml".to_owned())];
    let refusal = Action::Status { code: 403, headers, body: Bytes::from_static(denied) };
    let struck = bucket.front.inject(Fault::on("GET", &format!("/{}/{key}", bucket.name)).then(refusal));
    let report = bucket.verified(Level::Checksums).await;
    assert_eq!((report.outcome, bucket.front.injected(struck)), (Outcome::Unread, 2));
    assert_eq!((report.findings[0].kind, report.findings[0].effect), (Kind::Unread, Effect::Unknown));
    assert_eq!(report.failure().unwrap().code, Code::AccessDenied);
}
