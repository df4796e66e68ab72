//! Results, for people and for programs.

mod audit;
mod aws;
mod config;
mod deletion;
mod doctor;
mod drill;
mod import;
mod migrate;
mod notify;
mod plan;
mod policies;
mod reading;
mod repositories;
mod restore;
mod running;
mod snapshots;

pub(crate) use audit::{AuditView, Page};
pub(crate) use aws::Needed;
pub(crate) use config::{Checked, Effective};
pub(crate) use deletion::{Deleted, PlanView};
pub(crate) use doctor::Diagnosis;
pub(crate) use drill::DrillView;
pub(crate) use import::ImportView;
pub(crate) use migrate::{MigratedView, MigrationPlanView};
pub(crate) use notify::Delivered;
pub(crate) use plan::{Explained, Freed, Frees, Planned, RunView};
pub(crate) use policies::{Coming, policy_list};
pub(crate) use repositories::{Cleanup, Registered, Removal, RepositoryList, RepositoryView, Verified};
pub(crate) use restore::{RestorePlanView, RestoredView};
pub(crate) use running::StatusView;
pub(crate) use snapshots::{AbortView, CloneView, Created, List};

use super::{Cell, Look, Tone, human};
use jiff::Timestamp;
use snapkeep_core::snapshot::{Shards, State};

/// A state's word and tone.
fn state(state: Option<State>) -> Cell {
    match state {
        Some(State::Success) => Cell::toned(Tone::Good, "SUCCESS"),
        Some(State::InProgress) => Cell::toned(Tone::Moving, "IN_PROGRESS"),
        Some(State::Partial) => Cell::toned(Tone::Warning, "PARTIAL"),
        Some(State::Failed) => Cell::toned(Tone::Bad, "FAILED"),
        None => Cell::toned(Tone::Warning, "UNKNOWN"),
    }
}

/// How long ago, or a dash.
fn age(at: Option<Timestamp>, look: &Look) -> String {
    human::or_unknown(at.map(|at| human::age(at, look.now)))
}

/// `60`, or `58/60` where some are missing.
fn shards(shards: Option<Shards>) -> String {
    human::or_unknown(shards.map(|shards| {
        if shards.successful == shards.total {
            shards.total.to_string()
        } else {
            format!("{}/{}", shards.successful, shards.total)
        }
    }))
}

/// Labels and values, one a line, the values in one column.
struct Fields<'a> {
    look: &'a Look,
    lines: Vec<(String, Cell)>,
}

impl<'a> Fields<'a> {
    fn new(look: &'a Look) -> Self {
        Self { look, lines: Vec::new() }
    }

    fn add(&mut self, label: &str, value: impl Into<Cell>) {
        self.lines.push((label.to_owned(), value.into()));
    }

    /// Nothing for what is not known.
    fn add_known(&mut self, label: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.add(label, value.into());
        }
    }

    fn render(self) -> String {
        let width = self.lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
        let style = self.look.style;
        let line = |(label, value): &(String, Cell)| {
            let padding = " ".repeat(width - label.chars().count());
            format!("{}{padding}  {}", style.paint(Tone::Dim, label), value.painted(style)).trim_end().to_owned()
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests;
