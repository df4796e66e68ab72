//! The values of metrics, and Prometheus' text of them.

use super::table::{Kind, TABLE, metric};
use crate::Delivery;
use jiff::Timestamp;
use snapkeep_config::Channel;
use snapkeep_core::Failure;
use snapkeep_core::policy::Policy;
use snapkeep_core::snapshot::State;
use snapkeep_engine::LastDrill;
use snapkeep_engine::policies::{ClusterReport, PolicyReport, RunReport, Taken};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A metric's name and the values of its labels, in the table's order.
type Key = (&'static str, Vec<String>);

/// A policy on one of its clusters, as it is configured now.
#[derive(Clone, Copy, Debug)]
pub struct Configured<'a> {
    /// The policy.
    pub policy: &'a str,
    /// The cluster.
    pub cluster: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// Whether its restore is practised.
    pub is_drilled: bool,
}

impl<'a> Configured<'a> {
    /// These policies on each of their clusters.
    pub fn all(policies: impl IntoIterator<Item = &'a Policy>) -> Vec<Self> {
        let on = |policy: &'a Policy, cluster: &'a String| Self {
            policy: &policy.name,
            cluster,
            repository: policy.repository.as_str(),
            is_drilled: policy.drill.is_some(),
        };
        let each = |policy: &'a Policy| policy.clusters.iter().map(move |cluster| on(policy, cluster));
        policies.into_iter().flat_map(each).collect()
    }

    fn label(&self, name: &str) -> Option<&'a str> {
        match name {
            "policy" => Some(self.policy),
            "cluster" => Some(self.cluster),
            "repository" => Some(self.repository),
            _ => None,
        }
    }
}

/// The values of all metrics. Each is made from what runs report; whoever starts anew begins with counters at zero, which
/// Prometheus understands, or goes on from what was written: [`Registry::resume`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    values: BTreeMap<Key, f64>,
}

impl Registry {
    /// Begins the counters of these places and channels with 0, where there are none: a series that begins with 1 is no
    /// increase to Prometheus.
    pub fn begin(&mut self, configured: &[Configured<'_>], channels: &BTreeMap<String, Channel>) {
        for one in configured {
            let place = [one.policy, one.cluster, one.repository];
            self.count_run(place, None);
            self.count_snapshots(place, &[], 0);
        }
        for (name, channel) in channels {
            channel.on.iter().for_each(|topic| self.count_message(name, topic.as_str(), None));
        }
    }

    /// Takes a run in.
    pub fn observe(&mut self, report: &RunReport) {
        let took = report.finished_at.duration_since(report.started_at);
        self.set("snapkeep_last_run_duration_seconds", &[], took.as_secs_f64());
        for (name, cluster) in &report.clusters {
            self.cluster(name, cluster);
        }
        for policy in &report.policies {
            let unseen = report.clusters.get(&policy.cluster).and_then(|cluster| cluster.failure.as_ref());
            let codes = policy.failures.iter().chain(unseen).map(|failure| failure.code.as_str());
            self.policy(policy, &codes.collect::<Vec<_>>(), report.finished_at);
            let last = report.drills.as_ref().and_then(|drills| drills.last_of(&policy.policy, &policy.cluster));
            if let Some(last) = last {
                self.drill(last, place(policy));
            }
        }
    }

    /// Takes in a run of these policies that failed before it could look.
    pub fn observe_in_vain<'p>(
        &mut self,
        policies: impl IntoIterator<Item = &'p Policy>,
        failure: &Failure,
        now: Timestamp,
    ) {
        for policy in policies {
            for cluster in &policy.clusters {
                self.outcome([&policy.name, cluster, policy.repository.as_str()], &[failure.code.as_str()], now);
            }
        }
    }

