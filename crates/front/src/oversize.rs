//! Answers that never end, plain or packed small.

use crate::wire::Response;

const PIECE: usize = 64 * 1024;

/// Starts a deflate block with the fixed codes, a zero byte and one repetition of it 258 times: exactly 24 bits, after a
/// header of gzip. Bits go in from the lowest; codes of Huffman with their highest bit first.
const GZIP_START: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Decoded bytes of the first three bytes of the block.
const START_DECODES: u64 = 1 + REPEAT;
const REPEAT: u64 = 258;
/// Repetitions that fill whole bytes: 8 × 13 bits.
const CYCLE: usize = 8;

/// Writes bits from the lowest of each byte.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, bits: &str) {
        for bit in bits.bytes() {
            if self.used.is_multiple_of(8) {
                self.out.push(0);
            }
            if let (b'1', Some(last)) = (bit, self.out.last_mut()) {
                *last |= 1 << (self.used % 8);
            }
            self.used += 1;
        }
    }

    /// Length 258 (code 285, no extra bits) at distance 1 (code 0).
    fn repeat(&mut self) {
        self.put("11000101");
        self.put("00000");
    }
}

/// A body that is made as it is sent.
pub(crate) struct Oversize {
    left: u64,
    gzip: bool,
    started: bool,
}

impl Oversize {
    pub(crate) fn new(bytes: u64, gzip: bool) -> Self {
        Self { left: bytes, gzip, started: false }
    }

    /// The answer's head: its length is not said.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut response = Response::new(200, "application/json", "");
        if self.gzip {
            response.set("Content-Encoding", "gzip");
        }
        let mut head = response.encode_head(false);
        head.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        head
    }

    /// The next chunk of the body, framed; nothing once it is over.
    pub(crate) fn next_chunk(&mut self) -> Option<Vec<u8>> {
        if self.left == 0 {
            return None;
        }
        let piece = if self.gzip { self.packed() } else { self.plain() };
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(&piece);
        chunk.extend_from_slice(b"\r\n");
        Some(chunk)
    }

    fn plain(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        self.spend(length as u64);
        vec![b' '; length]
    }

    /// A gzip stream that decodes to spaces, cut rather than ended when enough was sent.
    fn packed(&mut self) -> Vec<u8> {
        if !self.started {
            self.started = true;
            self.spend(START_DECODES);
            let mut bits = Bits::default();
            bits.put("110"); // the last block, fixed codes: BFINAL, then BTYPE from its lowest bit
            bits.put("01010000"); // literal 0x20: 0x30 + 0x20
            bits.repeat();
            return [GZIP_START.as_slice(), &bits.out].concat();
        }
        let mut bits = Bits::default();
        for _ in 0..CYCLE * 512 {
            bits.repeat();
        }
        self.spend(REPEAT * CYCLE as u64 * 512);
        bits.out
    }

    fn spend(&mut self, bytes: u64) {
        if self.left != u64::MAX {
            self.left = self.left.saturating_sub(bytes);
        }
    }
}
