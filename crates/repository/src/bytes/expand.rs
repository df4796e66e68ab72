//! Compressed bodies: DEFLATE (both products) and zstd (OpenSearch), told by how the body begins.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Read as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::StreamingDecoder;

use super::MAX_EXPANDED;
use crate::Damage;

/// Before raw DEFLATE.
pub const DEFLATE: &[u8] = b"DFL\0";
/// Before a zstd frame.
pub const ZSTD: &[u8] = b"ZSTD\0";

/// What is larger than this is expanded one after the other: a few bytes may claim hundreds of megabytes, and many are read at
/// once.
const LARGE: usize = 2 << 20;

static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether this thread's turn it is already.
    static HELD: Cell<bool> = const { Cell::new(false) };
}

/// Held as long as there is a large body. It stays on its thread.
#[derive(Debug)]
pub(crate) struct Turn {
    _guard: MutexGuard<'static, ()>,
}

impl Turn {
    /// Nothing where the thread has its turn.
    fn wait() -> Option<Self> {
        if HELD.replace(true) {
            return None;
        }
        Some(Self { _guard: TURN.lock().unwrap_or_else(PoisonError::into_inner) })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        HELD.set(false);
    }
}

/// Grows by this at most at a time, so that what is taken follows what was really written.
const STEP: usize = 1 << 20;

/// The bytes themselves if they are not compressed. Damage is at a byte of `body`.
pub fn expand(body: &[u8]) -> Result<Cow<'_, [u8]>, Damage> {
    expand_to(body, MAX_EXPANDED)
}

/// The same, with the turn that large ones have to wait for.
pub(crate) fn expand_in_turn(body: &[u8]) -> Result<(Cow<'_, [u8]>, Option<Turn>), Damage> {
    let mut turn = None;
    let bytes = expand_with(body, MAX_EXPANDED, &mut || turn = Turn::wait())?;
    Ok((bytes, turn))
}

/// To at most so many bytes.
pub(crate) fn expand_to(body: &[u8], most: usize) -> Result<Cow<'_, [u8]>, Damage> {
    expand_with(body, most, &mut || {})
}

/// `grown` hears once of a body that becomes large.
fn expand_with<'b>(body: &'b [u8], most: usize, grown: &mut dyn FnMut()) -> Result<Cow<'b, [u8]>, Damage> {
    if let Some(stream) = body.strip_prefix(DEFLATE) {
        return inflate(stream, most, grown).map(Cow::Owned).map_err(|damage| behind(DEFLATE, damage));
    }
    if let Some(stream) = body.strip_prefix(ZSTD) {
        return unzstd(stream, most, grown).map(Cow::Owned).map_err(|damage| behind(ZSTD, damage));
    }
    Ok(Cow::Borrowed(body))
}

fn behind(start: &[u8], damage: Damage) -> Damage {
    Damage { at: damage.at + start.len() as u64, ..damage }
}

/// Raw DEFLATE to its last block.
fn inflate(stream: &[u8], most: usize, grown: &mut dyn FnMut()) -> Result<Vec<u8>, Damage> {
    let mut decoder = Decompress::new(false);
    let (mut out, mut is_large) = (Vec::new(), false);
    loop {
        let (read, written) = (consumed(&decoder), out.len());
        if !is_large && written > LARGE {
            is_large = true;
            grown();
        }
        // Not twice as much each time: a large one is moved rather than copied.
        out.reserve_exact(stream.len().saturating_mul(2).clamp(4096, STEP).max(written / 4));
        let status = decoder.decompress_vec(&stream[read.min(stream.len())..], &mut out, FlushDecompress::None);
        let at = consumed(&decoder);
        match status {
            Err(_) => return Err(Damage::new(at, "DEFLATE", "bytes that are none")),
            _ if out.len() > most => return Err(too_long(at, most)),
            Ok(Status::StreamEnd) => return Ok(out),
            Ok(_) if at == read && out.len() == written => {
                return Err(Damage::cut_off(at, "DEFLATE to its last block"));
            }
            Ok(_) => {}
        }
    }
}

