//! What several actions delete of the same names, as one policy's rules; and the policies that come of all.

use super::filters::Chain;
use crate::Desk;
use crate::draft::{Adopted, Draft, Keep};
use crate::span::of_seconds;
use snapkeep_core::snapshot::{Snapshot, State};

/// What becomes of FAILED, or of PARTIAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    /// No action touches them.
    Stays,
    /// They go when they are so old, in seconds; 0 is at once.
    Goes(i64),
}

/// When snapshots go, by their states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    good: Option<Good>,
    failed: Bad,
    partial: Bad,
}

/// When SUCCESS goes: beyond a count or an age; `floor` of the newest stay whatever their age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Good {
    age: Option<i64>,
    count: Option<u32>,
    floor: Option<u32>,
}

impl Rule {
    /// What a chain of filters deletes, whatever its names.
    pub(super) fn of(chain: &Chain) -> Self {
        let touches = |state| chain.states.contains(&state);
        let good = Good {
            age: chain.older,
            // All of them: the newest stays all the same.
            count: if chain.older.is_none() { Some(chain.beyond.unwrap_or(1)) } else { None },
            floor: chain.older.and(chain.beyond),
        };
        let bad = |state| if touches(state) { Bad::Goes(chain.older.unwrap_or(0)) } else { Bad::Stays };
        Self { good: touches(State::Success).then_some(good), failed: bad(State::Failed), partial: bad(State::Partial) }
    }

    /// What both delete together; `None` if one policy cannot say it.
    fn and(self, other: Self) -> Option<Self> {
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        let good = match (self.good, other.good) {
            (Some(a), Some(b)) if a.floor.is_some() || b.floor.is_some() => {
                if a == b {
                    Some(a)
                } else {
                    return None;
                }
            }
            (Some(a), Some(b)) => {
                Some(Good { age: least(a.age, b.age), count: a.count.into_iter().chain(b.count).min(), floor: None })
            }
            (a, b) => a.or(b),
        };
        let bad = |a: Bad, b: Bad| match (a, b) {
            (Bad::Goes(a), Bad::Goes(b)) => Bad::Goes(a.min(b)),
            (Bad::Stays, one) | (one, Bad::Stays) => one,
        };
        let both = Self { good, failed: bad(self.failed, other.failed), partial: bad(self.partial, other.partial) };
        both.is_sayable().then_some(both)
    }

    /// `max_age` is for all states: nothing that goes may stay longer.
    fn is_sayable(self) -> bool {
        let Some(age) = self.good.and_then(|good| good.age) else { return true };
        [self.failed, self.partial].iter().all(|bad| !matches!(bad, Bad::Goes(longer) if *longer > age))
    }

    /// The states that adoption is to be narrowed to: those that stay whatever happens are not taken at all.
    fn states(self) -> Vec<State> {
        let touched = [(State::Failed, self.failed), (State::Partial, self.partial)];
        if self.good.is_none() || touched.iter().all(|(_, bad)| *bad != Bad::Stays) {
            return Vec::new();
        }
        let rest = touched.into_iter().filter(|(_, bad)| *bad != Bad::Stays).map(|(state, _)| state);
        std::iter::once(State::Success).chain(rest).collect()
    }

    fn keep(self) -> Keep {
        let good = self.good.unwrap_or_default();
        let bad = |bad: Bad| match bad {
            Bad::Goes(0) => None,
            Bad::Goes(age) if good.age == Some(age) => Some("always".to_owned()),
            Bad::Goes(age) => Some(of_seconds(age)),
            // Those are not adopted, or there is no `max_age`.
            Bad::Stays => self.good.is_none().then(|| "always".to_owned()),
        };
        Keep {
            keeps_all: self.good.is_none(),
            max_age: good.age.map(of_seconds),
            max_count: good.count,
            min_count: good.floor.filter(|floor| *floor > 1),
            failed: bad(self.failed),
            partial: bad(self.partial),
        }
    }
}

/// What goes of the snapshots of the same names in one repository.
pub(super) struct Group {
    /// Which actions.
    at: String,
    repository: String,
    adopted: Vec<Adopted>,
    rule: Rule,
}

