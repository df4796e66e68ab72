//! `create`: takes a snapshot and follows it to its end.

use super::{body, unended};
use crate::args::{Pair, Span};
use crate::choose;
use crate::output::progress::Reporter;
use crate::output::views::Created;
use crate::session::Session;
use crate::words::all_said;
use clap::Args;
use snapkeep_core::Failure;
use snapkeep_core::naming::{RepositoryName, RequestMark, SnapshotName, Template, name_for_request};
use snapkeep_core::repository::refuse_reserved;
use snapkeep_core::snapshot::State;
use snapkeep_engine::{Creation, Identity, Job, Report, Warnings, run as run_quietly, run_observed};
use std::time::Duration;

/// How long a snapshot is followed: until it ends.
const UNTIL_THE_END: Duration = Duration::from_hours(24 * 365);

/// Take a snapshot and follow it to its end
///
/// Without a name it is called REPOSITORY-yyyymmddthhmmssz-xxxxxxxx. A snapshot that lacks shards ends with status 3,
/// one that failed with status 1. Ctrl-C ends the command, not the snapshot.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = "\
Examples:
  snapkeep create -r nightly
  snapkeep create -r nightly before-upgrade --indices 'logs-*,-logs-debug' --no-global-state
  snapkeep create -r nightly --template 'logs-%Y%m%d-%H%M%S' --metadata ticket=OPS-7 --no-wait")]
pub(crate) struct Create {
    /// The snapshot's name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Make the name of the time (UTC): %Y %m %d %H %M %S; 8 digits that tell this run from others follow
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "name")]
    template: Option<String>,
    /// Only these indices: names or patterns [default: all]
    #[arg(long, value_name = "INDEX", value_delimiter = ',', allow_hyphen_values = true)]
    indices: Vec<String>,
    /// With the cluster's global state [default: the server's]
    #[arg(long, conflicts_with = "no_global_state")]
    global_state: bool,
    /// Without the cluster's global state
    #[arg(long)]
    no_global_state: bool,
    /// Take what there is, although shards are missing
    #[arg(long)]
    partial: bool,
    /// Leave out indices that do not exist, rather than fail
    #[arg(long)]
    ignore_unavailable: bool,
    /// Metadata to keep with it
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<Pair>,
    /// Do not follow it
    #[arg(long)]
    no_wait: bool,
    /// Say so when nothing has moved for this long
    #[arg(long, value_name = "SPAN", default_value = "10min")]
    stall_after: Span,
}

/// Takes it.
pub(crate) async fn run(arguments: Create, session: &Session) -> Result<(), Failure> {
    let body = body::of(
        &arguments.indices,
        arguments.global_state(),
        arguments.partial,
        arguments.ignore_unavailable,
        &arguments.metadata,
    )?;
    let deadline = if arguments.no_wait { session.deadline() } else { session.patient_deadline() };
    let target = session.connect().await?;
    let repository = choose::repository(&target, session, session.deadline()).await?;
    refuse_reserved(&repository)?;
    let (snapshot, identity) = arguments.named(&repository, session)?;
    let follow = follow(&repository, &snapshot);
    session.goes_on(&follow);
    let wait = if arguments.no_wait { Duration::ZERO } else { UNTIL_THE_END };
    let stall_after = Some(arguments.stall_after.0);
    let job = Job::Create(Creation { repository, snapshot, identity, body, wait, stall_after });
    let report = if arguments.no_wait {
        run_quietly(&target.api, &job, deadline, Warnings::default()).await
    } else {
        run_observed(&target.api, &job, deadline, Warnings::default(), &Reporter::new(&session.printer)).await
    };
    let report = report.map_err(with_our_hint)?;
    let report = Report { warnings: all_said(&report.warnings), ..report };
    let state = report.state;
    let has_ended = state == Some(State::Success);
    let outcome = if has_ended || arguments.no_wait { Ok(()) } else { Err(unended(&follow)) };
    session.printer.show_with(&Created(report), session.now(), outcome)?;
    if !has_ended {
        session.printer.note(&follow);
    }
    Ok(())
}

/// What the flags can do about it.
fn with_our_hint(failure: Failure) -> Failure {
    if failure.cause.contains("index_not_found") || failure.cause.contains("no such index") {
        return failure.with_hint("check --indices; --ignore-unavailable leaves out those that do not exist");
    }
    failure
}

/// How to follow it and how to end it.
fn follow(repository: &RepositoryName, snapshot: &SnapshotName) -> String {
    format!(
        "`snapkeep status -r {repository} {snapshot}` shows how far it is, `snapkeep abort -r {repository} {snapshot}` ends it"
    )
}

impl Create {
    fn global_state(&self) -> Option<bool> {
        (self.global_state || self.no_global_state).then_some(self.global_state)
    }

    /// The name, and what makes it this run's.
    fn named(&self, repository: &RepositoryName, session: &Session) -> Result<(SnapshotName, Identity), Failure> {
        let now = session.now();
        if let Some(name) = &self.name {
            return Ok((SnapshotName::parse(name)?, Identity::New));
        }
        let mark = RequestMark::of(&uuid::Uuid::new_v4().to_string());
        let name = match &self.template {
            Some(template) => {
                let rendered = Template::parse(template)?.render(now)?;
                SnapshotName::parse(&format!("{rendered}-{}", mark.as_str()))?
            }
            None => name_for_request(repository.as_str(), now, &mark),
        };
        Ok((name, Identity::Request(mark)))
    }
}
