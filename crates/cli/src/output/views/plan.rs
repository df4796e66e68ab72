//! Results of `plan`, `apply` and `run`.

use super::shards;
use crate::output::{Cell, Look, Table, Tone, View, human, json_of};
use serde::Serialize;
use snapkeep_core::Failure;
use snapkeep_core::plan::{Create, Delete, Place, Plan, Standing, Step};
use snapkeep_core::selection::Reason;
use snapkeep_engine::policies::{NotDone, PolicyReport, RunReport, Taken};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Names of indices that are shown of each snapshot; JSON has all.
const SHOWN: usize = 5;

/// A plan, and what could not be looked at for it.
#[derive(Clone, Copy)]
pub(crate) struct Planned<'a> {
    pub(crate) plan: &'a Plan,
    /// By cluster, or cluster and repository.
    pub(crate) failures: &'a BTreeMap<String, Failure>,
    /// What its deletions free; nothing if that was not asked for.
    pub(crate) frees: Option<&'a Frees>,
}

/// What the deletions of a plan free: bytes of data, as far as the repositories could be read.
#[derive(Debug, Serialize)]
pub(crate) struct Frees {
    /// All together; nothing where a repository could not be read.
    pub(crate) bytes: Option<u64>,
    /// Each policy's on each of its clusters.
    pub(crate) policies: Vec<Freed>,
}

/// What a policy's deletions free.
#[derive(Debug, Serialize)]
pub(crate) struct Freed {
    #[serde(flatten)]
    pub(crate) place: Place,
    /// If the other policies' were not carried out.
    pub(crate) bytes: Option<u64>,
    /// Why that is not known.
    pub(crate) why: Option<String>,
}

impl Planned<'_> {
    /// What each policy frees, where there are several.
    fn freed_by_policies(&self) -> Vec<String> {
        let policies = self.frees.map_or(&[][..], |frees| &frees.policies);
        let one = |freed: &Freed| {
            let Place { cluster, repository, policy } = &freed.place;
            Some(format!("{policy} on {cluster}/{repository} frees {}", human::bytes(freed.bytes?)))
        };
        if policies.len() > 1 { policies.iter().filter_map(one).collect() } else { Vec::new() }
    }

    fn rows(&self) -> Vec<Vec<Cell>> {
        let plan = self.plan;
        let steps = plan.steps.iter().map(|step| match step {
            Step::Create(create) => row(Tone::Moving, "create", &create.snapshot, &create.place, &why_created(create)),
            Step::Delete(delete) => row(Tone::Bad, "delete", &delete.snapshot, &delete.place, &why_deleted(delete)),
        });
        let skipped = plan.skipped.iter().map(|skipped| {
            let name = skipped.snapshot.as_deref().unwrap_or(human::UNKNOWN);
            row(Tone::Warning, "leave", name, &skipped.place, &skipped.why.to_string())
        });
        let kept = plan.kept.iter().map(|kept| {
            let place = Place {
                cluster: kept.cluster.clone(),
                repository: kept.repository.clone(),
                policy: kept.policy.clone().unwrap_or_else(|| human::UNKNOWN.to_owned()),
            };
            row(Tone::Good, "keep", &kept.snapshot, &place, &joined(&kept.reasons))
        });
        steps.chain(skipped).chain(kept).collect()
    }

    fn summary(&self) -> String {
        let plan = self.plan;
        let unconfirmed = plan.deletes().filter(|delete| delete.unconfirmed).count();
        let yes = if unconfirmed == 0 { String::new() } else { format!(" ({unconfirmed} of them only with a yes)") };
        let (creates, deletes) = (plan.creates().count(), plan.deletes().count());
        let bytes = self.frees.and_then(|frees| frees.bytes).filter(|_| deletes > 0);
        let freed = bytes.map_or(String::new(), |bytes| format!("; deleting frees {}", human::bytes(bytes)));
        format!("{creates} to create, {deletes} to delete{yes}, {} to keep{freed}", plan.kept.len())
    }
}

fn row(tone: Tone, what: &str, snapshot: &str, place: &Place, why: &str) -> Vec<Cell> {
    let at = format!("{}/{}", place.cluster, place.repository);
    vec![Cell::toned(tone, what), snapshot.into(), at.into(), place.policy.as_str().into(), why.into()]
}

