//! Lists of indices as servers take them: patterns, `-` before those that stay out.

use crate::Desk;
use crate::draft::Indices;

/// Reads them; `*` and `_all` are what holds anyway.
pub(crate) fn of_server(texts: &[String], hidden: bool, at: &str, desk: &mut Desk) -> Indices {
    let mut indices = Indices { hidden, ..Indices::default() };
    for text in texts {
        if text.starts_with('<') {
            let instead = "write a pattern that every date fits, with `newer_than` if only the young ones are meant";
            desk.differs(
                at,
                &format!("date math {text:?}"),
                "patterns here hold no dates: the name is left out",
                instead,
            );
        } else if let Some(out) = text.strip_prefix('-') {
            indices.exclude.push(out.to_owned());
        } else if !["*", "_all"].contains(&text.as_str()) {
            indices.include.push(text.clone());
        }
    }
    let takes_all = texts.is_empty() || texts.iter().any(|text| text == "*" || text == "_all");
    if takes_all {
        indices.include.clear();
    }
    if takes_all && !hidden {
        let why = "servers put hidden indices in as well; here only what is not hidden";
        desk.differs(at, "all indices", why, "add patterns that begin with a dot, or `indices: {hidden: true}`");
    }
    indices
}
