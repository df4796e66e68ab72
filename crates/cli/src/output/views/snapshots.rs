//! Results of `list`, `show`, `create`, `abort` and `clone`.

use super::{Fields, age, shards, state};
use crate::output::{Cell, Look, Style, Table, Tone, View, human, json_of};
use snapkeep_core::metadata::Metadata;
use snapkeep_core::snapshot::{Shards, Snapshot, State};
use snapkeep_engine::{AbortOutcome, Aborted, CloneReport, Inventory, Outcome, Report, Shown};

/// Most names of indices and failures that `show` puts on the screen; `--json` has all.
const SHOWN_AT_ONCE: usize = 20;

/// `list`.
pub(crate) struct List(pub(crate) Inventory);

impl View for List {
    fn text(&self, look: &Look) -> String {
        let snapshots = &self.0.snapshots;
        if snapshots.is_empty() {
            return String::new();
        }
        let has_sizes = snapshots.iter().any(|snapshot| snapshot.size_bytes.is_some());
        let headings = ["NAME", "STATE", ">AGE", ">DURATION", ">INDICES", ">SHARDS", ">SIZE"];
        let mut table = Table::new(&headings[..if has_sizes { 7 } else { 6 }]);
        for snapshot in snapshots {
            table.row(row(snapshot, has_sizes, look));
        }
        table.render(look.style)
    }

    fn json(&self) -> String {
        json_of(&self.0)
    }
}

fn row(snapshot: &Snapshot, has_sizes: bool, look: &Look) -> Vec<Cell> {
    let tone = if snapshot.shards.is_some_and(|shards| shards.failed > 0) { Tone::Warning } else { Tone::Plain };
    let mut cells = vec![
        snapshot.name.as_str().into(),
        state(snapshot.state),
        age(snapshot.started_at, look).into(),
        human::or_unknown(snapshot.duration().map(human::duration)).into(),
        human::or_unknown(snapshot.indices.map(|count| count.to_string())).into(),
        Cell::toned(tone, shards(snapshot.shards)),
    ];
    if has_sizes {
        cells.push(human::or_unknown(snapshot.size_bytes.map(human::bytes)).into());
    }
    cells
}

impl View for Shown {
    fn text(&self, look: &Look) -> String {
        let details = &self.details;
        let snapshot = &details.snapshot;
        let mut fields = Fields::new(look);
        fields.add("snapshot", Cell::toned(Tone::Strong, snapshot.name.as_str()));
        fields.add("repository", self.repository.as_str());
        fields.add("state", state(snapshot.state));
        let ago = |at| format!("{} ({} ago)", human::time(at), human::age(at, look.now));
        fields.add_known("started", snapshot.started_at.map(ago));
        fields.add_known("took", snapshot.duration().map(human::duration));
        fields.add_known("shards", snapshot.shards.map(shards_in_words));
        fields.add_known("size", snapshot.size_bytes.map(human::bytes));
        fields.add_known("taken by", details.version.as_deref());
        fields.add_known("uuid", snapshot.uuid.as_deref());
        fields.add_known(
            "global state",
            details.include_global_state.map(|is_in| if is_in { "in it" } else { "not in it" }),
        );
        for (key, value) in snapshot.metadata.as_ref().map(Metadata::to_map).into_iter().flatten() {
            fields
                .add("metadata", format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        list(&mut fields, "index", &details.indices_named);
        list(&mut fields, "data stream", &details.data_streams);
        list(&mut fields, "feature", &details.feature_states);
        let failures: Vec<String> = details
            .shard_failures
            .iter()
            .map(|failure| {
                let shard = human::or_unknown(failure.shard.map(|shard| shard.to_string()));
                format!("{}/{shard}: {}", failure.index, failure.reason)
            })
            .collect();
        list(&mut fields, "missing shard", &failures);
        fields.render()
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

/// One line each; of many the first ones, and how many there are more.
fn list(fields: &mut Fields<'_>, label: &str, entries: &[String]) {
    for (number, entry) in entries.iter().take(SHOWN_AT_ONCE).enumerate() {
        fields.add(if number == 0 { label } else { "" }, entry.as_str());
    }
    if entries.len() > SHOWN_AT_ONCE {
        fields.add("", format!("… and {} more; --json has all", entries.len() - SHOWN_AT_ONCE));
    }
}

fn shards_in_words(shards: Shards) -> String {
    match shards.failed {
        0 => format!("{} of {}", shards.successful, shards.total),
        failed => format!("{} of {}; {failed} are missing", shards.successful, shards.total),
    }
}

/// `create`.
pub(crate) struct Created(pub(crate) Report);

impl View for Created {
    fn text(&self, _: &Look) -> String {
        let report = &self.0;
        let name = report.snapshot.as_deref().unwrap_or(human::UNKNOWN);
        let shards = report.shards.filter(|shards| shards.total > 0);
        match report.state {
            Some(State::Success) => {
                let all = shards.map(|shards| format!(", {} shards", shards_in_words(shards))).unwrap_or_default();
                format!("snapshot {name} is SUCCESS{all}")
            }
            Some(State::InProgress) | None if report.outcome == Some(Outcome::Adopted) => {
                format!("snapshot {name} runs already")
            }
            Some(State::InProgress) | None => format!("snapshot {name} has begun"),
            // Ends as a failure, which says more.
            Some(State::Partial | State::Failed) => String::new(),
        }
    }

    fn json(&self) -> String {
        json_of(&self.0)
    }
}

/// `abort`.
pub(crate) struct AbortView(pub(crate) Aborted);

impl View for AbortView {
    fn text(&self, _: &Look) -> String {
        let name = &self.0.snapshot;
        let word = state_word(self.0.state);
        match self.0.outcome {
            AbortOutcome::Aborted => format!("snapshot {name} was aborted and is gone"),
            AbortOutcome::AlreadyEnded => format!("snapshot {name} does not run: it is {word}; nothing was done"),
            AbortOutcome::Ended => format!("snapshot {name} ended before the abort took effect: it is {word}"),
        }
    }

    fn json(&self) -> String {
        json_of(&self.0)
    }
}

/// `clone`.
pub(crate) struct CloneView(pub(crate) CloneReport);

impl View for CloneView {
    fn text(&self, _: &Look) -> String {
        let CloneReport { source, snapshot, state, .. } = &self.0;
        match state {
            Some(State::InProgress) => format!("snapshot {snapshot} is being cloned from {source}"),
            _ => format!("snapshot {snapshot} is a clone of {source}: {}", state_word(*state)),
        }
    }

    fn json(&self) -> String {
        json_of(&self.0)
    }
}

/// The state's word without colour: it stands in a sentence.
fn state_word(of: Option<State>) -> String {
    state(of).painted(Style::default())
}
