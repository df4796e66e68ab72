//! A message: what is told, to people and to programs.

use crate::told::drill_anchor;
use crate::{Change, Look};
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_config::Topic;
use snapkeep_core::failure::one_line;
use snapkeep_core::snapshot::State;
use std::fmt::Write;

/// Longest subject, in characters: what SNS takes, and short enough for a mail.
const SUBJECT: usize = 100;

/// What is told. Version 1 of its shape as JSON; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// 1.
    pub schema: u32,
    /// `failure`, `partial`, `stale`, `recovered` or `test`.
    pub event: &'static str,
    /// The same for every delivery of one message: whoever gets it twice can tell.
    pub id: String,
    /// When it was decided, by our clock.
    pub at: Timestamp,
    /// The policy.
    pub policy: Option<String>,
    /// The cluster.
    pub cluster: Option<String>,
    /// The repository.
    pub repository: Option<String>,
    /// The snapshot that it is about.
    pub snapshot: Option<String>,
    /// Why, as a stable code.
    pub code: Option<String>,
    /// One line that says it all.
    pub summary: String,
    /// Why, one line.
    pub cause: Option<String>,
    /// What to do, one line.
    pub hint: Option<String>,
    /// When the newest good snapshot began.
    pub last_success: Option<Timestamp>,
    /// When the next one is due.
    pub next_slot: Option<Timestamp>,
    /// Which channels it is for.
    #[serde(skip)]
    pub topic: Option<Topic>,
}

impl Notice {
    /// What a change comes to.
    pub fn of(change: &Change, look: &Look<'_>, at: Timestamp) -> Self {
        let facts = look.facts;
        let (policy, cluster, event) = (&look.policy.name, &look.cluster, change.topic.as_str());
        let last_success = facts.and_then(|facts| facts.last_success);
        let is_bad = matches!(change.topic, Topic::Failure | Topic::Partial);
        let attempts = facts.filter(|_| is_bad).map_or(&[][..], |facts| &facts.attempts);
        let bad = attempts.iter().find(|attempt| attempt.snapshot == change.anchor);
        let drill =
            look.failed_drill().filter(|(last, _)| drill_anchor(&last.id) == change.anchor).map(|(_, failure)| failure);
        let failure = drill.or_else(|| {
            look.failures.iter().find(|failure| match bad {
                Some(bad) => failure.cause.contains(&bad.snapshot),
                None => change.anchor.starts_with(failure.code.as_str()),
            })
        });
        let failure = failure.filter(|_| is_bad);
        let place = format!("{policy} on {cluster}");
        let since = last_success.map_or(String::new(), |last| format!(": the newest is of {last}"));
        let summary = match (change.topic, bad) {
            (Topic::Partial, _) => format!("{place}: snapshot {} lacks some of its shards", change.anchor),
            (Topic::Failure, Some(bad)) => format!("{place}: snapshot {} failed", bad.snapshot),
            (Topic::Failure, None) if drill.is_some() => format!("{place}: a drill did not pass"),
            (Topic::Failure, None) => format!("{place}: the run failed"),
            (Topic::Stale, _) => format!("{place}: no good snapshot for too long{since}"),
            (Topic::Recovered, _) => format!("{place}: well again{since}"),
        };
        let hint = match (change.topic, failure) {
            (_, Some(failure)) => Some(failure.hint.clone()),
            (Topic::Recovered, _) => None,
            _ => Some(format!("`snapkeep plan {policy}` says how it stands and why")),
        };
        Self {
            schema: 1,
            event,
            id: format!("{event}:{}:{}", look.key(), change.anchor),
            at,
            policy: Some(policy.clone()),
            cluster: Some(cluster.clone()),
            repository: Some(look.policy.repository.as_str().to_owned()),
            snapshot: bad.map(|bad| bad.snapshot.clone()),
            code: failure.map(|failure| failure.code.to_string()).or_else(|| bad.and_then(|bad| code_of(bad.state))),
            summary,
            cause: failure.map(|failure| failure.cause.clone()),
            hint,
            last_success,
            next_slot: facts.and_then(|facts| facts.next_slot),
            topic: Some(change.topic),
        }
    }

    /// What `notify test` sends.
    pub fn test(at: Timestamp) -> Self {
        Self {
            schema: 1,
            event: "test",
            id: format!("test:{at}"),
            at,
            policy: None,
            cluster: None,
            repository: None,
            snapshot: None,
            code: None,
            summary: "a test: whoever reads this will be told when a snapshot fails".to_owned(),
            cause: None,
            hint: None,
            last_success: None,
            next_slot: None,
            topic: None,
        }
    }

    /// For a subject line: one line of at most 100 ASCII characters, as SNS takes it.
    pub fn subject(&self) -> String {
        let text = format!("snapkeep {}: {}", self.event, self.summary);
        let ascii: String = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
        if ascii.len() <= SUBJECT {
            one_line(&ascii, SUBJECT)
        } else {
            one_line(&ascii[..SUBJECT - 3], SUBJECT) + "..."
        }
    }

    /// For people; several lines.
    pub fn text(&self) -> String {
        let mut text = self.summary.clone();
        for (name, value) in self.parts() {
            // Writing to a string does not fail.
            let _ = write!(text, "\n{name}: {value}");
        }
        text
    }

    fn parts(&self) -> Vec<(&'static str, String)> {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let parts = [
            ("cause", self.cause.clone()),
            ("code", self.code.clone()),
            ("what to do", self.hint.clone()),
            ("repository", self.repository.clone()),
            ("last good snapshot", time(self.last_success)),
            ("next one due", time(self.next_slot)),
        ];
        parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn code_of(state: State) -> Option<String> {
    let code = match state {
        State::Partial => snapkeep_core::Code::SnapshotPartial,
        State::Failed => snapkeep_core::Code::SnapshotFailed,
        State::Success | State::InProgress => return None,
    };
    Some(code.to_string())
}