    /// Takes in how messages fared.
    pub fn observe_deliveries(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            self.count_message(&delivery.channel, delivery.event, Some(delivery.failure.is_none()));
        }
    }

    /// Counts a message, if there is one, by whether it was delivered. Both outcomes are there from the start.
    fn count_message(&mut self, channel: &str, event: &str, delivered: Option<bool>) {
        for (outcome, it_is) in [("delivered", Some(true)), ("failed", Some(false))] {
            let count = u64::from(delivered == it_is);
            self.add("snapkeep_notifications_total", &[channel, event, outcome], count);
        }
    }

    /// The same of a run, by whether nothing failed.
    fn count_run(&mut self, place: [&str; 3], went_well: Option<bool>) {
        for (outcome, it_is) in [("ok", Some(true)), ("failed", Some(false))] {
            let count = u64::from(went_well == it_is);
            self.add("snapkeep_runs_total", &[place[0], place[1], place[2], outcome], count);
        }
    }

    /// The same of snapshots that have ended, and of ones that were deleted.
    fn count_snapshots(&mut self, place: [&str; 3], created: &[Taken], deleted: usize) {
        for state in [Some(State::Success), Some(State::Partial), Some(State::Failed)] {
            let ended = created.iter().filter(|taken| taken.state == state).count();
            self.add("snapkeep_snapshots_ended_total", &[place[0], place[1], place[2], word(state)], ended as u64);
        }
        self.add("snapkeep_snapshots_deleted_total", &place, deleted as u64);
    }

    fn cluster(&mut self, name: &str, cluster: &ClusterReport) {
        self.add("snapkeep_api_calls_total", &[name], cluster.api_calls);
        self.add("snapkeep_api_errors_total", &[name], cluster.api_errors);
    }

    fn policy(&mut self, one: &PolicyReport, codes: &[&str], now: Timestamp) {
        let place = place(one);
        self.facts(one, place, now);
        self.outcome(place, codes, now);
        self.count_snapshots(place, &one.created, one.deleted.len());
        if let Some(last) = one.created.iter().max_by_key(|taken| taken.started_at) {
            let took = last.ended_at.zip(last.started_at).map(|(end, start)| end.duration_since(start).as_secs_f64());
            self.set_or_forget("snapkeep_last_snapshot_duration_seconds", &place, took);
            self.set_or_forget("snapkeep_last_snapshot_added_bytes", &place, last.added_bytes.map(float));
        }
    }

    fn outcome(&mut self, place: [&str; 3], codes: &[&str], now: Timestamp) {
        self.set("snapkeep_last_run_timestamp_seconds", &place, seconds(now));
        self.set("snapkeep_last_run_success", &place, f64::from(u8::from(codes.is_empty())));
        self.count_run(place, Some(codes.is_empty()));
        for code in codes {
            self.add("snapkeep_failures_total", &[place[0], place[1], place[2], code], 1);
        }
    }

    /// What could not be seen stays as it was last seen: its age goes on. What was seen to be gone is gone.
    fn facts(&mut self, one: &PolicyReport, place: [&str; 3], now: Timestamp) {
        let Some(facts) = &one.facts else { return };
        let with = |last| [place[0], place[1], place[2], last];
        let age = facts.last_success.map(|last| now.duration_since(last).as_secs_f64());
        self.set_or_forget("snapkeep_last_success_timestamp_seconds", &place, facts.last_success.map(seconds));
        self.set_or_forget("snapkeep_last_success_age_seconds", &place, age);
        self.set_or_forget("snapkeep_expected_interval_seconds", &place, facts.expected_interval_seconds.map(whole));
        self.set_or_forget("snapkeep_stale_after_seconds", &place, facts.stale_after_seconds.map(whole));
        self.set("snapkeep_stale", &place, f64::from(u8::from(one.stale)));
        let mut counts = facts.snapshots;
        let states = [State::Success, State::Partial, State::Failed, State::InProgress];
        for state in states.into_iter().map(Some).chain([None]) {
            self.set("snapkeep_snapshots", &with(word(state)), float(*counts.of(state)));
        }
    }

    /// What the last drill did not come to is not left standing from the one before.
    fn drill(&mut self, last: &LastDrill, place: [&str; 3]) {
        self.set("snapkeep_last_drill_timestamp_seconds", &place, seconds(last.began_at));
        self.set("snapkeep_last_drill_passed", &place, f64::from(u8::from(last.failure.is_none())));
        self.set_or_forget("snapkeep_last_drill_recovery_seconds", &place, last.recovery_time_s);
        let age = last.recovery_point_age_s.map(whole);
        self.set_or_forget("snapkeep_last_drill_recovery_point_age_seconds", &place, age);
    }

    /// Sets a gauge that no run tells: one of the daemon's own. A name that the table does not have is left out.
    pub fn gauge(&mut self, name: &str, labels: &[&str], value: f64) {
        if let Some(metric) = metric(name).filter(|metric| metric.kind == Kind::Gauge) {
            self.set(metric.name, labels, value);
        }
    }

    /// Forgets what is of none of these places, or of a cluster that none of them is on, and of drills where none are made
    /// any more: what was taken out of the configuration grows old in no alert.
    pub fn forget_others(&mut self, configured: &[Configured<'_>]) {
        self.values.retain(|(name, values), _| {
            let labels = metric(name).map_or(&[][..], |metric| metric.labels);
            let is_drills = name.starts_with("snapkeep_last_drill_");
            let is_its = |one: &Configured<'_>| {
                let fits = |(label, value): (&&str, &String)| one.label(label).is_none_or(|its| its == value);
                labels.iter().zip(values).all(fits) && (one.is_drilled || !is_drills)
            };
            !labels.contains(&"cluster") || configured.iter().any(is_its)
        });
    }

    /// Goes on from a text that [`Registry::prometheus`] wrote; what is not understood is left out.
    pub fn resume(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((key, value)) = read(line) else { continue };
            if metric(key.0).is_some_and(|metric| metric.kind == Kind::Counter) {
                *self.values.entry(key).or_default() += value;
            } else {
                self.values.insert(key, value);
            }
        }
    }

    /// The sum of a metric's values, whatever its labels.
    pub fn sum(&self, name: &str) -> f64 {
        self.values.iter().filter(|((of, _), _)| *of == name).map(|(_, value)| value).sum()
    }

    /// Prometheus' text format, version 0.0.4; sorted, so that equal values are equal texts.
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        for metric in TABLE {
            let mut values = self.values.iter().filter(|((name, _), _)| *name == metric.name).peekable();
            if values.peek().is_none() {
                continue;
            }
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "# HELP {} {}\n# TYPE {} {}",
                metric.name,
                metric.help,
                metric.name,
                metric.kind.as_str()
            );
            for ((name, labels), value) in values {
                let labels =
                    metric.labels.iter().zip(labels).map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
                let labels = labels.collect::<Vec<_>>().join(",");
                let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }

    /// All values: name, labels and value.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, &[String], f64)> {
        self.values.iter().map(|((name, labels), value)| (*name, labels.as_slice(), *value))
    }

    fn set(&mut self, name: &'static str, labels: &[&str], value: f64) {
        self.values.insert(key(name, labels), value);
    }

    fn set_or_forget(&mut self, name: &'static str, labels: &[&str], value: Option<f64>) {
        match value {
            Some(value) => self.set(name, labels, value),
            None => drop(self.values.remove(&key(name, labels))),
        }
    }

    fn add(&mut self, name: &'static str, labels: &[&str], count: u64) {
        *self.values.entry(key(name, labels)).or_default() += float(count);
    }
}

