//! What the report says, as tables: every way to write it writes these.

use crate::output::human;
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::audit::{Audit, Gap, Kept, PolicyAudit, Unsuccessful};
use snapkeep_core::drill::{Checked, Outcome, Record, Said};
use snapkeep_core::select::state_word;

/// A table under a heading.
pub(super) struct Sheet {
    pub(super) title: &'static str,
    /// What to know to read it.
    pub(super) note: &'static str,
    pub(super) columns: Vec<(&'static str, Unit)>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// What a column's numbers are, for those who calculate with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Seconds,
    Bytes,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// Not known, or not there.
    None,
    Text(String),
    Count(u64),
    Seconds(f64),
    Bytes(u64),
}

impl Cell {
    /// For people.
    pub(super) fn words(&self) -> String {
        match self {
            Self::None => human::UNKNOWN.to_owned(),
            Self::Seconds(seconds) => {
                human::duration(SignedDuration::try_from_secs_f64(*seconds).unwrap_or(SignedDuration::MAX))
            }
            Self::Bytes(bytes) => human::bytes(*bytes),
            Self::Text(_) | Self::Count(_) => self.plain(),
        }
    }

    /// For spreadsheets: bare numbers, and nothing for nothing.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::None => String::new(),
            // Reasons are others' words, and may have lines.
            Self::Text(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Self::Count(count) | Self::Bytes(count) => count.to_string(),
            Self::Seconds(seconds) => format!("{}", (seconds * 1e3).round() / 1e3),
        }
    }
}

/// What stands above all: the title and what to know at once.
pub(super) fn heading(audit: &Audit) -> (String, String) {
    let title = format!("Backups and restores from {} to {}", audit.from, audit.to);
    let count = |kept| audit.policies.iter().filter(|policy| policy.kept() == kept).count();
    let not_seen = if audit.unseen.is_empty() { "" } else { " Not everything could be looked at: see the end." };
    let verdict = format!(
        "Made at {} by snapkeep {}. Of {}: {} kept all that was promised, {} did not, of {} it cannot be told in full any more.{not_seen}",
        whole_seconds(audit.at),
        env!("CARGO_PKG_VERSION"),
        human::count(audit.policies.len(), "policy"),
        count(Kept::Yes),
        count(Kept::No),
        count(Kept::Untold),
    );
    (title, verdict)
}

/// All tables. One without rows says something, too: that there is nothing of that kind.
pub(super) fn sheets(audit: &Audit) -> [Sheet; 7] {
    [points(audit), gaps(audit), failures(audit), practice(audit), drills(audit), checks(audit), unseen(audit)]
}

fn points(audit: &Audit) -> Sheet {
    let row = |policy: &PolicyAudit| {
        let (slots, points) = (&policy.slots, &policy.points);
        let mut row = place(policy);
        row.extend([
            text(policy.schedule.clone()),
            span(slots.promised_interval_s),
            span(points.longest_s),
            time(points.longest_from),
            span(points.age_at_end_s),
            Cell::Count(slots.due),
            Cell::Count(slots.met),
            Cell::Count(slots.missed),
            Cell::Count(slots.untold),
            Cell::Count(slots.pending),
            Cell::Count(points.count),
            kept(policy.schedule.as_ref(), slots.kept),
        ]);
        row
    };
    Sheet {
        title: "Recovery points",
        note: "Promised: the longest time between two slots of the schedule. Actual: the longest time between the starts of two \
               SUCCESS snapshots that are still there, and to the end. Untold: the slot has no snapshot any more or had none; \
               retention would have deleted it by now, or it lies before the oldest one. Pending: it is not over yet.",
        columns: columns(
            &[
                "policy",
                "cluster",
                "repository",
                "schedule",
                "promised",
                "actual",
                "actual since",
                "age at end",
                "slots",
                "met",
                "missed",
                "untold",
                "pending",
                "points",
                "kept",
            ],
            &[("promised", Unit::Seconds), ("actual", Unit::Seconds), ("age at end", Unit::Seconds)],
        ),
        rows: audit.policies.iter().map(row).collect(),
    }
}

