//! What a drill restores: the newest good snapshot, and as much of it as the policy allows.

use super::Stage;
use crate::restore::{RestoreJob, plan_restore};
use serde_json::{Map, Value, json};
use snapkeep_cluster::{Feature, Product};
use snapkeep_core::drill::{Bounds, Candidate, Drill, DrillId, Drilled, MARK, PREFIX, Part, REMOVED_SETTINGS, Record};
use snapkeep_core::drill::{last_drilled, sample};
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::policy::Policy;
use snapkeep_core::restore::{Among, Choice, Item, Kind, Rename, Request, RestorePlan};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;

/// A restore that is ready to be begun.
pub(super) struct Prepared {
    pub(super) job: RestoreJob,
    pub(super) plan: RestorePlan,
    /// How many of the snapshot's indices other drills have to look at.
    pub(super) left: usize,
    /// Indices that no drill can look at.
    pub(super) too_large: Vec<String>,
}

/// Plans twice: all that the drill is about, to know its sizes, then what was chosen of it.
pub(super) async fn prepare(
    stage: &Stage<'_>,
    policy: &Policy,
    drill: &Drill,
    id: &DrillId,
    records: &[Record],
    deadline: Deadline,
) -> Result<Prepared, Failure> {
    let product = stage.target.product(deadline).await.map_err(|unanswered| unanswered.failure())?;
    let request = request(drill, id, &product, stage)?;
    let among = Among { policy: Some(known_by(policy, stage, deadline).await?), ..Among::default() };
    let mut job = RestoreJob { repository: policy.repository.clone(), choice: Choice::Latest, among, request };
    let whole = plan_restore(stage.target, &job, deadline).await?;
    let candidates: Vec<Candidate> = whole.items.iter().map(candidate).collect();
    let sampled = sample(&candidates, &last_drilled(records), Bounds::from(drill))?;
    job.choice = Choice::Named(SnapshotName::parse(&whole.snapshot)?);
    job.among = Among::default();
    job.request.indices = sampled.chosen.iter().map(|name| exactly(name)).collect::<Result<_, _>>()?;
    let plan = plan_restore(stage.target, &job, deadline).await?;
    if plan.uuid != whole.uuid {
        let cause = format!("another snapshot is named {} now", whole.snapshot);
        return Err(Failure::new(Code::PlanStale, cause, "the next run drills with what is there then"));
    }
    Ok(Prepared { job, plan, left: sampled.left.len(), too_large: sampled.too_large })
}

/// The name by which the restore's choice knows the policy's snapshots: the mark's, and the name's where there is none.
async fn known_by(policy: &Policy, stage: &Stage<'_>, deadline: Deadline) -> Result<String, Failure> {
    let product = stage.source.product(deadline).await.map_err(|unanswered| unanswered.failure())?;
    let name = if product.has(Feature::Metadata) { policy.name.as_str() } else { policy.prefix() };
    Ok(name.to_owned())
}

fn candidate(item: &Item) -> Candidate {
    Candidate { name: item.source.clone(), bytes: item.bytes }
}

fn exactly(name: &str) -> Result<Pattern, Failure> {
    Pattern::parse(name)
}

fn request(drill: &Drill, id: &DrillId, product: &Product, stage: &Stage<'_>) -> Result<Request, Failure> {
    let mut dropped: Vec<String> = REMOVED_SETTINGS.iter().map(|&key| key.to_owned()).collect();
    if stage.target_name != stage.source_name {
        // Another cluster has other nodes: what held an index to some there would keep it from all here.
        dropped.push("index.routing.allocation.*".to_owned());
    }
    Ok(Request {
        indices: drill.indices.clone(),
        // A snapshot that was taken meanwhile may hold those of another drill.
        exclude: vec![Pattern::parse(&format!("{PREFIX}*"))?],
        rename: Some(Rename::prefix(&id.prefix())?),
        settings: settings(id, product),
        drop_settings: dropped,
        ..Request::default()
    })
}

/// What the restored indices get: the mark, no replicas, and out of sight where that exists, so that neither searches nor
/// snapshots of everything meet them.
fn settings(id: &DrillId, product: &Product) -> Map<String, Value> {
    let mut settings = Map::from_iter([
        (MARK.to_owned(), json!(id.as_str())),
        ("index.number_of_replicas".to_owned(), json!(0)),
        ("index.auto_expand_replicas".to_owned(), json!(false)),
    ]);
    if product.can_hide_indices() {
        settings.insert("index.hidden".to_owned(), json!(true));
    }
    settings
}

/// What the record says of the plan's items before there is anything of them.
pub(super) fn drilled(plan: &RestorePlan) -> Vec<Drilled> {
    let one = |item: &Item| Drilled {
        source: item.source.clone(),
        target: item.target.clone(),
        data_stream: item.kind == Kind::DataStream,
        parts: item.indices.iter().map(|name| Part { name: name.clone(), uuid: None }).collect(),
        bytes: item.bytes,
        documents: None,
    };
    plan.items.iter().map(one).collect()
}