fn key(name: &'static str, labels: &[&str]) -> Key {
    (name, labels.iter().map(|&label| label.to_owned()).collect())
}

fn place(one: &PolicyReport) -> [&str; 3] {
    [&one.policy, &one.cluster, &one.repository]
}

fn word(state: Option<State>) -> &'static str {
    match state {
        Some(State::Success) => "success",
        Some(State::Partial) => "partial",
        Some(State::Failed) => "failed",
        Some(State::InProgress) => "in_progress",
        None => "unknown",
    }
}

fn seconds(at: Timestamp) -> f64 {
    // To the millisecond, of which a float holds thousands of years.
    whole(at.as_millisecond()) / 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "a metric is a float; counts beyond 2^53 are none of ours")]
fn float(count: u64) -> f64 {
    count as f64
}

#[allow(clippy::cast_precision_loss, reason = "as above")]
fn whole(number: i64) -> f64 {
    number as f64
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A line of the text format that we write ourselves.
fn read(line: &str) -> Option<(Key, f64)> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = head.split_once('{').map_or((head, ""), |(name, labels)| (name, labels.trim_end_matches('}')));
    let metric = metric(name)?;
    let mut rest = labels;
    let mut found = Vec::new();
    for label in metric.labels {
        let value = rest.strip_prefix(label)?.strip_prefix("=\"")?;
        let (value, after) = unescaped(value)?;
        found.push(value);
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    let value = value.parse::<f64>().ok().filter(|value| rest.is_empty() && value.is_finite() && *value >= 0.0)?;
    Some(((metric.name, found), value))
}

/// A label's value up to its closing quote, and what follows.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}
