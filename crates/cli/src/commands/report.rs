//! `report`: what the policies promised, and what there is to show for it.

use super::chosen::Chosen;
use super::restore::Moment;
use crate::output::progress::Reporter;
use crate::output::views::{AuditView, Page};
use crate::session::Session;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::audit::{Audit, Evidence, Stretch, Unseen, audit};
use snapkeep_core::drill::Record;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::drill_records;
use snapkeep_engine::policies::{Fleet, Gathered, gather};
use snapkeep_transport::Deadline;
use std::collections::BTreeMap;

/// What the report is about if nothing is said: 30 days.
const USUAL: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Report on a stretch of time: promised and actual recovery points, failures, gaps, drills
///
/// For whoever has to show that backups are made and can be restored. It rests on the snapshots that are still there and on
/// the drills' records: a slot whose snapshot retention has deleted by now is told as such, not as missed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep report --audit --from 2026-10-01 --to 2026-11-01 > october.md
  snapkeep report --audit --format html > audit.html
  snapkeep report --audit nightly --format csv")]
pub(crate) struct ReportArguments {
    /// Policies [default: all]
    #[arg(value_name = "POLICY")]
    policies: Vec<String>,
    /// The report for auditors, the only one there is
    #[arg(long, required = true)]
    audit: bool,
    /// The first moment that it is about; without a zone in UTC [default: 30 days before the end]
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// The first moment after it [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// How it is written; --json is for programs
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    format: Kind,
}

/// [`Page`] as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Markdown,
    Html,
    Csv,
}

/// Looks and reports. What could not be looked at fails the command once the rest is shown.
pub(crate) async fn run(arguments: ReportArguments, session: &Session) -> Result<(), Failure> {
    let stretch = arguments.stretch(session.now())?;
    let chosen = Chosen::read(session, &arguments.policies).await?;
    let fleet = chosen.fleet(session);
    let deadline = session.deadline();
    let reporter = Reporter::new(&session.printer);
    let gathered = gather(&fleet, &chosen.policies, &chosen.only, stretch.now, deadline, &reporter).await;
    drop(reporter);
    let audit = whole(&chosen, &fleet, &gathered, &stretch, deadline).await;
    let outcome = unseen(&audit);
    session.printer.show_with(&AuditView { audit: &audit, page: arguments.page() }, session.now(), outcome)
}

impl ReportArguments {
    fn stretch(&self, now: Timestamp) -> Result<Stretch, Failure> {
        let to = self.to.map_or(now, |moment| moment.0);
        let usual = to.checked_sub(USUAL).unwrap_or(Timestamp::MIN);
        let from = self.from.map_or(usual, |moment| moment.0);
        if from >= to || from > now {
            let cause = format!("there is nothing to report from {from} to {to}");
            return Err(Failure::new(Code::BadEvent, cause, "give a --from that has passed, and a --to after it"));
        }
        Ok(Stretch { from, to, now })
    }

    fn page(&self) -> Page {
        match self.format {
            Kind::Markdown => Page::Markdown,
            Kind::Html => Page::Html,
            Kind::Csv => Page::Csv,
        }
    }
}

async fn whole(
    chosen: &Chosen,
    fleet: &Fleet<'_>,
    gathered: &Gathered,
    stretch: &Stretch,
    deadline: Deadline,
) -> Audit {
    let mut report = Audit {
        schema: 1,
        from: stretch.from,
        to: stretch.to,
        at: stretch.now,
        policies: Vec::new(),
        unseen: Vec::new(),
    };
    let mut records: BTreeMap<&str, Result<Vec<Record>, Failure>> = BTreeMap::new();
    for (policy, cluster) in chosen.meant().flat_map(|policy| policy.clusters.iter().map(move |name| (policy, name))) {
        if !records.contains_key(cluster.as_str()) {
            records.insert(cluster, drill_records(fleet, cluster, deadline).await);
        }
        let nothing = Vec::new();
        let kept = match &records[cluster.as_str()] {
            Ok(kept) => kept,
            Err(failure) => {
                report.unseen.push(not_seen(policy, cluster, &format!("the drills' records: {}", failure.cause)));
                &nothing
            }
        };
        match evidence(policy, cluster, gathered, kept) {
            Ok(evidence) => report.policies.push(audit(&evidence, stretch)),
            Err(why) => report.unseen.push(not_seen(policy, cluster, &why)),
        }
    }
    report
}

fn evidence<'a>(
    policy: &'a Policy,
    cluster: &'a str,
    gathered: &'a Gathered,
    records: &'a [Record],
) -> Result<Evidence<'a>, String> {
    let seen = gathered.inventory.clusters.get(cluster);
    let repository = policy.repository.as_str();
    let found = seen.and_then(|seen| Some((seen, seen.repositories.get(repository)?)));
    let Some((seen, found)) = found else {
        let of_repository = gathered.repositories.get(cluster).and_then(|all| all.get(repository));
        let failure = gathered.failures.get(cluster).or(of_repository);
        return Err(failure.map_or_else(|| "it could not be looked at".to_owned(), |failure| failure.cause.clone()));
    };
    Ok(Evidence { policy, cluster, has_metadata: seen.has_metadata, snapshots: &found.snapshots, records })
}

fn not_seen(policy: &Policy, cluster: &str, why: &str) -> Unseen {
    Unseen { policy: policy.name.clone(), cluster: cluster.to_owned(), why: why.to_owned() }
}

/// A report that says nothing of something is no evidence of it.
fn unseen(audit: &Audit) -> Result<(), Failure> {
    let Some(first) = audit.unseen.first() else { return Ok(()) };
    let cause = format!("of policy {} on {} the report says not all: {}", first.policy, first.cluster, first.why);
    Err(Failure::new(Code::Inconclusive, cause, "see to what could not be looked at, then make the report again"))
}
