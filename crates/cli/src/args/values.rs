//! Values of flags.

use std::str::FromStr;
use std::time::Duration;

/// A span of time: whole numbers with units, such as `90s`, `1h30m` or `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut seconds: u64 = 0;
        let mut rest = text.trim();
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let count: u64 = rest[..digits].parse().map_err(|_| not_a_span())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let unit = unit(&rest[..letters]).ok_or_else(not_a_span)?;
            rest = rest[letters..].trim_start();
            seconds = count.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(not_a_span)?;
        }
        // A century is more than any snapshot's age, and keeps sums of times in range.
        if text.trim().is_empty() || seconds > 100 * 366 * 86_400 {
            Err(not_a_span())
        } else {
            Ok(Self(Duration::from_secs(seconds)))
        }
    }
}

/// A [`Span`] that may also be bare seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch(pub(crate) Duration);

impl FromStr for Watch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let with_unit = if is_bare { format!("{text}s") } else { text.to_owned() };
        with_unit.parse().map(|Span(span)| Self(span))
    }
}

fn unit(name: &str) -> Option<u64> {
    match name {
        "s" | "sec" => Some(1),
        "m" | "min" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        "w" => Some(7 * 86_400),
        _ => None,
    }
}

fn not_a_span() -> String {
    "write a span of time as 90s, 15m, 1h30m, 30d or 2w".to_owned()
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
