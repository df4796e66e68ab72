//! What speaks against a restore, or is to be known before it.

use super::pick::is_behind;
use super::release::{self, Compatibility};
use super::{Action, Facts, Item, Kind, Problem, Request, Room, sends_state};
use crate::Code;
use crate::snapshot::State;
use std::collections::BTreeSet;

/// Whether this snapshot can be restored there at all.
pub(super) fn of_snapshot(facts: &Facts, request: &Request, items: &[Item]) -> Vec<Problem> {
    let name = &facts.source.snapshot.name;
    let mut problems = Vec::new();
    match facts.source.snapshot.state {
        Some(State::InProgress) => problems.push(Problem::new(
            Code::SnapshotRunning,
            format!("snapshot {name} still runs"),
            "wait for its end (`status` shows how far it is), or restore an older one",
        )),
        Some(State::Failed) => problems.push(Problem::new(
            Code::SnapshotFailed,
            format!("snapshot {name} failed: it holds nothing that can be relied on"),
            "restore an older one: `list` shows those that there are",
        )),
        _ => {}
    }
    if let Compatibility::No { why, way_out } = release::compatibility(facts.source.version.as_deref(), &facts.target) {
        problems.push(Problem::new(Code::Unsupported, why, way_out));
    }
    if !request.partial {
        problems.extend(items.iter().filter(|item| item.action.is_sent()).filter_map(|item| lacking(item, facts)));
    }
    problems
}

/// Indices of which the snapshot lacks shards come back only if that is wanted.
fn lacking(item: &Item, facts: &Facts) -> Option<Problem> {
    let is_part = |index: &str| match item.kind {
        Kind::Index => index == item.source,
        Kind::DataStream => is_behind(index, &item.source),
    };
    let failed = facts.source.shard_failures.iter().filter(|failed| is_part(&failed.index));
    let lacks: BTreeSet<(&str, u64)> =
        failed.filter_map(|failed| Some((failed.index.as_str(), failed.shard?))).collect();
    let shards: Vec<String> = match item.kind {
        Kind::Index => lacks.iter().map(|(_, shard)| shard.to_string()).collect(),
        Kind::DataStream => lacks.iter().map(|(index, shard)| format!("[{index}][{shard}]")).collect(),
    };
    (!shards.is_empty()).then(|| {
        Problem::new(
            Code::SnapshotPartial,
            format!("the snapshot lacks shards of {}: {}", item.source, shards.join(", ")),
            "restore an older snapshot, leave the index out, or take what there is (--partial): those shards come back empty",
        )
    })
}

pub(super) fn of_items(items: &[Item], request: &Request) -> Vec<Problem> {
    let blocked: Vec<&Item> = items.iter().filter(|item| item.action == Action::Blocked).collect();
    let Some(first) = blocked.first() else {
        let nothing = (items.is_empty() && !request.global_state).then(|| {
            Problem::new(
                Code::BadEvent,
                "nothing of the snapshot is to be restored",
                "the plan says what is left out and why; `show` tells what the snapshot holds",
            )
        });
        return nothing.into_iter().collect();
    };
    let more = if blocked.len() > 1 { format!(" (and {} more)", blocked.len() - 1) } else { String::new() };
    vec![Problem::new(
        Code::RestoreConflict,
        format!("{} cannot come back as {}{more}: {}", first.source, first.target, first.reasons.join("; ")),
        "restore under other names (--rename-prefix, or --on-conflict rename for these alone), leave these out (--on-conflict skip), or let them take the place of indices, which are closed (--on-conflict close); nothing is ever deleted",
    )]
}

/// Global state overwrites templates of the same name, and nothing tells which the snapshot holds.
pub(super) fn of_templates(facts: &Facts, request: &Request, items: &[Item]) -> Option<Problem> {
    if !sends_state(request, items) || request.replace_templates || facts.templates.is_empty() {
        return None;
    }
    let names: Vec<&str> = facts.templates.iter().map(String::as_str).take(5).collect();
    Some(Problem::new(
        Code::RestoreConflict,
        format!(
            "{} templates are there ({}): the global state's would take the place of those of the same name",
            facts.templates.len(),
            names.join(", ")
        ),
        "leave the global state out, or allow that templates are replaced (--replace-templates)",
    ))
}

pub(super) fn warnings_of(facts: &Facts, request: &Request, items: &[Item], room: &Room) -> Vec<String> {
    let mut warnings = Vec::new();
    if facts.source.snapshot.state == Some(State::Partial) {
        warnings.push("the snapshot is PARTIAL: it lacks shards".to_owned());
    }
    if let Compatibility::Unknown(why) = release::compatibility(facts.source.version.as_deref(), &facts.target) {
        warnings.push(why);
    }
    if request.global_state && !sends_state(request, items) {
        warnings.push(
            "the global state is not asked for again: it came with what is there, or comes once what is followed has ended"
                .to_owned(),
        );
    } else if request.global_state {
        warnings.push(
            "the global state comes with it: the snapshot's persistent settings and templates take the place of those here"
                .to_owned(),
        );
        if facts.source.include_global_state == Some(false) {
            warnings.push("the snapshot holds no global state: none comes back".to_owned());
        }
    }
    if items.iter().any(|item| item.kind == Kind::DataStream && item.action.is_sent()) && !request.global_state {
        warnings.push(
            "data streams come without their index templates, and roll over only where one is there: templates come back with the global state alone"
                .to_owned(),
        );
    }
    warnings.extend(room.warnings());
    warnings
}