fn gaps(audit: &Audit) -> Sheet {
    let cells = |gap: &Gap| {
        vec![
            time(Some(gap.first)),
            time(Some(gap.last)),
            Cell::Count(gap.slots),
            time(gap.good_before),
            time(gap.good_after),
        ]
    };
    Sheet {
        title: "Gaps",
        note: "Slots in a row without a SUCCESS that should be there.",
        columns: columns(
            &["policy", "cluster", "repository", "first slot", "last slot", "slots", "good before", "good after"],
            &[],
        ),
        rows: of_each(audit, |policy| &policy.gaps, cells),
    }
}

fn failures(audit: &Audit) -> Sheet {
    let cells = |one: &Unsuccessful| {
        vec![
            Cell::Text(one.snapshot.clone()),
            Cell::Text(state_word(Some(one.state)).to_string()),
            time(one.started_at),
            Cell::Text(one.why.join("; ")),
        ]
    };
    Sheet {
        title: "Failures",
        note: "Snapshots that ended FAILED or PARTIAL and are still listed: none of them is a recovery point.",
        columns: columns(&["policy", "cluster", "repository", "snapshot", "state", "began", "why"], &[]),
        rows: of_each(audit, |policy| &policy.failures, cells),
    }
}

/// A row for each of these of each policy, which begins with whose it is.
fn of_each<T>(audit: &Audit, these: fn(&PolicyAudit) -> &[T], cells: impl Fn(&T) -> Vec<Cell>) -> Vec<Vec<Cell>> {
    let row = |policy, one| [place(policy), cells(one)].concat();
    audit.policies.iter().flat_map(|policy| these(policy).iter().map(move |one| row(policy, one))).collect()
}

/// Drills policy by policy; those without any, too.
fn practice(audit: &Audit) -> Sheet {
    let row = |policy: &PolicyAudit| {
        let drills = &policy.drills;
        vec![
            Cell::Text(policy.policy.clone()),
            Cell::Text(policy.cluster.clone()),
            text(drills.schedule.clone()),
            Cell::Count(drills.promised),
            Cell::Count(drills.met),
            Cell::Count(drills.unmet),
            Cell::Count(drills.missed),
            Cell::Count(drills.untold),
            Cell::Count(drills.pending),
            Cell::Count(drills.passed),
            Cell::Count(drills.failed),
            Cell::Count(drills.interrupted),
            drills.longest_recovery_s.map_or(Cell::None, Cell::Seconds),
            span(drills.oldest_point_s),
            kept(drills.schedule.as_ref(), drills.kept),
        ]
    };
    Sheet {
        title: "Practice of restores",
        note: "Met and failed: slots of the drills' schedule by what came of them. Missed: there was no drill. Untold: before the \
               first one that is known. Drills passed, failed and killed count those that somebody asked for, too. Recovery time and \
               recovery point: the worst of the drills that passed.",
        columns: columns(
            &[
                "policy",
                "cluster",
                "schedule",
                "slots",
                "met",
                "failed",
                "missed",
                "untold",
                "pending",
                "drills passed",
                "drills failed",
                "drills killed",
                "recovery time",
                "recovery point",
                "kept",
            ],
            &[("recovery time", Unit::Seconds), ("recovery point", Unit::Seconds)],
        ),
        rows: audit.policies.iter().map(row).collect(),
    }
}

fn records(audit: &Audit) -> impl Iterator<Item = &Record> {
    audit.policies.iter().flat_map(|policy| &policy.drills.records)
}

fn drills(audit: &Audit) -> Sheet {
    Sheet {
        title: "Drills",
        note: "Recovery time: from the request to the moment when all shards served. Recovery point: how old the snapshot was when the \
               drill began.",
        columns: columns(
            &[
                "policy",
                "cluster",
                "drill",
                "slot",
                "began",
                "snapshot",
                "restored to",
                "indices",
                "not in it",
                "documents",
                "size",
                "shards",
                "recovery time",
                "recovery point",
                "outcome",
                "removed",
                "remarks",
            ],
            &[("size", Unit::Bytes), ("recovery time", Unit::Seconds), ("recovery point", Unit::Seconds)],
        ),
        rows: records(audit).map(of_drill).collect(),
    }
}

