//! What a run of policies tells beside its answer: messages, and metrics in the log.

use crate::configuration::Configuration;
use crate::environment::Environment;
use crate::event::Run;
use crate::function::Invocation;
use jiff::{SignedDuration, Timestamp};
use snapkeep_config::{Address, Config, SecretSource, Target};
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::RunReport;
use snapkeep_notify::metrics::emf;
use snapkeep_notify::{Beat, Channel, Look, Notice, Post, Sending, Sns, Way, due, send};
use snapkeep_transport::{Caller, Deadline};
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What messages have of an invocation's time.
const RESERVE: Duration = Duration::from_secs(15);

/// Messages that are known to have been delivered: an event that failed is sent again, and its failure is not told again.
const KNOWN: usize = 256;

/// The ids of what was told, for as long as the function stays warm.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<VecDeque<String>>);

impl Told {
    fn knows(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == id)
    }

    fn add(&self, id: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back(id.to_owned());
        if known.len() > KNOWN {
            known.pop_front();
        }
    }
}

/// How a run tells: checked before anything is sent.
pub(crate) struct Telling {
    /// When runs come; none without channels.
    beat: Option<Beat>,
    metrics: bool,
}

impl Telling {
    /// What the configuration and the environment ask for. The function runs no programs, and remembers nothing.
    pub(crate) fn new(
        config: &Config,
        environment: &Environment,
        asked: &Run,
        invocation: &Invocation,
        time: Duration,
    ) -> Result<Self, Failure> {
        if !config.hooks.is_empty() {
            let cause = "the configuration has `hooks`, and the function runs no programs";
            let hint = "leave them out for the function, or run the policies with `snapkeep run`, which has them";
            return Err(Failure::new(Code::Unsupported, cause, hint));
        }
        let metrics = match environment.variable("SNAPKEEP_METRICS") {
            None => false,
            Some("emf") => true,
            Some(other) => {
                let cause = format!("SNAPKEEP_METRICS is {other:?}");
                return Err(bad(&cause, "it may be emf, or unset for no metrics"));
            }
        };
        let has_channels = !config.notifications.channels.is_empty();
        let beat = if has_channels { Some(beat(config, asked, invocation, time)?) } else { None };
        Ok(Self { beat, metrics })
    }

    /// The run's deadline: messages have some time after it.
    pub(crate) fn of_run(&self, deadline: Deadline) -> Deadline {
        if self.beat.is_some() { deadline.less(RESERVE) } else { deadline }
    }

    /// Tells, and gives what could not be told.
    pub(crate) async fn tell(
        &self,
        report: &RunReport,
        configuration: &Configuration<'_>,
        environment: &Environment,
        told: &Told,
        deadline: Deadline,
    ) -> Vec<String> {
        if self.metrics && environment.is_lambda() {
            log_metrics(report);
        }
        let Some(beat) = self.beat else { return Vec::new() };
        let looks = Look::all(report, &configuration.config.policies);
        let channels = channels(configuration, environment);
        let mut notices = due(beat, &looks, Timestamp::now());
        notices.retain(|notice| !told.knows(&notice.id));
        let deliveries = send(&channels, &notices, deadline).await;
        for delivery in deliveries.iter().filter(|delivery| delivery.failure.is_none()) {
            tracing::info!(channel = delivery.channel, event = delivery.event, id = delivery.id, "told");
            told.add(&delivery.id);
        }
        let untold = deliveries.iter().filter_map(|delivery| Some((delivery, delivery.failure.as_ref()?)));
        untold
            .map(|(delivery, why)| format!("{} was not told ({}): {}", delivery.channel, delivery.summary, why.cause))
            .collect()
    }
}

/// When runs come, by the schedule's own time where the event tells it.
fn beat(config: &Config, asked: &Run, invocation: &Invocation, time: Duration) -> Result<Beat, Failure> {
    let every = config.notifications.runs_every.and_then(snapkeep_core::period::Period::fixed_seconds);
    let every = every.map(SignedDuration::from_secs).ok_or_else(|| {
        let cause = "`notifications` has channels, but the function remembers nothing from one run to the next";
        bad(cause, "add `runs_every` to it: how far apart the schedule's events are, such as 15min")
    })?;
    let scheduled = asked.time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    let scheduled = scheduled.filter(|at| {
        let late = invocation.now.duration_since(*at);
        !late.is_negative() && late < every
    });
    let time = SignedDuration::try_from(time.saturating_sub(RESERVE)).unwrap_or(SignedDuration::MAX);
    Ok(Beat { at: scheduled.unwrap_or(invocation.now), every, time })
}

