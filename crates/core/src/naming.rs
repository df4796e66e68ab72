//! Names of repositories and snapshots: which are accepted, and those that we make.
//!
//! The article's `dd-MM-yyyy-h-mm-ss` has no half of the day, so that 01:00 and 13:00 collide, and
//! it does not sort. Names made here hold the UTC time on a 24-hour clock, widest unit first.

use crate::inventory::MAX_SKEW;
use crate::{Code, Failure};
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;

/// Longest name that we make or accept, in bytes.
pub const NAME_LIMIT: usize = 200;

/// Characters that the servers refuse in names (`Strings.validFileName` and the snapshot service's
/// own checks), and `%`, which starts a field of a [`Template`].
const FORBIDDEN: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', '%'];

/// The name of a repository, safe as one path segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryName(String);

/// The name of a snapshot, safe as one path segment, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotName(String);

impl RepositoryName {
    /// Accepts any name that servers do, unless it could be read as more than one name (`*`, `,`, a
    /// leading `-`), as an API of its own (a leading `_`) or as a template (`%`).
    pub fn parse(text: &str) -> Result<Self, Failure> {
        check("RepositoryName", text)?;
        Ok(Self(text.to_owned()))
    }
}

impl SnapshotName {
    /// Accepts any lower-case name under the same limits as [`RepositoryName::parse`].
    pub fn parse(text: &str) -> Result<Self, Failure> {
        check("SnapshotName", text)?;
        if text.chars().any(char::is_uppercase) {
            return Err(bad_name("SnapshotName", text, "it has capital letters, which servers refuse"));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// Whether it is one of the managed service's own, which start with `cs-`.
            pub fn is_reserved(&self) -> bool {
                self.0.to_lowercase().starts_with("cs-")
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as one encoded path segment.
            pub fn segment(&self) -> String {
                encode_segment(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(RepositoryName);
name!(SnapshotName);

fn check(field: &str, text: &str) -> Result<(), Failure> {
    let wrong = if text.is_empty() {
        "it is empty"
    } else if text.starts_with('<') {
        "date math is not sent to servers; use a template such as nightly-%Y%m%d-%H%M%S, or leave `SnapshotName` out"
    } else if text.len() > NAME_LIMIT {
        "it is longer than 200 bytes"
    } else if text == "." || text == ".." {
        "it would change the path"
    } else if text.starts_with(['_', '-']) {
        "it starts with `_` or `-`, which servers read as an API or an exclusion"
    } else if text.contains(FORBIDDEN) || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        r#"it has white space, a control character or one of \ / * ? " < > | , # %"#
    } else {
        return Ok(());
    };
    Err(bad_name(field, text, wrong))
}

fn bad_name(field: &str, text: &str, wrong: &str) -> Failure {
    Failure::new(
        Code::BadEvent,
        format!("`{field}` {text:?} is not a usable name: {wrong}"),
        "use lower-case letters, digits, `-`, `.` and `_`",
    )
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, so that any text stays
/// one segment of a path. (`.` and `..` would not: they are refused as names.)
pub fn encode_segment(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// The first 8 hex digits of a request id: what recognises a repeated delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMark(String);

impl RequestMark {
    /// Request ids are UUIDs; of any other id an FNV-1a hash stands in.
    pub fn of(request_id: &str) -> Self {
        let head: String = request_id.chars().take(8).collect();
        if head.len() == 8 && head.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Self(head.to_ascii_lowercase());
        }
        let hash =
            request_id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self(format!("{hash:08x}"))
    }

    /// The 8 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` ends in this mark.
    pub fn marks(&self, name: &str) -> bool {
        name.strip_suffix(&self.0).is_some_and(|rest| rest.ends_with('-'))
    }
}

/// `raw` as the first part of a name: lower case, other characters than `[a-z0-9._-]` become `-`,
/// no leading `_`, `-` or `.`; `snapshot` if nothing is left.
pub fn prefix(raw: &str) -> String {
    let mapped: String = raw
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c) { c } else { '-' })
        .collect();
    let trimmed = mapped.trim_start_matches(['_', '-', '.']);
    if trimmed.is_empty() { "snapshot".to_owned() } else { trimmed.to_owned() }
}

/// `<prefix>-<yyyymmdd>t<hhmmss>z-<mark>`: the name for an event or a command.
pub fn name_for_request(prefix_of: &str, at: Timestamp, mark: &RequestMark) -> SnapshotName {
    assemble(prefix_of, &format!("-{}-{}", stamp(at), mark.as_str()))
}

/// `<prefix>-<yyyymmdd>t<hhmmss>z`: the name for a slot. It holds no request id, so that every
/// delivery for that slot makes the same name.
pub fn name_for_slot(prefix_of: &str, slot: Timestamp) -> SnapshotName {
    assemble(prefix_of, &format!("-{}", stamp(slot)))
}

/// The name for a slot's attempt `n`: the slot's own for the first, then with `-r2`, `-r3` and so on.
pub fn name_for_attempt(prefix_of: &str, slot: Timestamp, attempt: u32) -> SnapshotName {
    if attempt <= 1 {
        return name_for_slot(prefix_of, slot);
    }
    assemble(prefix_of, &format!("-{}-r{attempt}", stamp(slot)))
}

/// What a name made by [`name_for_attempt`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotName<'a> {
    /// The policy's prefix.
    pub prefix: &'a str,
    /// The slot.
    pub slot: Timestamp,
    /// Which attempt at the slot, from 1.
    pub attempt: u32,
}

impl<'a> SlotName<'a> {
    /// Reads the *whole* name; `None` for any name that [`name_for_attempt`] would not have made just so.
    pub fn parse(name: &'a str) -> Option<Self> {
        let without_number = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let (rest, attempt) = match without_number.strip_suffix("-r") {
            Some(rest) => (rest, read_attempt(&name[without_number.len()..])?),
            None => (name, 1),
        };
        let (prefix, stamp) = rest.rsplit_once('-')?;
        let slot = read_stamp(stamp)?;
        (!prefix.is_empty()).then_some(Self { prefix, slot, attempt })
    }
}

/// From when on a snapshot counts: its start, but not a moment before the slot that its name tells, since the server's
/// clock may lag behind the one by which the slot was due.
pub fn counts_from(name: &str, started_at: Timestamp) -> Timestamp {
    let slot = SlotName::parse(name).map(|name| name.slot);
    slot.filter(|slot| slot.duration_since(started_at) <= MAX_SKEW).map_or(started_at, |slot| slot.max(started_at))
}

/// 2 and up, without leading zeros.
fn read_attempt(digits: &str) -> Option<u32> {
    digits.parse().ok().filter(|attempt| *attempt > 1 && !digits.starts_with('0'))
}

/// Reads `yyyymmddthhmmssz`, and nothing that is no time of the calendar.
fn read_stamp(stamp: &str) -> Option<Timestamp> {
    let bytes = stamp.as_bytes();
    if bytes.len() != 16 || bytes[8] != b't' || bytes[15] != b'z' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0_i16, |n, b| b.is_ascii_digit().then(|| n * 10 + i16::from(b - b'0')))
    };
    let small = |range| number(range).and_then(|n| i8::try_from(n).ok());
    let date = jiff::civil::Date::new(number(0..4)?, small(4..6)?, small(6..8)?).ok()?;
    let time = jiff::civil::Time::new(small(9..11)?, small(11..13)?, small(13..15)?, 0).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()
}

fn assemble(prefix_of: &str, suffix: &str) -> SnapshotName {
    let mut name = prefix(prefix_of);
    name.truncate(NAME_LIMIT - suffix.len());
    SnapshotName(name + suffix)
}

fn stamp(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dt%H%M%Sz").to_string()
}

/// A name with time fields (`%Y %m %d %j %H %M %S`, UTC), accepted only if two different seconds can
/// never give one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Whether `text` is meant as a template rather than as a fixed name.
    pub fn is_template(text: &str) -> bool {
        text.contains('%')
    }

