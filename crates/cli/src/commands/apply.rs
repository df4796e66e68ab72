//! `apply`: carries out a plan that was written to a file.

use super::chosen::Chosen;
use super::run::{finish, mark};
use crate::confirm::{Yes, confirm};
use crate::output::progress::Reporter;
use crate::output::views::Planned;
use crate::output::{Format, human};
use crate::session::Session;
use clap::Args;
use snapkeep_core::plan::{Plan, SCHEMA, Step};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::{ApplyOptions, Wait, apply};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Carry out a plan: shows it, then asks
///
/// Just before each step its guard is looked at again. Steps that do not fit any more are left out, the others are
/// carried out, and the command ends with 13.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  snapkeep plan --out plan.json && snapkeep apply plan.json")]
pub(crate) struct Apply {
    /// The plan, as `snapkeep plan --out` writes it
    #[arg(value_name = "PLAN.json")]
    plan: PathBuf,
    /// Delete also where the server's clock is unknown or far from ours
    #[arg(long)]
    allow_unknown_clock: bool,
    #[command(flatten)]
    yes: Yes,
}

/// Shows, asks, applies.
pub(crate) async fn run(arguments: Apply, session: &Session) -> Result<(), Failure> {
    let mut plan = read(&arguments.plan, session)?;
    if let Some(cluster) = &session.globals.cluster {
        narrow(&mut plan, cluster);
    }
    let names: BTreeSet<&String> = plan.policies.iter().map(|standing| &standing.place.policy).collect();
    let names: Vec<String> =
        names.into_iter().chain(plan.steps.iter().map(|step| &step.place().policy)).cloned().collect();
    let chosen = Chosen::read(session, &names).await?;
    if session.printer.format() == Format::Text {
        session.printer.show_plan(&Planned { plan: &plan, failures: &BTreeMap::new(), frees: None }, session.now())?;
    }
    let is_asked = !plan.steps.is_empty() && (deletes(&plan) || session.printer.can_ask());
    if is_asked {
        confirm(session, arguments.yes, &question(&plan)).await?;
    }
    let fleet = chosen.fleet(session);
    session.goes_on("what was sent is carried out; `snapkeep plan` shows what is left");
    let options = ApplyOptions {
        // Who was not asked to delete has not said it: a new policy's deletions wait for a yes of somebody's own.
        yes: deletes(&plan) || arguments.yes.yes,
        allow_unknown_clock: arguments.allow_unknown_clock,
        run: mark(),
        wait: Wait::ToTheEnd,
        clock: session.clock(),
    };
    let (now, deadline) = (session.now(), session.patient_deadline());
    let reporter = Reporter::new(&session.printer);
    let report = apply(&fleet, &chosen.policies, &plan, &options, now, deadline, &reporter).await;
    finish(&report, session)
}

/// Whether a yes to the plan is one to a deletion.
fn deletes(plan: &Plan) -> bool {
    plan.deletes().next().is_some()
}

fn question(plan: &Plan) -> String {
    let parts = [("take", plan.creates().count()), ("delete", plan.deletes().count())];
    let parts = parts.into_iter().filter(|(_, count)| *count > 0);
    let words = parts.map(|(verb, count)| format!("{verb} {}", human::count(count, "snapshot"))).collect::<Vec<_>>();
    let words = words.join(" and ");
    words[..1].to_uppercase() + &words[1..] + "?"
}

fn read(file: &PathBuf, session: &Session) -> Result<Plan, Failure> {
    let bad = |why: String| {
        let cause = format!("the plan {}: {why}", file.display());
        Failure::new(Code::BadEvent, cause, "name a file that `snapkeep plan --out FILE` wrote")
    };
    let text = std::fs::read_to_string(session.process.directory.join(file)).map_err(|error| bad(error.to_string()))?;
    let plan: Plan = serde_json::from_str(&text).map_err(|error| bad(format!("it is no plan: {error}")))?;
    if plan.schema != SCHEMA {
        return Err(bad(format!("its shape has version {}, and this program knows {SCHEMA}", plan.schema)));
    }
    Ok(plan)
}

fn narrow(plan: &mut Plan, cluster: &str) {
    plan.policies.retain(|standing| standing.place.cluster == cluster);
    plan.steps.retain(|step: &Step| step.place().cluster == cluster);
    plan.kept.retain(|kept| kept.cluster == cluster);
    plan.skipped.retain(|skipped| skipped.place.cluster == cluster);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plan(steps: &Value) -> Plan {
        let plan = json!({
            "schema": SCHEMA, "at": "2026-01-02T00:00:00Z", "policies": [], "steps": steps, "kept": [], "skipped": [],
        });
        serde_json::from_value(plan).unwrap()
    }

    fn place() -> Value {
        json!({"cluster": "c", "repository": "r", "policy": "nightly", "snapshot": "s"})
    }

    fn step(own: &Value) -> Value {
        let mut step = place();
        step.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        step
    }

    #[test]
    fn a_yes_to_a_snapshot_is_none_to_a_deletion() {
        let create = step(&json!({
            "do": "create", "slot": "2026-01-02T00:00:00Z", "attempt": 1, "indices": ["a"], "partial": false,
            "include_global_state": false, "user_metadata": {}, "reasons": [], "chosen": [], "left_out": [],
            "guard": {"begin_before": "2026-01-03T00:00:00Z", "alone": false, "confirmed": false},
        }));
        let delete = step(&json!({
            "do": "delete", "reasons": [], "unconfirmed": true,
            "guard": {"uuid": null, "state": "SUCCESS", "started_at": "2026-01-01T00:00:00Z"},
        }));
        let taking = plan(&json!([create]));
        assert_eq!((question(&taking).as_str(), deletes(&taking)), ("Take 1 snapshot?", false));
        let both = plan(&json!([create, delete]));
        assert_eq!((question(&both).as_str(), deletes(&both)), ("Take 1 snapshot and delete 1 snapshot?", true));
    }
}
