//! Numbers and packed binary in SMILE.

use crate::Damage;
use crate::bytes::cursor::Cursor;

/// A vInt's bytes: nine of seven bits and the last of six hold 64 bits and more.
const MAX_VINT: usize = 10;
/// Bytes of a big number that count; a longer one is beyond what the result can hold.
const MAX_BIG: usize = 1024;

/// Seven bits a byte, the highest first; the last has its highest bit set and holds six.
pub(super) fn vint(cursor: &mut Cursor<'_>) -> Result<u64, Damage> {
    let at = cursor.at();
    let mut number = 0_u128;
    for _ in 0..MAX_VINT {
        let byte = cursor.byte("a number")?;
        if byte & 0x80 != 0 {
            number = number << 6 | u128::from(byte & 0x3f);
            return u64::try_from(number).map_err(|_| Damage::new(at, "a number of 64 bits", "more"));
        }
        number = number << 7 | u128::from(byte);
    }
    Err(Damage::new(at, "a number of at most 10 bytes", "more"))
}

/// 0, -1, 1, -2, … for 0, 1, 2, 3, …
pub(super) fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// 32 bits in 5 bytes.
pub(super) fn float(cursor: &mut Cursor<'_>) -> Result<f64, Damage> {
    let bits = sevens(cursor, 5)?;
    Ok(f64::from(f32::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap_or_default())))
}

/// 64 bits in 10 bytes.
pub(super) fn double(cursor: &mut Cursor<'_>) -> Result<f64, Damage> {
    let bits = sevens(cursor, 10)?;
    Ok(f64::from_bits(u64::try_from(bits & 0xffff_ffff_ffff_ffff).unwrap_or_default()))
}

fn sevens(cursor: &mut Cursor<'_>, bytes: usize) -> Result<u128, Damage> {
    let bytes = cursor.take(bytes, "a number")?;
    Ok(bytes.iter().fold(0, |bits, byte| bits << 7 | u128::from(byte & 0x7f)))
}

/// Two's complement, big-endian, packed.
pub(super) fn big_integer(cursor: &mut Cursor<'_>) -> Result<Big, Damage> {
    let at = cursor.at();
    let bytes = packed_binary(cursor)?;
    if bytes.len() > MAX_BIG {
        return Err(Damage::new(at, format_args!("a number of at most {MAX_BIG} bytes"), bytes.len()));
    }
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    if bytes.len() <= 16 {
        let start = if is_negative { -1 } else { 0 };
        return Ok(Big::Exact(bytes.iter().fold(start, |number, byte| number << 8 | i128::from(*byte))));
    }
    let size = bytes.iter().fold(0.0, |size, byte| size * 256.0 + f64::from(if is_negative { !byte } else { *byte }));
    Ok(Big::Near(if is_negative { -(size + 1.0) } else { size }))
}

/// An integer of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Big {
    Exact(i128),
    Near(f64),
}

impl Big {
    #[allow(clippy::cast_precision_loss, reason = "a number that JSON's types cannot hold comes as near as can be")]
    pub(super) fn near(self) -> f64 {
        match self {
            Self::Exact(number) => number as f64,
            Self::Near(number) => number,
        }
    }
}

/// A scale, then the integer to be divided by that power of ten.
pub(super) fn big_decimal(cursor: &mut Cursor<'_>) -> Result<f64, Damage> {
    let at = cursor.at();
    let scale = i32::try_from(zigzag(vint(cursor)?));
    let scale = scale.map_err(|_| Damage::new(at, "a scale of 32 bits", "more"))?;
    Ok(big_integer(cursor)?.near() * 10_f64.powi(scale.saturating_neg()))
}

/// A length, then seven bits a byte: eight bytes for each seven, and the last few with a byte more than they are.
pub(super) fn packed_binary(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Damage> {
    let at = cursor.at();
    let length = usize::try_from(vint(cursor)?).unwrap_or(usize::MAX);
    let (groups, rest) = (length / 7, length % 7);
    let packed = groups.checked_mul(8).map(|bytes| bytes + if rest > 0 { rest + 1 } else { 0 });
    let packed = packed.ok_or_else(|| Damage::new(at, "a length", length))?;
    let packed = cursor.take(packed, "packed binary")?;
    let mut out = Vec::with_capacity(length);
    for group in packed.chunks(8) {
        unpack(group, &mut out);
    }
    Ok(out)
}

/// n bytes of seven bits are n - 1 bytes; in a group that is not full, the last byte holds only the bits that are left.
fn unpack(group: &[u8], out: &mut Vec<u8>) {
    let Some((last, first)) = group.split_last() else { return };
    let left = group.len() - 1;
    let bits = first.iter().fold(0_u64, |bits, byte| bits << 7 | u64::from(byte & 0x7f));
    let bits = bits << left | u64::from(*last) & ((1 << left) - 1);
    out.extend_from_slice(&bits.to_be_bytes()[8 - left..]);
}
