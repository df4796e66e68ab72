//! Tables: one line a row, no rules, so that they can be cut and searched; colour does not shift columns.

use super::{Style, Tone};

/// One field of a row.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Text in a tone.
    pub(crate) fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: harmless(text.into()), tone }
    }

    /// The text in its colour.
    pub(crate) fn painted(&self, style: Style) -> String {
        style.paint(self.tone, &self.text)
    }
}

/// What a terminal would obey is not shown: names come from whoever can write to a repository.
pub(crate) fn harmless(text: String) -> String {
    if text.contains(is_harmful) { text.replace(is_harmful, "\u{fffd}") } else { text }
}

/// Control characters, and those that make a terminal show text in another order.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// Rows under headings. A heading that begins with `>` has its column set to the right.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The lines.
    pub(crate) fn render(&self, style: Style) -> String {
        let headings = self.headings.iter().map(|heading| Cell::toned(Tone::Dim, heading.trim_start_matches('>')));
        let all: Vec<Vec<Cell>> = std::iter::once(headings.collect()).chain(self.rows.iter().cloned()).collect();
        let widths: Vec<usize> = (0..self.headings.len()).map(|column| widest(&all, column)).collect();
        let lines: Vec<String> = all.iter().map(|row| self.line(row, &widths, style)).collect();
        lines.join("\n")
    }

    fn line(&self, row: &[Cell], widths: &[usize], style: Style) -> String {
        let fields = row.iter().zip(widths).zip(&self.headings).map(|((cell, width), heading)| {
            let padding = " ".repeat(width.saturating_sub(width_of(&cell.text)));
            let text = cell.painted(style);
            if heading.starts_with('>') { format!("{padding}{text}") } else { format!("{text}{padding}") }
        });
        fields.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

fn widest(rows: &[Vec<Cell>], column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)).map(|cell| width_of(&cell.text)).max().unwrap_or_default()
}

fn width_of(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", ">SHARDS", "STATE"]);
        table.row(vec!["a".into(), "10".into(), Cell::toned(Tone::Good, "SUCCESS")]);
        table.row(vec!["löng-name".into(), "2".into(), "PARTIAL".into()]);
        table
    }

    #[test]
    fn columns_line_up() {
        let plain = "NAME       SHARDS  STATE\na              10  SUCCESS\nlöng-name       2  PARTIAL";
        assert_eq!(table().render(Style::coloured(false)), plain);
    }

    #[test]
    fn no_text_commands_the_terminal() {
        let cell = Cell::from("a\u{1b}[2Jb\n");
        assert_eq!(cell.painted(Style::coloured(true)), "a\u{fffd}[2Jb\u{fffd}");
        // Nor turns its order.
        for turn in ['\u{202e}', '\u{2066}', '\u{200f}'] {
            let cell = Cell::from(format!("a{turn}gpj.x"));
            assert_eq!(cell.painted(Style::coloured(false)), "a\u{fffd}gpj.x", "{turn:?}");
        }
    }

    #[test]
    fn colour_does_not_shift_them() {
        let coloured = table().render(Style::coloured(true));
        assert!(coloured.contains("\u{1b}[32mSUCCESS\u{1b}[0m"), "{coloured}");
        let mut plain = coloured;
        for code in ["\u{1b}[32m", "\u{1b}[2m", "\u{1b}[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, table().render(Style::coloured(false)));
    }
}
