//! The keep rules: which good snapshots each wants.

use super::{Count, Keep, Reason, Rule};
use crate::period::Period;
use crate::snapshot::Snapshot;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// For each good snapshot (newest first), the rules that want it.
pub(super) fn wishes(keep: &Keep, good: &[&Snapshot], zone: &TimeZone) -> Vec<Vec<Reason>> {
    let mut calendar = Calendar::new(keep);
    let since = within(keep.within, good, zone);
    let wish = |(rank, snapshot): (usize, &&Snapshot)| {
        let mut reasons = Vec::new();
        let place = u32::try_from(rank).unwrap_or(u32::MAX);
        if keep.last.is_some_and(|count| count.takes(place)) {
            reasons.push(Reason::Last { place: place.saturating_add(1) });
        }
        let Some(start) = snapshot.started_at else { return reasons };
        // A local time is only worked out while a rule still has room: most old snapshots need none.
        if calendar.has_room() {
            calendar.take(zone.to_datetime(start), &mut reasons);
        }
        if let Some((within, since)) = since
            && start >= since
        {
            reasons.push(Reason::Within { within });
        }
        reasons
    };
    good.iter().enumerate().map(wish).collect()
}

fn within(within: Option<Period>, good: &[&Snapshot], zone: &TimeZone) -> Option<(Period, Timestamp)> {
    let newest = good.first()?.started_at?;
    within.map(|within| (within, within.before(newest, zone)))
}

/// The calendar's rules, each with the stretch that it took last and how many it has taken.
struct Calendar(Vec<Stretches>);

struct Stretches {
    rule: Rule,
    count: Count,
    taken: u32,
    latest: Option<DateTime>,
}

impl Calendar {
    fn new(keep: &Keep) -> Self {
        let rules = [
            (Rule::Hourly, keep.hourly),
            (Rule::Daily, keep.daily),
            (Rule::Weekly, keep.weekly),
            (Rule::Monthly, keep.monthly),
            (Rule::Quarterly, keep.quarterly),
            (Rule::Yearly, keep.yearly),
        ];
        let stretches =
            |(rule, count): (Rule, Option<Count>)| Some(Stretches { rule, count: count?, taken: 0, latest: None });
        Self(rules.into_iter().filter_map(stretches).collect())
    }

    fn has_room(&self) -> bool {
        self.0.iter().any(|stretches| stretches.count.takes(stretches.taken))
    }

    /// Snapshots come newest first, so that the first of a stretch is its newest.
    fn take(&mut self, local: DateTime, reasons: &mut Vec<Reason>) {
        for stretches in &mut self.0 {
            let from = stretches.rule.start_of(local);
            if stretches.latest.is_none_or(|latest| from < latest) && stretches.count.takes(stretches.taken) {
                stretches.latest = Some(from);
                stretches.taken = stretches.taken.saturating_add(1);
                reasons.push(Reason::Newest { of: stretches.rule, from });
            }
        }
    }
}
