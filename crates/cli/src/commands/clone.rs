//! `clone`: a second name for a snapshot's files, within its repository.

use super::unended;
use crate::args::Span;
use crate::choose;
use crate::output::progress::Reporter;
use crate::output::views::CloneView;
use crate::session::Session;
use crate::words::all_said;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::snapshot::State;
use snapkeep_engine::{CloneJob, CloneReport};
use std::time::Duration;

/// Copy a snapshot within its repository, without copying its files
#[derive(Debug, Args)]
#[command(
    name = "clone",
    after_help = "\
Examples:
  snapkeep clone -r nightly nightly-20260101t050000z-8476a536 year-end-2025
  snapkeep clone -r nightly before-upgrade before-upgrade-orders --indices 'orders-*'"
)]
pub(crate) struct CloneSnapshot {
    /// The snapshot to copy
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The copy's name
    #[arg(value_name = "TARGET")]
    target: String,
    /// Only these indices: names or patterns [default: all]
    #[arg(long, value_name = "INDEX", value_delimiter = ',', allow_hyphen_values = true)]
    indices: Vec<String>,
    /// Say so when nothing has moved for this long
    #[arg(long, value_name = "SPAN", default_value = "10min")]
    stall_after: Span,
}

/// Clones.
pub(crate) async fn run(arguments: CloneSnapshot, session: &Session) -> Result<(), Failure> {
    let (source, copy) = (SnapshotName::parse(&arguments.source)?, SnapshotName::parse(&arguments.target)?);
    let target = session.connect().await?;
    let repository = choose::repository(&target, session, session.deadline()).await?;
    let follow = format!("`snapkeep show -r {repository} {copy}` tells whether it is there");
    session.goes_on(&follow);
    let job = CloneJob {
        repository,
        source,
        target: copy,
        indices: arguments.indices,
        wait: Duration::from_hours(24),
        stall_after: Some(arguments.stall_after.0),
    };
    let reporter = Reporter::new(&session.printer);
    let report = snapkeep_engine::clone(&target.api, &job, session.patient_deadline(), &reporter).await?;
    drop(reporter);
    let report = CloneReport { warnings: all_said(&report.warnings), ..report };
    // A clone of a snapshot that is not good is not either, which was warned about.
    let has_ended = report.state.is_some_and(|state| state != State::InProgress);
    let outcome = if has_ended { Ok(()) } else { Err(unended(&follow)) };
    session.printer.show_with(&CloneView(report), session.now(), outcome)
}
