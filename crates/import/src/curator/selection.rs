//! The filters of `snapshot`: which indices. What cannot be said leaves more in the snapshot, never less.

use super::names;
use crate::Desk;
use crate::draft::Indices;
use crate::section::{Section, texts};
use crate::span::{of_seconds, unit_seconds};

const MORE: &str = "the snapshot holds those indices as well";
const NARROW: &str = "narrow `indices`";

/// What Curator's filter `kibana` leaves out.
const KIBANA: [&str; 4] = [".kibana*", ".marvel-kibana", "kibana-int", ".marvel-es-data"];

/// What is known of names that all must fit at once.
#[derive(Default)]
struct Names {
    prefix: Option<String>,
    suffix: Option<String>,
    globs: Vec<String>,
}

/// Reads them all.
pub(super) fn read(filters: Vec<Section<'_>>, desk: &mut Desk) -> Indices {
    let (mut indices, mut names) = (Indices::default(), Names::default());
    for mut filter in filters {
        let kind = filter.text("filtertype").unwrap_or_default();
        match kind.as_str() {
            "none" => {}
            "pattern" => pattern(&mut filter, &mut indices, &mut names, desk),
            "age" => age(&mut filter, &mut indices, desk),
            "alias" => alias(&mut filter, &mut indices, desk),
            "kibana" if filter.flag("exclude").unwrap_or(true) => {
                indices.exclude.extend(KIBANA.map(str::to_owned));
            }
            "opened" | "closed" | "ilm" => {
                desk.differs(&filter.at, &kind, &format!("policies do not ask for that: {MORE}"), NARROW);
                continue;
            }
            _ => {
                desk.lost(&filter.at, &kind, &format!("policies choose by name, alias and age only: {MORE}"), NARROW);
                continue;
            }
        }
        crate::sm::leftovers(&filter, desk);
    }
    indices.include = names.include();
    if !indices.include.is_empty() && !indices.aliases.is_empty() {
        let why = "with Curator an index must fit both; here either suffices";
        desk.differs("the filters of a snapshot", "names and aliases", why, "leave one of them out");
    }
    indices
}

impl Names {
    fn include(self) -> Vec<String> {
        let mut globs = self.globs;
        if self.prefix.is_some() || self.suffix.is_some() {
            globs.push(format!("{}*{}", self.prefix.unwrap_or_default(), self.suffix.unwrap_or_default()));
        }
        globs
    }
}

fn pattern(filter: &mut Section<'_>, indices: &mut Indices, names: &mut Names, desk: &mut Desk) {
    let (kind, value) = (filter.text("kind").unwrap_or_default(), filter.text("value").unwrap_or_default());
    let exclude = filter.flag("exclude").unwrap_or(false);
    let Some(globs) = globs(&kind, &value) else {
        let why = if exclude {
            format!("wildcards cannot say that: {MORE}")
        } else {
            format!("wildcards cannot say that, nor two patterns that must both fit: {MORE}")
        };
        return desk.lost(&filter.at, "the pattern", &why, NARROW);
    };
    if kind == "timestring" {
        desk.differs(&filter.at, "timestring", "`?` stands for any character, not only for digits", NARROW);
    }
    if exclude {
        return indices.exclude.extend(globs);
    }
    let bare = globs.first().map(|glob| glob.trim_matches('*').to_owned());
    match kind.as_str() {
        "prefix" if names.prefix.is_none() && names.globs.is_empty() => names.prefix = bare,
        "suffix" if names.suffix.is_none() && names.globs.is_empty() => names.suffix = bare,
        _ if names.globs.is_empty() && names.prefix.is_none() && names.suffix.is_none() => names.globs = globs,
        _ => desk.differs(&filter.at, "the pattern", &format!("of several patterns the first decide: {MORE}"), NARROW),
    }
}

/// The wildcards that fit the same names.
fn globs(kind: &str, value: &str) -> Option<Vec<String>> {
    if kind == "timestring" {
        return Some(vec![format!("*{}*", digits(&names::of_timestring(value))?)]);
    }
    let regex = names::of_pattern(kind, value)?;
    let open = |glob: String| if regex.starts_with('^') { glob } else { format!("*{glob}") };
    let closed = |glob: String| if regex.ends_with('$') { glob } else { format!("{glob}*") };
    let inner = regex.trim_start_matches('^').trim_end_matches('$');
    Some(choices(inner)?.into_iter().map(|glob| squeezed(&closed(open(glob)))).collect())
}

