//! Ten days in parts: what goes wrong in each, what that costs, and what is told of it.

use crate::world::{World, at};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapkeep_core::policy::Policy;
use snapkeep_front::{Action, Fault};
use std::collections::BTreeMap;

/// What goes wrong, through all of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Calm,
    /// Nobody is there.
    Away,
    /// No snapshot of this policy may be taken.
    Refused(&'static str),
    /// An index of the policy `quarterly` has no shards, and what is there is taken.
    Red,
    /// The cluster does not answer.
    Gone,
}

/// One part of the days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    from: &'static str,
    to: &'static str,
    pub(crate) trouble: Trouble,
}

const fn part(from: &'static str, to: &'static str, trouble: Trouble) -> Part {
    Part { from, to, trouble }
}

pub(crate) const PARTS: [Part; 11] = [
    part("2026-03-01T00:00:00Z", "2026-03-02T01:00:00Z", Trouble::Calm),
    part("2026-03-02T01:00:00Z", "2026-03-02T09:00:00Z", Trouble::Refused("nightly")),
    part("2026-03-02T09:00:00Z", "2026-03-05T12:30:00Z", Trouble::Calm),
    part("2026-03-05T12:30:00Z", "2026-03-07T04:45:00Z", Trouble::Away),
    part("2026-03-07T04:45:00Z", "2026-03-08T01:00:00Z", Trouble::Calm),
    part("2026-03-08T01:00:00Z", "2026-03-08T07:30:00Z", Trouble::Red),
    part("2026-03-08T07:30:00Z", "2026-03-09T01:00:00Z", Trouble::Calm),
    part("2026-03-09T01:00:00Z", "2026-03-09T20:00:00Z", Trouble::Refused("quarterly")),
    part("2026-03-09T20:00:00Z", "2026-03-10T11:00:00Z", Trouble::Calm),
    part("2026-03-10T11:00:00Z", "2026-03-10T14:30:00Z", Trouble::Gone),
    part("2026-03-10T14:30:00Z", "2026-03-10T23:59:00Z", Trouble::Calm),
];

/// What is told of it: of a trouble that begins and of its end, of nothing else.
pub(crate) const TOLD: [(&str, &[&str]); 2] = [
    ("nightly", &["failure", "recovered"]),
    ("quarterly", &["partial", "recovered", "failure", "stale", "recovered", "failure", "recovered"]),
];

impl Part {
    pub(crate) fn from(&self) -> Timestamp {
        at(self.from)
    }

    pub(crate) fn to(&self) -> Timestamp {
        at(self.to)
    }

    /// Whether the slot gets no snapshot here. The latest is caught up with once the part is over.
    pub(crate) fn costs(&self, policy: &Policy, slot: Timestamp) -> bool {
        let has_none = match self.trouble {
            Trouble::Calm | Trouble::Red => false,
            Trouble::Away | Trouble::Gone => true,
            Trouble::Refused(name) => name == policy.name,
        };
        let latest = policy.schedule.as_ref().unwrap().latest_slot(self.to());
        has_none && slot > self.from() && slot <= self.to() && Some(slot) != latest
    }

    /// The slot is tried again, under further names.
    pub(crate) fn tries_again(&self, policy: &Policy, slot: Timestamp) -> bool {
        self.trouble == Trouble::Red && policy.name == "quarterly" && slot > self.from() && slot <= self.to()
    }

    pub(crate) async fn begin(&self, world: &World) {
        if self.trouble == Trouble::Red {
            let settings = json!({"settings": {
                "index.routing.allocation.require._name": "nowhere", "number_of_shards": 1, "number_of_replicas": 0,
            }});
            let (status, answer) = world.node.put(&format!("/{}?wait_for_active_shards=0", red(world)), settings).await;
            assert_eq!(status, 200, "{answer}");
        }
    }

    pub(crate) async fn end(&self, world: &World) {
        if self.trouble == Trouble::Red {
            let (status, answer) = world.node.delete(&format!("/{}", red(world))).await;
            assert_eq!(status, 200, "{answer}");
        }
    }

    /// The faults of the part; all are cleared whenever a daemon is killed.
    pub(crate) fn inject(&self, world: &World) {
        match self.trouble {
            Trouble::Calm | Trouble::Away | Trouble::Red => {}
            Trouble::Refused(policy) => {
                let body = r#"{"error":{"type":"security_exception","reason":"no permissions"},"status":403}"#;
                let creations = Fault::on("PUT", &format!("/_snapshot/*/{policy}-*")).always();
                world.front.inject(creations.then(Action::status(403, body)));
            }
            Trouble::Gone => {
                world.front.inject(Fault::on("*", "/**").always().then(Action::status(503, "{}")));
            }
        }
    }
}

