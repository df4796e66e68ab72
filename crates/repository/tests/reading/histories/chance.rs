//! Chance that is the same for the same seed, on every machine.

/// `SplitMix64`.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 on, less than `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of them, if there is any.
    pub(crate) fn pick<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let place = self.below(all.len().max(1) as u64);
        all.get(usize::try_from(place).ok()?).cloned()
    }

    /// About half of them, and at least one if there is any.
    pub(crate) fn some<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        let some: Vec<T> = all.iter().filter(|_| self.one_in(2)).cloned().collect();
        if some.is_empty() { self.pick(all).into_iter().collect() } else { some }
    }

    /// So many letters and digits, which nothing compresses.
    pub(crate) fn text(&mut self, length: u64) -> String {
        (0..length).filter_map(|_| char::from_digit(u32::try_from(self.below(36)).ok()?, 36)).collect()
    }
}
