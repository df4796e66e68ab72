//! What the crates below log becomes lines on standard error: warnings always, what is done with `-v`, every request
//! with `-vv`. Other libraries' warnings only: what they say in detail could hold headers.

use super::Printer;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Sends log lines to the printer. The first printer of a process stays.
pub(crate) fn install(printer: &Printer) {
    let ours = match printer.times_verbose() {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let targets = Targets::new().with_default(LevelFilter::ERROR).with_target("snapkeep", ours);
    let lines = Lines { printer: printer.clone() }.with_filter(targets);
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

struct Lines {
    printer: Printer,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = text.message + &text.fields;
        if *event.metadata().level() <= Level::WARN { self.printer.warning(&line) } else { self.printer.detail(&line) }
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
