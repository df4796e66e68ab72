//! Sums of lengths: a repository's files claim up to 2^63 - 1 bytes each, so sums of them end at the largest number.

/// Adds to a sum.
pub(crate) fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}

/// The sum of all.
pub(crate) fn total(all: impl Iterator<Item = u64>) -> u64 {
    all.fold(0, u64::saturating_add)
}
