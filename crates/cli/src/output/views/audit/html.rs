//! The report as a page of HTML that needs nothing beside itself.

use super::tables::{Cell, Sheet, heading, sheets};
use crate::output::harmless;
use snapkeep_core::audit::Audit;

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1b1b}\
    table{border-collapse:collapse;margin:.5rem 0 2rem}\
    th,td{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}\
    th{background:#f3f3f3}p{max-width:60rem}";

pub(super) fn page(audit: &Audit) -> String {
    let (title, verdict) = heading(audit);
    let (title, verdict) = (escaped(&title), escaped(&verdict));
    let body: Vec<String> = sheets(audit).iter().map(sheet).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n<p>{verdict}</p>\n{}\n</body>\n</html>",
        body.join("\n")
    )
}

fn sheet(sheet: &Sheet) -> String {
    let (title, note) = (escaped(sheet.title), escaped(sheet.note));
    if sheet.rows.is_empty() {
        return format!("<h2>{title}</h2>\n<p>{note}</p>\n<p>None.</p>");
    }
    let cells = |tag: &str, texts: Vec<String>| {
        texts.iter().fold(String::new(), |row, text| row + &format!("<{tag}>{}</{tag}>", escaped(text)))
    };
    let head = cells("th", sheet.columns.iter().map(|(name, _)| (*name).to_owned()).collect());
    let row = |row: &Vec<Cell>| format!("<tr>{}</tr>", cells("td", row.iter().map(Cell::words).collect()));
    let rows: Vec<String> = sheet.rows.iter().map(row).collect();
    format!("<h2>{title}</h2>\n<p>{note}</p>\n<table>\n<tr>{head}</tr>\n{}\n</table>", rows.join("\n"))
}

/// Text that is text: names and reasons are others'.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in harmless(text.to_owned()).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_text() {
        assert_eq!(escaped("<img src=\"x\" onerror='y'>&"), "&lt;img src=&quot;x&quot; onerror=&#39;y&#39;&gt;&amp;");
    }
}
