//! Files of data as Lucene writes them: any bytes, and the footer that sums them up.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::LazyLock;

use crate::failure::{Failure, Result};

/// What a footer begins with, and the algorithm.
const FOOTER: [u8; 8] = [0xC0, 0x28, 0x93, 0xE8, 0, 0, 0, 0];

/// Bytes that are made up.
const BLOCK: usize = 1 << 20;

/// What files repeat: bytes that no compression makes smaller (xorshift64).
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..BLOCK / 8).flat_map(|_| next().to_le_bytes()).collect()
});

/// Writes so many bytes and gives the checksum in their footer.
pub(super) fn write(path: &Path, bytes: u64) -> Result<u32> {
    let file = File::create(path).map_err(Failure::during(format!("cannot write {}", path.display())))?;
    fill(BufWriter::new(file), bytes).map_err(Failure::during(format!("cannot write {}", path.display())))
}

/// These bytes with their footer, and the checksum in it.
pub(super) fn sealed(bytes: &[u8]) -> (Vec<u8>, u32) {
    let summed = [bytes, &FOOTER].concat();
    let crc = crc32fast::hash(&summed);
    ([&summed[..], &u64::from(crc).to_be_bytes()].concat(), crc)
}

fn fill(mut file: impl Write, bytes: u64) -> std::io::Result<u32> {
    let mut crc = crc32fast::Hasher::new();
    let mut left = bytes.saturating_sub(16);
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        crc.update(&BYTES[..length]);
        file.write_all(&BYTES[..length])?;
        left -= length as u64;
    }
    crc.update(&FOOTER);
    file.write_all(&FOOTER)?;
    let crc = crc.finalize();
    file.write_all(&u64::from(crc).to_be_bytes())?;
    file.flush()?;
    Ok(crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_footer_sums_it_up() {
        let mut bytes = Vec::new();
        let crc = fill(&mut bytes, 3_000_000).unwrap();
        assert_eq!(bytes.len(), 3_000_000);
        let (summed, said) = bytes.split_at(bytes.len() - 8);
        assert_eq!((crc32fast::hash(summed), u64::from(crc).to_be_bytes().as_slice()), (crc, said));
        assert_eq!(sealed(&bytes[..bytes.len() - 16]), (bytes, crc));
    }
}
