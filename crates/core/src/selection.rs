//! Which indices and data streams a snapshot holds: a selection, and its expansion to explicit names.
//!
//! Names are expanded here and not by the server, so that the plan shows them and no wildcard is ever sent.

use crate::drill::PREFIX as DRILLS;
use crate::pattern::Pattern;
use crate::period::Period;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What the names of the indices behind data streams begin with.
pub const BACKING: &str = ".ds-";

/// What a policy's snapshots are to hold. Empty lists select nothing of their kind; if `include`, `aliases` and
/// `data_streams` are all empty, everything that is not hidden is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of indices and of data streams.
    pub include: Vec<Pattern>,
    /// Names that stay out, whatever else selects them.
    pub exclude: Vec<Pattern>,
    /// Aliases: each index behind one is selected.
    pub aliases: Vec<Pattern>,
    /// Names of data streams only.
    pub data_streams: Vec<Pattern>,
    /// Only indices created at least so long ago. Data streams have no age: they are always whole.
    pub older_than: Option<Period>,
    /// Only indices created at most so long ago.
    pub newer_than: Option<Period>,
    /// Whether patterns without a leading `.` select hidden indices too.
    pub hidden: bool,
}

/// An index as the cluster lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// By the server's clock; `None` if it was not told.
    pub created_at: Option<Timestamp>,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// The data stream that it backs.
    pub data_stream: Option<String>,
    /// Whether `index.hidden` is set.
    pub hidden: bool,
    /// Whether it is in `UltraWarm` storage: the service takes one such index per snapshot and nothing beside it.
    pub warm: bool,
    /// Whether it is closed and the version snapshots no closed index: with one, the whole snapshot would fail.
    pub closed: bool,
}

/// Why a name is in, or out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Reason {
    /// In: everything is selected.
    Everything,
    /// In: a pattern matches its name.
    Included {
        /// The pattern.
        pattern: Pattern,
    },
    /// In: it is behind an alias.
    Aliased {
        /// The alias.
        alias: String,
    },
    /// Out: a pattern excludes it.
    Excluded {
        /// The pattern.
        pattern: Pattern,
    },
    /// Out: it is hidden or its name begins with `.`, and the pattern's does not.
    Hidden,
    /// Out: a drill made it, and removes it again.
    Drill,
    /// Out: too young, too old or of unknown age.
    Age,
    /// Out: it is warm, and a warm index cannot be beside others.
    Warm,
    /// Out: it is closed, and the version snapshots no closed index.
    Closed,
    /// Out: nothing selects it.
    Unselected,
}

/// One name and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// An index or a data stream.
    pub name: String,
    /// Why it is in or out.
    #[serde(flatten)]
    pub reason: Reason,
}

/// A selection's explicit names, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// What is in. Indices behind a data stream stand under its name.
    pub chosen: Vec<Named>,
    /// What is out.
    pub left_out: Vec<Named>,
}

impl Selection {
    /// The explicit names among `indices` at `now`, and why each is in or out.
    pub fn expand(&self, indices: &[Index], now: Timestamp) -> Expansion {
        let mut expansion = Expansion::default();
        let streams: BTreeSet<&str> = indices.iter().filter_map(|index| index.data_stream.as_deref()).collect();
        for stream in streams {
            expansion.add(stream, self.verdict_on_stream(stream));
        }
        let cutoffs = self.cutoffs(now);
        for index in indices.iter().filter(|index| index.data_stream.is_none()) {
            expansion.add(&index.name, self.verdict_on_index(index, cutoffs));
        }
        let warm: BTreeSet<&str> = indices.iter().filter(|index| index.warm).map(|index| &*index.name).collect();
        expansion.part_from_warm(&warm);
        expansion.sort();
        expansion
    }

    fn selects_everything(&self) -> bool {
        self.include.is_empty() && self.aliases.is_empty() && self.data_streams.is_empty()
    }

    fn verdict_on_stream(&self, name: &str) -> (bool, Reason) {
        let hidden = name.starts_with('.');
        self.excluded(name).unwrap_or_else(|| self.by_name(name, hidden, &[&self.include, &self.data_streams]))
    }

    fn verdict_on_index(&self, index: &Index, cutoffs: Cutoffs) -> (bool, Reason) {
        if let Some(excluded) = self.excluded(&index.name) {
            return excluded;
        }
        let hidden = index.hidden || index.name.starts_with('.');
        let verdict = match self.by_alias(index) {
            Some(aliased) => (true, aliased),
            None => self.by_name(&index.name, hidden, &[&self.include]),
        };
        match verdict {
            (true, _) if !cutoffs.admit(index.created_at) => (false, Reason::Age),
            (true, _) if index.closed => (false, Reason::Closed),
            verdict => verdict,
        }
    }

