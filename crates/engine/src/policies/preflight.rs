//! What bodes ill for a snapshot before it is taken: red indices, blocks, a full disk.

use super::eye::Eye;
use snapkeep_cluster::Unanswered;
use snapkeep_core::failure::one_line;
use snapkeep_core::selection::BACKING;
use std::collections::BTreeMap;

/// How the cluster is, as far as it could be seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    /// Indices that lack a primary shard.
    red: Vec<String>,
    /// Blocks by index.
    blocked: BTreeMap<String, Vec<String>>,
    /// Blocks of the whole cluster.
    cluster: Vec<String>,
    /// The data stream of each backing index is known by its name's beginning only.
    unseen: Vec<String>,
}

impl Conditions {
    /// Looks. What cannot be seen is a warning, not a failure: the snapshot itself tells.
    pub(super) async fn of(eye: &Eye<'_>) -> Self {
        let mut conditions = Self::default();
        match eye.api.health(eye.deadline).await {
            Ok(health) => conditions.red = health.red,
            Err(unanswered) => conditions.unseen("the cluster's health", &unanswered),
        }
        match eye.api.index_settings(eye.deadline).await {
            Ok(indices) => {
                let blocked = indices.into_iter().filter(|facts| !facts.blocks.is_empty());
                conditions.blocked = blocked.map(|facts| (facts.index.name, facts.blocks)).collect();
            }
            Err(unanswered) => conditions.unseen("the indices' blocks", &unanswered),
        }
        match eye.api.cluster_blocks(eye.deadline).await {
            Ok(blocks) => conditions.cluster = blocks,
            Err(unanswered) => conditions.unseen("the cluster's blocks", &unanswered),
        }
        conditions
    }

    fn unseen(&mut self, what: &str, unanswered: &Unanswered) {
        self.unseen.push(format!("{what} could not be looked at: {}", unanswered.failure().cause));
    }

    /// What is to be said before these indices and data streams are snapshotted.
    pub(super) fn warnings(&self, chosen: &[String], partial: bool) -> Vec<String> {
        let is_meant = |index: &&String| chosen.iter().any(|name| is_of(index, name));
        let mut warnings = self.unseen.clone();
        let red: Vec<&str> = self.red.iter().filter(is_meant).map(String::as_str).collect();
        if !red.is_empty() {
            let then = if partial { "the snapshot will be PARTIAL" } else { "the snapshot will fail or be PARTIAL" };
            warnings.push(format!("primary shards are missing from {}: {then}", few(&red)));
        }
        let mut by_block: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (index, blocks) in self.blocked.iter().filter(|(index, _)| is_meant(index)) {
            for block in blocks {
                by_block.entry(block).or_default().push(index);
            }
        }
        for (block, indices) in by_block {
            warnings.push(format!("{} {}", few(&indices), what_it_means(block)));
        }
        for block in &self.cluster {
            warnings.push(format!("the whole cluster {}", what_it_means(block)));
        }
        warnings
    }
}

/// Whether an index has that name or backs the data stream of that name.
fn is_of(index: &str, name: &str) -> bool {
    let backing = || index.strip_prefix(BACKING)?.strip_prefix(name)?.strip_prefix('-');
    index == name || backing().is_some()
}

fn what_it_means(block: &str) -> String {
    match block {
        "read_only_allow_delete" => {
            "is blocked by `read_only_allow_delete`: a disk was over the flood stage; free space".to_owned()
        }
        "read_only" => "is blocked by `read_only`: it holds no new documents".to_owned(),
        "metadata" => "is blocked by `metadata`: whoever else asks about all indices is refused".to_owned(),
        "read" => "is blocked by `read`: a snapshot of it may be refused".to_owned(),
        block => format!("is blocked by `{block}`"),
    }
}

fn few(names: &[&str]) -> String {
    let word = if names.len() == 1 { "index" } else { "indices" };
    one_line(&format!("{word} {}", names.join(", ")), 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_to_be_snapshotted_is_warned_of() {
        let blocks = |blocks: &[&str]| blocks.iter().map(|block| (*block).to_owned()).collect::<Vec<_>>();
        let conditions = Conditions {
            red: blocks(&["books", "others"]),
            blocked: BTreeMap::from([
                (".ds-logs-000001".to_owned(), blocks(&["read_only_allow_delete"])),
                ("others".to_owned(), blocks(&["read_only"])),
            ]),
            cluster: blocks(&["read_only"]),
            unseen: vec![],
        };
        let warnings = conditions.warnings(&blocks(&["books", "logs"]), false);
        assert_eq!(
            warnings,
            [
                "primary shards are missing from index books: the snapshot will fail or be PARTIAL",
                "index .ds-logs-000001 is blocked by `read_only_allow_delete`: a disk was over the flood stage; free space",
                "the whole cluster is blocked by `read_only`: it holds no new documents",
            ]
        );
        assert_eq!(Conditions::default().warnings(&blocks(&["books"]), true), Vec::<String>::new());
    }
}
