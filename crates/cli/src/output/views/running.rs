//! Result of `status`.

use super::age;
use crate::output::{Cell, Look, Table, Tone, View, human, json_of};
use serde::Serialize;
use snapkeep_core::snapshot::{Counted, Progress};
use snapkeep_engine::{Running, Status, Verdict};

/// `status`.
pub(crate) struct StatusView(pub(crate) Status);

impl View for StatusView {
    fn text(&self, look: &Look) -> String {
        let (snapshots, unlooked) = (&self.0.snapshots, &self.0.unlooked);
        if snapshots.is_empty() && unlooked.is_empty() {
            return "nothing runs".to_owned();
        }
        if snapshots.is_empty() {
            let names: Vec<&str> = unlooked.iter().map(|one| one.repository.as_str()).collect();
            return format!("nothing is seen to run; not looked at: {}", names.join(", "));
        }
        let mut table = Table::new(&["REPOSITORY", "SNAPSHOT", "STATE", ">AGE", ">SHARDS", ">BYTES", ">RATE", ">LEFT"]);
        for running in snapshots {
            table.row(row(running, look));
        }
        let diagnoses = snapshots.iter().filter_map(|running| diagnosis(running, look));
        std::iter::once(table.render(look.style)).chain(diagnoses).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        json_of(&StatusLine { schema: 1, found: &self.0 })
    }
}

#[derive(Serialize)]
struct StatusLine<'a> {
    schema: u32,
    #[serde(flatten)]
    found: &'a Status,
}

fn row(running: &Running, look: &Look) -> Vec<Cell> {
    let progress = running.progress.as_ref();
    vec![
        running.repository.as_str().into(),
        running.snapshot.name.as_str().into(),
        word(running),
        age(running.snapshot.started_at, look).into(),
        human::or_unknown(progress.map(shards)).into(),
        human::or_unknown(progress.and_then(|progress| bytes(progress.bytes))).into(),
        human::or_unknown(running.rate_bytes_per_s.filter(|_| running.verdict == Verdict::Moving).map(human::rate))
            .into(),
        human::or_unknown(running.left.map(human::span)).into(),
    ]
}

/// The state as it is: what stalls is said here, because a server calls it running.
fn word(running: &Running) -> Cell {
    match running.verdict {
        Verdict::Stalled { .. } => Cell::toned(Tone::Bad, "STALLED"),
        Verdict::Aborting => Cell::toned(Tone::Warning, "ABORTING"),
        Verdict::Moving | Verdict::Waiting { .. } | Verdict::Unknown | Verdict::Ended => {
            super::state(running.snapshot.state)
        }
    }
}

fn diagnosis(running: &Running, look: &Look) -> Option<String> {
    let why = running.diagnosis.as_ref()?;
    let unmoved = match running.verdict {
        Verdict::Stalled { unmoved } => format!(" has not moved for {}", human::span(unmoved)),
        Verdict::Waiting { unmoved } => format!(" has not moved yet ({})", human::span(unmoved)),
        _ => String::new(),
    };
    let name = look.style.paint(Tone::Strong, &running.snapshot.name);
    Some(format!("\n{name}{unmoved}: {why}"))
}

/// `12/60`.
pub(crate) fn shards(progress: &Progress) -> String {
    format!("{}/{}", progress.shards.done, progress.shards.total)
}

/// `1.2 GiB/4.0 GiB`.
pub(crate) fn bytes(counted: Counted) -> Option<String> {
    Some(format!("{}/{}", human::bytes(counted.done?), human::bytes(counted.total?)))
}
