//! One history: a repository with settings of its own, a few indices, and what happens to them.

use super::chance::Chance;
use crate::agree::agrees;
use crate::stage::{Stage, Told};
use serde_json::{Map, Value, json};
use snapkeep_testbed::{NodeHandle, Product, Testbed};
use std::collections::BTreeMap;

/// Steps of a history.
const STEPS: u64 = 12;

/// A look at everything after about so many steps, and one at the end.
const LOOKS: u64 = 5;

/// What there is of an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index {
    pub(super) is_open: bool,
    /// Whether one of its shards has no place on the node.
    pub(super) is_crippled: bool,
}

/// A repository and what happens to it.
pub(super) struct History {
    pub(super) stage: Stage,
    pub(super) chance: Chance,
    /// Before the names of the indices.
    pub(super) prefix: String,
    /// By their names.
    pub(super) indices: BTreeMap<String, Index>,
    /// Names of the snapshots, and whether they hold all of their shards.
    pub(super) snapshots: BTreeMap<String, bool>,
    told: Told,
}

impl History {
    pub(super) async fn new(node: &'static NodeHandle, seed: u64) -> Self {
        let mut chance = Chance(seed);
        // The folders of Elasticsearch and OpenSearch 1 have no base path.
        let base = (chance.one_in(2) && node.product == Product::OpenSearch && node.major > 1).then_some("deep/er");
        let mut settings = settings(node, &mut chance);
        settings.extend(base.map(|base| ("base_path".to_owned(), json!(base))));
        let told = Told(vec![
            format!("history {seed} on {}; to repeat it:", node.name),
            format!(
                "SNAPKEEP_MATRIX={} SNAPKEEP_HISTORIES={seed}..{} cargo test -p snapkeep-repository --test reading histories",
                node.name,
                seed + 1
            ),
            format!("settings {settings:?}"),
        ]);
        let stage = Stage::on(node, Value::Object(settings)).await;
        let prefix = Testbed::shared().unique("of");
        Self { stage, chance, prefix, indices: BTreeMap::new(), snapshots: BTreeMap::new(), told }
    }

    /// Notes what is done, for the one who looks for what was wrong.
    pub(super) fn tell(&mut self, what: impl Into<String>) {
        self.told.0.push(what.into());
    }

    pub(super) async fn run(mut self) {
        self.create_index().await;
        self.take_snapshot().await;
        for _ in 0..STEPS {
            self.step().await;
            if self.chance.one_in(LOOKS) {
                self.look().await;
            }
        }
        self.look().await;
        let indices: Vec<String> = self.indices.keys().cloned().collect();
        self.stage.clean_up(&indices).await;
    }

    async fn look(&mut self) {
        self.tell("look");
        agrees(&self.stage).await;
    }

    async fn step(&mut self) {
        match self.chance.below(20) {
            0..=4 => self.write().await,
            5..=8 => self.take_snapshot().await,
            9..=10 => self.delete_snapshots().await,
            11 => self.merge().await,
            12 => self.delete_index().await,
            13..=14 => self.create_index().await,
            15 => self.close_or_open().await,
            16..=17 => self.clone_snapshot().await,
            18 => self.register_anew().await,
            _ => self.change_metadata().await,
        }
    }

    /// Registers the repository with other settings; its place stays.
    async fn register_anew(&mut self) {
        let mut settings = settings(self.stage.node, &mut self.chance);
        let base = self.stage.base();
        settings.extend(base.map(|base| ("base_path".to_owned(), json!(base))));
        self.tell(format!("register anew with {settings:?}"));
        self.stage.set(Value::Object(settings)).await;
    }

    /// Names of indices that are as asked for.
    pub(super) fn indices_that(&self, are: impl Fn(&Index) -> bool) -> Vec<String> {
        self.indices.iter().filter(|(_, index)| are(index)).map(|(name, _)| name.clone()).collect()
    }
}

/// Settings that change what is written.
fn settings(node: &NodeHandle, chance: &mut Chance) -> Map<String, Value> {
    let mut settings = Map::new();
    if chance.one_in(2) {
        settings.insert("compress".to_owned(), json!(chance.one_in(2)));
    }
    if let Some(size) = chance.pick(&[None, Some("1kb"), Some("10kb")]).flatten() {
        settings.insert("chunk_size".to_owned(), json!(size));
    }
    if node.product == Product::OpenSearch
        && node.major > 1
        && let Some(kind) = chance.pick(&[None, Some("fixed"), Some("hashed_prefix"), Some("hashed_infix")]).flatten()
    {
        settings.insert("shard_path_type".to_owned(), json!(kind));
    }
    settings
}
