//! Blobs that are there and cannot be had, and a way to them that lies: what is found of a whole repository then.

use crate::buckets::Bucket;
use bytes::Bytes;
use snapkeep_core::{Code, Failure};
use snapkeep_front::{Action, Fault, FaultId};
use snapkeep_repository::inspect::snapshot;
use snapkeep_repository::load::Loader;
use snapkeep_repository::model::BlobName;
use snapkeep_repository::open::Opened;
use snapkeep_repository::verify::{Effect, Kind, Level, Outcome};
use std::collections::BTreeMap;

/// The request for the listing of the shard's folder, among all listings of a run: the root's and the companions' come before.
const SHARD: u64 = 3;

fn xml(code: u16, body: String) -> Action {
    Action::Status {
        code,
        headers: vec![("Content-Type".to_owned(), "application/xml".to_owned())],
        body: Bytes::from(body),
    }
}

fn refusal(code: u16, name: &str, message: &str) -> Action {
    xml(code, format!("<?xml version=\"1.0\"?><Error><Code>{name}</Code><Message>{message}</Message></Error>"))
}

/// What S3 answers for an object that must be thawed.
fn frozen() -> Action {
    let body = "<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class\
        </Message><StorageClass>DEEP_ARCHIVE</StorageClass></Error>";
    xml(403, body.to_owned())
}

impl Bucket {
    /// One request for that blob, or all, end like this.
    fn strike(&self, method: &str, key: &str, action: Action) -> FaultId {
        self.front.inject(Fault::on(method, &format!("/{}/{key}", self.name)).then(action))
    }

    /// The listing of the shard's folder is this one.
    fn tell(&self, action: Action) -> FaultId {
        self.front.inject(Fault::on("GET", &format!("/{}", self.name)).nth(SHARD).then(action))
    }

    /// The listing of the shard's folder as S3 would write it, with the class of each.
    async fn shard_listing(&self, class: impl Fn(&str) -> Option<&'static str>) -> Action {
        let (data, _) = self.data().await;
        let folder = data.rsplit_once('/').unwrap().0.to_owned();
        let objects = self.objects().await.into_iter().filter(|(key, _)| key.starts_with(&folder));
        let line = |(key, size): (String, u64)| {
            let class = class(&key)?;
            Some(format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;1&quot;</ETag>\
                <Size>{size}</Size><StorageClass>{class}</StorageClass></Contents>"
            ))
        };
        let lines: String = objects.filter_map(line).collect();
        xml(
            200,
            format!(
                "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>{lines}</ListBucketResult>"
            ),
        )
    }

    /// One blob of each kind that a run reads, by the kind's name.
    async fn one_of_each(&self) -> BTreeMap<String, String> {
        let store = self.store();
        let generation = Opened::open(&Loader::new(&store)).await.unwrap().generation.unwrap();
        let objects = self.objects().await.into_iter();
        let kinds = objects.filter_map(|(key, size)| {
            // As the format has it, without base path and hash.
            let below = ["indices/", "snapshot_shard_paths/"].iter().find_map(|start| key.find(start));
            let plain = below.map_or_else(|| key.rsplit('/').next().unwrap(), |start| &key[start..]);
            let name = match BlobName::parse(plain) {
                BlobName::Generation(found) if found != generation => return None,
                // Those of no bytes need not be read.
                BlobName::Data { .. } if size == 0 => return None,
                name => format!("{name:?}"),
            };
            Some((name.split([' ', '(']).next().unwrap().to_owned(), key))
        });
        kinds.collect()
    }

    /// The failure to show the snapshot whose own blob that is.
    async fn unshown(&self, key: &str) -> Failure {
        let store = self.store();
        let loader = Loader::new(&store);
        let opened = Opened::open(&loader).await.unwrap();
        let uuid = key.rsplit('/').next().unwrap().trim_start_matches("snap-").trim_end_matches(".dat");
        let name = opened.data.snapshot(uuid).unwrap().name.clone();
        snapshot(&loader, &opened, &name, None).await.unwrap_err()
    }

    fn was_read(&self, key: &str) -> bool {
        let path = format!("/{}/{key}", self.name);
        self.front.requests().iter().any(|seen| seen.method == "GET" && seen.path_and_query == path)
    }
}