    /// Accepts a template whose fields tell every second of the years 0 to 9999 apart.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let fields = fields(text)?;
        let has = |field: char| fields.contains(&field);
        if !(has('Y') && (has('m') && has('d') || has('j')) && has('H') && has('M') && has('S')) {
            return Err(bad_template(text, "two different seconds could get one name"));
        }
        let sample = Self(text.to_owned());
        sample.render(Timestamp::UNIX_EPOCH)?;
        Ok(sample)
    }

    /// The name for `at`.
    pub fn render(&self, at: Timestamp) -> Result<SnapshotName, Failure> {
        SnapshotName::parse(&at.to_zoned(TimeZone::UTC).strftime(&self.0).to_string())
    }
}

fn fields(text: &str) -> Result<Vec<char>, Failure> {
    let mut fields = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        match chars.next() {
            Some(field) if "YmdjHMS".contains(field) => fields.push(field),
            _ => return Err(bad_template(text, "its fields may be %Y %m %d %j %H %M %S and no others")),
        }
    }
    Ok(fields)
}

fn bad_template(text: &str, wrong: &str) -> Failure {
    Failure::new(
        Code::BadEvent,
        format!("`SnapshotName` {text:?} is not a usable template: {wrong}"),
        "use year, month, day, 24-hour, minute and second: nightly-%Y%m%d-%H%M%S",
    )
}

/// Whether a time can stand in a name: the years 1970 to 9999.
pub fn is_nameable(at: Timestamp) -> bool {
    at >= Timestamp::UNIX_EPOCH && at.to_zoned(TimeZone::UTC).year() <= 9999
}

#[cfg(test)]
mod tests;