impl Group {
    pub(super) fn new(at: &str, repository: String, adopted: Vec<Adopted>, rule: Rule) -> Self {
        Self { at: at.to_owned(), repository, adopted, rule }
    }

    pub(super) fn is_of(&self, repository: &str, adopted: &[Adopted]) -> bool {
        self.repository == repository && self.adopted == adopted
    }

    /// Takes a further action in, if one policy can say both.
    pub(super) fn add(&mut self, at: &str, rule: &Rule, desk: &mut Desk) {
        match self.rule.and(*rule) {
            Some(both) => {
                self.rule = both;
                self.at = format!("{} and {at}", self.at);
            }
            None => desk.lost(
                at,
                "delete_snapshots",
                &format!("one policy cannot keep the same snapshots by its rules and by those of {}", self.at),
                "put them into one action, or keep by one of them",
            ),
        }
    }

    fn is_bounded(&self) -> bool {
        self.adopted.iter().any(|one| one.from.is_some() || one.to.is_some())
    }

    fn takes(&self, repository: &str, name: &str) -> bool {
        let snapshot = good(name);
        let fits = |one: &Adopted| one.read().is_ok_and(|adopt| adopt.takes(&snapshot));
        self.repository == repository && !self.is_bounded() && self.adopted.iter().any(fits)
    }

    /// Whether a snapshot may be both's, as far as the beginnings of names and the states tell.
    fn meets(&self, other: &Self) -> bool {
        let beginning = |one: &Adopted| one.name.trim_end_matches('*').to_owned();
        let fit = |one: &Adopted| {
            let one = beginning(one);
            let mut others = other.adopted.iter().map(beginning);
            others.any(|other| one.starts_with(&other) || other.starts_with(&one))
        };
        let (states, others) = (self.rule.states(), other.rule.states());
        let apart = !states.is_empty() && !others.is_empty() && states.iter().all(|state| !others.contains(state));
        self.repository == other.repository && !apart && self.adopted.iter().any(fit)
    }

    fn adopt(&self) -> Vec<Adopted> {
        self.adopted.iter().map(|one| Adopted { states: self.rule.states(), ..one.clone() }).collect()
    }
}

/// What two policies adopt is adopted by neither.
fn disputed(groups: &[Group], desk: &mut Desk) {
    for (at, one) in groups.iter().enumerate() {
        for other in groups[at + 1..].iter().filter(|other| other.meets(one)) {
            let why =
                format!("it may take the same snapshots as {}; here such ones are kept, by either policy", one.at);
            desk.differs(&other.at, "delete_snapshots", &why, "make their names differ, or put both into one policy");
        }
    }
}

/// A good snapshot of that name, of which nothing else is known.
pub(super) fn good(name: &str) -> Snapshot {
    Snapshot { state: Some(State::Success), ..Snapshot::named(name) }
}

/// A policy that takes snapshots keeps what the one group deletes that takes its names; each further group is a policy
/// that only deletes.
pub(super) fn policies(takes: Vec<(Draft, String)>, groups: Vec<Group>, desk: &mut Desk) {
    // Before one of them becomes part of a policy that takes snapshots: it adopts there as well.
    disputed(&groups, desk);
    let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    for (mut draft, sample) in takes {
        let fits = |group: &&mut Option<Group>| group.as_ref().is_some_and(|one| one.takes(&draft.repository, &sample));
        match groups.iter_mut().find(fits).and_then(Option::take) {
            Some(group) => {
                draft.keep = group.rule.keep();
                draft.adopt = group.adopt();
                draft.origin = format!("{} and {}", draft.origin, group.at);
            }
            None => desk.differs(
                &draft.origin,
                "what stays",
                "no delete_snapshots of this file takes just what it makes, so that it keeps everything",
                "add `keep`",
            ),
        }
        draft.name = desk.name(&draft.name);
        desk.policies.push(draft);
    }
    for group in groups.into_iter().flatten() {
        let beginning =
            group.adopted.first().map(|one| one.name.trim_end_matches(['*', '-', '_', '.'])).unwrap_or_default();
        let name = desk.name(beginning);
        let (keep, adopt) = (group.rule.keep(), group.adopt());
        desk.policies.push(Draft {
            name,
            origin: group.at,
            repository: group.repository,
            keep,
            adopt,
            ..Draft::default()
        });
    }
}
