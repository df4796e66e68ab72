//! Names of snapshots that a finding hurts: thousands of findings hurt the same ones, and share one list of them.

use super::finding::Finding;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

/// Names, in the order of `index-N`. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Names(Arc<[Arc<str>]>);

impl Names {
    /// Whether the other one shares its list with this one: it costs nothing to see.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Where the list is: the same for all that share it.
    pub(super) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }
}

impl Deref for Names {
    type Target = [Arc<str>];

    fn deref(&self) -> &[Arc<str>] {
        &self.0
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self(names.into_iter().map(|name| Arc::from(name.as_ref())).collect())
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|name| &**name))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer).map(Self::from_iter)
    }
}

/// The lists of one run, each once, and each name once.
#[derive(Debug, Default)]
pub(super) struct Pool {
    names: HashSet<Arc<str>>,
    lists: HashSet<Names>,
}

impl Pool {
    /// Has findings share their lists with those of all others.
    pub(super) fn share(&mut self, findings: &mut [Finding]) {
        // The lists that these findings share already are looked up once; the first finding of each keeps it alive.
        let mut known: HashMap<usize, (Names, Names)> = HashMap::new();
        for finding in findings {
            let own = &mut finding.snapshots;
            let (_, shared) = known.entry(own.address()).or_insert_with(|| (own.clone(), self.of(own)));
            *own = shared.clone();
        }
    }

    fn of(&mut self, list: &Names) -> Names {
        if let Some(known) = self.lists.get(list) {
            return known.clone();
        }
        let names = list.iter().map(|name| {
            let known = self.names.get(name).map_or_else(|| Arc::clone(name), Arc::clone);
            self.names.insert(Arc::clone(&known));
            known
        });
        let shared = Names(names.collect());
        self.lists.insert(shared.clone());
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Effect, Kind};
    use super::*;

    #[test]
    fn lists_and_names_are_kept_once() {
        let finding =
            |names: &[&str]| Finding::new(Kind::MissingBlob, Effect::Shard, "x").hurts(names.iter().collect());
        let mut pool = Pool::default();
        let mut shards = [[finding(&["one", "two"]), finding(&["two"])], [finding(&["two"]), finding(&["one", "two"])]];
        let told = shards.clone().map(|findings| findings.map(|finding| finding.snapshots.join(",")));
        for findings in &mut shards {
            pool.share(findings);
        }
        assert_eq!(shards.clone().map(|findings| findings.map(|finding| finding.snapshots.join(","))), told);
        let [[both, two], [same_two, same_both]] = &shards;
        assert!(both.snapshots.is_same(&same_both.snapshots) && two.snapshots.is_same(&same_two.snapshots));
        assert!(Arc::ptr_eq(&both.snapshots[1], &two.snapshots[0]));
    }

    #[test]
    fn names_are_written_as_a_list() {
        let names: Names = ["one", "two"].into_iter().collect();
        assert_eq!(serde_json::to_string(&names).unwrap(), r#"["one","two"]"#);
        assert_eq!(serde_json::from_str::<Names>(r#"["one","two"]"#).unwrap(), names);
    }
}
