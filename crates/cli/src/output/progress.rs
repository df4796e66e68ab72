//! Progress on standard error: a bar on a terminal, a line every few seconds elsewhere, JSON lines with `--json`.

use super::printer::Showing;
use super::{Printer, Tone, human};
use crate::words::said;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use snapkeep_core::progress::{Tracker, thousandths};
use snapkeep_core::snapshot::{Counted, Progress, ShardStages};
use snapkeep_engine::{Event, Observer, Outcome};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause between two lines.
const PAUSE: Duration = Duration::from_secs(5);

/// The bar's length.
const WHOLE: u64 = 1000;

/// Shows what a run tells.
pub(crate) struct Reporter<'a> {
    printer: &'a Printer,
    showing: Showing,
    began: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    tracker: Tracker,
    said_at: Option<Instant>,
    said: String,
    bar: Option<ProgressBar>,
}

/// How a running snapshot moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion<'a> {
    /// What the server says.
    pub(crate) progress: &'a Progress,
    /// Bytes per second.
    pub(crate) rate: Option<f64>,
    /// How long it may still take.
    pub(crate) left: Option<Duration>,
}

impl<'a> Reporter<'a> {
    /// Shows on the printer.
    pub(crate) fn new(printer: &'a Printer) -> Self {
        Self { printer, showing: printer.showing(), began: Instant::now(), seen: Mutex::default() }
    }

    /// Says only what goes wrong: for a command whose result is the progress itself.
    pub(crate) fn silent(printer: &'a Printer) -> Self {
        Self { printer, showing: Showing::Nothing, began: Instant::now(), seen: Mutex::default() }
    }

    fn moved(&self, progress: &Progress) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.tracker.observe(self.began.elapsed(), progress);
        let motion = Motion { progress, rate: seen.tracker.rate(), left: seen.tracker.left() };
        match self.showing {
            Showing::Nothing => {}
            Showing::Bar => self.draw(&mut seen, &motion),
            Showing::Lines | Showing::Events => self.say_sometimes(&mut seen, &motion),
        }
    }

    fn draw(&self, seen: &mut Seen, motion: &Motion<'_>) {
        let bar = seen.bar.get_or_insert_with(|| {
            let bar = bar();
            self.printer.begin_progress(bar.clone());
            bar
        });
        bar.set_position(thousandths(motion.progress));
        bar.set_message(motion.words());
    }

    fn say_sometimes(&self, seen: &mut Seen, motion: &Motion<'_>) {
        let words = motion.words();
        let is_due = seen.said_at.unwrap_or(self.began).elapsed() >= PAUSE;
        if !is_due || words == seen.said {
            return;
        }
        seen.said_at = Some(Instant::now());
        if self.showing == Showing::Events {
            self.printer.event("progress", &motion.json());
        } else {
            self.printer.line(&words);
        }
        seen.said = words;
    }

    fn deleting(&self, done: usize, of: usize, names: &[&str]) {
        match self.showing {
            Showing::Nothing => {}
            Showing::Events => self.printer.event("deleting", &json!({"done": done, "of": of, "snapshots": names})),
            Showing::Bar | Showing::Lines => {
                let next = done + names.len();
                let style = self.printer.err_style();
                self.printer.line(&style.paint(Tone::Dim, &format!("deleting {next} of {of}: {}", shortened(names))));
            }
        }
    }
}

/// The first names, and how many more there are.
fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let more = names.len().saturating_sub(SHOWN);
    let first = names[..names.len().min(SHOWN)].join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(WHOLE), ProgressDrawTarget::stderr());
    // The template is ours: a wrong one shows in the first test.
    let style =
        ProgressStyle::with_template("{spinner} {wide_bar} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("━╸─"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl Observer for Reporter<'_> {
    fn notice(&self, event: &Event<'_>) {
        if matches!(event, Event::Begun { .. } | Event::Deleting { .. }) {
            self.printer.has_begun();
        }
        match event {
            Event::Begun { snapshot, outcome: Outcome::Created } => {
                self.printer.note(&format!("snapshot {snapshot} has begun"));
            }
            Event::Begun { snapshot, outcome: Outcome::Adopted } => {
                self.printer.note(&format!("snapshot {snapshot} was begun before; following it"));
            }
            Event::Moved(progress) => self.moved(progress),
            Event::State(_) => {}
            Event::Stalled { .. } if self.showing == Showing::Nothing => {}
            Event::Stalled { snapshot, since, diagnosis } => {
                self.printer.warning(&format!(
                    "snapshot {snapshot} has not moved for {}: {}",
                    human::span(*since),
                    said(diagnosis)
                ));
            }
            Event::LookFailed { cause } => self.printer.warning(&said(cause)),
            Event::Waiting { why, left } => self.printer.note(&format!("waiting up to {}: {why}", human::span(*left))),
            Event::Deleting { done, of, names } => self.deleting(*done, *of, names),
        }
    }
}

impl Drop for Reporter<'_> {
    fn drop(&mut self) {
        self.printer.end_progress();
    }
}

impl Motion<'_> {
    /// `12/60 shards, 1.2 GiB of 4.0 GiB, 35 MiB/s, 1m 20s left`; what is not known is left out.
    pub(crate) fn words(&self) -> String {
        let shards = self.progress.shards;
        let bytes = self.progress.bytes;
        let of_bytes = bytes.done.zip(bytes.total).filter(|(_, total)| *total > 0);
        let failed = (shards.failed > 0).then(|| format!("{} failed", shards.failed));
        let parts = [
            Some(format!("{}/{} shards", shards.done, shards.total)),
            failed,
            of_bytes.map(|(done, total)| format!("{} of {}", human::bytes(done), human::bytes(total))),
            self.rate.filter(|rate| *rate >= 1.0).map(human::rate),
            self.left.map(|left| format!("{} left", human::span(left))),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> MotionLine<'_> {
        let Progress { state, shards, bytes, files, .. } = self.progress;
        let left_s = self.left.map(|left| left.as_secs());
        MotionLine { state, shards: *shards, bytes: *bytes, files: *files, rate_bytes_per_s: self.rate, left_s }
    }
}

/// Progress for programs.
#[derive(Serialize)]
pub(crate) struct MotionLine<'a> {
    state: &'a str,
    shards: ShardStages,
    bytes: Counted,
    files: Counted,
    rate_bytes_per_s: Option<f64>,
    left_s: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: u64, initializing: u64, bytes: Option<(u64, u64)>) -> Progress {
        let counted = Counted { total: bytes.map(|(_, total)| total), done: bytes.map(|(done, _)| done) };
        Progress {
            state: "STARTED".into(),
            shards: ShardStages { initializing, done, total: 10, ..ShardStages::default() },
            bytes: counted,
            files: Counted::default(),
            size_bytes: None,
            started_at: None,
            unfinished: vec![],
        }
    }

    #[test]
    fn a_line_says_what_is_known() {
        let found = progress(4, 0, Some((1 << 30, 4 << 30)));
        let motion = Motion { progress: &found, rate: Some(35.0 * 1_048_576.0), left: Some(Duration::from_secs(80)) };
        assert_eq!(motion.words(), "4/10 shards, 1.0 GiB of 4.0 GiB, 35 MiB/s, 1m 20s left");
        let bare = progress(4, 0, None);
        assert_eq!(Motion { progress: &bare, rate: None, left: None }.words(), "4/10 shards");
    }
}
