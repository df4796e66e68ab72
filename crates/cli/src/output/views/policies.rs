//! Results of `policy`.

use crate::output::{Cell, Look, Table, Tone, View, human, json_of};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Serialize;
use snapkeep_core::policy::Policy;
use snapkeep_core::retention::{Count, Keep, Unsuccessful};
use snapkeep_core::schedule::Schedule;

/// The policies.
#[derive(Serialize)]
pub(crate) struct PolicyList {
    schema: u32,
    policies: Vec<Line>,
}

/// One policy.
#[derive(Serialize)]
struct Line {
    policy: String,
    clusters: Vec<String>,
    repository: String,
    schedule: Option<String>,
    timezone: Option<String>,
    /// In words.
    keep: Option<String>,
    next_slot: Option<Timestamp>,
}

/// The policies as they stand in the configuration.
pub(crate) fn policy_list<'a>(policies: impl Iterator<Item = &'a Policy>, now: Timestamp) -> PolicyList {
    let line = |policy: &Policy| Line {
        policy: policy.name.clone(),
        clusters: policy.clusters.clone(),
        repository: policy.repository.as_str().to_owned(),
        schedule: policy.schedule.as_ref().map(|schedule| schedule.as_str().to_owned()),
        timezone: policy.zone.iana_name().map(str::to_owned),
        keep: policy.keep.as_ref().map(in_words),
        next_slot: policy.schedule.as_ref().and_then(|schedule| schedule.next(now)),
    };
    PolicyList { schema: 1, policies: policies.map(line).collect() }
}

impl View for PolicyList {
    fn text(&self, look: &Look) -> String {
        let mut table = Table::new(&["POLICY", "CLUSTERS", "REPOSITORY", "SCHEDULE", "NEXT", "KEEP"]);
        for line in &self.policies {
            let zone = line.timezone.as_deref().filter(|zone| *zone != "UTC").map(|zone| format!(" {zone}"));
            let schedule = line.schedule.as_ref().map(|schedule| schedule.clone() + &zone.unwrap_or_default());
            table.row(vec![
                line.policy.as_str().into(),
                line.clusters.join(", ").into(),
                line.repository.as_str().into(),
                human::or_unknown(schedule).into(),
                human::or_unknown(line.next_slot.map(human::time)).into(),
                line.keep.as_deref().unwrap_or("everything").into(),
            ]);
        }
        table.render(look.style)
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

/// What stays, in words: `last 3, 14 daily, 12 monthly, at least 1; none older than 7y`.
fn in_words(keep: &Keep) -> String {
    let stretches = [
        ("hourly", keep.hourly),
        ("daily", keep.daily),
        ("weekly", keep.weekly),
        ("monthly", keep.monthly),
        ("quarterly", keep.quarterly),
        ("yearly", keep.yearly),
    ];
    let count = |count: Count| (!matches!(count, Count::Of(0))).then(|| count.to_string());
    let mut wanted: Vec<String> = keep.last.and_then(count).map(|last| format!("last {last}")).into_iter().collect();
    wanted.extend(stretches.iter().filter_map(|(name, rule)| Some(format!("{} {name}", (*rule).and_then(count)?))));
    wanted.extend(keep.within.map(|within| format!("within {within}")));
    if wanted.is_empty() {
        wanted.push("all".to_owned());
    }
    wanted.push(format!("at least {}", keep.min_count.unwrap_or(1)));
    let mut parts = vec![wanted.join(", ")];
    parts.extend(keep.max_age.map(|age| format!("none older than {age}")));
    parts.extend(keep.max_count.map(|count| format!("at most {count}")));
    for (what, rule) in [("FAILED", keep.failed), ("PARTIAL", keep.partial)] {
        parts.extend((rule != Unsuccessful::Superseded).then(|| format!("{what} {rule}")));
    }
    parts.join("; ")
}

/// A policy's coming slots.
pub(crate) struct Coming<'a> {
    pub(crate) policy: &'a str,
    pub(crate) schedule: &'a Schedule,
    pub(crate) zone: &'a TimeZone,
    /// From when on.
    pub(crate) after: Timestamp,
    pub(crate) slots: Vec<Timestamp>,
}

/// One slot.
#[derive(Serialize)]
struct Row {
    slot: Timestamp,
    /// With its offset.
    local: String,
    note: Option<String>,
}

impl Coming<'_> {
    fn lines(&self) -> Vec<Row> {
        let before = std::iter::once(self.after).chain(self.slots.iter().copied());
        let line = |(slot, before): (&Timestamp, Timestamp)| Row {
            slot: *slot,
            local: slot.to_zoned(self.zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string(),
            note: change(self.zone.to_offset(before), self.zone.to_offset(*slot)),
        };
        self.slots.iter().zip(before).map(line).collect()
    }
}

/// What the clocks did in between.
fn change(before: Offset, after: Offset) -> Option<String> {
    let seconds = after.seconds() - before.seconds();
    let by = human::duration(jiff::SignedDuration::from_secs(i64::from(seconds.abs())));
    match seconds {
        0 => None,
        1.. => Some(format!("the clocks have gone forward by {by}")),
        _ => Some(format!("the clocks have gone back by {by}")),
    }
}

impl View for Coming<'_> {
    fn text(&self, look: &Look) -> String {
        let zone = self.zone.iana_name().unwrap_or("local time");
        let mut table = Table::new(&["LOCAL", "UTC", ""]);
        for line in self.lines() {
            let note = Cell::toned(Tone::Warning, line.note.unwrap_or_default());
            table.row(vec![line.local.into(), human::time(line.slot).into(), note]);
        }
        format!("{}: {} in {zone}\n{}", self.policy, self.schedule.as_str(), table.render(look.style))
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            schema: u32,
            policy: &'a str,
            schedule: &'a str,
            timezone: Option<&'a str>,
            slots: Vec<Row>,
        }
        json_of(&Whole {
            schema: 1,
            policy: self.policy,
            schedule: self.schedule.as_str(),
            timezone: self.zone.iana_name(),
            slots: self.lines(),
        })
    }
}
