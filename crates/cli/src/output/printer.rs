//! The one place that writes to the terminal.

use super::{Look, Style, Tone, View, json_of};
use crate::args::{Globals, When};
use crate::process::Process;
use crate::words::said;
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use snapkeep_core::{Code, Failure};
use std::io::{BufRead, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Text for people or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// As the Lambda function answers; everything else for people.
    Lambda,
}

/// How much is said beside results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// And notes.
    Normal,
    /// And what is done, with every request from 2 on.
    Verbose(u8),
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Showing {
    /// A bar that is drawn over.
    Bar,
    /// A line now and then.
    Lines,
    /// JSON lines.
    Events,
    /// Not at all.
    Nothing,
}

/// Writes results to standard output and everything else to standard error.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    format: Format,
    verbosity: Verbosity,
    no_progress: bool,
    can_ask: bool,
    err_is_terminal: bool,
    out: Style,
    err: Style,
    /// Drawn on standard error, out of whose way lines must get.
    bar: Arc<Mutex<Option<ProgressBar>>>,
    /// Whether a question stands on standard error without its line's end.
    asking: Arc<AtomicBool>,
    /// Whether something was begun that goes on without us.
    begun: Arc<AtomicBool>,
}

impl Printer {
    /// As the flags and the terminals ask for.
    pub(crate) fn new(globals: &Globals, process: &Process) -> Self {
        let coloured = |is_terminal: bool| match globals.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                is_terminal && process.variable("NO_COLOR").is_none() && process.variable("TERM") != Some("dumb")
            }
        };
        let format = if globals.json { Format::Json } else { Format::Text };
        Self {
            format,
            verbosity: match globals.verbose {
                _ if globals.quiet => Verbosity::Quiet,
                0 => Verbosity::Normal,
                times => Verbosity::Verbose(times),
            },
            no_progress: globals.no_progress,
            can_ask: process.stdin_is_terminal && process.stderr_is_terminal && format == Format::Text,
            err_is_terminal: process.stderr_is_terminal,
            out: Style::coloured(coloured(process.stdout_is_terminal)),
            err: Style::coloured(coloured(process.stderr_is_terminal)),
            bar: Arc::default(),
            asking: Arc::default(),
            begun: Arc::default(),
        }
    }

    /// Where the arguments are not understood: what they hold is guessed.
    pub(crate) fn before_arguments(process: &Process) -> Self {
        let words: Vec<&str> =
            process.arguments.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--").collect();
        let color = |when: &str| {
            words.contains(&format!("--color={when}").as_str())
                || words.windows(2).any(|pair| pair == ["--color", when])
        };
        let color = if color("never") {
            When::Never
        } else if color("always") {
            When::Always
        } else {
            When::Auto
        };
        Self::new(&Globals { json: words.contains(&"--json"), color, ..Globals::default() }, process)
    }

    /// With errors as the Lambda gives them.
    pub(crate) fn for_lambda(self) -> Self {
        Self { format: Format::Lambda, ..self }
    }

    /// Saying what is done, unless `--quiet`: nobody watches a daemon, and its log is all that is left.
    pub(crate) fn for_daemon(self) -> Self {
        let verbosity = if self.verbosity == Verbosity::Normal { Verbosity::Verbose(1) } else { self.verbosity };
        Self { verbosity, ..self }
    }

    /// Text or JSON.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// How often `-v` was given.
    pub(crate) fn times_verbose(&self) -> u8 {
        if let Verbosity::Verbose(times) = self.verbosity { times } else { 0 }
    }

    /// Whether somebody is there to answer.
    pub(crate) fn can_ask(&self) -> bool {
        self.can_ask
    }

    /// The colours of standard error.
    pub(crate) fn err_style(&self) -> Style {
        self.err
    }

    /// How progress is to be shown.
    pub(crate) fn showing(&self) -> Showing {
        match (self.verbosity == Verbosity::Quiet || self.no_progress, self.format) {
            (true, _) => Showing::Nothing,
            (false, Format::Json) => Showing::Events,
            (false, _) if self.err_is_terminal => Showing::Bar,
            (false, _) => Showing::Lines,
        }
    }

    /// A command's result.
    pub(crate) fn show(&self, view: &dyn View, now: Timestamp) -> Result<(), Failure> {
        self.end_progress();
        let text = match self.format {
            Format::Json => view.json(),
            Format::Text | Format::Lambda => view.text(&Look { style: self.out, now }),
        };
        if text.is_empty() { Ok(()) } else { write_out(&(text + "\n")) }
    }

    /// What is about to be done, before it is.
    pub(crate) fn show_plan(&self, view: &dyn View, now: Timestamp) -> Result<(), Failure> {
        self.show(view, now).map_err(|failure| {
            let cause = failure.cause.replace("the result", "the plan") + "; nothing was changed";
            failure.with_cause(cause).with_hint("make room, then run the command again")
        })
    }

    /// A command's result, and the command's own failure, which counts more than one to show the result.
    pub(crate) fn show_with(
        &self,
        view: &dyn View,
        now: Timestamp,
        outcome: Result<(), Failure>,
    ) -> Result<(), Failure> {
        match (self.show(view, now), outcome) {
            (Err(unshown), Err(own)) => {
                self.warning(&unshown.cause);
                Err(own)
            }
            (shown, outcome) => outcome.and(shown),
        }
    }

    /// A result that is for people and programs alike, as it is.
    pub(crate) fn raw(&self, text: &str) -> Result<(), Failure> {
        self.end_progress();
        write_out(text)
    }

    /// What clap renders for standard output.
    pub(crate) fn page(&self, page: &clap::builder::StyledStr) {
        // Help that nobody can read any more is no failure.
        let _ = write_out(&if self.out.is_coloured() { page.ansi().to_string() } else { page.to_string() });
    }

    /// What clap renders for standard error.
    pub(crate) fn complaint(&self, page: &clap::builder::StyledStr) {
        let text = if self.err.is_coloured() { page.ansi().to_string() } else { page.to_string() };
        // The same head as every other error.
        self.line(text.replacen("error:", &format!("error[{}]:", Code::BadEvent), 1).trim_end());
    }

    /// Something worth knowing, unless `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            let text = self.in_its_words(text);
            self.say("note", &text, &text);
        }
    }

    /// Something worth knowing for who asks with `-v`.
    pub(crate) fn detail(&self, text: &str) {
        if self.times_verbose() > 0 {
            self.say("detail", text, &self.err.paint(Tone::Dim, text));
        }
    }

    /// Something to look at although nothing failed.
    pub(crate) fn warning(&self, text: &str) {
        let text = &self.in_its_words(text);
        self.say("warning", text, &format!("{}: {text}", self.err.paint(Tone::Warning, "warning")));
    }

    /// What happens, as a JSON line.
    pub(crate) fn event(&self, event: &str, fields: &impl Serialize) {
        self.line(&json_of(&EventLine { schema: 1, event, fields }));
    }

    /// A line on standard error, above the bar if there is one.
    pub(crate) fn line(&self, text: &str) {
        let write = || {
            // There is no place left to complain to.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        };
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Notes that something was begun in the cluster.
    pub(crate) fn has_begun(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether something was begun in the cluster.
    pub(crate) fn is_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Draws a bar until [`Self::end_progress`].
    pub(crate) fn begin_progress(&self, bar: ProgressBar) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    /// Takes the bar away.
    pub(crate) fn end_progress(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    /// Asks on standard error; anything but yes is no. The answer is waited for on a thread of its own, so that Ctrl-C
    /// ends the waiting.
    pub(crate) async fn asks(&self, question: &str) -> bool {
        {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "{} [y/N] ", self.err.paint(Tone::Strong, question));
            let _ = err.flush();
        }
        self.asking.store(true, Ordering::Relaxed);
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
        });
        let answer = answer.await;
        self.asking.store(false, Ordering::Relaxed);
        matches!(answer, Ok(Ok(answer)) if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Ends the line of a question that gets no answer any more.
    pub(crate) fn end_question(&self) {
        if self.asking.swap(false, Ordering::Relaxed) {
            self.line("");
        }
    }

    /// The error that a command ends with.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.end_progress();
        self.line(&match self.format {
            Format::Lambda => json_of(&LambdaError { error_type: failure.code, error_message: failure.to_json() }),
            Format::Json => failure_json(failure),
            Format::Text => failure_text(failure, self.err),
        });
    }

    /// What the crates below say, in the words of who reads it.
    fn in_its_words(&self, text: &str) -> String {
        if self.format == Format::Lambda { text.to_owned() } else { said(text) }
    }

    fn say(&self, kind: &str, text: &str, for_people: &str) {
        match self.format {
            Format::Text | Format::Lambda => self.line(for_people),
            Format::Json => self.event(kind, &json!({"message": text})),
        }
    }
}

/// The error as the Lambda function gives it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LambdaError {
    error_type: Code,
    error_message: String,
}

