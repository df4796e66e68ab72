//! Curator's patterns of names: it makes each of them a regular expression (Python's) and looks for that in the name.

use crate::draft::Adopted;

/// Digits of the codes of dates that Curator knows.
const CODES: &[(char, usize)] = &[
    ('Y', 4),
    ('G', 4),
    ('y', 2),
    ('m', 2),
    ('W', 2),
    ('V', 2),
    ('U', 2),
    ('d', 2),
    ('H', 2),
    ('M', 2),
    ('S', 2),
    ('j', 3),
];

/// The regular expression that Curator makes of a timestring.
pub(super) fn of_timestring(timestring: &str) -> String {
    let (mut regex, mut previous) = (String::new(), ' ');
    for c in timestring.chars() {
        match CODES.iter().find(|(code, _)| *code == c) {
            _ if c == '%' => {}
            Some((_, digits)) if previous == '%' => regex.extend([r"\d{", &digits.to_string(), "}"]),
            _ if c == '.' || c == '-' => regex.extend(['\\', c]),
            _ => regex.push(c),
        }
        previous = c;
    }
    regex
}

/// The regular expression that Curator makes of a pattern; `None` for a kind that it does not know.
pub(super) fn of_pattern(kind: &str, value: &str) -> Option<String> {
    Some(match kind {
        "prefix" => format!("^{value}.*$"),
        "suffix" => format!("^.*{value}$"),
        "timestring" => format!("^.*{}.*$", of_timestring(value)),
        "regex" => value.to_owned(),
        _ => return None,
    })
}

/// What a name that Curator makes looks like: codes as digits of a real date.
pub(super) fn sample(template: &str) -> String {
    let digits = |code: char| match code {
        'Y' | 'G' => "2026",
        'y' => "26",
        'm' | 'M' => "11",
        'W' | 'V' | 'U' => "47",
        'd' | 'S' => "23",
        'H' => "12",
        'j' => "327",
        _ => "",
    };
    let (mut name, mut previous) = (String::new(), ' ');
    for c in template.chars() {
        if previous == '%' && !digits(c).is_empty() {
            name += digits(c);
        } else if c != '%' {
            name.push(c);
        }
        previous = c;
    }
    name
}

/// The literal text that a template begins with.
pub(super) fn literal(template: &str) -> &str {
    &template[..template.find(['%', '<']).unwrap_or(template.len())]
}

/// Snapshots whose names each of `matches` is found in and none of `except`. What is adopted begins with literal text,
/// so that nobody else's is: without a regular expression that begins so there are none.
pub(super) fn adopted(matches: &[String], except: &[String]) -> Vec<Adopted> {
    let beginnings: Vec<(usize, Vec<Beginning>)> =
        matches.iter().enumerate().filter_map(|(at, regex)| Some((at, beginnings(regex)?))).collect();
    let shortest = |list: &[Beginning]| list.iter().map(|one| one.text.len()).min().unwrap_or_default();
    let Some((at, best)) = beginnings.into_iter().max_by_key(|(_, list)| shortest(list)) else { return Vec::new() };
    let one = |beginning: Beginning| {
        let is_said = |(place, _): &(usize, &String)| *place != at || !beginning.is_whole;
        let matches = matches.iter().enumerate().filter(is_said).map(|(_, regex)| regex.clone()).collect();
        Adopted { name: format!("{}*", beginning.text), matches, except: except.to_vec(), ..Adopted::default() }
    };
    best.into_iter().map(one).collect()
}

/// The literal text that all names begin with in which a regular expression is found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Beginning {
    text: String,
    /// Whether every name that begins so is found.
    is_whole: bool,
}

/// `^daily-` has one, `^(daily|weekly)-` two, `daily-` none.
fn beginnings(regex: &str) -> Option<Vec<Beginning>> {
    let rest = regex.strip_prefix('^')?;
    if has_bare_alternation(rest) {
        return None;
    }
    let (mut texts, mut rest) = match group(rest) {
        Some((choices, rest)) => (choices, rest),
        None => (vec![String::new()], rest),
    };
    let (text, after) = literal_of(rest);
    for one in &mut texts {
        one.push_str(&text);
    }
    rest = after;
    let is_whole = matches!(rest, "" | ".*" | ".*$");
    let list: Vec<Beginning> = texts.into_iter().map(|text| Beginning { text, is_whole }).collect();
    list.iter().all(|one| one.text.chars().any(char::is_alphanumeric)).then_some(list)
}

