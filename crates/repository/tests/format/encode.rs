//! Writes what the crate reads, as Jackson and the servers do.

use std::collections::HashMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::Value;

/// How a body is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Plain,
    Deflate,
    Zstd,
}

/// A blob with header, body and footer.
pub(crate) fn dat(codec: &str, body: &[u8], stored: Stored) -> Vec<u8> {
    let mut blob = 0x3fd7_6c17_u32.to_be_bytes().to_vec();
    blob.push(u8::try_from(codec.len()).unwrap());
    blob.extend_from_slice(codec.as_bytes());
    blob.extend_from_slice(&1_u32.to_be_bytes());
    match stored {
        Stored::Plain => blob.extend_from_slice(body),
        Stored::Deflate => {
            blob.extend_from_slice(b"DFL\0");
            blob.extend(deflated(body));
        }
        Stored::Zstd => {
            blob.extend_from_slice(b"ZSTD\0");
            blob.extend(compress_to_vec(body, CompressionLevel::Fastest));
        }
    }
    sealed(blob)
}

/// Raw DEFLATE.
pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// With a footer that is right.
pub(crate) fn sealed(mut blob: Vec<u8>) -> Vec<u8> {
    blob.extend_from_slice(&(!0x3fd7_6c17_u32).to_be_bytes());
    blob.extend_from_slice(&0_u32.to_be_bytes());
    let crc = u64::from(crc32fast::hash(&blob));
    blob.extend_from_slice(&crc.to_be_bytes());
    blob
}

/// SMILE, with references to earlier names and, if asked for, to earlier texts.
pub(crate) fn smile(value: &Value, shares_texts: bool) -> Vec<u8> {
    let flags = 0b101 | if shares_texts { 0b10 } else { 0 };
    let mut encoder = Encoder {
        out: vec![b':', b')', b'\n', flags],
        names: Seen::default(),
        texts: shares_texts.then(Seen::default),
    };
    encoder.value(value);
    encoder.out
}

#[derive(Default)]
struct Seen {
    numbers: HashMap<String, usize>,
    next: usize,
}

impl Seen {
    fn add(&mut self, text: &str) {
        if self.next == 1024 {
            *self = Self::default();
        }
        // Jackson makes no references whose low byte would be 0xfe or 0xff.
        if self.next & 0xff < 0xfe {
            self.numbers.insert(text.to_owned(), self.next);
        }
        self.next += 1;
    }
}

struct Encoder {
    out: Vec<u8>,
    names: Seen,
    texts: Option<Seen>,
}

fn low(number: usize) -> u8 {
    u8::try_from(number & 0xff).unwrap()
}

impl Encoder {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push(0x21),
            Value::Bool(value) => self.out.push(if *value { 0x23 } else { 0x22 }),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.text(text),
            Value::Array(values) => {
                self.out.push(0xf8);
                for value in values {
                    self.value(value);
                }
                self.out.push(0xf9);
            }
            Value::Object(fields) => {
                self.out.push(0xfa);
                for (name, value) in fields {
                    self.name(name);
                    match (name.as_str(), value) {
                        // Binary in the servers' blobs; a JSON value has only its text.
                        ("meta_hash", Value::String(bytes)) => self.binary(bytes.as_bytes()),
                        // ... or their numbers, where they are no text.
                        ("meta_hash", Value::Array(bytes)) => {
                            let bytes = bytes.iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap());
                            self.binary(&bytes.collect::<Vec<_>>());
                        }
                        _ => self.value(value),
                    }
                }
                self.out.push(0xfb);
            }
        }
    }

    fn number(&mut self, number: &serde_json::Number) {
        if let Some(number) = number.as_i64() {
            let zigzag = ((number << 1) ^ (number >> 63)).cast_unsigned();
            if zigzag < 32 {
                self.out.push(0xc0 | u8::try_from(zigzag).unwrap());
            } else {
                self.out.push(if i32::try_from(number).is_ok() { 0x24 } else { 0x25 });
                self.vint(zigzag);
            }
        } else if let Some(number) = number.as_u64() {
            self.out.push(0x26);
            let bytes: Vec<u8> = std::iter::once(0).chain(number.to_be_bytes()).collect();
            self.packed(&bytes);
        } else {
            let bits = number.as_f64().unwrap().to_bits();
            self.out.push(0x29);
            self.out.extend((0..10).rev().map(|group| u8::try_from(u128::from(bits) >> (7 * group) & 0x7f).unwrap()));
        }
    }

    fn vint(&mut self, number: u64) {
        let mut bytes = vec![0x80 | u8::try_from(number & 0x3f).unwrap()];
        let mut rest = number >> 6;
        while rest > 0 {
            bytes.push(u8::try_from(rest & 0x7f).unwrap());
            rest >>= 7;
        }
        self.out.extend(bytes.iter().rev());
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.out.push(0xfd);
        self.vint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Seven bits a byte.
    fn packed(&mut self, bytes: &[u8]) {
        self.vint(bytes.len() as u64);
        for group in bytes.chunks(7) {
            let n = group.len();
            let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for byte in 0..n {
                self.out.push(low(usize::try_from(bits >> (8 * n - 7 * (byte + 1)) & 0x7f).unwrap()));
            }
            self.out.push(low(usize::try_from(bits & ((1 << n) - 1)).unwrap()));
        }
    }

    fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let known = self.texts.as_ref().and_then(|seen| seen.numbers.get(text).copied());
        let start = match (bytes.len(), text.is_ascii()) {
            (0, _) => 0x20,
            _ if known.is_some() => return self.text_again(known.unwrap()),
            (n @ 1..=32, true) => 0x40 + n - 1,
            (n @ 33..=64, true) => 0x60 + n - 33,
            (n @ 2..=33, false) => 0x80 + n - 2,
            (n @ 34..=65, false) => 0xa0 + n - 34,
            (_, is_ascii) => return self.long_text(if is_ascii { 0xe0 } else { 0xe4 }, bytes),
        };
        self.out.push(low(start));
        self.out.extend_from_slice(bytes);
        if let (Some(seen), false) = (&mut self.texts, text.is_empty()) {
            seen.add(text);
        }
    }

    fn text_again(&mut self, number: usize) {
        if number < 31 {
            self.out.push(low(number + 1));
        } else {
            self.out.extend([0xec | low(number >> 8), low(number)]);
        }
    }

    fn long_text(&mut self, start: u8, bytes: &[u8]) {
        self.out.push(start);
        self.out.extend_from_slice(bytes);
        self.out.push(0xfc);
    }

    fn name(&mut self, name: &str) {
        let bytes = name.as_bytes();
        if let Some(&number) = self.names.numbers.get(name) {
            return if number < 64 {
                self.out.push(0x40 + low(number));
            } else {
                self.out.extend([0x30 | low(number >> 8), low(number)]);
            };
        }
        let start = match (bytes.len(), name.is_ascii()) {
            (0, _) => return self.out.push(0x20),
            (n @ 1..=64, true) => 0x80 + n - 1,
            (n @ 2..=57, false) => 0xc0 + n - 2,
            _ => {
                self.long_text(0x34, bytes);
                return self.names.add(name);
            }
        };
        self.out.push(low(start));
        self.out.extend_from_slice(bytes);
        self.names.add(name);
    }
}
