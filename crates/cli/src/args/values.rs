//! Values of flags.

use snapkeep_core::period::Period;
use std::str::FromStr;
use std::time::Duration;

/// A span of time, written as everywhere (`90s`, `15min`, `1h30min`, `2w`), but without years and months, which are not
/// always as long. A bare `m` is refused here too: `delete --older-than 6m` must not guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A century is more than any snapshot's age, and keeps sums of times in range.
const LONGEST: u64 = 100 * 366 * 86_400;

/// A number of bytes: `500000`, `50MB`, `10MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit: u64 = match text[digits..].to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1_000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return Err("bytes are written like 500000, 50MB or 10MiB".to_owned()),
        };
        let number: u64 = text[..digits].parse().map_err(|_| "there is no number".to_owned())?;
        number
            .checked_mul(unit)
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(|| "it is none, or too many".to_owned())
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let period = Period::parse(text.trim()).map_err(|failure| {
            let cause =
                failure.cause.split_once(" is not a length of time: ").map_or(failure.cause.as_str(), |cut| cut.1);
            format!("{cause}; {}", failure.hint)
        })?;
        let seconds = period.fixed_seconds().and_then(|seconds| u64::try_from(seconds).ok());
        match seconds.ok_or("years and months are not always as long: write it in w, d, h, min or s")? {
            seconds if seconds <= LONGEST => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("it is longer than a century".to_owned()),
        }
    }
}

/// A [`Span`] that may also be bare seconds, and nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch(pub(crate) Duration);

impl FromStr for Watch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_suffix('s').unwrap_or(text).parse::<u32>() {
            Ok(seconds) => Ok(Self(Duration::from_secs(seconds.into()))),
            Err(_) => text.parse().map(|Span(span)| Self(span)),
        }
    }
}

/// `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Before the first `=`.
    pub(crate) key: String,
    /// After it.
    pub(crate) value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok(Self { key: key.trim().to_owned(), value: value.to_owned() })
            }
            _ => Err("write it as KEY=VALUE".to_owned()),
        }
    }
}