fn of_drill(record: &Record) -> Vec<Cell> {
    let names: Vec<&str> = record.items.iter().map(|item| item.source.as_str()).collect();
    let too_large = u64::try_from(record.too_large.len()).unwrap_or(u64::MAX);
    let documents: Option<u64> = record.items.iter().map(|item| item.documents).sum();
    vec![
        Cell::Text(record.policy.clone()),
        Cell::Text(record.cluster.clone()),
        Cell::Text(record.id.clone()),
        record.slot.map_or_else(|| Cell::Text("asked for".to_owned()), |slot| time(Some(slot))),
        time(Some(record.began_at)),
        text(record.snapshot.clone()),
        Cell::Text(record.on.clone()),
        Cell::Text(names.join(" ")),
        Cell::Count(record.left_for_others.saturating_add(too_large)),
        documents.map_or(Cell::None, Cell::Count),
        Cell::Bytes(record.bytes()),
        // A slash would make a spreadsheet read a date.
        Cell::Text(format!("{} of {}", record.started_shards, record.expected_shards)),
        record.recovery_time_s.map_or(Cell::None, Cell::Seconds),
        span(record.recovery_point_age_s),
        Cell::Text(outcome(record.outcome).to_owned()),
        Cell::Text(if record.removed { "yes" } else { "no" }.to_owned()),
        Cell::Text(remarks(record)),
    ]
}

/// Why it did not pass, and what no drill can pass judgement on.
fn remarks(record: &Record) -> String {
    let too_large = record.too_large.iter().map(|name| format!("{name} is larger than a drill may restore"));
    record.causes.iter().cloned().chain(too_large).collect::<Vec<_>>().join("; ")
}

fn checks(audit: &Audit) -> Sheet {
    let of = |record: &Record| -> Vec<Vec<Cell>> {
        let row = |checked: &Checked| {
            vec![
                Cell::Text(record.policy.clone()),
                Cell::Text(record.id.clone()),
                Cell::Text(checked.index.clone()),
                Cell::Text(checked.what.clone()),
                checked.found.map_or(Cell::None, Cell::Count),
                Cell::Text(said(checked.said).to_owned()),
                text(checked.why.clone()),
            ]
        };
        record.checks.iter().map(row).collect()
    };
    Sheet {
        title: "Checks of the drills",
        note: "Beside these every drill checks that each shard serves and that documents can be counted.",
        columns: columns(&["policy", "drill", "index", "wanted", "found", "verdict", "why"], &[]),
        rows: records(audit).flat_map(of).collect(),
    }
}

fn unseen(audit: &Audit) -> Sheet {
    let texts = |of: [&String; 3]| of.map(|text| Cell::Text(text.clone())).to_vec();
    Sheet {
        title: "Not looked at",
        note: "Of this the report says nothing.",
        columns: columns(&["policy", "cluster", "why"], &[]),
        rows: audit.unseen.iter().map(|one| texts([&one.policy, &one.cluster, &one.why])).collect(),
    }
}

fn columns(names: &[&'static str], units: &[(&str, Unit)]) -> Vec<(&'static str, Unit)> {
    let unit = |name: &str| units.iter().find(|(of, _)| *of == name).map_or(Unit::None, |(_, unit)| *unit);
    names.iter().map(|name| (*name, unit(name))).collect()
}

fn place(policy: &PolicyAudit) -> Vec<Cell> {
    [&policy.policy, &policy.cluster, &policy.repository].map(|text| Cell::Text(text.clone())).to_vec()
}

fn text(known: Option<String>) -> Cell {
    known.map_or(Cell::None, Cell::Text)
}

/// To the second: what is between seconds is nobody's question.
fn time(at: Option<Timestamp>) -> Cell {
    text(at.map(whole_seconds))
}

fn whole_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn span(seconds: Option<i64>) -> Cell {
    #[allow(clippy::cast_precision_loss, reason = "spans of time are far below 2^52 seconds")]
    seconds.map_or(Cell::None, |seconds| Cell::Seconds(seconds as f64))
}

/// Where nothing was promised nothing can be kept; that a drill failed which somebody asked for is told all the same.
fn kept(schedule: Option<&String>, kept: Kept) -> Cell {
    let word = match (schedule, kept) {
        (_, Kept::No) => "no",
        (None, _) => "nothing promised",
        (Some(_), Kept::Yes) => "yes",
        (Some(_), Kept::Untold) => "cannot be told",
    };
    Cell::Text(word.to_owned())
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Running => "running",
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "killed",
    }
}

fn said(said: Said) -> &'static str {
    match said {
        Said::Holds => "holds",
        Said::Fails => "fails",
        Said::NotAsked => "not in this drill",
    }
}
