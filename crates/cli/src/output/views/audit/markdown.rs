//! The report as Markdown.

use super::tables::{Sheet, heading, sheets};
use crate::output::harmless;
use snapkeep_core::audit::Audit;

pub(super) fn page(audit: &Audit) -> String {
    let (title, verdict) = heading(audit);
    let head = format!("# {}\n\n{}", cell(&title), cell(&verdict));
    std::iter::once(head).chain(sheets(audit).iter().map(sheet)).collect::<Vec<_>>().join("\n\n")
}

fn sheet(sheet: &Sheet) -> String {
    if sheet.rows.is_empty() {
        return format!("## {}\n\n{}\n\nNone.", sheet.title, sheet.note);
    }
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let head = line(sheet.columns.iter().map(|(name, _)| (*name).to_owned()).collect());
    let rule = line(sheet.columns.iter().map(|_| "---".to_owned()).collect());
    let rows = sheet.rows.iter().map(|row| line(row.iter().map(|value| cell(&value.words())).collect()));
    let table: Vec<String> = [head, rule].into_iter().chain(rows).collect();
    format!("## {}\n\n{}\n\n{}", sheet.title, sheet.note, table.join("\n"))
}

/// Text that stays in its cell, and text: names and reasons are others'.
fn cell(text: &str) -> String {
    let mut safe = String::new();
    for c in harmless(text.to_owned()).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => safe.extend(['\\', c]),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_cell() {
        assert_eq!(cell("a|b <script>"), "a\\|b \\<script\\>");
        assert_eq!(cell("a_b [x](y)"), "a\\_b \\[x\\](y)");
    }
}
