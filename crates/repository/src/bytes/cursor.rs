//! A place in bytes that cannot leave them.

use crate::Damage;

/// Reads forward, at most to the end.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next byte is.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn byte(&mut self, expected: &str) -> Result<u8, Damage> {
        let byte = self.peek().ok_or_else(|| Damage::cut_off(self.at, expected))?;
        self.at += 1;
        Ok(byte)
    }

    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize, expected: &str) -> Result<&'a [u8], Damage> {
        let rest = self.rest();
        let taken = rest.get(..n).ok_or_else(|| {
            Damage::new(self.at, format_args!("{n} bytes of {expected}"), format_args!("{} to the end", rest.len()))
        })?;
        self.at += n;
        Ok(taken)
    }

    /// The bytes up to `end`, which is read too.
    pub(crate) fn until(&mut self, end: u8, expected: &str) -> Result<&'a [u8], Damage> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| *byte == end);
        let length = length.ok_or_else(|| Damage::cut_off(self.at + rest.len(), expected))?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    /// Big-endian.
    pub(crate) fn u32(&mut self, expected: &str) -> Result<u32, Damage> {
        let bytes = self.take(4, expected)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// Big-endian.
    pub(crate) fn u64(&mut self, expected: &str) -> Result<u64, Damage> {
        let bytes = self.take(8, expected)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Lucene's vInt: seven bits a byte, the lowest first, the highest bit set on all but the last.
    pub(crate) fn lucene_vint(&mut self, expected: &str) -> Result<u32, Damage> {
        let at = self.at;
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte(expected)?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| Damage::new(at, expected, "a number of more than 32 bits"));
            }
        }
        Err(Damage::new(at, expected, "a number of more than 5 bytes"))
    }
}
