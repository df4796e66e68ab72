//! Results of `restore`: the plan, and what came of it.

use super::age;
use crate::commands::restore::word;
use crate::output::{Cell, Look, Table, Tone, View, harmless, human, json_of};
use serde::Serialize;
use snapkeep_core::restore::{Action, Item, Kind, RestorePlan, Room};
use snapkeep_core::select::state_word;
use snapkeep_engine::RestoreReport;
use std::time::Duration;

/// Most missing shards that are shown; `--json` has them all.
const MISSING_SHOWN: usize = 10;

/// The plan, shown before anything is done.
pub(crate) struct RestorePlanView<'a>(pub(crate) &'a RestorePlan);

impl View for RestorePlanView<'_> {
    fn text(&self, look: &Look) -> String {
        let plan = self.0;
        let before = harmless(of(plan, look));
        let mut after: Vec<String> = others(plan).into_iter().collect();
        after.push(room(&plan.room));
        after.extend(options(plan));
        after.extend(plan.warnings.iter().map(|warning| format!("note: {warning}")));
        after.extend(plan.problems.iter().map(|problem| format!("in the way: {}", problem.cause)));
        let after = after.into_iter().map(harmless);
        std::iter::once(before).chain(table(plan, look)).chain(after).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        RestoreLine::of(self.0, None)
    }
}

fn of(plan: &RestorePlan, look: &Look) -> String {
    let version = plan.version.as_deref().map(|version| format!(", by {version}")).unwrap_or_default();
    format!(
        "snapshot {} of repository {} ({}, {} old{version}) to {}",
        plan.snapshot,
        plan.repository,
        state_word(plan.state),
        age(plan.started_at, look),
        plan.target
    )
}

fn table(plan: &RestorePlan, look: &Look) -> Option<String> {
    let mut table = Table::new(&["", "NAME", "AS", ">SHARDS", ">SIZE", "WHY"]);
    for item in &plan.items {
        table.row(vec![
            Cell::toned(tone(item.action), word(item.action)),
            named(item).into(),
            item.target.as_str().into(),
            human::or_unknown(item.shards.map(|shards| shards.to_string())).into(),
            human::or_unknown(item.bytes.map(human::bytes)).into(),
            item.reasons.join("; ").into(),
        ]);
    }
    // What nobody asked for is counted below.
    for out in plan.left_out.iter().filter(|out| out.hint.is_some()) {
        let hint = out.hint.as_deref().unwrap_or_default();
        let why = format!("{}; {hint}", out.why);
        let nothing = || human::UNKNOWN.into();
        table.row(vec!["left out".into(), out.name.as_str().into(), nothing(), nothing(), nothing(), why.into()]);
    }
    (!plan.items.is_empty() || !plan.left_out.is_empty()).then(|| table.render(look.style))
}

fn named(item: &Item) -> String {
    match item.kind {
        Kind::Index => item.source.clone(),
        Kind::DataStream => format!("{} (data stream)", item.source),
    }
}

fn tone(action: Action) -> Tone {
    match action {
        Action::Restore | Action::Done => Tone::Good,
        Action::Close | Action::Again | Action::Skip => Tone::Warning,
        Action::Follow => Tone::Moving,
        Action::Blocked => Tone::Bad,
    }
}

fn others(plan: &RestorePlan) -> Option<String> {
    let others = plan.left_out.iter().filter(|out| out.hint.is_none()).count();
    (others > 0).then(|| format!("{others} more in the snapshot, not asked for or excluded"))
}

fn room(room: &Room) -> String {
    let least = if room.replicas.is_none() { " at least (replicas not counted)" } else { "" };
    let needed = room.needed_bytes.map_or_else(|| "a size not known".to_owned(), human::bytes);
    let tiers: Vec<String> = room
        .tiers
        .iter()
        .map(|tier| {
            let taken = if tier.takes_restores { "" } else { ", not for this" };
            let nodes = usize::try_from(tier.nodes).unwrap_or(usize::MAX);
            format!(
                "{} usable on tier {} ({}{taken})",
                human::bytes(tier.usable_bytes),
                tier.name,
                human::count(nodes, "node")
            )
        })
        .collect();
    let tiers = if tiers.is_empty() { "disks not known".to_owned() } else { tiers.join(", ") };
    let shards = match (room.needed_shards, room.shards) {
        (Some(needed), Some(shards)) => format!("; {needed} shards beside {} of {}", shards.open, shards.limit),
        (Some(needed), None) => format!("; {needed} shards"),
        (None, _) => String::new(),
    };
    format!("needs {needed}{least}: {tiers}{shards}")
}

fn options(plan: &RestorePlan) -> Option<String> {
    let options = &plan.options;
    let set = options.settings.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let dropped = options.drop_settings.iter().map(|key| format!("without {key}"));
    let with = [
        (options.aliases, "with aliases"),
        (options.partial, "with indices that lack shards"),
        (options.global_state, "with the global state"),
    ];
    let with = with.into_iter().filter(|(is_set, _)| *is_set).map(|(_, words)| words.to_owned());
    let all: Vec<String> = set.chain(dropped).chain(with).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// The plan and what came of it.
pub(crate) struct RestoredView<'a> {
    pub(crate) plan: &'a RestorePlan,
    pub(crate) report: &'a RestoreReport,
}

impl View for RestoredView<'_> {
    fn text(&self, look: &Look) -> String {
        let report = self.report;
        let mut table = Table::new(&["NAME", "AS", ">SHARDS", ">DOCUMENTS"]);
        for item in &report.items {
            let tone = if item.started == item.expected { Tone::Good } else { Tone::Bad };
            table.row(vec![
                item.source.as_str().into(),
                item.target.as_str().into(),
                Cell::toned(tone, format!("{}/{}", item.started, item.expected)),
                human::or_unknown(item.documents.map(|count| count.to_string())).into(),
            ]);
        }
        let mut lines = vec![table.render(look.style)];
        let missing = &report.truth.missing;
        for one in missing.iter().take(MISSING_SHOWN) {
            let shard = one.shard.map(|shard| format!("[{shard}]")).unwrap_or_default();
            lines.push(harmless(format!("missing: {}{shard}: {}", one.index, one.reason)));
        }
        if missing.len() > MISSING_SHOWN {
            lines.push(format!("and {} more are missing", missing.len() - MISSING_SHOWN));
        }
        let took = human::span(Duration::try_from_secs_f64(report.took_s).unwrap_or_default());
        let end = if report.ended { "" } else { ", and it goes on" };
        let copied = report.bytes.map(|bytes| format!(", {} copied", human::bytes(bytes))).unwrap_or_default();
        let truth = &report.truth;
        lines.push(format!("{} of {} shards serve after {took}{copied}{end}", truth.started, truth.expected));
        lines.join("\n")
    }

    fn json(&self) -> String {
        RestoreLine::of(self.plan, Some(self.report))
    }
}

/// Both, for programs: without a report nothing was done.
#[derive(Serialize)]
struct RestoreLine<'a> {
    schema: u32,
    repository: &'a str,
    snapshot: &'a str,
    dry_run: bool,
    plan: &'a RestorePlan,
    report: Option<&'a RestoreReport>,
}

impl<'a> RestoreLine<'a> {
    fn of(plan: &'a RestorePlan, report: Option<&'a RestoreReport>) -> String {
        let (repository, snapshot) = (plan.repository.as_str(), plan.snapshot.as_str());
        json_of(&Self { schema: 1, repository, snapshot, dry_run: report.is_none(), plan, report })
    }
}
