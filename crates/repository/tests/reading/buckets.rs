//! A bucket with hashed paths, and what goes wrong on the way to it.

use crate::stage::{alone, choice};
use bytes::Bytes;
use serde_json::{Value, json};
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

/// A repository in a bucket, with two snapshots of one index with one shard, seen through a front.
pub(crate) struct Bucket {
    node: &'static NodeHandle,
    pub(crate) name: String,
    base: &'static str,
    index: String,
    pub(crate) front: Front,
    _alone: MutexGuard<'static, ()>,
}

impl Bucket {
    /// Below a base path.
    pub(crate) async fn new() -> Self {
        Self::at("deep/er").await
    }

    /// Below this base path; an empty one is the bucket's root.
    async fn at(base: &'static str) -> Self {
        let bed = Testbed::shared();
        let node = bed.node("opensearch-3.3.0");
        let guard = alone(node).await;
        let (bucket, index) = (bed.unique("reading"), bed.unique("books"));
        bed.s3().create_bucket(&bucket).await.unwrap();
        let front = Front::builder(&bed.s3().client.endpoint).transparent().start().await.unwrap();
        let this = Self { node, name: bucket, base, index, front, _alone: guard };
        let mut settings = json!({"bucket": this.name, "region": "us-east-1"});
        if !base.is_empty() {
            settings["base_path"] = json!(base);
        }
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

    pub(crate) fn store(&self) -> Store {
        let location = Location::S3 {
            bucket: self.name.clone(),
            prefix: self.base.into(),
            region: Some("us-east-1".into()),
            endpoint: Some(self.front.url()),
        };
        let settings = Settings { keys: Some(Arc::new(Keys)), retries: 3, ..Settings::default() };
        Store::open(location, &settings).unwrap()
    }

    pub(crate) async fn verified(&self, level: Level) -> Report {
        let store = self.store();
        let loader = Loader::new(&store);
        let opened = Opened::open(&loader).await.unwrap();
        verify(&loader, &opened, &choice(level), None, &Unwatched).await.unwrap()
    }

    /// Keys and sizes of all objects.
    pub(crate) async fn objects(&self) -> Vec<(String, u64)> {
        let objects = Testbed::shared().s3().objects(&self.name).await.unwrap();
        objects.into_iter().map(|object| (object.key, object.size)).collect()
    }

    /// Key and size of the largest blob with data.
    pub(crate) async fn data(&self) -> (String, u64) {
        let data = self.objects().await.into_iter().filter(|(key, _)| key.contains("/0/__"));
        data.max_by_key(|(_, size)| *size).unwrap()
    }

    /// What the node answers.
    async fn asked(&self, rest: &str) -> Value {
        let (status, answer) = self.node.get(&format!("/_snapshot/{}/{rest}", self.name)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_hashed_paths_is_whole_and_weighed() {
    for base in ["", "deep/er"] {
        let bucket = Bucket::at(base).await;
        let (key, _) = bucket.data().await;
        assert!(base.is_empty() || !key.starts_with(base), "the shards lie before the base path: {key}");
        assert!(!key.starts_with("indices/"), "the shards lie below a hash: {key}");
        for level in [Level::Metadata, Level::Blobs, Level::Checksums] {
            let report = bucket.verified(level).await;
            let expected = if level == Level::Metadata { Outcome::NothingFound } else { Outcome::Whole };
            assert_eq!((report.findings, report.outcome), (vec![], expected), "{base:?} {level:?}");
        }
        let store = bucket.store();
        let loader = Loader::new(&store);
        let opened = Opened::open(&loader).await.unwrap();
        let used = usage(&loader, &opened, &Prices::with(&[])).await.unwrap();
        for ours in &used.snapshots {
            let status = bucket.asked(&format!("{}/_status", ours.snapshot)).await;
            let bytes = &status["snapshots"][0]["stats"]["total"]["size_in_bytes"];
            assert_eq!(&json!(ours.total_bytes), bytes, "{base:?} {status}");
        }
        let all: u64 = bucket.objects().await.iter().map(|(_, size)| size).sum();
        assert_eq!(used.classes.unwrap().values().map(|class| class.bytes).sum::<u64>(), all, "{base:?}");
        let left = orphans(&loader, &opened).await.unwrap();
        assert_eq!((left.orphans, left.undecided, left.running), (vec![], vec![], false), "{base:?}");
    }
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
