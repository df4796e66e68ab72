//! Changes when the snapshots of an Elasticsearch 7.17 repository began, and how they ended, in its files. No node can be
//! made to take a snapshot in the past.
//!
//! `snap-UUID.dat` is Lucene's header, SMILE, and a footer whose last 8 bytes are the CRC32 of all before them; without
//! compression its values stand there in the open. `index-N` is JSON without a checksum.

use std::path::Path;

use crate::failure::{Failure, Result};

/// SMILE's tokens: a 64-bit integer; the length bases of short field names and of short ASCII texts.
const LONG: u8 = 0x25;
const NAME: usize = 0x7F;
const TEXT: usize = 0x3F;

/// What a snapshot is to be.
pub(super) struct Backdated {
    pub(super) name: String,
    pub(super) start_millis: u64,
    pub(super) state: &'static str,
}

/// Writes all of them into the newest generation.
pub(super) fn repository(folder: &Path, all: &[Backdated]) -> Result<()> {
    let latest = std::fs::read(folder.join("index.latest")).map_err(Failure::during("cannot read index.latest"))?;
    let generation = latest.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let place = folder.join(format!("index-{generation}"));
    let mut index = std::fs::read_to_string(&place).map_err(Failure::during("cannot read the repository's index"))?;
    for one in all {
        let uuid =
            in_index(&mut index, one).ok_or_else(|| Failure::new(format!("{} is not in the index", one.name)))?;
        let blob = folder.join(format!("snap-{uuid}.dat"));
        let bytes = std::fs::read(&blob).map_err(Failure::during("cannot read a snapshot's blob"))?;
        let bytes =
            in_blob(&bytes, one).ok_or_else(|| Failure::new(format!("{}: its blob is not understood", one.name)))?;
        std::fs::write(&blob, bytes).map_err(Failure::during("cannot write a snapshot's blob"))?;
    }
    std::fs::write(&place, index).map_err(Failure::during("cannot write the repository's index"))
}

/// Changes state and times of the entry; gives its uuid.
fn in_index(index: &mut String, one: &Backdated) -> Option<String> {
    let begin = index.find(&format!("{{\"name\":\"{}\",\"uuid\"", one.name))?;
    let uuid = after(&index[begin..], "\"uuid\":\"")?.split('"').next()?.to_owned();
    let end = index[begin + 1..].find("{\"name\":").map_or(index.len(), |next| begin + 1 + next);
    let number = match one.state {
        "SUCCESS" => "1",
        "FAILED" => "2",
        _ => "3",
    };
    let mut entry = index[begin..end].to_owned();
    replace_number(&mut entry, "\"state\":", number);
    replace_number(&mut entry, "\"start_time_millis\":", &one.start_millis.to_string());
    replace_number(&mut entry, "\"end_time_millis\":", &(one.start_millis + 1_000).to_string());
    index.replace_range(begin..end, &entry);
    Some(uuid)
}

fn after<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.split_once(key).map(|(_, rest)| rest)
}

/// Where the key is: some versions do not write all of them.
fn replace_number(text: &mut String, key: &str, number: &str) {
    let Some(at) = text.find(key) else { return };
    let begin = at + key.len();
    let digits = text[begin..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - begin);
    text.replace_range(begin..begin + digits, number);
}

fn in_blob(bytes: &[u8], one: &Backdated) -> Option<Vec<u8>> {
    let mut content = bytes.get(..bytes.len().checked_sub(8)?)?.to_vec();
    replace_long(&mut content, "start_time", one.start_millis)?;
    replace_long(&mut content, "end_time", one.start_millis + 1_000)?;
    replace_text(&mut content, "state", one.state)?;
    let sum = u64::from(crc32fast::hash(&content));
    content.extend(sum.to_be_bytes());
    Some(content)
}

/// Where the value of a key begins.
fn value_of(content: &[u8], key: &str) -> Option<usize> {
    let mut token = vec![u8::try_from(NAME + key.len()).ok()?];
    token.extend(key.as_bytes());
    content.windows(token.len()).position(|window| window == token).map(|at| at + token.len())
}

fn replace_long(content: &mut Vec<u8>, key: &str, number: u64) -> Option<()> {
    let at = value_of(content, key).filter(|at| content.get(*at) == Some(&LONG))? + 1;
    let length = content[at..].iter().position(|byte| byte & 0x80 != 0)? + 1;
    content.splice(at..at + length, long(number));
    Some(())
}

/// Zigzag, seven bits a byte, the largest first; the last byte holds six and is marked.
fn long(number: u64) -> Vec<u8> {
    let zigzag = number << 1;
    let byte = |bits: u64| u8::try_from(bits).unwrap_or_default();
    let mut bytes = vec![0x80 | byte(zigzag & 0x3F)];
    let mut rest = zigzag >> 6;
    while rest > 0 {
        bytes.insert(0, byte(rest & 0x7F));
        rest >>= 7;
    }
    bytes
}

fn replace_text(content: &mut Vec<u8>, key: &str, text: &str) -> Option<()> {
    let at = value_of(content, key)?;
    let length = usize::from(*content.get(at)?).checked_sub(TEXT)?;
    let mut value = vec![u8::try_from(TEXT + text.len()).ok()?];
    value.extend(text.as_bytes());
    content.splice(at..=at + length, value);
    Some(())
}

/// A name with its date in place of `%Y%m%d%H%M%S`, by seconds since 1970, UTC.
pub(super) fn dated(name: &str, seconds: u64) -> String {
    let (date, _) = crate::bench::date_and_hour(usize::try_from(seconds / 3_600).unwrap_or_default());
    let mut parts = date.split('-');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let two = |number: u64| format!("{number:02}");
    let codes = [
        ("%Y", next()),
        ("%m", next()),
        ("%d", next()),
        ("%H", two(seconds / 3_600 % 24)),
        ("%M", two(seconds / 60 % 60)),
        ("%S", two(seconds % 60)),
    ];
    codes.iter().fold(name.to_owned(), |name, (code, text)| name.replace(code, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_in_their_places() {
        let mut blob = vec![1, 2, 0x84];
        blob.extend(b"state\x46SUCCESS\x89start_time\x25");
        blob.extend(long(1_795_000_000_000));
        blob.extend(b"\x87end_time\x25");
        blob.extend(long(1_795_000_001_000));
        blob.extend([0; 16]);
        let one = Backdated { name: "s".into(), start_millis: 1_700_000_000_000, state: "FAILED" };
        let changed = in_blob(&blob, &one).unwrap();
        let mut expected = vec![1, 2, 0x84];
        expected.extend(b"state\x45FAILED\x89start_time\x25");
        expected.extend(long(1_700_000_000_000));
        expected.extend(b"\x87end_time\x25");
        expected.extend(long(1_700_000_001_000));
        expected.extend([0; 8]);
        assert_eq!(changed[..changed.len() - 8], expected);
        assert_eq!(long(0), [0x80]);
        assert_eq!(long(32), [0x01, 0x80]);
    }

    #[test]
    fn names_hold_their_dates() {
        assert_eq!(dated("curator-%Y%m%d%H%M%S", 1_790_816_461), "curator-20261001010101");
        assert_eq!(dated("manual-1", 0), "manual-1");
    }
}
