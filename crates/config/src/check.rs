//! Every complaint about a file, not only the first.
//!
//! Reading stops at what it cannot understand. To find what else is wrong, the value that is complained about is taken
//! out of the tree and the rest is read again. What only follows from that is left out: a section is not said to lack
//! what was taken from it.

use crate::yaml::{self, Key, Node, Place, Value};
use crate::{Config, fields};
use snapkeep_core::Failure;

/// Stands in for an endpoint that cannot be read, so that policies may still name its cluster.
const STAND_IN: &str = "https://stand-in.invalid";

/// More complaints than anybody reads.
const MOST: usize = 100;

/// One thing that is wrong with a file.
#[derive(Clone, Debug)]
pub struct Complaint {
    /// What, and what mends it.
    pub failure: Failure,
    /// Where, if it is about one place.
    pub at: Option<Place>,
}

impl Config {
    /// Everything that is wrong with a file, in its order; nothing if [`Config::parse`] takes it.
    pub fn complaints(text: &str) -> Vec<Complaint> {
        if text.trim().is_empty() {
            return Vec::new();
        }
        match yaml::read(text) {
            Ok(root) => all(root),
            Err(failure) => vec![Complaint { at: place(&failure), failure }],
        }
    }
}

fn all(mut root: Node) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut taken: Vec<String> = Vec::new();
    for _ in 0..MOST {
        let Err(failure) = Config::read(root.clone()) else { break };
        let path = path(&failure);
        let follows = path.as_deref().is_some_and(|path| follows(&failure, path, &taken));
        if !follows {
            complaints.push(Complaint { at: place(&failure), failure });
        }
        let Some(path) = path.filter(|path| take(&mut root, path)) else { break };
        taken.push(path);
    }
    complaints.sort_by_key(|complaint| complaint.at.map(|at| (at.line, at.column)));
    complaints
}

/// Whether a complaint about a section only follows from what was taken from it.
fn follows(failure: &Failure, path: &str, taken: &[String]) -> bool {
    let lacked = failure.cause.split_once(" lacks `").and_then(|(_, rest)| rest.split_once('`'));
    let is_within = |inner: &String| inner.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
    match lacked {
        // It was taken, or a key was that may be the same one misspelt.
        Some((key, _)) => taken.iter().any(|inner| {
            let own = inner.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'));
            own.is_some_and(|own| !own.contains('.') && fields::nearest(own, &[key]).is_some())
        }),
        None => taken.iter().any(is_within),
    }
}

/// The path that a complaint is about: all of them are worded in [`fields`] and `policies`.
fn path(failure: &Failure) -> Option<String> {
    let cause = failure.cause.as_str();
    if let Some(policy) = cause.strip_prefix("policy \"") {
        return Some(format!("policies.{}", policy.split_once("\": ")?.0));
    }
    let section = match cause.strip_prefix("the configuration ") {
        Some(_) => "",
        None => cause.strip_prefix('`')?.split_once('`')?.0,
    };
    let unknown = cause.split_once(" has an unknown key `").and_then(|(_, rest)| rest.split_once('`'));
    match unknown {
        Some((key, _)) => Some(fields::joined(section, key)),
        None => (!section.is_empty()).then(|| section.to_owned()),
    }
}

/// The place that a complaint ends with.
fn place(failure: &Failure) -> Option<Place> {
    let (_, at) = failure.cause.rsplit_once("line ")?;
    let (line, column) = at.trim_end_matches(')').split_once(", column ")?;
    Some(Place { line: line.parse().ok()?, column: column.parse().ok()? })
}

/// Takes the value at `path` out of the tree. A cluster stays, since policies name it.
fn take(root: &mut Node, path: &str) -> bool {
    let is_cluster = path.strip_prefix("clusters.").is_some();
    let Some((entries, at)) = entry(root, path) else { return false };
    let (key, node) = &mut entries[at];
    let stand_in = Node { at: node.at, value: Value::Text(STAND_IN.into()) };
    let has_stand_in = |node: &Node| matches!(&node.value, Value::Text(text) if text == STAND_IN);
    if is_cluster && key.text == "endpoint" && !has_stand_in(node) {
        *node = stand_in;
    } else if is_cluster && path == fields::joined("clusters", &key.text) {
        let endpoint = Key { at: key.at, text: "endpoint".into() };
        node.value = Value::Map(vec![(endpoint, stand_in)]);
    } else {
        entries.remove(at);
    }
    true
}

