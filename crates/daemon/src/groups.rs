//! Which policies are run together: those that share a repository, since one's deletions wait for the other's snapshot
//! there. The others are runs of their own, so that none waits for what is not its own.

use snapkeep_core::policy::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// What a group's policies write to, and their names.
type Group<'p> = (BTreeSet<(&'p str, &'p str)>, Vec<String>);

/// The policies of these names in groups that share no repository of any cluster.
pub(crate) fn groups(policies: &BTreeMap<String, Policy>, names: Vec<String>) -> Vec<Vec<String>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for name in names {
        let policy = policies.get(&name);
        let places = policy
            .iter()
            .flat_map(|policy| policy.clusters.iter().map(|cluster| (cluster.as_str(), policy.repository.as_str())));
        let mut places: BTreeSet<(&str, &str)> = places.collect();
        let mut members = Vec::new();
        // What it has in common with several groups makes them one.
        for (theirs, names) in groups.extract_if(.., |(theirs, _)| !theirs.is_disjoint(&places)).collect::<Vec<_>>() {
            places.extend(theirs);
            members.extend(names);
        }
        members.push(name);
        groups.push((places, members));
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rota::tests::policy_of;

    #[test]
    fn only_what_shares_a_repository_is_run_together() {
        let all = [
            ("a", "backups", ["prod", "eu"].as_slice()),
            ("b", "logs", &["prod"]),
            ("c", "backups", &["dr"]),
            ("d", "backups", &["eu", "dr"]),
            ("e", "logs", &["eu"]),
        ];
        let all: BTreeMap<String, Policy> = all
            .iter()
            .map(|(name, repository, clusters)| ((*name).to_owned(), policy_of(name, repository, clusters)))
            .collect();
        let grouped = |names: &[&str]| groups(&all, names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(grouped(&["a", "b", "c", "e"]), [["a"], ["b"], ["c"], ["e"]]);
        assert_eq!(grouped(&["a", "b", "c", "d"]), [vec!["b"], vec!["a", "c", "d"]]);
        assert!(grouped(&[]).is_empty());
    }
}
