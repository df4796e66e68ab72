//! How far a verification is.

use super::human;
use super::printer::{Printer, Showing};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use snapkeep_repository::verify::{Estimate, Progress, Watch};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause between two lines.
const PAUSE: Duration = Duration::from_secs(5);

/// What a run will cost, in words.
pub(crate) fn said(cost: &Estimate) -> String {
    let counted = |number: u64, thing: &str| human::count(usize::try_from(number).unwrap_or(usize::MAX), thing);
    let bytes = cost.bytes.map(|bytes| format!(" and {} of data", human::bytes(bytes))).unwrap_or_default();
    format!(
        "{} of {}: about {}{bytes}",
        counted(cost.snapshots, "snapshot"),
        counted(cost.indices, "index"),
        counted(cost.requests, "request")
    )
}

/// Shows it: a bar on a terminal, a line every few seconds elsewhere, JSON lines with `--json`.
pub(crate) struct Meter<'a> {
    printer: &'a Printer,
    showing: Showing,
    cost: Estimate,
    began: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    said_at: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl<'a> Meter<'a> {
    /// On the printer.
    pub(crate) fn new(printer: &'a Printer, cost: Estimate) -> Self {
        Self { printer, showing: printer.showing(), cost, began: Instant::now(), seen: Mutex::default() }
    }

    /// Done and to do: bytes where they are read, else requests.
    fn part(&self, progress: &Progress) -> (u64, u64) {
        match self.cost.bytes {
            Some(bytes) if bytes > 0 => (progress.totals.bytes_read, bytes),
            _ => (progress.counts.requests(), self.cost.requests),
        }
    }

    fn words(&self, progress: &Progress) -> String {
        let shards = format!("{}/{} shards", progress.totals.shards, self.cost.shards.max(progress.totals.shards));
        let bytes = self.cost.bytes.map(|all| {
            format!(
                "{} of {}",
                human::bytes(progress.totals.bytes_read),
                human::bytes(all.max(progress.totals.bytes_read))
            )
        });
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = human::rate(progress.counts.bytes as f64 / self.began.elapsed().as_secs_f64().max(0.001));
        let findings = (progress.findings > 0).then(|| human::count(progress.findings, "finding"));
        [Some(shards), bytes, Some(rate), findings].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn draw(&self, seen: &mut Seen, progress: &Progress) {
        let (done, of) = self.part(progress);
        let bar = seen.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {wide_bar} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
            self.printer.begin_progress(bar.clone());
            bar
        });
        bar.set_position(done.min(of));
        bar.set_message(self.words(progress));
    }

    fn say_sometimes(&self, seen: &mut Seen, progress: &Progress) {
        if seen.said_at.unwrap_or(self.began).elapsed() < PAUSE {
            return;
        }
        seen.said_at = Some(Instant::now());
        if self.showing == Showing::Events {
            let (done, of) = self.part(progress);
            self.printer.event("progress", &json!({"done": done, "of": of, "progress": progress}));
        } else {
            self.printer.line(&self.words(progress));
        }
    }
}

impl Watch for Meter<'_> {
    fn moved(&self, progress: &Progress) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match self.showing {
            Showing::Nothing => {}
            Showing::Bar => self.draw(&mut seen, progress),
            Showing::Lines | Showing::Events => self.say_sometimes(&mut seen, progress),
        }
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.printer.end_progress();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_said_beforehand() {
        let cost = Estimate { snapshots: 3, indices: 2, shards: 4, requests: 31, bytes: None };
        assert_eq!(said(&cost), "3 snapshots of 2 indices: about 31 requests");
        let cost = Estimate { snapshots: 1, indices: 1, bytes: Some(5 << 30), ..cost };
        assert_eq!(said(&cost), "1 snapshot of 1 index: about 31 requests and 5.0 GiB of data");
    }
}
