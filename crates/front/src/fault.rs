//! What goes wrong on purpose: rules by method and path, when they strike, and how often they did.

use std::time::Duration;

use bytes::Bytes;

use crate::gate::Gate;
use crate::glob;

/// Names a rule of one front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultId(pub(crate) usize);

/// What a rule does to a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// The connection is closed; the node sees nothing.
    DropBefore,
    /// The node does its work; the connection is closed without an answer.
    ForwardThenDrop,
    /// The node does its work; only the first bytes of its answer (status line, headers, body) arrive.
    CutAt(usize),
    /// An answer of ours; the node sees nothing.
    Status {
        /// Status code.
        code: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The whole body.
        body: Bytes,
    },
    /// The node does its work; the caller gets an answer of ours.
    ForwardThenStatus {
        /// Status code.
        code: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The whole body.
        body: Bytes,
    },
    /// The node gets the request twice.
    Duplicate {
        /// Both at once, rather than the second after the first was answered.
        concurrent: bool,
        /// Which answer the caller gets.
        answer: Which,
    },
    /// The node gets the request later.
    Delay(Duration),
    /// The caller gets the answer later.
    DelayAnswer(Duration),
    /// The node gets the request once the gate is open.
    Hold(Gate),
    /// The node does its work; the caller gets the answer once the gate is open.
    HoldAnswer(Gate),
    /// A redirect; the node sees nothing.
    Redirect {
        /// 301, 302, 307, 308.
        code: u16,
        /// Where to.
        location: String,
    },
    /// The node does its work; the caller gets its status and headers with another body.
    ReplaceBody(Bytes),
    /// An answer without an end, or nearly so; the node sees nothing.
    Oversize {
        /// Bytes of body before it ends, as a caller sees them once decoded; `u64::MAX` never ends.
        bytes: u64,
        /// Packs the body so small that only a limit on decoded bytes helps.
        gzip: bool,
    },
}

/// Which of two answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one to the first request.
    First,
    /// The one to the second request.
    Last,
}

impl Action {
    /// A JSON answer of ours; the node sees nothing.
    pub fn status(code: u16, body: &str) -> Self {
        Self::Status { code, headers: content_type("application/json"), body: Bytes::from(body.to_owned()) }
    }

    /// The node does its work, the caller gets a load balancer's 504.
    pub fn gateway_timeout() -> Self {
        let body = Bytes::from_static(crate::answers::GATEWAY_TIMEOUT.as_bytes());
        Self::ForwardThenStatus { code: 504, headers: content_type("text/html"), body }
    }

    /// The node gets the request twice, one after the other; the caller gets the last answer.
    pub fn duplicate() -> Self {
        Self::Duplicate { concurrent: false, answer: Which::Last }
    }
}

fn content_type(value: &str) -> Vec<(String, String)> {
    vec![("Content-Type".to_owned(), value.to_owned())]
}

#[derive(Clone, Copy, Debug)]
enum Schedule {
    Always,
    First(u64),
    Nth(u64),
    Chance { threshold: u64, state: u64 },
}

/// Which requests a fault strikes. Without a schedule it strikes each one that matches.
#[derive(Clone, Debug)]
pub struct Pattern {
    method: String,
    path: String,
    schedule: Schedule,
    skip: u64,
    before_signature: bool,
}

/// A rule: which requests, and what happens to them.
#[derive(Clone, Debug)]
pub struct Fault {
    pattern: Pattern,
    action: Action,
}

impl Fault {
    /// Requests of this method (or `*`) whose raw path fits: `*` is any text within a segment, a segment `**` is any number
    /// of segments.
    pub fn on(method: &str, path: &str) -> Pattern {
        Pattern {
            method: method.to_owned(),
            path: path.to_owned(),
            schedule: Schedule::Always,
            skip: 0,
            before_signature: false,
        }
    }
}

impl Pattern {
    /// Strikes the first `count` that match, after those skipped.
    #[must_use]
    pub fn first(self, count: u64) -> Self {
        Self { schedule: Schedule::First(count), ..self }
    }

    /// Strikes only the `number`th that matches, counted from 1 after those skipped.
    #[must_use]
    pub fn nth(self, number: u64) -> Self {
        Self { schedule: Schedule::Nth(number), ..self }
    }

    /// Strikes each that matches.
    #[must_use]
    pub fn always(self) -> Self {
        Self { schedule: Schedule::Always, ..self }
    }