const KINDS: [&str; 9] = [
    "Data",
    "Generation",
    "GlobalMetadata",
    "IndexMetadata",
    "Latest",
    "ShardIndex",
    "ShardPaths",
    "ShardSnapshot",
    "Snapshot",
];

/// Row 27: whichever blob may not be read, and whatever the words, nothing is called missing or damaged; it is asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_not_damaged() {
    let bucket = Bucket::new().await;
    let blobs = bucket.one_of_each().await;
    assert_eq!(blobs.keys().collect::<Vec<_>>(), KINDS.iter().collect::<Vec<_>>());
    for (kind, key) in blobs {
        for (status, code, message) in [
            (403, "AccessDenied", "User is not authorized to perform: kms:Decrypt"),
            (400, "KMS.DisabledException", "the key is disabled"),
            (403, "AccessDenied", "Access Denied"),
        ] {
            bucket.front.clear_faults();
            let struck = bucket.strike("GET", &key, refusal(status, code, message));
            if kind == "Generation" {
                let store = bucket.store();
                let failure = Opened::open(&Loader::new(&store)).await.unwrap_err();
                assert_eq!(failure.code, Code::AccessDenied, "{failure}");
                assert!(failure.cause.contains(message), "{failure}");
                continue;
            }
            if kind == "Snapshot" {
                let failure = bucket.unshown(&key).await;
                assert_eq!((failure.code, failure.cause.contains(message)), (Code::AccessDenied, true), "{failure}");
            }
            let before = bucket.front.injected(struck);
            let report = bucket.verified(Level::Checksums).await;
            assert_eq!(
                (report.outcome, bucket.front.injected(struck) - before),
                (Outcome::Unread, 1),
                "{kind} {message}: {report:?}"
            );
            let finding = &report.findings[0];
            assert_eq!((finding.blob.as_deref(), finding.effect), (Some(key.as_str()), Effect::Unknown), "{finding:?}");
            assert!(finding.kind == Kind::Unread && finding.detail.contains(message), "{finding:?}");
            assert_eq!(report.failure().unwrap().code, Code::AccessDenied);
        }
    }
}

/// Row 27: the same for a folder that may not be listed, and for a blob of which even the length may not be asked for.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_listed_is_not_missing() {
    let bucket = Bucket::new().await;
    bucket.tell(refusal(403, "AccessDenied", "Access Denied"));
    let report = bucket.verified(Level::Blobs).await;
    assert_eq!((report.outcome, report.findings[0].kind), (Outcome::Unread, Kind::ShardContainer), "{report:?}");
    bucket.front.clear_faults();
    let (data, _) = bucket.data().await;
    bucket.tell(bucket.shard_listing(|key| (key != data).then_some("STANDARD")).await);
    // As HEAD is answered: without words.
    let struck = bucket.strike("HEAD", &data, Action::Status { code: 403, headers: vec![], body: Bytes::new() });
    let report = bucket.verified(Level::Blobs).await;
    assert_eq!((report.outcome, bucket.front.injected(struck)), (Outcome::Unread, 1), "{report:?}");
    let finding = &report.findings[0];
    assert_eq!((finding.kind, finding.blob.as_deref()), (Kind::Unread, Some(data.as_str())), "{finding:?}");
}

/// Row 26: data in an archive class is told from the listing; it is not read, and the failure says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn frozen_data_is_told_and_not_read() {
    let bucket = Bucket::new().await;
    let (data, _) = bucket.data().await;
    for class in ["GLACIER", "DEEP_ARCHIVE"] {
        bucket.front.clear_faults();
        bucket.tell(bucket.shard_listing(|key| Some(if key == data { class } else { "STANDARD" })).await);
        let report = bucket.verified(Level::Checksums).await;
        let finding = &report.findings[0];
        assert_eq!((report.outcome, report.findings.len()), (Outcome::Damaged, 1), "{report:?}");
        assert_eq!(
            (finding.kind, finding.effect, finding.blob.as_deref()),
            (Kind::Archived, Effect::Shard, Some(&*data))
        );
        assert!(finding.detail.contains(class) && finding.detail.contains("thaw"), "{finding:?}");
        assert!(!finding.snapshots.is_empty() && !bucket.was_read(&data), "{finding:?}");
    }
}