    fn excluded(&self, name: &str) -> Option<(bool, Reason)> {
        if name.strip_prefix(BACKING).unwrap_or(name).starts_with(DRILLS) {
            // No snapshot may hold what is to be removed: servers then refuse to.
            return Some((false, Reason::Drill));
        }
        let pattern = self.exclude.iter().find(|pattern| pattern.matches(name))?;
        Some((false, Reason::Excluded { pattern: pattern.clone() }))
    }

    fn by_alias(&self, index: &Index) -> Option<Reason> {
        let selected = |alias: &&String| self.aliases.iter().any(|pattern| pattern.matches(alias));
        index.aliases.iter().filter(selected).min().map(|alias| Reason::Aliased { alias: alias.clone() })
    }

    fn by_name(&self, name: &str, hidden: bool, lists: &[&Vec<Pattern>]) -> (bool, Reason) {
        let may_show = |pattern: &Pattern| !hidden || self.hidden || pattern.as_str().starts_with('.');
        let mut matching = lists.iter().copied().flatten().filter(|pattern| pattern.matches(name)).peekable();
        if self.selects_everything() {
            return if hidden && !self.hidden { (false, Reason::Hidden) } else { (true, Reason::Everything) };
        }
        if matching.peek().is_none() {
            return (false, Reason::Unselected);
        }
        match matching.find(|pattern| may_show(pattern)) {
            Some(pattern) => (true, Reason::Included { pattern: pattern.clone() }),
            None => (false, Reason::Hidden),
        }
    }

    fn cutoffs(&self, now: Timestamp) -> Cutoffs {
        let before = |period: Period| period.before(now, &TimeZone::UTC);
        Cutoffs { latest: self.older_than.map(before), earliest: self.newer_than.map(before) }
    }
}

/// Bounds of creation times.
#[derive(Clone, Copy)]
struct Cutoffs {
    latest: Option<Timestamp>,
    earliest: Option<Timestamp>,
}

impl Cutoffs {
    fn admit(self, created_at: Option<Timestamp>) -> bool {
        let Some(created_at) = created_at else { return self.latest.is_none() && self.earliest.is_none() };
        self.latest.is_none_or(|latest| created_at <= latest)
            && self.earliest.is_none_or(|earliest| created_at >= earliest)
    }
}

impl Expansion {
    /// The explicit names.
    pub fn names(&self) -> Vec<String> {
        self.chosen.iter().map(|named| named.name.clone()).collect()
    }

    fn add(&mut self, name: &str, (chosen, reason): (bool, Reason)) {
        let named = Named { name: name.to_owned(), reason };
        if chosen { self.chosen.push(named) } else { self.left_out.push(named) }
    }

    fn part_from_warm(&mut self, warm: &BTreeSet<&str>) {
        if self.chosen.len() < 2 {
            return;
        }
        let (out, chosen) = std::mem::take(&mut self.chosen).into_iter().partition(|n: &Named| warm.contains(&*n.name));
        self.chosen = chosen;
        self.left_out.extend(out.into_iter().map(|named: Named| Named { reason: Reason::Warm, ..named }));
    }