type Entries = Vec<(Key, Node)>;

/// The entry that `path` names, or, for an element of a list, that of the list. Names may hold dots.
fn entry<'t>(node: &'t mut Node, path: &str) -> Option<(&'t mut Entries, usize)> {
    let Value::Map(entries) = &mut node.value else { return None };
    let fits = |key: &str| path.strip_prefix(key).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let at = entries.iter().position(|(key, node)| {
        fits(&key.text)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('[') || matches!(node.value, Value::Map(_)))
    })?;
    let rest = fits(&entries[at].0.text)?.to_owned();
    match rest.strip_prefix('.') {
        Some(rest) => entry(&mut entries[at].1, rest),
        None => Some((entries, at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEVERAL: &str = "\
default_cluster: logs
clusters:
  logs:
    endpoint: ftp://nowhere
    regoin: eu-west-1
    auth: kerberos
  shop: {region: eu-west-1}
repositories:
  nightly: {bucket: my-backups, readonly: perhaps}
policies:
  one:
    clusters: [logs, elsewhere]
    repository: nightly
    schedule: 30 2 * *
    keep: {last: many, failed: 7m}
    indices: [a*, 7]
  two:
    schedule: every 1h
    partial: 7
colour: blue
";

    #[test]
    fn every_complaint_is_told_once_with_its_place() {
        let complaints = Config::complaints(SEVERAL);
        let told: Vec<String> = complaints
            .iter()
            .map(|complaint| {
                let at = complaint.at.unwrap();
                assert!(complaint.failure.cause.contains(&at.to_string()), "{:?}", complaint.failure);
                format!("{}: {}", at.line, complaint.failure.cause.split(" (").next().unwrap())
            })
            .collect();
        let expected = [
            "4: `clusters.logs.endpoint` has the scheme ftp",
            "5: `clusters.logs` has an unknown key `regoin`",
            "6: `clusters.logs.auth` \"kerberos\" is not a way to authenticate",
            "7: `clusters.shop` lacks `endpoint`",
            "9: `repositories.nightly.readonly` is text, not true or false",
            "12: `policies.one.clusters[1]` names no cluster of this file: \"elsewhere\"",
            "14: `policies.one.schedule` the schedule \"30 2 * *\" cannot be used: it does not have five fields",
            "15: `policies.one.keep.last` is not a whole number or `all`",
            "15: `policies.one.keep.failed` \"7m\" is not a length of time: `m` could mean minutes or months",
            "16: `policies.one.indices[1]` is a number, not text: put it in quotes",
            "18: `policies.two` lacks `repository`",
            "19: `policies.two.partial` is a number, not true or false",
            "20: the configuration has an unknown key `colour`",
        ];
        assert_eq!(told, expected, "{told:#?}");
    }

    #[test]
    fn what_is_taken_has_no_complaints_and_what_is_no_yaml_has_one() {
        for text in ["", include_str!("../tests/whole.yaml"), include_str!("../tests/policies.yaml")] {
            assert!(Config::complaints(text).is_empty());
        }
        let complaints = Config::complaints("a: [1\nb: 2\n");
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].at.is_some(), "{complaints:?}");
    }

    #[test]
    fn what_reading_stops_at_is_among_them() {
        for cases in [include_str!("../tests/bad.txt"), include_str!("../tests/bad-policies.txt")] {
            for case in cases.split("\n====\n") {
                let file = case.split_once("\n----\n").unwrap().0;
                let complaints = Config::complaints(file);
                let first = Config::parse(file).unwrap_err();
                assert!(complaints.iter().any(|complaint| complaint.failure == first), "{file}: {complaints:?}");
                assert!(complaints.len() < MOST, "{file}: {complaints:?}");
            }
        }
    }
}
