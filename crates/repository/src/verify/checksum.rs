//! One pass over a Lucene file: its own footer, and the checksum that the snapshot recorded.
//!
//! Lucene ends each file with 16 bytes: `C0 28 93 E8`, the algorithm 0, and the CRC32 of all before those last 8 bytes, as a
//! big-endian number of 8 bytes. A snapshot records that CRC in base 36.

use super::finding::{Effect, Finding, Kind};
use crc32fast::Hasher;

/// What a footer begins with, and the algorithm.
const FOOTER: [u8; 8] = [0xC0, 0x28, 0x93, 0xE8, 0, 0, 0, 0];

/// The footer's bytes that hold the checksum.
const CHECKSUM: u64 = 8;

/// Takes in a file's bytes, from its first to its last.
#[derive(Clone, Debug)]
pub struct Check {
    length: u64,
    taken: u64,
    crc: Hasher,
    /// The file's last 16 bytes, as far as they have come.
    tail: Vec<u8>,
}

/// What a file's bytes turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sum {
    /// Sound in itself, with this CRC32.
    Sound(u32),
    /// Not what its own footer says, and how.
    Broken(String),
}

impl Check {
    /// For a file of so many bytes.
    pub fn new(length: u64) -> Self {
        Self { length, taken: 0, crc: Hasher::new(), tail: Vec::with_capacity(16) }
    }

    /// The next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        let summed = self.length.saturating_sub(CHECKSUM).saturating_sub(self.taken);
        let within = usize::try_from(summed).unwrap_or(usize::MAX).min(bytes.len());
        self.crc.update(&bytes[..within]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(16)..]);
        let old = self.tail.len().saturating_sub(16);
        self.tail.drain(..old);
        self.taken += bytes.len() as u64;
    }

    /// What it comes to.
    pub fn sum(self) -> Sum {
        if self.taken != self.length {
            return Sum::Broken(format!("{} bytes instead of {}", self.taken, self.length));
        }
        let Some((head, said)) = self.tail.split_at_checked(8).filter(|_| self.tail.len() == 16) else {
            return Sum::Broken("too short for Lucene's footer".to_owned());
        };
        if head != FOOTER {
            return Sum::Broken(format!("no footer of Lucene's at byte {}", self.length - 16));
        }
        let computed = self.crc.finalize();
        let said = said.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        if said == u64::from(computed) {
            Sum::Sound(computed)
        } else {
            Sum::Broken(format!("its bytes add up to {computed:08x}, its footer says {said:08x}"))
        }
    }
}

/// What a file's sum means, beside the checksum that was recorded; files from before Lucene had footers record none.
pub fn judge(sum: &Sum, recorded: Option<&str>, file: &str) -> Option<Finding> {
    match (sum, recorded) {
        (Sum::Broken(why), _) => Some(Finding::new(Kind::CorruptBlob, Effect::Shard, format!("{file}: {why}"))),
        (Sum::Sound(crc), Some(recorded)) if base36(*crc) != recorded => {
            let detail = format!("{file}: the checksum is {}, {recorded} is recorded", base36(*crc));
            Some(Finding::new(Kind::AnotherBlob, Effect::Shard, detail))
        }
        _ => None,
    }
}

/// As Java's `Long.toString(crc, 36)`.
fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(body: &[u8]) -> Vec<u8> {
        let mut bytes = [body, &FOOTER].concat();
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&u64::from(crc).to_be_bytes());
        bytes
    }

    fn sum_in(parts: &[&[u8]]) -> Sum {
        let mut check = Check::new(parts.iter().map(|part| part.len() as u64).sum());
        for part in parts {
            check.take(part);
        }
        check.sum()
    }

    #[test]
    fn numbers_are_written_as_java_does() {
        for (number, expected) in [(0, "0"), (35, "z"), (36, "10"), (u32::MAX, "1z141z3")] {
            assert_eq!(base36(number), expected);
        }
    }

    #[test]
    fn a_sound_file_that_is_not_the_recorded_one_is_another() {
        let Sum::Sound(crc) = sum_in(&[&file(b"books")]) else { panic!() };
        assert_eq!(judge(&Sum::Sound(crc), Some(&base36(crc)), "_0.cfs"), None);
        assert_eq!(judge(&Sum::Sound(crc), None, "_0.cfs"), None);
        let another = judge(&Sum::Sound(crc), Some("1"), "_0.cfs").unwrap();
        assert_eq!((another.kind, another.effect), (Kind::AnotherBlob, Effect::Shard));
    }

    #[test]
    fn what_is_no_file_of_lucenes_is_broken() {
        for bytes in [&b""[..], b"short", &[0; 64]] {
            assert!(matches!(sum_in(&[bytes]), Sum::Broken(_)), "{bytes:?}");
        }
        let mut longer = Check::new(100);
        longer.take(&file(b"books"));
        assert!(matches!(longer.sum(), Sum::Broken(_)));
    }

    proptest! {
        #[test]
        fn parts_do_not_matter_and_every_flipped_bit_shows(
            body in proptest::collection::vec(any::<u8>(), 0..100),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..5),
            bit in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = file(&body);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert!(matches!(sum_in(&parts), Sum::Sound(_)));
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(matches!(sum_in(&[&bytes]), Sum::Broken(_)));
        }
    }
}