    /// Strikes with this probability, the same ones for the same seed.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a probability on 32 bits is enough")]
    pub fn with_probability(self, probability: f64, seed: u64) -> Self {
        let threshold = (probability.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u64;
        Self { schedule: Schedule::Chance { threshold, state: seed }, ..self }
    }

    /// Leaves the first `count` that match alone.
    #[must_use]
    pub fn skip(self, count: u64) -> Self {
        Self { skip: count, ..self }
    }

    /// Strikes before the signature is looked at, so callers that would be refused are struck as well.
    #[must_use]
    pub fn before_signature(self) -> Self {
        Self { before_signature: true, ..self }
    }

    /// What happens to them.
    #[must_use]
    pub fn then(self, action: Action) -> Fault {
        Fault { pattern: self, action }
    }

    fn fits(&self, method: &str, path: &str, before_signature: bool) -> bool {
        self.before_signature == before_signature
            && (self.method == "*" || self.method.eq_ignore_ascii_case(method))
            && glob::fits(&self.path, path)
    }

    /// Whether the `number`th request that matches is struck.
    fn strikes(&mut self, number: u64) -> bool {
        let Some(number) = number.checked_sub(self.skip).filter(|&number| number > 0) else { return false };
        match &mut self.schedule {
            Schedule::Always => true,
            Schedule::First(count) => number <= *count,
            Schedule::Nth(nth) => number == *nth,
            Schedule::Chance { threshold, state } => next(state) >> 32 < *threshold,
        }
    }
}

/// `SplitMix64`.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    active: bool,
    matched: u64,
    injected: u64,
}

/// The rules of one front; those cleared keep their counts.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> FaultId {
        self.rules.push(Rule { fault, active: true, matched: 0, injected: 0 });
        FaultId(self.rules.len() - 1)
    }

    pub(crate) fn clear(&mut self) {
        for rule in &mut self.rules {
            rule.active = false;
        }
    }

    pub(crate) fn injected(&self, id: FaultId) -> u64 {
        self.rules.get(id.0).map_or(0, |rule| rule.injected)
    }

    /// The rule that strikes this request: the first added that wants it. Every rule that matches counts it.
    pub(crate) fn pick(&mut self, method: &str, path: &str, before_signature: bool) -> Option<(FaultId, Action)> {
        let mut hit = None;
        for (index, rule) in self.rules.iter_mut().enumerate() {
            if !rule.active || !rule.fault.pattern.fits(method, path, before_signature) {
                continue;
            }
            rule.matched += 1;
            if rule.fault.pattern.strikes(rule.matched) && hit.is_none() {
                rule.injected += 1;
                hit = Some((FaultId(index), rule.fault.action.clone()));
            }
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(pattern: Pattern, requests: u64) -> Vec<u64> {
        let mut faults = Faults::default();
        let id = faults.add(pattern.then(Action::DropBefore));
        let hits: Vec<u64> = (1..=requests).filter(|_| faults.pick("PUT", "/a", false).is_some()).collect();
        assert_eq!(faults.injected(id), hits.len() as u64);
        hits
    }

    #[test]
    fn schedules_strike_when_they_say() {
        let on = || Fault::on("PUT", "/a");
        assert_eq!(struck(on(), 3), [1, 2, 3]);
        assert_eq!(struck(on().first(2), 4), [1, 2]);
        assert_eq!(struck(on().nth(3), 5), [3]);
        assert_eq!(struck(on().skip(2).first(1), 5), [3]);
        assert_eq!(struck(on().skip(3).always(), 5), [4, 5]);
        assert!(struck(on().with_probability(0.0, 7), 50).is_empty());
        assert_eq!(struck(on().with_probability(1.0, 7), 3), [1, 2, 3]);
    }

    #[test]
    fn chance_repeats_with_its_seed() {
        let on = |seed| Fault::on("*", "/*").with_probability(0.5, seed);
        assert_eq!(struck(on(1), 100), struck(on(1), 100));
        assert_ne!(struck(on(1), 100), struck(on(2), 100));
        assert!((30..70).contains(&struck(on(1), 100).len()));
    }

    #[test]
    fn the_first_rule_that_wants_a_request_has_it() {
        let mut faults = Faults::default();
        let one = faults.add(Fault::on("GET", "/**").nth(2).then(Action::DropBefore));
        let two = faults.add(Fault::on("*", "/a").always().then(Action::DropBefore));
        let mut pick = || faults.pick("GET", "/a", false).map(|(id, _)| id);
        assert_eq!([pick(), pick(), pick()], [Some(two), Some(one), Some(two)]);
        assert!(faults.pick("GET", "/a", true).is_none());
        assert!(faults.pick("PUT", "/b", false).is_none());
        faults.clear();
        assert!(faults.pick("GET", "/a", false).is_none());
        assert_eq!((faults.injected(one), faults.injected(two)), (1, 2));
    }
}
