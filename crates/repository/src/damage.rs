//! What is wrong with a blob.

use std::fmt;

/// Characters of a blob's own text that a message shows.
const SHOWN: usize = 60;

/// Bytes of a blob that do not say what they should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The byte of the blob, from 0; where a compressed body is concerned, the byte where that begins.
    pub at: u64,
    /// What should be there.
    pub expected: String,
    /// What is there; safe to print, whatever the blob holds.
    pub found: String,
}

impl Damage {
    /// At this byte of the blob.
    pub fn new(at: usize, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self { at: at as u64, expected: expected.to_string(), found: found.to_string() }
    }

    /// The blob ends where more should be.
    pub fn cut_off(at: usize, expected: impl fmt::Display) -> Self {
        Self::new(at, expected, "the end of the blob")
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: expected {}, found {}", self.at, self.expected, self.found)
    }
}

impl std::error::Error for Damage {}

/// A blob's text as a message shows it: quoted, a little of it, and nothing that a terminal would obey.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_blob_is_cut_and_harmless() {
        assert_eq!(quoted("books"), "`books`");
        assert_eq!(quoted("\u{1b}[2J\n"), "`\\u{1b}[2J\\n`");
        // What turns the order of a terminal's text.
        assert_eq!(quoted("\u{202e}gpj.x"), "`\\u{202e}gpj.x`");
        assert_eq!(quoted(&"x".repeat(100)), format!("`{}…`", "x".repeat(SHOWN)));
    }

    #[test]
    fn damage_says_where_and_what() {
        let damage = Damage::cut_off(7, "a footer of 16 bytes");
        assert_eq!(damage.to_string(), "at byte 7: expected a footer of 16 bytes, found the end of the blob");
    }
}
