//! Sends what is to be told, and says how that went.

use crate::channel::{Channel, PATIENCE};
use crate::told::{Beat, Before, Change, Memory, decide};
use crate::{Look, Notice};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;

/// How one message fared on one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The channel's name.
    pub channel: String,
    /// `failure`, `partial`, `stale`, `recovered` or `test`.
    pub event: &'static str,
    /// The message's id.
    pub id: String,
    /// The line that says it all.
    pub summary: String,
    /// Why it was not delivered; none if it was.
    pub failure: Option<Failure>,
}

/// Tells what there is to tell after these looks. What is remembered moves on only where a message was delivered or nobody
/// wanted it: one that nobody got is tried again by the next run. Never fails: see [`Delivery::failure`].
pub async fn tell(
    channels: &[Channel<'_>],
    looks: &[Look<'_>],
    memory: &mut Memory,
    now: Timestamp,
    deadline: Deadline,
) -> Vec<Delivery> {
    let decided: Vec<_> = looks.iter().map(|look| decide(Before::Remembered(memory), look)).collect();
    let notices = |look: &Look<'_>, changes: &[Change]| -> Vec<Notice> {
        changes.iter().map(|change| Notice::of(change, look, now)).collect()
    };
    let each: Vec<Vec<Notice>> =
        looks.iter().zip(&decided).map(|(look, (changes, _))| notices(look, changes)).collect();
    let deliveries = send(channels, &each.concat(), deadline).await;
    for ((look, (changes, mut told)), notices) in looks.iter().zip(decided).zip(each) {
        let before = memory.of(look);
        for (change, _) in changes.iter().zip(&notices).filter(|(_, notice)| nobody_got(notice, &deliveries)) {
            told.take_back(change, &before);
        }
        memory.put(look, told);
    }
    deliveries
}

/// Whether somebody wanted it, and nobody got it.
fn nobody_got(notice: &Notice, deliveries: &[Delivery]) -> bool {
    let mut its = deliveries.iter().filter(|delivery| delivery.id == notice.id).peekable();
    its.peek().is_some() && its.all(|delivery| delivery.failure.is_some())
}

/// What there is to tell after these looks where nothing is remembered: see [`Beat`].
pub fn due(beat: Beat, looks: &[Look<'_>], now: Timestamp) -> Vec<Notice> {
    let of = |look: &Look<'_>| {
        let (changes, _) = decide(Before::Beat(beat), look);
        changes.iter().map(|change| Notice::of(change, look, now)).collect::<Vec<_>>()
    };
    looks.iter().flat_map(of).collect()
}

/// Tells what is [`due`].
pub async fn tell_by(
    beat: Beat,
    channels: &[Channel<'_>],
    looks: &[Look<'_>],
    now: Timestamp,
    deadline: Deadline,
) -> Vec<Delivery> {
    send(channels, &due(beat, looks, now), deadline).await
}

/// Sends messages, each to the channels that want it, on all channels side by side. A channel on which nobody answered is
/// not tried with the next ones: a receiver that hangs holds up a run once. One that refuses a message may take another.
pub async fn send(channels: &[Channel<'_>], notices: &[Notice], deadline: Deadline) -> Vec<Delivery> {
    join_all(channels.iter().map(|channel| deliver(channel, notices, deadline))).await.into_iter().flatten().collect()
}

async fn deliver(channel: &Channel<'_>, notices: &[Notice], deadline: Deadline) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    for notice in notices.iter().filter(|notice| channel.wants(notice)) {
        let silence = deliveries.last().and_then(|last| last.failure.clone()).filter(|why| why.http_status.is_none());
        let failure = match silence {
            Some(before) => Some(before),
            None => attempt(channel, notice, deadline.or_after(PATIENCE)).await.err(),
        };
        if let Some(failure) = &failure {
            tracing::warn!(channel = channel.name, event = notice.event, code = %failure.code, "not told: {}", failure.cause);
        }
        let (id, summary) = (notice.id.clone(), notice.summary.clone());
        deliveries.push(Delivery { channel: channel.name.clone(), event: notice.event, id, summary, failure });
    }
    deliveries
}

async fn attempt(channel: &Channel<'_>, notice: &Notice, deadline: Deadline) -> Result<(), Failure> {
    let way = channel.way.as_ref().map_err(Failure::clone)?;
    let sending = tokio::time::timeout(deadline.left(), way.send(notice, deadline)).await;
    sending.unwrap_or_else(|_| {
        let hint = "see that the receiver can be reached from here";
        Err(Failure::new(Code::ClusterUnavailable, "the receiver did not answer in time", hint))
    })
}
