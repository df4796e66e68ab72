//! The snapshot's name for an event, made so that a repeated delivery makes or finds the same one.

use crate::event::Event;
use crate::function::Invocation;
use jiff::{SignedDuration, Timestamp};
use snapkeep_core::naming::{
    RepositoryName, RequestMark, SnapshotName, Template, is_nameable, name_for_request, name_for_slot,
};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::Identity;

/// Longest time between an event's first acceptance and its last delivery: Lambda keeps an
/// asynchronous event for at most 6 hours.
const OLDEST_EVENT: SignedDuration = SignedDuration::from_hours(6);

/// How far the clock that dated the event may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// A name, and what makes it the same at every delivery.
pub(crate) type Named = (SnapshotName, Identity);

/// The name of the snapshot to create.
pub(crate) fn to_create(event: &Event, repository: &RepositoryName, invocation: &Invocation) -> Result<Named, Failure> {
    if let Some(name) = given(event, repository)? {
        let fixed = Identity::Fixed { since: invocation.now - OLDEST_EVENT };
        let identity = if event.text("SlotTime")?.is_some() { Identity::Slot } else { fixed };
        return Ok((name, identity));
    }
    let mark = RequestMark::of(&invocation.request_id);
    let at = accepted_at(invocation);
    let name = match event.text("SnapshotName")? {
        Some(template) => {
            let rendered = Template::parse(template)?.render(at)?;
            SnapshotName::parse(&format!("{rendered}-{}", mark.as_str()))?
        }
        None => name_for_request(repository.as_str(), at, &mark),
    };
    Ok((name, Identity::Request(mark)))
}

/// The name of a snapshot to look at: it must follow from the event alone.
pub(crate) fn to_look_at(event: &Event, repository: &RepositoryName) -> Result<SnapshotName, Failure> {
    given(event, repository)?.ok_or_else(|| {
        Failure::new(
            Code::BadEvent,
            "the event lacks `SnapshotName`",
            "name the snapshot, or give the `SlotTime` that its name was made of; `list` shows all",
        )
    })
}

/// The name that the event fixes, if it does.
pub(crate) fn given(event: &Event, repository: &RepositoryName) -> Result<Option<SnapshotName>, Failure> {
    let slot = slot(event)?;
    match (event.text("SnapshotName")?, slot) {
        (None, None) => Ok(None),
        (None, Some(slot)) => Ok(Some(name_for_slot(repository.as_str(), slot))),
        (Some(text), None) if Template::is_template(text) => Template::parse(text).map(|_| None),
        (Some(text), Some(slot)) if Template::is_template(text) => Template::parse(text)?.render(slot).map(Some),
        (Some(text), None) => SnapshotName::parse(text).map(Some),
        (Some(_), Some(_)) => Err(Failure::new(
            Code::BadEvent,
            "the event holds a fixed `SnapshotName` and a `SlotTime`",
            "keep one of them, or make `SnapshotName` a template such as nightly-%Y%m%d-%H%M%S",
        )),
    }
}

fn slot(event: &Event) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = event.text("SlotTime")? else { return Ok(None) };
    match text.parse::<Timestamp>() {
        Ok(slot) if is_nameable(slot) => Ok(Some(slot)),
        _ => Err(Failure::new(
            Code::BadEvent,
            format!("`SlotTime` {text:?} is not an RFC 3339 time of the years 1970 to 9999"),
            "such as 2026-11-23T05:00:00Z; a schedule passes <aws.scheduler.scheduled-time>",
        )),
    }
}

/// When the event was accepted. Its trace id says so (`Root=1-<hex seconds>-…`), and says the same
/// at every delivery: two that run at once make one name. Without a plausible one, it is now.
fn accepted_at(invocation: &Invocation) -> Timestamp {
    let now = invocation.now;
    let traced = invocation.trace_id.as_deref().and_then(|trace| {
        let seconds = trace.split_once("Root=1-")?.1.get(..8)?;
        Timestamp::from_second(i64::from_str_radix(seconds, 16).ok()?).ok()
    });
    traced.filter(|&at| at <= now + AHEAD && at >= now - OLDEST_EVENT).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn name(event: &str, trace: Option<&str>, now: &str) -> Result<String, Code> {
        let invocation = Invocation {
            request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into(),
            trace_id: trace.map(str::to_owned),
            left: Duration::from_mins(1),
            now: now.parse().unwrap(),
        };
        let repository = RepositoryName::parse("Logs").unwrap();
        let event = Event::parse(event).unwrap();
        to_create(&event, &repository, &invocation).map(|(name, _)| name.as_str().to_owned()).map_err(|f| f.code)
    }

    #[test]
    fn names_follow_the_contract() {
        let now = "2026-11-23T13:05:09.7Z";
        for (event, expected) in [
            ("{}", Ok("logs-20261123t130509z-8476a536")),
            (r#"{"SlotTime":"2026-11-23T05:00:00+01:00"}"#, Ok("logs-20261123t040000z")),
            (r#"{"SnapshotName":"before-upgrade"}"#, Ok("before-upgrade")),
            (r#"{"SnapshotName":"x-%Y%m%d-%H%M%S"}"#, Ok("x-20261123-130509-8476a536")),
            (r#"{"SnapshotName":"x-%Y%m%d-%H%M%S","SlotTime":"2026-11-23T05:00:00Z"}"#, Ok("x-20261123-050000")),
            (r#"{"SnapshotName":"a","SlotTime":"2026-11-23T05:00:00Z"}"#, Err(Code::BadEvent)),
            (r#"{"SnapshotName":"%d-%m-%Y-%I-%M-%S"}"#, Err(Code::BadEvent)),
            (r#"{"SnapshotName":"<snap-{now/d}>"}"#, Err(Code::BadEvent)),
            (r#"{"SlotTime":"2026-11-23 05:00"}"#, Err(Code::BadEvent)),
            (r#"{"SlotTime":"-000001-01-01T00:00:00Z"}"#, Err(Code::BadEvent)),
        ] {
            assert_eq!(name(event, None, now), expected.map(str::to_owned), "{event}");
        }
    }

    #[test]
    fn deliveries_of_one_event_make_one_name_whenever_they_come() {
        let trace = Some("Root=1-6926f0a5-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1");
        let first = name("{}", trace, "2025-11-26T12:21:25Z").unwrap();
        assert_eq!(first, "logs-20251126t122053z-8476a536");
        assert_eq!(name("{}", trace, "2025-11-26T12:25:00Z").unwrap(), first);
        for implausible in
            ["Root=1-00000000-x", "Root=1-zzzzzzzz-x", "Root=1-ffffffff-x", "Root=1-69", "", "Root=1-äääääääää"]
        {
            assert_eq!(
                name("{}", Some(implausible), "2025-11-26T12:21:25Z").unwrap(),
                "logs-20251126t122125z-8476a536",
                "{implausible}"
            );
        }
    }
}