fn consumed(decoder: &Decompress) -> usize {
    usize::try_from(decoder.total_in()).unwrap_or(usize::MAX)
}

/// One zstd frame.
fn unzstd(stream: &[u8], most: usize, grown: &mut dyn FnMut()) -> Result<Vec<u8>, Damage> {
    let mut rest = stream;
    let mut decoder = StreamingDecoder::new(&mut rest).map_err(|error| not_zstd(0, &error))?;
    let mut out = Vec::new();
    let mut ended = decoder.by_ref().take(LARGE.min(most) as u64 + 1).read_to_end(&mut out);
    if ended.is_ok() && out.len() > LARGE {
        grown();
        ended = decoder.by_ref().take((most as u64 + 1).saturating_sub(out.len() as u64)).read_to_end(&mut out);
    }
    let at = stream.len() - decoder.get_ref().len();
    match ended {
        Ok(_) if out.len() > most => Err(too_long(at, most)),
        Ok(_) => Ok(out),
        Err(error) => Err(not_zstd(at, &error)),
    }
}

fn not_zstd(at: usize, error: &dyn std::error::Error) -> Damage {
    Damage::new(at, "a zstd frame", format_args!("bytes that are none ({error})"))
}

fn too_long(at: usize, most: usize) -> Damage {
    Damage::new(at, format_args!("at most {most} bytes when expanded"), "more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write as _;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    #[test]
    fn what_was_compressed_comes_back() {
        let text: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        assert_eq!(expand(&[DEFLATE, &deflated(&text)].concat()).unwrap(), text);
        assert_eq!(expand(&[ZSTD, &zstd(&text)].concat()).unwrap(), text);
        assert_eq!(expand(b":)\n").unwrap().as_ref(), b":)\n");
    }

    #[test]
    fn no_more_comes_out_than_the_cap() {
        let zeros = vec![0; 1 << 20];
        for too_many in [inflate(&deflated(&zeros), 1000, &mut || {}), unzstd(&zstd(&zeros), 1000, &mut || {})] {
            assert_eq!(too_many.unwrap_err().expected, "at most 1000 bytes when expanded");
        }
        assert!(
            inflate(&deflated(&zeros), 1 << 20, &mut || {}).is_ok()
                && unzstd(&zstd(&zeros), 1 << 20, &mut || {}).is_ok()
        );
    }

    #[test]
    fn large_bodies_wait_for_their_turn() {
        let zeros = vec![0; 3 * LARGE];
        for body in [[DEFLATE, &deflated(&zeros)].concat(), [ZSTD, &zstd(&zeros)].concat()] {
            let (bytes, turn) = expand_in_turn(&body).unwrap();
            assert!(bytes == zeros && turn.is_some());
            assert!(std::thread::spawn(|| TURN.try_lock().is_err()).join().unwrap(), "the next one has to wait");
            assert!(expand_in_turn(&body).unwrap().1.is_none(), "nobody waits for himself");
            drop(turn);
            assert!(expand_in_turn(&body).unwrap().1.is_some());
        }
        assert!(expand_in_turn(&[DEFLATE, &deflated(b"books")].concat()).unwrap().1.is_none());
    }

    #[test]
    fn a_stream_that_is_cut_off_is_damage_wherever_it_is_cut() {
        let text: Vec<u8> = (0..2000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        let (deflated, zstd) = (deflated(&text), zstd(&text));
        for end in 0..deflated.len() {
            assert!(inflate(&deflated[..end], MAX_EXPANDED, &mut || {}).is_err(), "DEFLATE to {end}");
        }
        for end in (0..zstd.len()).step_by(5) {
            assert!(unzstd(&zstd[..end], MAX_EXPANDED, &mut || {}).is_err(), "zstd to {end}");
        }
    }
}
