//! A repository whose blobs are replaced while it is read.

use super::*;
use crate::store::{Location, Store};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A kept repository of 5.6.16: two snapshots of one shard, whose `index-…` is `index-1`.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/repositories/elasticsearch-5.6.16");

/// What a node does to the shard's `index-…` after its folder was listed so often.
type Step = (usize, Change);

#[derive(Clone, Copy, Debug)]
enum Change {
    /// `index-<G>` is deleted.
    Delete(u64),
    /// `index-<G>` is written.
    Write(u64),
}

#[derive(Debug)]
struct Moving {
    blobs: InMemory,
    shard: Path,
    generation: ::bytes::Bytes,
    listed: AtomicUsize,
    steps: &'static [Step],
}

impl Moving {
    async fn new(steps: &'static [Step]) -> Self {
        let blobs = InMemory::new();
        let mut shard = None;
        let mut folders = vec![std::path::PathBuf::from(KEPT)];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let key = Path::parse(path.strip_prefix(KEPT).unwrap().to_str().unwrap()).unwrap();
                if key.as_ref().ends_with("/0/index-1") {
                    shard = Some((Path::parse(key.as_ref().trim_end_matches("/index-1")).unwrap(), key.clone()));
                }
                blobs.put(&key, std::fs::read(&path).unwrap().into()).await.unwrap();
            }
        }
        let (shard, key) = shard.unwrap();
        let generation = blobs.get(&key).await.unwrap().bytes().await.unwrap();
        let moving = Self { blobs, shard, generation, listed: AtomicUsize::new(0), steps };
        moving.move_on(0).await;
        moving
    }

    async fn move_on(&self, listed: usize) {
        for (_, change) in self.steps.iter().filter(|(after, _)| *after == listed) {
            match change {
                Change::Delete(number) => self.blobs.delete(&self.index(*number)).await.unwrap(),
                Change::Write(number) => {
                    let generation = PutPayload::from_bytes(self.generation.clone());
                    drop(self.blobs.put(&self.index(*number), generation).await.unwrap());
                }
            }
        }
    }

    fn index(&self, number: u64) -> Path {
        self.shard.clone().join(format!("index-{number}"))
    }
}

impl fmt::Display for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blobs that are replaced")
    }
}

#[async_trait]
impl ObjectStore for Moving {
    async fn put_opts(&self, path: &Path, blob: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.blobs.put_opts(path, blob, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.blobs.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.blobs.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.blobs.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.blobs.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let found = self.blobs.list_with_delimiter(prefix).await;
        if prefix == Some(&self.shard) {
            self.move_on(self.listed.fetch_add(1, Ordering::SeqCst) + 1).await;
        }
        found
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.blobs.copy_opts(from, to, options).await
    }
}

async fn verified(level: Level, steps: &'static [Step]) -> (Report, Arc<Moving>) {
    let moving = Arc::new(Moving::new(steps).await);
    let location = Location::S3 { bucket: "b".into(), prefix: String::new(), region: None, endpoint: None };
    let store = Store::over(location, Arc::clone(&moving) as Arc<dyn ObjectStore>);
    let loader = Loader::new(&store);
    let opened = Opened::open(&loader).await.unwrap();
    let choice = Choice { level, share: Share::All, snapshots: Vec::new(), indices: Vec::new() };
    (verify(&loader, &opened, &choice, None, &Unwatched).await.unwrap(), moving)
}

#[tokio::test]
async fn a_shards_index_that_is_replaced_meanwhile_is_no_damage() {
    // 6.x writes the new one first, 5.x deletes the old one first; and a second shard's end may follow at once.
    let replaced: [(&[Step], usize); 4] = [
        (&[(1, Change::Write(2)), (1, Change::Delete(1))], 2),
        (&[(0, Change::Delete(1)), (2, Change::Write(2))], 3),
        (&[(1, Change::Delete(1)), (2, Change::Write(2))], 3),
        (&[(1, Change::Write(2)), (1, Change::Delete(1)), (2, Change::Write(3)), (2, Change::Delete(2))], 3),
    ];
    for level in [Level::Metadata, Level::Blobs] {
        for (steps, listed) in replaced {
            let (report, moving) = verified(level, steps).await;
            assert_eq!(report.findings, [], "{level:?} {steps:?}");
            assert_eq!(moving.listed.load(Ordering::SeqCst), listed, "{level:?} {steps:?}");
        }
    }
}

#[tokio::test]
async fn a_shards_index_that_stays_away_is_damage() {
    let (report, moving) = verified(Level::Blobs, &[(0, Change::Delete(1))]).await;
    let kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!((kinds, report.outcome), (vec![Kind::GenerationUndefined], Outcome::Damaged), "{report:?}");
    assert_eq!(moving.listed.load(Ordering::SeqCst), 5);
}
