//! Names in paths: a request's first line stays short.

use snapkeep_core::naming::SnapshotName;

/// Longest path that lists names, in bytes: servers refuse a request line over 4,096.
pub(crate) const PATH_LIMIT: usize = 3_000;

/// Most names in one request: what the server does for one, it does for each, while somebody waits.
const NAMES_LIMIT: usize = 100;

/// Cuts names into lists that one [`SnapshotApi::delete`](crate::SnapshotApi::delete) each can take:
/// short enough for a path, and one by one where the product cannot delete several
/// ([`Feature::MultiDelete`](crate::Feature::MultiDelete)).
pub fn batches(names: &[SnapshotName], has_multi_delete: bool) -> Vec<&[SnapshotName]> {
    cut(names, if has_multi_delete { NAMES_LIMIT } else { 1 })
}

/// Cuts names into lists of at most `most`, each at most [`PATH_LIMIT`] bytes long as a path.
pub(crate) fn cut(names: &[SnapshotName], most: usize) -> Vec<&[SnapshotName]> {
    let mut lists = Vec::new();
    let (mut begin, mut length) = (0, 0);
    for (at, name) in names.iter().enumerate() {
        let more = name.segment().len() + 1;
        if at > begin && (at - begin >= most || length + more > PATH_LIMIT) {
            lists.push(&names[begin..at]);
            (begin, length) = (at, 0);
        }
        length += more;
    }
    if begin < names.len() {
        lists.push(&names[begin..]);
    }
    lists
}

/// Names as one segment of a path. Their commas stand for themselves.
pub(crate) fn list(names: &[SnapshotName]) -> String {
    names.iter().map(SnapshotName::segment).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_are_short_and_no_name_is_lost(lengths in prop::collection::vec(1_usize..200, 0..400), most in 1_usize..150) {
            let names: Vec<SnapshotName> =
                lengths.iter().map(|length| SnapshotName::parse(&"é".repeat(length.div_ceil(2))).unwrap()).collect();
            let lists = cut(&names, most);
            prop_assert!(lists.iter().all(|part| !part.is_empty() && part.len() <= most));
            prop_assert!(lists.iter().all(|part| list(part).len() <= PATH_LIMIT));
            prop_assert_eq!(lists.concat(), names);
        }
    }

    #[test]
    fn where_only_one_can_be_deleted_each_is_its_own_batch() {
        let names: Vec<SnapshotName> = ["a", "b", "c"].iter().map(|name| SnapshotName::parse(name).unwrap()).collect();
        assert_eq!(batches(&names, false).len(), 3);
        assert_eq!(batches(&names, true), [&names[..]]);
        assert!(batches(&[], true).is_empty());
    }
}
