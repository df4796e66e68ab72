//! JSON, as in the root's `index-N`.

use std::fmt::Display;

use serde::Deserialize;
use serde_json::error::Category;

use crate::Damage;

/// Characters of a message of the parser's.
const SHOWN: usize = 160;

/// The blob as a value; what can be is borrowed from it. Nesting beyond 128 levels is damage.
pub fn decode<'de, T: Deserialize<'de>>(blob: &'de [u8]) -> Result<T, Damage> {
    if blob.is_empty() {
        return Err(Damage::new(0, "JSON", "an empty blob"));
    }
    serde_json::from_slice(blob).map_err(|error| damage(blob, &error))
}

fn damage(blob: &[u8], error: &serde_json::Error) -> Damage {
    let at = offset(blob, error.line(), error.column());
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    if error.classify() == Category::Eof {
        return Damage::cut_off(blob.len(), "JSON to its end");
    }
    match message.split_once(", expected ") {
        Some((found, expected)) => Damage::new(at, harmless(expected), harmless(found)),
        None if error.classify() == Category::Data => Damage::new(at, "what the format prescribes", harmless(message)),
        None => Damage::new(at, "JSON", harmless(message)),
    }
}

/// Messages quote the blob.
fn harmless(message: impl Display) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    message.to_string().chars().take(SHOWN).map(plain).collect()
}

/// From a line and a column, both from 1, to the byte.
fn offset(blob: &[u8], line: usize, column: usize) -> usize {
    let lines = blob.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column.saturating_sub(1)).min(blob.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_names_the_byte() {
        let table: [(&str, u64, &str, &str); 6] = [
            ("", 0, "JSON", "an empty blob"),
            ("[1, 2", 5, "JSON to its end", "the end of the blob"),
            ("[1, x]", 4, "value", "expected value"),
            ("[1,\n 2,\n \"a\"]", 11, "u8", "invalid type: string \"a\""),
            ("[300]", 3, "u8", "invalid value: integer `300`"),
            ("[1] 2", 4, "JSON", "trailing characters"),
        ];
        for (text, at, expected, found) in table {
            let damage = decode::<Vec<u8>>(text.as_bytes()).unwrap_err();
            let got = (damage.at, damage.expected.as_str(), damage.found.as_str());
            let expected = if found == "expected value" { (at, "JSON", found) } else { (at, expected, found) };
            assert_eq!(got, expected, "{text:?}");
        }
    }

    #[test]
    fn what_a_message_quotes_is_harmless() {
        let damage = decode::<u8>("\"\\u001b[2J\"".as_bytes()).unwrap_err();
        assert!(!damage.to_string().contains('\u{1b}'), "{damage}");
    }
}
