//! Slots that come while a run still waits, where whoever runs its policies does so again: then it leaves what it waits for
//! to the next runs, so that one policy's long snapshot costs no other one its slots.

use super::apply::Wait;
use jiff::Timestamp;
use snapkeep_core::policy::Policy;
use std::time::Duration;

/// The next slot of each of a run's policies; none where it waits to the end.
#[derive(Debug, Default)]
pub(super) struct Turns(Vec<(String, Timestamp)>);

impl Turns {
    /// For a run of these policies that begins at that time.
    pub(super) fn of<'p>(wait: Wait, policies: impl Iterator<Item = &'p Policy>, at: Timestamp) -> Self {
        let next = |policy: &Policy| Some((policy.name.clone(), policy.schedule.as_ref()?.next(at)?));
        Self(policies.filter(|_| wait == Wait::ToTheNextSlot).filter_map(next).collect())
    }

    /// Whether what is left is gone on with by another run before long.
    pub(super) fn are_kept(&self) -> bool {
        !self.0.is_empty()
    }

    /// How long it is until the next slot of any of them.
    pub(super) fn until_any(&self, now: Timestamp) -> Duration {
        self.until(|_| true, now)
    }

    /// How long it is until the next slot of another than that policy, which has to wait for its own in any case.
    pub(super) fn until_anothers(&self, policy: &str, now: Timestamp) -> Duration {
        self.until(|name| name != policy, now)
    }

    fn until(&self, whose: impl Fn(&str) -> bool, now: Timestamp) -> Duration {
        let slots = self.0.iter().filter(|(name, _)| whose(name)).map(|(_, slot)| *slot);
        let left = |slot: Timestamp| Duration::try_from(slot.duration_since(now)).unwrap_or(Duration::ZERO);
        slots.min().map_or(Duration::MAX, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use snapkeep_core::naming::RepositoryName;
    use snapkeep_core::policy::Settings;
    use snapkeep_core::schedule::Schedule;

    #[test]
    fn a_run_gives_way_to_the_first_slot_of_another() {
        let policy = |name: &str, schedule: Option<&str>| {
            let schedule = schedule.map(|text| Schedule::parse(text, TimeZone::UTC).unwrap());
            let settings = Settings::of(name, &["prod"], RepositoryName::parse("backups").unwrap());
            Policy::new(Settings { schedule, ..settings }).unwrap()
        };
        let all = [policy("by-hand", None), policy("hourly", Some("0 * * * *")), policy("nightly", Some("0 0 * * *"))];
        let at = |text: &str| format!("2026-03-10T{text}Z").parse::<Timestamp>().unwrap();
        let turns = Turns::of(Wait::ToTheNextSlot, all.iter(), at("00:00:00"));
        let minutes = |minutes| Duration::from_mins(minutes);
        assert_eq!(turns.until_anothers("nightly", at("00:20:00")), minutes(40));
        assert_eq!(turns.until_anothers("nightly", at("01:20:00")), Duration::ZERO, "it is the same run still");
        assert_eq!(turns.until_anothers("hourly", at("00:20:00")), minutes(24 * 60 - 20));
        assert_eq!(turns.until_any(at("00:20:00")), minutes(40));
        let alone = Turns::of(Wait::ToTheNextSlot, all[2..].iter(), at("00:00:00"));
        assert_eq!(alone.until_anothers("nightly", at("00:20:00")), Duration::MAX);
        for wait in [Wait::No, Wait::ToTheEnd] {
            let turns = Turns::of(wait, all.iter(), at("00:00:00"));
            assert!(!turns.are_kept() && turns.until_any(at("12:00:00")) == Duration::MAX);
        }
    }
}