/// Row 26: what has been thawed is read, although its class stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_been_thawed_is_whole() {
    let bucket = Bucket::new().await;
    let (data, size) = bucket.data().await;
    for (restore, outcome) in [
        ("ongoing-request=\"true\"", Outcome::Damaged),
        ("ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2029 00:00:00 GMT\"", Outcome::Whole),
    ] {
        bucket.front.clear_faults();
        bucket.tell(bucket.shard_listing(|key| Some(if key == data { "GLACIER" } else { "STANDARD" })).await);
        let headers = [
            ("Content-Length", size.to_string().as_str()),
            ("Last-Modified", "Mon, 23 Nov 2026 12:00:00 GMT"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-restore", restore),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        bucket.strike("HEAD", &data, Action::Status { code: 200, headers: headers.to_vec(), body: Bytes::new() });
        let report = bucket.verified(Level::Checksums).await;
        assert_eq!((report.outcome, bucket.was_read(&data)), (outcome, outcome == Outcome::Whole), "{report:?}");
    }
}

/// Row 26: so is metadata, which is asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn frozen_metadata_is_told_and_asked_for_once() {
    let bucket = Bucket::new().await;
    for (kind, key) in bucket.one_of_each().await {
        bucket.front.clear_faults();
        let struck = bucket.strike("GET", &key, frozen());
        if kind == "Generation" {
            let store = bucket.store();
            let failure = Opened::open(&Loader::new(&store)).await.unwrap_err();
            assert_eq!((failure.code, bucket.front.injected(struck)), (Code::Unsupported, 1), "{failure}");
            assert!(failure.hint.contains("thaw") && failure.cause.contains("DEEP_ARCHIVE"), "{failure}");
            continue;
        }
        if kind == "Snapshot" {
            let failure = bucket.unshown(&key).await;
            assert!(failure.code == Code::Unsupported && failure.hint.contains("thaw"), "{failure}");
        }
        let before = bucket.front.injected(struck);
        let report = bucket.verified(Level::Checksums).await;
        assert_eq!(bucket.front.injected(struck) - before, 1, "{kind}: {report:?}");
        let finding = &report.findings[0];
        assert_eq!((finding.kind, finding.blob.as_deref()), (Kind::Archived, Some(key.as_str())), "{kind}: {report:?}");
        assert!(finding.detail.contains("DEEP_ARCHIVE"), "{finding:?}");
    }
}

/// Row 30: a blob that a listing does not have yet is asked for by its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_behind_is_not_believed() {
    let bucket = Bucket::new().await;
    let struck = bucket.tell(bucket.shard_listing(|key| (!key.contains("/__")).then_some("STANDARD")).await);
    let report = bucket.verified(Level::Checksums).await;
    assert_eq!((&report.findings, report.outcome), (&vec![], Outcome::Whole));
    assert_eq!(bucket.front.injected(struck), 1);
    assert!(report.counts.heads > 1, "{:?}", report.counts);
}

/// Row 30: an answer that is cut on the way is asked for again, and is no damage if it always is.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_cut_are_no_damage() {
    let bucket = Bucket::new().await;
    let (data, size) = bucket.data().await;
    let path = format!("/{}/{data}", bucket.name);
    let half = Action::CutAt(usize::try_from(size / 2).unwrap());
    let once = bucket.front.inject(Fault::on("GET", &path).first(1).then(half));
    let report = bucket.verified(Level::Checksums).await;
    assert_eq!((&report.findings, report.outcome, bucket.front.injected(once)), (&vec![], Outcome::Whole, 1));
    bucket.front.clear_faults();
    bucket.strike("GET", &data, Action::CutAt(20));
    let report = bucket.verified(Level::Checksums).await;
    assert_eq!((report.outcome, report.findings[0].kind), (Outcome::Unread, Kind::Unread), "{report:?}");
    assert_eq!(report.failure().unwrap().code, Code::Inconclusive);
}