    fn sort(&mut self) {
        self.chosen.sort_by(|a, b| a.name.cmp(&b.name));
        self.left_out.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything is selected"),
            Self::Included { pattern } => write!(f, "selected by {pattern}"),
            Self::Aliased { alias } => write!(f, "behind the alias {alias}"),
            Self::Excluded { pattern } => write!(f, "excluded by {pattern}"),
            Self::Hidden => f.write_str("hidden; only a pattern that begins with `.` selects it"),
            Self::Drill => f.write_str("a drill's own"),
            Self::Age => f.write_str("its age is not the one asked for, or unknown"),
            Self::Warm => f.write_str("warm; the service takes a warm index only by itself"),
            Self::Closed => f.write_str("closed; this version snapshots no closed indices"),
            Self::Unselected => f.write_str("not selected"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(name: &str) -> Index {
        Index { name: name.into(), created_at: "2026-01-10T00:00:00Z".parse().ok(), ..Index::default() }
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    fn now() -> Timestamp {
        "2026-01-20T00:00:00Z".parse().unwrap()
    }

    fn names(selection: &Selection, indices: &[Index]) -> Vec<String> {
        selection.expand(indices, now()).names()
    }

    fn cluster() -> Vec<Index> {
        vec![
            index("logs-2"),
            index("logs-1"),
            Index { aliases: vec!["current".into()], ..index("orders-7") },
            index(".kibana_1"),
            Index { hidden: true, ..index("secretly") },
            Index { data_stream: Some("metrics".into()), hidden: true, ..index(".ds-metrics-000001") },
            Index { data_stream: Some("metrics".into()), hidden: true, ..index(".ds-metrics-000002") },
        ]
    }

    #[test]
    fn everything_is_everything_that_is_not_hidden_by_explicit_names() {
        assert_eq!(names(&Selection::default(), &cluster()), ["logs-1", "logs-2", "metrics", "orders-7"]);
        let hidden = Selection { hidden: true, ..Selection::default() };
        assert_eq!(names(&hidden, &cluster()).len(), 6);
    }

    #[test]
    fn what_a_drill_made_is_in_no_snapshot() {
        let stream = "snapkeep-drill-0123abcd-metrics";
        let indices = [
            index("snapkeep-drill-0123abcd-logs-1"),
            Index { data_stream: Some(stream.into()), ..index(".ds-snapkeep-drill-0123abcd-metrics-000001") },
            index(".ds-snapkeep-drill-0123abcd-metrics-000002"),
            index("logs-1"),
        ];
        let everything = Selection { hidden: true, ..Selection::default() };
        let expansion = everything.expand(&indices, now());
        assert_eq!(expansion.names(), ["logs-1"]);
        assert!(expansion.left_out.iter().all(|named| named.reason == Reason::Drill), "{expansion:?}");
        let named = Selection { include: patterns(&["snapkeep-*"]), ..Selection::default() };
        assert_eq!(names(&named, &indices), Vec::<String>::new());
    }

    #[test]
    fn patterns_aliases_streams_and_exclusions() {
        let by = |include: &[&str], exclude: &[&str], aliases: &[&str], data_streams: &[&str]| Selection {
            include: patterns(include),
            exclude: patterns(exclude),
            aliases: patterns(aliases),
            data_streams: patterns(data_streams),
            ..Selection::default()
        };
        for (selection, expected) in [
            (by(&["logs-*"], &["*-2"], &[], &[]), vec!["logs-1"]),
            (by(&[], &["logs-*"], &[], &[]), vec!["metrics", "orders-7"]),
            (by(&["*"], &["m*"], &[], &[]), vec!["logs-1", "logs-2", "orders-7"]),
            (by(&[".kibana*"], &[], &[], &[]), vec![".kibana_1"]),
            (by(&[], &[], &["curr*"], &[]), vec!["orders-7"]),
            (by(&[], &[], &[], &["met*"]), vec!["metrics"]),
            (by(&["nothing"], &[], &[], &[]), vec![]),
        ] {
            assert_eq!(names(&selection, &cluster()), expected, "{selection:?}");
        }
    }

    #[test]
    fn every_name_that_is_out_has_a_reason() {
        let selection = Selection { exclude: patterns(&["logs-1"]), ..Selection::default() };
        let shown: Vec<String> = selection
            .expand(&cluster(), now())
            .left_out
            .iter()
            .map(|named| format!("{}: {}", named.name, named.reason))
            .collect();
        let hidden = "hidden; only a pattern that begins with `.` selects it";
        assert_eq!(
            shown,
            [format!(".kibana_1: {hidden}"), "logs-1: excluded by logs-1".into(), format!("secretly: {hidden}")]
        );
    }

    #[test]
    fn ages_bound_indices_and_an_unknown_age_is_out() {
        let old = Selection { older_than: Some(Period::days(5)), ..Selection::default() };
        let mut indices = vec![index("a"), Index { created_at: None, ..index("b") }];
        assert_eq!(names(&old, &indices), ["a"]);
        let young = Selection { newer_than: Some(Period::days(5)), ..Selection::default() };
        assert_eq!(names(&young, &indices), Vec::<String>::new());
        indices[0].data_stream = Some("s".into());
        assert_eq!(names(&old, &indices), ["s"]);
    }

    #[test]
    fn a_closed_index_is_out_if_it_would_be_in() {
        let indices = [index("open"), Index { closed: true, ..index("shut") }, Index { closed: true, ..index("else") }];
        let selection = Selection { exclude: patterns(&["else"]), ..Selection::default() };
        let Expansion { chosen, left_out } = selection.expand(&indices, now());
        assert_eq!(chosen.len(), 1);
        let shown: Vec<String> = left_out.iter().map(|named| format!("{}: {}", named.name, named.reason)).collect();
        assert_eq!(shown, ["else: excluded by else", "shut: closed; this version snapshots no closed indices"]);
        assert_eq!(serde_json::to_value(&left_out[1]).unwrap(), serde_json::json!({"name": "shut", "why": "closed"}));
    }

    #[test]
    fn a_warm_index_goes_alone_or_not() {
        let mut indices = vec![Index { warm: true, ..index("w") }];
        assert_eq!(names(&Selection::default(), &indices), ["w"]);
        indices.push(index("hot"));
        assert_eq!(names(&Selection::default(), &indices), ["hot"]);
    }
}
