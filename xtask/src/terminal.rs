//! What set-up looks like at a terminal: bars there, lines elsewhere. On standard error, so that a
//! task's own output stays apart.

use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use snapkeep_testbed::Progress;

/// Shows the testbed's progress.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    shown: Mutex<Option<Shown>>,
}

#[derive(Debug)]
struct Shown {
    what: String,
    bar: Option<ProgressBar>,
    quarter: u64,
}

impl Shown {
    fn new(what: &str, total: u64) -> Self {
        let style = ProgressStyle::with_template("  {msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        let bar = stderr().is_terminal().then(|| ProgressBar::new(total).with_message(what.to_owned()));
        if let (Some(bar), Ok(style)) = (&bar, style) {
            bar.set_style(style);
        }
        Self { what: what.to_owned(), bar, quarter: 0 }
    }

    /// A line at each quarter where there is no bar: a sign of life, not a flood.
    fn update(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        let quarter = (done * 4).checked_div(total).unwrap_or(4);
        if quarter > self.quarter {
            self.quarter = quarter;
            eprintln!("  {}: {} of {} MB", self.what, done / 1_000_000, total / 1_000_000);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Terminal {
    fn say(&self, line: &str) {
        *self.lock() = None;
        eprintln!("  {line}");
    }

    fn bytes(&self, what: &str, done: u64, total: u64) {
        let mut shown = self.lock();
        if shown.as_ref().is_none_or(|shown| shown.what != what) {
            *shown = Some(Shown::new(what, total));
        }
        if let Some(shown) = shown.as_mut() {
            shown.update(done, total);
        }
        if done >= total {
            *shown = None;
        }
    }
}

impl Terminal {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Shown>> {
        self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
