//! Plans 100,000 snapshots of 50 policies in one repository: `cargo bench -p snapkeep-core`. Says how long one plan
//! and its check take, and the process's largest size.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Map;
use snapkeep_core::inventory::{Cluster, Inventory, Repository};
use snapkeep_core::naming::{RepositoryName, name_for_slot};
use snapkeep_core::ownership::Mark;
use snapkeep_core::plan::{Options, make};
use snapkeep_core::policy::{FirstDelete, Limits, Policy, Settings};
use snapkeep_core::retention::{Count, Keep};
use snapkeep_core::schedule::{Schedule, zone};
use snapkeep_core::selection::Index;
use snapkeep_core::snapshot::{Snapshot, State};
use snapkeep_core::{Failure, invariants};
use std::io::Write;
use std::time::Instant;

const POLICIES: usize = 50;
const SNAPSHOTS: usize = 100_000;
const ROUNDS: usize = 15;

fn policy(number: usize, zone: TimeZone) -> Result<Policy, Failure> {
    let of = |count| Some(Count::Of(count));
    Policy::new(Settings {
        schedule: Some(Schedule::parse("0 * * * *", zone.clone())?),
        zone,
        keep: Some(Keep { hourly: of(48), daily: of(31), weekly: of(10), monthly: of(24), ..Keep::default() }),
        limits: Limits { max_deletes_per_run: u32::MAX, ..Limits::default() },
        first_delete: FirstDelete::Allow,
        ..Settings::of(format!("policy-{number}"), &["prod"], RepositoryName::parse("backups")?)
    })
}

fn snapshot(policy: &Policy, slot: Timestamp) -> Snapshot {
    let mark = Mark { policy: &policy.name, slot, confirmed: true };
    let name = name_for_slot(policy.prefix(), slot).to_string();
    Snapshot {
        uuid: Some(format!("uuid-of-{name}")),
        state: Some(State::Success),
        started_at: Some(slot + SignedDuration::from_secs(7)),
        ended_at: Some(slot + SignedDuration::from_secs(99)),
        metadata: Some(mark.write("0123456789abcdef", &Map::new()).into()),
        ..Snapshot::named(name)
    }
}

fn peak_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |size| size.trim().to_owned())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let berlin = zone("Europe/Berlin")?;
    let policies = (0..POLICIES).map(|number| policy(number, berlin.clone())).collect::<Result<Vec<_>, _>>()?;
    let now: Timestamp = "2026-11-23T13:05:09Z".parse()?;
    let mut snapshots = Vec::with_capacity(SNAPSHOTS);
    for policy in &policies {
        let slots = std::iter::successors(Some(now), |at| policy.schedule.as_ref()?.previous(*at));
        snapshots.extend(slots.skip(2).take(SNAPSHOTS / POLICIES).map(|slot| snapshot(policy, slot)));
    }
    let repository = Repository { snapshots, ..Repository::default() };
    let cluster = Cluster {
        skew: Some(SignedDuration::ZERO),
        concurrent: true,
        has_metadata: true,
        repositories: [("backups".to_owned(), repository)].into(),
        indices: vec![Index { name: "logs".to_owned(), ..Index::default() }],
    };
    let inventory = Inventory { clusters: [("prod".to_owned(), cluster)].into() };
    let before = peak_kib();
    let (mut plans, mut checks, mut steps) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let plan = make(&policies, &inventory, &Options::default(), now);
        plans.push(start.elapsed());
        let start = Instant::now();
        let broken = invariants::check(&plan, &policies, &inventory, Options::default());
        checks.push(start.elapsed());
        assert!(broken.is_empty(), "{broken:?}");
        steps = plan.steps.len();
    }
    plans.sort_unstable();
    checks.sort_unstable();
    let (plan, check) = (plans[ROUNDS / 2], checks[ROUNDS / 2]);
    writeln!(
        std::io::stdout(),
        "{SNAPSHOTS} snapshots of {POLICIES} policies: {steps} steps; median of {ROUNDS}: plan {plan:?}, check {check:?}; \
         largest size {}, {before} of it before the first plan",
        peak_kib()
    )?;
    Ok(())
}