fn joined<T: Display>(reasons: &[T]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn why_created(create: &Create) -> String {
    let first = create.indices[..create.indices.len().min(SHOWN)].join(", ");
    let more = create.indices.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let closed = create.closed().join(", ");
    let without = if closed.is_empty() { String::new() } else { format!("; without {closed}: {}", Reason::Closed) };
    format!("{}; holds {first}{more}{without}", joined(&create.reasons))
}

fn why_deleted(delete: &Delete) -> String {
    let yes = if delete.unconfirmed { "; the policy has never deleted: needs a yes" } else { "" };
    joined(&delete.reasons) + yes
}

/// What is not as it should be with a policy.
fn trouble(standing: &Standing) -> Vec<String> {
    let at = format!("{} on {}", standing.place.policy, standing.place.cluster);
    let newest = standing.newest_success.as_ref().map_or("it has none".to_owned(), |newest| {
        format!("its newest SUCCESS began at {}", human::time(newest.started_at))
    });
    let stale = standing.stale.then(|| format!("{at} is stale: {newest}"));
    let overdue = standing.overdue.iter().map(|name| format!("{at}: {name} runs for longer than max_duration"));
    stale.into_iter().chain(overdue).collect()
}

impl View for Planned<'_> {
    fn text(&self, look: &Look) -> String {
        let mut table = Table::new(&["", "SNAPSHOT", "REPOSITORY", "POLICY", "WHY"]);
        let rows = self.rows();
        let mut lines = Vec::new();
        if !rows.is_empty() {
            for row in rows {
                table.row(row);
            }
            lines.push(table.render(look.style));
        }
        let warn = |text: String| format!("{}: {text}", look.style.paint(Tone::Warning, "warning"));
        lines.extend(self.plan.policies.iter().flat_map(trouble).map(warn));
        lines.extend(self.failures.iter().map(|(place, failure)| warn(format!("{place}: {}", failure.cause))));
        lines.extend(self.freed_by_policies());
        lines.push(self.summary());
        lines.join("\n")
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(flatten)]
            plan: &'a Plan,
            failures: &'a BTreeMap<String, Failure>,
            frees: Option<&'a Frees>,
        }
        json_of(&Whole { plan: self.plan, failures: self.failures, frees: self.frees })
    }
}

/// All that a plan says of one snapshot.
pub(crate) struct Explained<'a> {
    pub(crate) snapshot: &'a str,
    pub(crate) lines: &'a [String],
}

impl View for Explained<'_> {
    fn text(&self, _: &Look) -> String {
        self.lines.join("\n")
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            schema: u32,
            snapshot: &'a str,
            reasons: &'a [String],
        }
        json_of(&Whole { schema: 1, snapshot: self.snapshot, reasons: self.lines })
    }
}

/// What a run did.
pub(crate) struct RunView<'a>(pub(crate) &'a RunReport);

impl View for RunView<'_> {
    fn text(&self, look: &Look) -> String {
        let mut lines: Vec<String> = Vec::new();
        for policy in &self.0.policies {
            lines.extend(of_policy(policy, look));
        }
        let failed = self.0.clusters.iter().filter_map(|(name, cluster)| Some((name, cluster.failure.as_ref()?)));
        let bad = look.style.paint(Tone::Bad, "failed");
        lines.extend(failed.map(|(name, failure)| format!("cluster {name}\n  {bad}: {}", failure.cause)));
        lines.extend(self.0.drills.iter().flat_map(|drills| super::drill::lines(drills, look)));
        lines.join("\n")
    }

    fn json(&self) -> String {
        json_of(self.0)
    }
}

fn of_policy(policy: &PolicyReport, look: &Look) -> Vec<String> {
    let paint = |tone, text: &str| look.style.paint(tone, text);
    let taken = |word: &str, tone, taken: &Taken| {
        let state = super::state(taken.state).painted(look.style);
        let shards = taken.shards.map_or(String::new(), |_| format!(", {} shards", shards(taken.shards)));
        format!("  {}: {} {state}{shards}", paint(tone, word), taken.snapshot)
    };
    let stale = if policy.stale { format!(" {}", paint(Tone::Warning, "(stale)")) } else { String::new() };
    let mut lines = vec![format!("{} on {}/{}{stale}", policy.policy, policy.cluster, policy.repository)];
    lines.extend(policy.created.iter().map(|one| taken("taken", Tone::Good, one)));
    lines.extend(policy.pending.iter().map(|one| taken("running", Tone::Moving, one)));
    let deleted = |word: &str, name: &str, why: &str| format!("  {}: {name}: {why}", paint(Tone::Bad, word));
    lines.extend(policy.deleted.iter().map(|one| deleted("deleted", &one.snapshot, &joined(&one.reasons))));
    // A failure says why as well.
    let is_said = |skipped: &&NotDone| {
        let names = |cause: &str| skipped.what.as_ref().is_none_or(|what| cause.contains(what.as_str()));
        policy.failures.iter().any(|failure| failure.cause.contains(&skipped.why) && names(&failure.cause))
    };
    lines.extend(policy.skipped.iter().filter(|skipped| !is_said(skipped)).map(|skipped| {
        let name = skipped.what.as_ref().map_or(String::new(), |what| format!("{what}: "));
        format!("  {}: {name}{}", paint(Tone::Dim, "left"), skipped.why)
    }));
    lines.extend(policy.failures.iter().map(|failure| {
        let head = paint(Tone::Bad, "failed");
        format!("  {head}: [{}] {}", failure.code, failure.cause)
    }));
    lines.push(format!("  {}", human::count(policy.kept, "snapshot") + " kept"));
    lines
}
