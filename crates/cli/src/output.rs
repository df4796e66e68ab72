//! What is shown: results on standard output, everything else on standard error.

pub(crate) mod human;
pub(crate) mod log;
mod printer;
pub(crate) mod progress;
pub(crate) mod reading;
mod style;
mod table;
pub(crate) mod views;

pub(crate) use printer::{Format, Printer};
#[cfg(test)]
pub(crate) use printer::{failure_json, failure_text};
pub(crate) use style::{Style, Tone};
pub(crate) use table::{Cell, Table, harmless};

use jiff::Timestamp;
use serde::Serialize;

/// How text is rendered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Colours.
    pub(crate) style: Style,
    /// What ages are counted from.
    pub(crate) now: Timestamp,
}

/// One line of JSON, keys in the order of the type.
pub(crate) fn json_of(value: &impl Serialize) -> String {
    // A type of ours that cannot be shown would fail in every test of its command.
    serde_json::to_string(value).unwrap_or_else(|error| format!(r#"{{"schema":1,"error":"{error}"}}"#))
}

/// A command's result.
pub(crate) trait View {
    /// For people; ends without a line's end.
    fn text(&self, look: &Look) -> String;

    /// For programs: one object with `"schema":1`; keys are only ever added, and what is absent is null.
    fn json(&self) -> String;
}
