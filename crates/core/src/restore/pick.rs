//! Which of the snapshot's indices and data streams are meant: patterns are matched here, and what is sent are names.

use super::{Facts, Kind, LeftOut, Problem, Request};
use crate::Code;
use crate::pattern::Pattern;
use crate::selection::BACKING;
use std::collections::BTreeSet;

/// What is meant, what is not, and what is wrong with the question.
#[derive(Default)]
pub(super) struct Picked {
    pub(super) chosen: Vec<Chosen>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

/// One of them.
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The snapshot's indices that it is made of.
    pub(super) indices: Vec<String>,
    pub(super) reason: String,
}

enum Verdict {
    In(String),
    Out { why: String, hint: Option<String> },
}

pub(super) fn pick(facts: &Facts, request: &Request) -> Picked {
    let mut picked = Picked::default();
    for candidate in candidates(facts) {
        match verdict(&candidate, request) {
            Verdict::In(reason) => picked.chosen.push(Chosen { reason, ..candidate }),
            Verdict::Out { why, hint } => picked.left_out.push(LeftOut { name: candidate.name, why, hint }),
        }
    }
    if !request.global_state {
        picked.left_out.push(LeftOut {
            name: "global state".to_owned(),
            why: "persistent settings and templates of the cluster".to_owned(),
            hint: Some("--global-state brings it back, and with it the templates".to_owned()),
        });
    }
    unmatched(facts, request, &mut picked);
    picked.chosen.sort_by(|a, b| a.name.cmp(&b.name));
    picked
}

/// Indices and data streams of the snapshot; those behind a stream are parts of it.
fn candidates(facts: &Facts) -> Vec<Chosen> {
    let streams: BTreeSet<&str> = facts.source.data_streams.iter().map(String::as_str).collect();
    let behind = |index: &str| streams.iter().copied().find(|stream| is_behind(index, stream));
    let mut found: Vec<Chosen> = streams
        .iter()
        .map(|stream| Chosen {
            name: (*stream).to_owned(),
            kind: Kind::DataStream,
            indices: facts
                .source
                .indices_named
                .iter()
                .filter(|index| behind(index) == Some(*stream))
                .cloned()
                .collect(),
            reason: String::new(),
        })
        .collect();
    let plain = facts.source.indices_named.iter().filter(|index| behind(index).is_none());
    found.extend(plain.map(|index| Chosen {
        name: index.clone(),
        kind: Kind::Index,
        indices: vec![index.clone()],
        reason: String::new(),
    }));
    found
}

/// `.ds-STREAM-000001`, or `.ds-STREAM-2026.11.23-000001`. What is named otherwise (shrunk, downsampled, migrated) may be
/// behind a stream or not: no snapshot tells; the cluster does, once the stream is there.
pub(super) fn is_behind(index: &str, stream: &str) -> bool {
    let rest =
        index.strip_prefix(BACKING).and_then(|rest| rest.strip_prefix(stream)).and_then(|rest| rest.strip_prefix('-'));
    let Some(rest) = rest else { return false };
    let is_number = |text: &str| text.len() >= 6 && text.bytes().all(|b| b.is_ascii_digit());
    match rest.split_once('-') {
        None => is_number(rest),
        Some((date, number)) => {
            date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'.') && is_number(number)
        }
    }
}

fn verdict(candidate: &Chosen, request: &Request) -> Verdict {
    let fits =
        |patterns: &[Pattern]| patterns.iter().find(|pattern| pattern.matches(&candidate.name)).map(Pattern::to_string);
    if candidate.name.starts_with('.') {
        return match fits(&request.include_system) {
            Some(pattern) => Verdict::In(format!("unlocked by {pattern}")),
            None => Verdict::Out {
                why: "a system's or hidden index".to_owned(),
                hint: Some(format!("--include-system {} brings it back", candidate.name)),
            },
        };
    }
    if let Some(pattern) = fits(&request.exclude) {
        return Verdict::Out { why: format!("excluded by {pattern}"), hint: None };
    }
    let is_all = request.indices.is_empty() && request.data_streams.is_empty();
    let of_streams = (candidate.kind == Kind::DataStream).then(|| fits(&request.data_streams)).flatten();
    match fits(&request.indices).or(of_streams) {
        Some(pattern) if pattern == candidate.name => Verdict::In("named".to_owned()),
        Some(pattern) => Verdict::In(format!("matches {pattern}")),
        None if is_all => Verdict::In("all are asked for".to_owned()),
        None => Verdict::Out { why: "not asked for".to_owned(), hint: None },
    }
}

/// A name that nothing has is wrong; a pattern that nothing fits may be so.
fn unmatched(facts: &Facts, request: &Request, picked: &mut Picked) {
    let snapshot = &facts.source.snapshot.name;
    let asked = request.indices.iter().chain(&request.data_streams).chain(&request.include_system);
    for pattern in asked {
        let streams = facts.source.data_streams.iter();
        if facts.source.indices_named.iter().chain(streams).any(|name| pattern.matches(name)) {
            continue;
        }
        if pattern.as_str().contains(['*', '?']) {
            picked.warnings.push(format!("nothing in snapshot {snapshot} matches {pattern}"));
        } else {
            picked.problems.push(Problem::new(
                Code::BadEvent,
                format!("snapshot {snapshot} holds no {pattern}"),
                "`show` tells the names of what it holds",
            ));
        }
    }
}
