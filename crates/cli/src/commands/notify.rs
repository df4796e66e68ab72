//! `notify`: whoever is to be told.

use super::chosen::Chosen;
use super::telling::channels;
use crate::output::views::Delivered;
use crate::session::Session;
use clap::{Args, Subcommand};
use snapkeep_config::fields::nearest;
use snapkeep_core::{Code, Failure};
use snapkeep_notify::{Channel, Notice, send};

/// Notifications: test the channels
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct NotifyVerbs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Test(Test),
}

/// Send a test message to each channel, and say how that went
///
/// Opens the channels' secrets, calls no cluster, and changes nothing in what is remembered.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep notify test
  snapkeep notify test --policy nightly
  snapkeep notify test --channel ops")]
struct Test {
    /// Only the channels that are told of this policy
    #[arg(long, value_name = "POLICY", conflicts_with = "channel")]
    policy: Option<String>,
    /// Only this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
}

/// Does what is asked.
pub(crate) async fn run(arguments: &NotifyVerbs, session: &Session) -> Result<(), Failure> {
    let Verb::Test(test) = &arguments.verb;
    let only: Vec<String> = test.policy.iter().cloned().collect();
    let chosen = Chosen::read(session, &only).await?;
    let channels = meant(channels(chosen.whole(), session), test)?;
    let deliveries = send(&channels, &[Notice::test(session.now())], session.deadline()).await;
    let outcome = deliveries.iter().find_map(|delivery| {
        let failure = delivery.failure.clone()?;
        let cause = format!("channel {}: {}", delivery.channel, failure.cause);
        Some(failure.with_cause(cause))
    });
    session.printer.show_with(&Delivered(&deliveries), session.now(), outcome.map_or(Ok(()), Err))
}

fn meant<'s>(mut channels: Vec<Channel<'s>>, test: &Test) -> Result<Vec<Channel<'s>>, Failure> {
    if channels.is_empty() {
        let hint = "add `notifications.channels`: docs/notifications.md";
        return Err(Failure::new(Code::BadConfig, "the configuration has no channels", hint));
    }
    if let Some(name) = &test.channel {
        let known: Vec<String> = channels.iter().map(|channel| channel.name.clone()).collect();
        channels.retain(|channel| channel.name == *name);
        if channels.is_empty() {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let near = nearest(name, &known).map_or_else(String::new, |near| format!("did you mean {near}? "));
            let cause = format!("the configuration has no channel named {name:?}");
            return Err(Failure::new(Code::BadEvent, cause, format!("{near}there are: {}", known.join(", "))));
        }
    }
    if let Some(policy) = &test.policy {
        channels.retain(|channel| channel.is_told_of(policy));
        if channels.is_empty() {
            let cause = format!("no channel is told of policy {policy}");
            return Err(Failure::new(Code::BadConfig, cause, "add it to a channel's `policies`, or leave that out"));
        }
    }
    Ok(channels)
}