/// A line for each policy: `CloudWatch` takes metrics from lines of the log that are nothing else.
fn log_metrics(report: &RunReport) {
    let mut out = std::io::stdout().lock();
    for line in emf(report) {
        // A log that takes no more is nobody's to mend here.
        let _ = writeln!(out, "{line}");
    }
}

fn channels<'a>(configuration: &'a Configuration<'_>, environment: &'a Environment) -> Vec<Channel<'a>> {
    let channels = configuration.config.notifications.channels.iter();
    let channel = |(name, channel): (&'a String, &'a snapkeep_config::Channel)| {
        let way = Opening { target: &channel.target, configuration, environment };
        Channel::new(name, channel, Ok(Box::new(way) as Box<dyn Way>))
    };
    channels.map(channel).collect()
}

/// A channel whose secret is opened when it has something to tell.
struct Opening<'a> {
    target: &'a Target,
    configuration: &'a Configuration<'a>,
    environment: &'a Environment,
}

impl Opening<'_> {
    async fn open(&self, field: &str, source: &SecretSource) -> Result<Secret, Failure> {
        source.secret(field, &self.configuration.open(field, source).await?)
    }

    async fn way(&self) -> Result<Box<dyn Way + '_>, Failure> {
        let ca_file = self.environment.ca_file();
        Ok(match self.target {
            Target::Webhook { url, secret } => {
                let url = match url {
                    Address::Plain(url) => Secret::new(url),
                    Address::Secret(source) => self.open("url", source).await?,
                };
                let key = match secret {
                    Some(source) => Some(self.open("secret", source).await?),
                    None => None,
                };
                Box::new(Post::webhook(&url, key, ca_file)?)
            }
            Target::Slack { url } => Box::new(Post::slack(&self.open("url", url).await?, ca_file)?),
            Target::Sns { topic_arn } => Box::new(Sns::new(self.environment, topic_arn)),
            Target::Email(_) => {
                let hint = "tell by a topic (kind sns), to which addresses subscribe";
                return Err(Failure::new(Code::Unsupported, "the function sends no mail", hint));
            }
        })
    }
}

impl Way for Opening<'_> {
    fn send<'a>(&'a self, notice: &'a Notice, deadline: Deadline) -> Sending<'a> {
        Box::pin(async move { self.way().await?.send(notice, deadline).await })
    }
}

fn bad(cause: &str, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(text: &str, variables: &[(&str, &str)], time: Option<&str>) -> Result<Telling, Failure> {
        let environment =
            Environment::of(variables.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect());
        let asked = Run { policies: vec![], time: time.map(str::to_owned), warnings: vec![] };
        let now = "2026-11-23T05:00:07Z".parse().unwrap();
        let left = Duration::from_mins(15);
        let invocation = Invocation { request_id: "id".into(), trace_id: None, left, now };
        Telling::new(&Config::parse(text).unwrap(), &environment, &asked, &invocation, left)
    }

    const CHANNEL: &str = "channels: {ops: {kind: slack, url: {env: A}}}";

    #[test]
    fn what_the_function_cannot_do_is_refused_before_anything_is_sent() {
        let code =
            |text: &str, variables: &[(&str, &str)]| telling(text, variables, None).map(|_| ()).map_err(|f| f.code);
        assert_eq!(code("hooks: {before: {command: [check]}}", &[]), Err(Code::Unsupported));
        assert_eq!(code(&format!("notifications: {{{CHANNEL}}}"), &[]), Err(Code::BadConfig));
        assert_eq!(code(&format!("notifications: {{runs_every: 15min, {CHANNEL}}}"), &[]), Ok(()));
        assert_eq!(code("", &[("SNAPKEEP_METRICS", "emf")]), Ok(()));
        assert_eq!(code("", &[("SNAPKEEP_METRICS", "statsd")]), Err(Code::BadConfig));
    }

    #[test]
    fn a_run_counts_by_its_schedules_time_where_that_can_be() {
        let at = |time| {
            let text = format!("notifications: {{runs_every: 15min, {CHANNEL}}}");
            telling(&text, &[], time).unwrap().beat.unwrap().at.to_string()
        };
        assert_eq!(at(Some("2026-11-23T05:00:00Z")), "2026-11-23T05:00:00Z");
        for other in [None, Some("nonsense"), Some("2026-11-23T04:00:00Z"), Some("2026-11-23T06:00:00Z")] {
            assert_eq!(at(other), "2026-11-23T05:00:07Z", "{other:?}");
        }
    }

    #[test]
    fn what_was_told_is_known_for_a_while() {
        let told = Told::default();
        (0..=KNOWN).for_each(|id| told.add(&id.to_string()));
        assert!(told.knows("1") && told.knows(&KNOWN.to_string()) && !told.knows("0"));
    }
}