fn red(world: &World) -> String {
    format!("{}-red", world.index)
}

/// The value of that metric, as it stands in the text; and so do its labels.
pub(crate) fn value<'m>(metrics: &'m str, name: &str, labels: &str) -> &'m str {
    let start = format!("{name}{{{labels}}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{start}:\n{metrics}"))
}

/// The metrics and the page's JSON say of the policy what the node lists.
pub(crate) async fn agree(world: &World, policy: &Policy, metrics: &str, status: &Value, what: &str) {
    let start = format!("{}-", policy.name);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (name, state) in world.states().await {
        if name.starts_with(&start) {
            *counts.entry(state.to_lowercase()).or_default() += 1;
        }
    }
    let place = format!("policy=\"{}\",cluster=\"prod\",repository=\"{}\"", policy.name, world.repository);
    for state in ["success", "partial", "failed", "in_progress", "unknown"] {
        let labels = format!("{place},state=\"{state}\"");
        let counted = counts.get(state).copied().unwrap_or_default();
        assert_eq!(value(metrics, "snapkeep_snapshots", &labels), counted.to_string(), "{what}: {labels}\n{metrics}");
    }
    let (newest, began) = world.newest_good(&start).await;
    let told = value(metrics, "snapkeep_last_success_timestamp_seconds", &place);
    assert_eq!(told, began.to_string(), "{what}: {newest} of {place}");
    let interval = if policy.name == "nightly" { "86400" } else { "21600" };
    assert_eq!(value(metrics, "snapkeep_expected_interval_seconds", &place), interval, "{what}");
    let shown = status["policies"].as_array().unwrap().iter().find(|shown| shown["policy"] == *policy.name).unwrap();
    assert_eq!(shown["last_good"]["snapshot"], *newest, "{what}: {shown}");
    let all: u64 = counts.values().sum();
    let shown = (shown["snapshots"].as_u64(), shown["good"].as_u64());
    assert_eq!(shown, (Some(all), counts.get("success").copied()), "{what}");
}

/// What was told is what was to be told, each once; but for what a daemon told just when it was killed, which may have come
/// twice.
pub(crate) fn check_messages(messages: &[Value], cut_off: usize, what: &str) {
    let mut count = 0;
    for (policy, expected) in TOLD {
        let mut told: Vec<&Value> = messages.iter().filter(|message| message["policy"] == policy).collect();
        if cut_off > 0 {
            told.dedup_by_key(|message| &message["event"]);
        }
        count += told.len();
        without_return(&mut told);
        let events: Vec<&str> = told.iter().map(|message| message["event"].as_str().unwrap()).collect();
        assert_eq!(events, expected, "{what}: {policy}: {messages:#?}");
    }
    let more = messages.len() - count;
    assert!(more <= cut_off, "{what}: {more} came twice, {cut_off} tellings were cut off: {messages:#?}");
}

/// Whoever comes back finds policies that have grown old. If the first run that is not killed mends that, nobody is told;
/// if it finds what an earlier one has just begun, its end is for the next run to see, and both are told.
fn without_return(told: &mut Vec<&Value>) {
    let back = PARTS.iter().find(|part| part.trouble == Trouble::Away).unwrap().to();
    let day = back..back + SignedDuration::from_hours(24);
    let is_of_return = |message: &Value| day.contains(&at(message["at"].as_str().unwrap()));
    let pair =
        |pair: &[&Value]| pair[0]["event"] == "stale" && pair[1]["event"] == "recovered" && is_of_return(pair[0]);
    if let Some(first) = told.windows(2).position(pair) {
        told.drain(first..first + 2);
    }
}

#[test]
fn what_a_return_may_bring_is_told_once_or_not_at_all() {
    let message = |policy: &str, event: &str, at: &str| json!({"policy": policy, "event": event, "at": at});
    let all: Vec<Value> =
        TOLD.iter().flat_map(|(policy, events)| events.iter().map(|event| message(policy, event, BEFORE))).collect();
    check_messages(&all, 0, "not at all");
    let pair = |at| [message("quarterly", "stale", at), message("quarterly", "recovered", at)];
    check_messages(&[&pair("2026-03-07T04:45:16Z"), all.as_slice()].concat(), 0, "once");
    let refused = [pair(BEFORE), pair("2026-03-07T04:45:16Z")].concat();
    assert!(std::panic::catch_unwind(|| check_messages(&[&refused, all.as_slice()].concat(), 0, "another")).is_err());
}

/// A moment before the return.
const BEFORE: &str = "2026-03-01T00:00:00Z";