/// Something that happens, for programs.
#[derive(Serialize)]
struct EventLine<'a, T> {
    schema: u32,
    event: &'a str,
    #[serde(flatten)]
    fields: &'a T,
}

/// The error for programs.
#[derive(Serialize)]
struct FailureLine<'a> {
    schema: u32,
    #[serde(flatten)]
    failure: &'a Failure,
}

pub(crate) fn failure_json(failure: &Failure) -> String {
    json_of(&FailureLine { schema: 1, failure })
}

/// The error for people.
pub(crate) fn failure_text(failure: &Failure, style: Style) -> String {
    let head = style.paint(Tone::Bad, &format!("error[{}]", failure.code));
    let status = failure.http_status.map(|status| format!("\n  caused by: the cluster answered with status {status}"));
    let hint = style.paint(Tone::Moving, "hint");
    format!("{head}: {}{}\n\n{hint}: {}", failure.cause, status.unwrap_or_default(), failure.hint)
}

/// A reader that has seen enough (`| head`) is no failure; a full disk is.
fn write_out(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
            Code::OutputFailed,
            format!("the result cannot be written to standard output: {error}"),
            "make room, then see with `snapkeep list` or `snapkeep show` what there is: what was asked for has been done",
        )),
        _ => Ok(()),
    }
}