/// `\d{4}\.` as `????.`.
fn digits(regex: &str) -> Option<String> {
    let mut glob = String::new();
    let mut rest = regex;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(r"\d{") {
            let (count, after) = after.split_once('}')?;
            glob += &"?".repeat(count.parse().ok()?);
            rest = after;
        } else {
            rest = &rest[c.len_utf8()..];
            glob.extend((c != '\\').then_some(c));
        }
    }
    Some(glob)
}

fn squeezed(glob: &str) -> String {
    let mut squeezed = glob.to_owned();
    while squeezed.contains("**") {
        squeezed = squeezed.replace("**", "*");
    }
    squeezed
}

/// A regular expression of literals, `.`, `.*`, and one group of choices; nothing else.
fn choices(regex: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = regex.split_once('(') else { return simple(regex).map(|glob| vec![glob]) };
    let (inner, after) = rest.trim_start_matches("?:").split_once(')')?;
    if after.starts_with(['*', '+', '?', '{']) {
        return None;
    }
    let (before, after) = (simple(before)?, simple(after)?);
    inner.split('|').map(|choice| Some(format!("{before}{}{after}", simple(choice)?))).collect()
}

fn simple(regex: &str) -> Option<String> {
    let (mut glob, mut rest) = (String::new(), regex);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '.' => match rest.strip_prefix('*') {
                Some(after) => {
                    glob.push('*');
                    rest = after;
                }
                None => glob.push('?'),
            },
            '\\' => {
                let literal = rest.chars().next().filter(|c| !c.is_alphanumeric())?;
                glob.push(literal);
                rest = &rest[literal.len_utf8()..];
            }
            c if "+*?()|[]{}^$".contains(c) => return None,
            c => glob.push(c),
        }
        if rest.starts_with(['*', '+', '?', '{']) {
            return None;
        }
    }
    Some(glob)
}

fn age(filter: &mut Section<'_>, indices: &mut Indices, desk: &mut Desk) {
    let unit = filter.text("unit").and_then(|unit| unit_seconds(&unit));
    let length = unit.zip(filter.number("unit_count")).and_then(|(unit, count)| unit.checked_mul(count));
    let source = filter.text("source").unwrap_or_default();
    let (older, exclude) =
        (filter.text("direction").as_deref() == Some("older"), filter.flag("exclude").unwrap_or(false));
    let is_relative = filter.number("epoch").unwrap_or(0) == 0 && !filter.has("unit_count_pattern");
    for rest in ["timestring", "stats_result", "field"] {
        filter.take(rest);
    }
    let Some(length) = length.filter(|length| *length > 0 && is_relative) else {
        filter.take("unit_count_pattern");
        return desk.lost(&filter.at, "the age", &format!("policies know ages before now only: {MORE}"), NARROW);
    };
    if source != "creation_date" {
        desk.differs(
            &filter.at,
            &format!("source: {source}"),
            "ages here are by the index's creation",
            "nothing to do, if indices are made on their day",
        );
    }
    let place = if older == exclude { &mut indices.newer_than } else { &mut indices.older_than };
    if place.replace(of_seconds(length)).is_some() {
        desk.differs(&filter.at, "the age", &format!("of several ages the last decides: {MORE}"), NARROW);
    }
}

fn alias(filter: &mut Section<'_>, indices: &mut Indices, desk: &mut Desk) {
    let aliases = filter.take("aliases").map(texts).unwrap_or_default();
    if filter.flag("exclude").unwrap_or(false) {
        return desk.lost(&filter.at, "the alias", &format!("policies do not exclude by alias: {MORE}"), NARROW);
    }
    indices.aliases.extend(aliases);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_patterns_are_wildcards() {
        for (kind, value, expected) in [
            ("prefix", "logs-", Some("logs-*")),
            ("prefix", "logs.", Some("logs?*")),
            ("suffix", "-daily", Some("*-daily")),
            ("timestring", "%Y.%m.%d", Some("*????.??.??*")),
            ("regex", "^(logs|metrics)-.*$", Some("logs-* metrics-*")),
            ("regex", "^a", Some("a*")),
            ("regex", "audit", Some("*audit*")),
            ("regex", r"^a\.b$", Some("a.b")),
            ("regex", r"^a\d+$", None),
            ("regex", "^[ab]", None),
            ("regex", "a?b", None),
        ] {
            assert_eq!(globs(kind, value).map(|globs| globs.join(" ")).as_deref(), expected, "{kind} {value}");
        }
    }
}
