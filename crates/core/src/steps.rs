//! How one step of a plan is carried out: look, act, look again. A pure transition function, the same for production
//! and simulation; whoever drives it does the looking and the acting.
//!
//! - Nothing is sent without a look just before it, whose [`Look`] permits it: so a resumed run, a second scheduler, or
//!   a proxy that repeats requests finds what it has done already.
//! - Every write, whatever its answer, is followed by a look, and only that look says what came of it: a refusal may
//!   be about our own earlier request, a lost answer is neither failure nor success, and a yes may be a proxy's.
//!
//! [`Look`]: crate::invariants::Look

use crate::invariants::{Permit, Violation};

/// How often a write is sent while looks say that it has had no effect.
pub const SENDS: u32 = 3;

/// How many looks in a row may fail, come to nothing, or show an accepted write without effect, before the step is
/// given up.
pub const LOOKS: u32 = 4;

/// How long a look's permit holds, in seconds. A run that was stopped in between looks once more.
pub const PERMIT_SECONDS: i64 = 60;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// List the repository afresh and ask the invariants for a permit.
    Look,
    /// Send the write, once, unless the permit is older than [`PERMIT_SECONDS`]: then tell [`Event::Expired`].
    Act,
    /// Nothing more.
    End(Outcome),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The look's permit. A failed guard is [`Event::Refuted`].
    Permitted(Permit),
    /// The look's facts do not permit the step.
    Refuted(Violation),
    /// The look had no answer.
    Unseen,
    /// The permit was too old, and nothing was sent.
    Expired,
    /// Others went first, and nothing was sent: this one waits for its turn, and for a look of its own. It says nothing
    /// against the step, and so does not count; whoever drives it sees to it that its turn comes.
    Postponed,
    /// The server accepted the write.
    Accepted,
    /// The server refused the write.
    Refused,
    /// The write had no answer, or none that says what it did.
    Lost,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has taken effect, and we had sent it.
    Done,
    /// It had taken effect before we sent anything.
    Already,
    /// It was not taken, or no more: what it rests on has changed.
    Stale(Violation),
    /// The server refuses it, and it has had no effect.
    Refused,
    /// It was sent, and whether it has an effect cannot be seen.
    Unknown,
    /// Nothing was sent: the repository could not be looked at.
    Unseen,
}

/// Where a step is. [`Machine::ask`] says what to do, [`Machine::tell`] takes what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    ask: Ask,
    sent: u32,
    /// The last write's answer.
    answer: Option<Event>,
    /// Looks in a row that brought nothing.
    in_vain: u32,
    /// Whether the last permit came to nothing.
    expired: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self { ask: Ask::Look, sent: 0, answer: None, in_vain: 0, expired: false }
    }
}

impl Machine {
    /// What is to be done next.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Whether a write was ever sent.
    pub fn has_sent(&self) -> bool {
        self.sent > 0
    }

    /// Takes what came of the last ask. An event that does not fit the ask changes nothing.
    pub fn tell(&mut self, event: Event) {
        self.ask = match (&self.ask, event) {
            (Ask::Look, Event::Permitted(Permit::Done)) if self.sent > 0 => Ask::End(Outcome::Done),
            (Ask::Look, Event::Permitted(Permit::Done)) => Ask::End(Outcome::Already),
            (Ask::Look, Event::Permitted(Permit::Act)) => self.without_effect(),
            (Ask::Look, Event::Refuted(violation)) => Ask::End(Outcome::Stale(violation)),
            (Ask::Look, Event::Unseen) if self.sent > 0 => self.look_again(Outcome::Unknown),
            (Ask::Look, Event::Unseen) => self.look_again(Outcome::Unseen),
            (Ask::Act, answer @ (Event::Accepted | Event::Refused | Event::Lost)) => {
                (self.sent, self.answer, self.in_vain) = (self.sent + 1, Some(answer), 0);
                Ask::Look
            }
            (Ask::Act, Event::Expired) => {
                self.expired = true;
                let given_up = if self.sent > 0 { Outcome::Unknown } else { Outcome::Unseen };
                self.look_again(given_up)
            }
            (Ask::Act, Event::Postponed) => {
                // The look before it was answered: those that failed before it were not the last in a row.
                (self.expired, self.in_vain) = (true, 0);
                Ask::Look
            }
            (ask, _) => ask.clone(),
        };
    }

    /// A look has shown that nothing has been done so far.
    fn without_effect(&mut self) -> Ask {
        match self.answer {
            // What an earlier look had permitted was not sent.
            _ if std::mem::take(&mut self.expired) => Ask::Act,
            None => Ask::Act,
            Some(Event::Refused) => Ask::End(Outcome::Refused),
            // It may take the server a moment to show what it has accepted.
            Some(Event::Accepted) => self.look_again(Outcome::Unknown),
            Some(_) if self.sent < SENDS => Ask::Act,
            Some(_) => Ask::End(Outcome::Unknown),
        }
    }

    fn look_again(&mut self, otherwise: Outcome) -> Ask {
        self.in_vain += 1;
        if self.in_vain < LOOKS { Ask::Look } else { Ask::End(otherwise) }
    }
}

#[cfg(test)]
mod tests;
