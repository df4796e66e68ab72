//! Results of `drill`.

use crate::output::{Look, Tone, View, harmless, human, json_of};
use snapkeep_core::drill::{Drilled, Outcome, Record, Said};
use snapkeep_engine::{DrillNote, DrillReport};
use std::time::Duration;

/// The drills and what earlier ones had left behind.
pub(crate) struct DrillView<'a>(pub(crate) &'a DrillReport);

impl View for DrillView<'_> {
    fn text(&self, look: &Look) -> String {
        let lines = lines(self.0, look);
        if lines.is_empty() { "no drill is due".to_owned() } else { lines.join("\n") }
    }

    fn json(&self) -> String {
        json_of(self.0)
    }
}

/// The lines of a report; none if there is nothing to tell.
pub(super) fn lines(report: &DrillReport, look: &Look) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for cleaned in &report.cleaned {
        let things = human::count(cleaned.removed.len(), "index");
        lines.push(harmless(format!("cleaned up after drill {} of {}: {things}", cleaned.id, cleaned.policy)));
        lines.extend(cleaned.stuck.iter().map(|why| harmless(format!("  not removed yet: {why}"))));
    }
    for record in &report.drills {
        lines.extend(of_record(record, look));
    }
    let told = |note: &DrillNote, mark: String| {
        let policy = note.policy.as_ref().map(|policy| format!("{policy} on ")).unwrap_or_default();
        format!("drill of {}\n  {mark}: {}", harmless(policy + &note.cluster), harmless(note.what.clone()))
    };
    lines.extend(report.notes.iter().map(|note| told(note, look.style.paint(Tone::Warning, "note"))));
    lines.extend(report.failures.iter().map(|note| told(note, look.style.paint(Tone::Bad, "failed"))));
    lines
}

fn of_record(record: &Record, look: &Look) -> Vec<String> {
    let (tone, word) = match record.outcome {
        Outcome::Passed => (Tone::Good, "passed"),
        Outcome::Failed => (Tone::Bad, "failed"),
        Outcome::Running => (Tone::Moving, "running"),
        Outcome::Interrupted => (Tone::Warning, "interrupted"),
    };
    let of = record.snapshot.as_deref().unwrap_or("no snapshot");
    let head = harmless(format!("drill {} of {} on {}: {of} ", record.id, record.policy, record.on));
    let mut lines = vec![head + &look.style.paint(tone, word)];
    lines.extend(record.items.iter().map(|item| harmless(format!("  {}", restored(item)))));
    if record.left_for_others > 0 {
        lines.push(format!("  {} more are left for further drills", record.left_for_others));
    }
    lines.extend(record.too_large.iter().map(|name| harmless(format!("  {name} is larger than a drill may restore"))));
    lines.extend(checks(record).map(|line| format!("  {line}")));
    lines.extend(times(record).map(|line| format!("  {line}")));
    lines.extend(record.causes.iter().map(|cause| harmless(format!("  {cause}"))));
    lines
}

fn checks(record: &Record) -> Option<String> {
    let count = |said| record.checks.iter().filter(|checked| checked.said == said).count();
    let (held, unasked) = (count(Said::Holds), count(Said::NotAsked));
    let asked = human::count(record.checks.len() - unasked, "check");
    let others = if unasked > 0 { format!("; not asked of what was not in it: {unasked}") } else { String::new() };
    (!record.checks.is_empty()).then(|| format!("{held} of {asked} held{others}"))
}

fn restored(item: &Drilled) -> String {
    let documents = item.documents.map_or_else(|| human::UNKNOWN.to_owned(), |count| count.to_string());
    let bytes = item.bytes.map_or_else(|| human::UNKNOWN.to_owned(), human::bytes);
    format!("{}: {documents} documents, {bytes}", item.source)
}

fn times(record: &Record) -> Option<String> {
    let took = human::span(Duration::try_from_secs_f64(record.recovery_time_s?).ok()?);
    let age = record.recovery_point_age_s.and_then(|age| u64::try_from(age).ok()).map(Duration::from_secs);
    let age = age.map(|age| format!(", from a recovery point {} old", human::span(age))).unwrap_or_default();
    let shards = format!("{} of {} shards", record.started_shards, record.expected_shards);
    Some(format!("{shards} served after {took}{age}"))
}
