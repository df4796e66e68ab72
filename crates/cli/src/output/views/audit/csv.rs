//! The report as CSV (RFC 4180): one table after the other, each row with its table's name first, so that whoever wants one of
//! them filters by it. Spans are seconds and sizes bytes, as the columns' names say.

use super::tables::{Cell, Sheet, Unit, sheets};
use crate::output::harmless;
use snapkeep_core::audit::Audit;

pub(super) fn page(audit: &Audit) -> String {
    // The last line's end is the printer's.
    sheets(audit).iter().filter(|sheet| !sheet.rows.is_empty()).flat_map(lines).collect::<Vec<_>>().join("\r\n")
}

fn lines(sheet: &Sheet) -> Vec<String> {
    let line = |first: &str, cells: Vec<String>| {
        let fields = std::iter::once(first).chain(cells.iter().map(String::as_str)).map(field);
        fields.collect::<Vec<_>>().join(",")
    };
    let named = |(name, unit): &(&str, Unit)| match unit {
        Unit::None => (*name).to_owned(),
        Unit::Seconds => format!("{name} (s)"),
        Unit::Bytes => format!("{name} (bytes)"),
    };
    let head = line("table", sheet.columns.iter().map(named).collect());
    let rows = sheet.rows.iter().map(|row| line(sheet.title, row.iter().map(Cell::plain).collect()));
    std::iter::once(head).chain(rows).collect()
}

/// Quoted where it must be. What a spreadsheet would take for a formula is text: names and reasons are others'.
fn field(text: &str) -> String {
    let text = harmless(text.to_owned());
    let is_formula = text.len() > 1 && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_no_formula() {
        for (text, expected) in
            [("a", "a"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("=1+1", "'=1+1"), ("-", "-")]
        {
            assert_eq!(field(text), expected);
        }
    }
}
