//! When each policy is looked at next: pure.
//!
//! A policy is looked at when one of its slots comes, and every so often besides: that retries what failed, deletes what
//! has grown too old, and notices what others did. However many slots were missed, it is looked at once: which of them
//! still counts is the engine's decision. While it is being looked at it is not looked at a second time.

use jiff::{SignedDuration, Timestamp};
use snapkeep_core::policy::Policy;
use snapkeep_core::schedule::Schedule;
use std::collections::BTreeMap;

/// The first pause after a look that was in vain; it doubles up to the usual one.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(15);

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Whatever there was to do has been tried.
    Through,
    /// A snapshot has become good: what it makes superfluous goes at once, as the next look finds it.
    More,
    /// A cluster was not to be had: to be tried again before long.
    InVain,
}

/// Whose turn it is, and when.
#[derive(Clone, Debug)]
pub struct Rota {
    every: SignedDuration,
    turns: BTreeMap<String, Turn>,
}

#[derive(Clone, Debug)]
struct Turn {
    schedule: Option<Schedule>,
    /// When the last look began; `None` if it is to be looked at whatever the time.
    began: Option<Timestamp>,
    ended: Timestamp,
    in_vain: u32,
    has_more: bool,
    /// Something has come to be known while it is looked at.
    is_wanted_again: bool,
    is_under_way: bool,
}

impl Rota {
    /// Nobody has had a turn. Each is looked at `every` so often besides its slots.
    pub fn new(every: SignedDuration) -> Self {
        Self { every, turns: BTreeMap::new() }
    }

    /// From now on these policies count. Each is looked at anew; what is under way stays so.
    pub fn take_up<'p>(&mut self, policies: impl IntoIterator<Item = &'p Policy>) {
        let mut before = std::mem::take(&mut self.turns);
        for policy in policies {
            let is_under_way = before.remove(&policy.name).is_some_and(|turn| turn.is_under_way);
            let schedule = policy.schedule.clone();
            let ended = Timestamp::UNIX_EPOCH;
            let (has_more, is_wanted_again) = (false, false);
            let turn = Turn { schedule, began: None, ended, in_vain: 0, has_more, is_wanted_again, is_under_way };
            self.turns.insert(policy.name.clone(), turn);
        }
    }

    /// Those whose turn it is.
    pub fn due(&self, now: Timestamp) -> Vec<String> {
        let due = self.turns.iter().filter(|(_, turn)| !turn.is_under_way && turn.is_due(now, self.every));
        due.map(|(name, _)| name.clone()).collect()
    }

    /// When somebody's turn comes next, of those that are not under way; [`Timestamp::MIN`] for at once.
    pub fn next(&self) -> Option<Timestamp> {
        self.turns.values().filter(|turn| !turn.is_under_way).map(|turn| turn.next(self.every)).min()
    }

    /// These are being looked at.
    pub fn begin(&mut self, names: &[String], now: Timestamp) {
        for turn in self.named(names) {
            (turn.began, turn.is_under_way) = (Some(now), true);
        }
    }

    /// The look at these has ended.
    pub fn end(&mut self, names: &[String], now: Timestamp, ending: Ending) {
        for turn in self.named(names) {
            (turn.ended, turn.is_under_way) = (now, false);
            turn.has_more = ending == Ending::More || turn.is_wanted_again;
            turn.is_wanted_again = false;
            turn.in_vain = if ending == Ending::InVain { turn.in_vain.saturating_add(1) } else { 0 };
        }
    }

    /// There is something for its next look, which comes at once: after the one that is under way, if one is.
    pub fn again(&mut self, name: &str) {
        if let Some(turn) = self.turns.get_mut(name) {
            (turn.has_more, turn.is_wanted_again) = (true, turn.is_under_way);
        }
    }

    fn named(&mut self, names: &[String]) -> impl Iterator<Item = &mut Turn> {
        self.turns.iter_mut().filter(|(name, _)| names.contains(name)).map(|(_, turn)| turn)
    }
}

impl Turn {
    fn next(&self, every: SignedDuration) -> Timestamp {
        let Some(began) = self.began.filter(|_| !self.has_more) else { return Timestamp::MIN };
        let again = self.ended.max(began).checked_add(self.pause(every)).unwrap_or(Timestamp::MAX);
        let slot = self.schedule.as_ref().and_then(|schedule| schedule.next(began));
        slot.map_or(again, |slot| slot.min(again))
    }

    /// A clock that was set back says nothing of how long ago the last look was.
    fn is_due(&self, now: Timestamp, every: SignedDuration) -> bool {
        self.next(every) <= now || self.began.is_some_and(|began| began > now)
    }

    fn pause(&self, every: SignedDuration) -> SignedDuration {
        let doubled = |times: u32| FIRST_PAUSE.checked_mul(1_i32.checked_shl(times.min(20)).unwrap_or(i32::MAX));
        self.in_vain.checked_sub(1).map_or(every, |times| doubled(times).unwrap_or(every).min(every))
    }
}

#[cfg(test)]
pub(crate) mod tests;