/// Whether an alternative stands outside of all groups: then `^` is only one branch's.
fn has_bare_alternation(regex: &str) -> bool {
    let (mut depth, mut escaped, mut in_class) = (0_i32, false, false);
    for c in regex.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth -= 1,
            '|' if !in_class && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// A group of literal choices that stands once: `(daily|weekly)`.
fn group(regex: &str) -> Option<(Vec<String>, &str)> {
    let inner = regex.strip_prefix("(?:").or_else(|| regex.strip_prefix('('))?;
    let (inner, rest) = inner.split_once(')')?;
    let whole = |choice: &str| {
        let (text, rest) = literal_of(choice);
        rest.is_empty().then_some(text)
    };
    let choices = inner.split('|').map(whole).collect::<Option<Vec<_>>>()?;
    (!rest.starts_with(['?', '*', '+', '{'])).then_some((choices, rest))
}

/// The literal text at the beginning, and what follows. A character that may be missing or repeated is none of it.
fn literal_of(regex: &str) -> (String, &str) {
    let (mut text, mut rest) = (String::new(), regex);
    loop {
        let (c, after) = match rest.chars().next() {
            Some('\\') => match rest[1..].chars().next() {
                Some(c) if !c.is_alphanumeric() => (c, &rest[1 + c.len_utf8()..]),
                _ => return (text, rest),
            },
            Some(c) if !r".+*?()|[]{}^$,".contains(c) && !c.is_whitespace() => (c, &rest[c.len_utf8()..]),
            _ => return (text, rest),
        };
        if after.starts_with(['?', '*', '+', '{']) {
            return (text, rest);
        }
        text.push(c);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use snapkeep_core::adopt::NameRegex;

    #[test]
    fn patterns_are_what_curator_makes_of_them() {
        assert_eq!(of_timestring("%Y.%m.%d-%j"), r"\d{4}\.\d{2}\.\d{2}\-\d{3}");
        assert_eq!(of_pattern("timestring", "%Y%m").unwrap(), r"^.*\d{4}\d{2}.*$");
        assert_eq!(of_pattern("prefix", "logs-").unwrap(), "^logs-.*$");
        assert_eq!(of_pattern("suffix", "-x").unwrap(), "^.*-x$");
        assert_eq!(of_pattern("glob", "x"), None);
        assert_eq!(sample("curator-%Y%m%d%H%M%S"), "curator-20261123121123");
        assert_eq!(literal("curator-%Y"), "curator-");
    }

    fn shown(matches: &[&str]) -> Vec<String> {
        let matches: Vec<String> = matches.iter().map(|text| (*text).to_owned()).collect();
        let one = |adopted: Adopted| format!("{} {}", adopted.name, adopted.matches.join(" ")).trim_end().to_owned();
        adopted(&matches, &[]).into_iter().map(one).collect()
    }

    #[test]
    fn what_is_adopted_begins_with_literal_text() {
        for (matches, expected) in [
            (vec!["^curator-.*$"], vec!["curator-*"]),
            (vec![r"^curator\-\d{14}$"], vec![r"curator-* ^curator\-\d{14}$"]),
            (vec!["^(daily|weekly)-.*"], vec!["daily-*", "weekly-*"]),
            (vec!["^logs-.*$", "^.*-x$"], vec!["logs-* ^.*-x$"]),
            (vec!["^a.*$", "^ab-.*$"], vec!["ab-* ^a.*$"]),
            (vec!["^logs?.*$"], vec!["log* ^logs?.*$"]),
            (vec!["^a|b.*$"], vec![]),
            (vec!["^.*-x$"], vec![]),
            (vec!["curator"], vec![]),
            (vec!["^(a|b)*c"], vec![]),
            (vec!["^-.*$"], vec![]),
            (vec![r"^\d+"], vec![]),
        ] {
            assert_eq!(shown(&matches), expected, "{matches:?}");
        }
    }

    proptest! {
        /// What is adopted is what the regular expressions alone would take, no more and no less.
        #[test]
        fn adopting_takes_what_the_regular_expression_finds(
            at in 0_usize..8,
            name in "(daily|weekly|dail|logs)[-a]{0,2}[0-9]{0,3}x?",
        ) {
            let regex = [
                "^daily-.*$", "^(daily|weekly)-", r"^daily\-\d+$", "^daily.?1", "^weekly-1*", "^logs-$", "^(?:da|lo)[a-z]+", "^dail(y|)",
            ][at];
            let taken = adopted(&[regex.to_owned()], &[]);
            prop_assert!(!taken.is_empty());
            let snapshot = super::super::groups::good(&name);
            let found = NameRegex::parse(regex).unwrap();
            let by_regex = Adopted { name: format!("{name}*"), matches: vec![found.to_string()], ..Adopted::default() };
            let expected = by_regex.read().unwrap().takes(&snapshot);
            prop_assert_eq!(taken.iter().any(|one| one.read().unwrap().takes(&snapshot)), expected);
        }
    }
}
