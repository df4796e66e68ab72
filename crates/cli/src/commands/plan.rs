//! `plan`: what the policies would do, and why.

use super::chosen::Chosen;
use super::sizes::frees;
use crate::output::progress::Reporter;
use crate::output::views::{Explained, Planned};
use crate::session::Session;
use clap::Args;
use jiff::Timestamp;
use snapkeep_core::plan::{Options, Plan};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::{Gathered, decide, gather};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Show what the policies would create and delete, with the reason for each and for each that stays
///
/// Reads what exists and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep plan
  snapkeep plan nightly --out plan.json && snapkeep apply plan.json
  snapkeep plan --sizes
  snapkeep plan --at 2027-01-01T00:00:00Z
  snapkeep plan --explain nightly-20261120t013000z")]
pub(crate) struct PlanArguments {
    /// Policies [default: all]
    #[arg(value_name = "POLICY")]
    policies: Vec<String>,
    /// What would happen then, with what exists now (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "out")]
    at: Option<Timestamp>,
    /// Say all that the plan says of one snapshot
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "out")]
    explain: Option<String>,
    /// Write the plan there, for `snapkeep apply`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say how much the deletions free: reads the repositories themselves, one blob of each shard
    #[arg(long, conflicts_with = "explain")]
    sizes: bool,
    /// Plan deletions also where the server's clock is unknown or far from ours
    #[arg(long)]
    allow_unknown_clock: bool,
}

/// Looks and plans.
pub(crate) async fn run(arguments: PlanArguments, session: &Session) -> Result<(), Failure> {
    let chosen = Chosen::read(session, &arguments.policies).await?;
    let fleet = chosen.fleet(session);
    let (now, deadline) = (session.now(), session.deadline());
    let reporter = Reporter::new(&session.printer);
    let gathered = gather(&fleet, &chosen.policies, &chosen.only, now, deadline, &reporter).await;
    let options = Options { allow_unknown_clock: arguments.allow_unknown_clock };
    let plan = decide(&chosen.policies, &gathered, &chosen.only, &options, arguments.at.unwrap_or(now));
    let failures = failures(&gathered);
    if let Some(snapshot) = &arguments.explain {
        explain(snapshot, &plan, &failures, session)?;
    } else {
        let frees = if arguments.sizes { Some(frees(&plan, &chosen, &fleet, session, deadline).await) } else { None };
        session.printer.show(&Planned { plan: &plan, failures: &failures, frees: frees.as_ref() }, now)?;
    }
    if let Some(file) = &arguments.out {
        write(file, &plan, session)?;
    }
    worst(failures)
}

/// Everything that could not be looked at, by its place.
fn failures(gathered: &Gathered) -> BTreeMap<String, Failure> {
    let of_clusters = gathered.failures.iter().map(|(cluster, failure)| (cluster.clone(), failure.clone()));
    let of_repositories = gathered.repositories.iter().flat_map(|(cluster, repositories)| {
        repositories.iter().map(move |(name, failure)| (format!("{cluster}/{name}"), failure.clone()))
    });
    of_clusters.chain(of_repositories).collect()
}

/// What is not seen is not planned for: the plan stands, the command fails.
fn worst(failures: BTreeMap<String, Failure>) -> Result<(), Failure> {
    let others = failures.len().saturating_sub(1);
    let Some((place, failure)) = failures.into_iter().next() else { return Ok(()) };
    let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    let cause = format!("{place}: {}{more}", failure.cause);
    Err(failure.with_cause(cause))
}

fn explain(
    snapshot: &str,
    plan: &Plan,
    failures: &BTreeMap<String, Failure>,
    session: &Session,
) -> Result<(), Failure> {
    let lines = plan.explain(snapshot);
    if lines.is_empty() && failures.is_empty() {
        let cause = format!("no repository of these policies has a snapshot {snapshot}, and none is due");
        return Err(Failure::new(Code::SnapshotMissing, cause, "`snapkeep plan` names all that it sees"));
    }
    session.printer.show(&Explained { snapshot, lines: &lines }, session.now())
}

fn write(file: &PathBuf, plan: &Plan, session: &Session) -> Result<(), Failure> {
    let path = session.process.directory.join(file);
    let text = serde_json::to_string_pretty(plan).map_err(std::io::Error::other);
    text.and_then(|text| std::fs::write(&path, text + "\n")).map_err(|error| {
        let cause = format!("the plan cannot be written to {}: {error}", file.display());
        Failure::new(Code::Unsupported, cause, "name a file in a directory that you may write to")
    })?;
    session.printer.note(&format!("`snapkeep apply {}` carries it out", file.display()));
    Ok(())
}
