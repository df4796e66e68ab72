//! What a run tells beside its result: messages, metrics, a report to read; and the commands around it.

use super::chosen::Chosen;
use crate::session::Session;
use crate::settings::{secret, whole::Whole};
use jiff::SignedDuration;
use snapkeep_config::{Address, SecretSource, Target};
use snapkeep_core::Failure;
use snapkeep_core::secret::Secret;
use snapkeep_engine::policies::RunReport;
use snapkeep_mail::Mail;
use snapkeep_notify::metrics::{Configured, Registry};
use snapkeep_notify::{
    Beat, Channel, Delivery, Look, Memory, Notice, Post, Sending, Sns, Way, markdown, tell, tell_by,
};
use snapkeep_transport::{Caller, Deadline};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time for all messages of a run together.
const PATIENCE: Duration = Duration::from_mins(2);

/// The channels of the configuration, each set up when it has something to tell: its secret is opened only then.
pub(super) fn channels<'s>(whole: &'s Whole, session: &'s Session) -> Vec<Channel<'s>> {
    let channel = |(name, channel): (&'s String, &'s snapkeep_config::Channel)| {
        Channel::new(name, channel, Ok(Box::new(Opening { target: &channel.target, session }) as Box<dyn Way>))
    };
    whole.config.notifications.channels.iter().map(channel).collect()
}

/// A channel whose secret is not opened yet.
struct Opening<'s> {
    target: &'s Target,
    session: &'s Session,
}

impl Opening<'_> {
    async fn open(&self, field: &str, source: &SecretSource) -> Result<Secret, Failure> {
        secret::open(field, source, &self.session.process).await
    }

    async fn open_if(&self, field: &str, source: Option<&SecretSource>) -> Result<Option<Secret>, Failure> {
        match source {
            Some(source) => self.open(field, source).await.map(Some),
            None => Ok(None),
        }
    }

    async fn address(&self, address: &Address) -> Result<Secret, Failure> {
        match address {
            Address::Plain(url) => Ok(Secret::new(url)),
            Address::Secret(source) => self.open("url", source).await,
        }
    }

    async fn way(&self) -> Result<Box<dyn Way + '_>, Failure> {
        let ca_file = self.session.process.ca_file();
        Ok(match self.target {
            Target::Webhook { url, secret } => {
                let key = self.open_if("secret", secret.as_ref()).await?;
                Box::new(Post::webhook(&self.address(url).await?, key, ca_file)?)
            }
            Target::Slack { url } => Box::new(Post::slack(&self.open("url", url).await?, ca_file)?),
            Target::Sns { topic_arn } => Box::new(Sns::new(&self.session.process, topic_arn)),
            Target::Email(email) => {
                let password = self.open_if("password", email.password.as_ref()).await?;
                Box::new(Mail::new(email, password.as_ref(), ca_file.as_deref())?)
            }
        })
    }
}

impl Way for Opening<'_> {
    fn send<'a>(&'a self, notice: &'a Notice, deadline: Deadline) -> Sending<'a> {
        Box::pin(async move { self.way().await?.send(notice, deadline).await })
    }
}

/// Tells what there is to tell after these looks, and remembers it.
pub(super) async fn about(looks: &[Look<'_>], whole: &Whole, session: &Session) -> Vec<Delivery> {
    if whole.config.notifications.channels.is_empty() {
        return Vec::new();
    }
    let (channels, now, deadline) = (channels(whole, session), session.now(), Deadline::after(PATIENCE));
    let every = whole.config.notifications.runs_every.and_then(snapkeep_core::period::Period::fixed_seconds);
    let deliveries = if let Some(every) = every {
        let at = looks.first().map_or(now, |look| look.at);
        let beat = Beat { at, every: SignedDuration::from_secs(every), time: time(session) };
        tell_by(beat, &channels, looks, now, deadline).await
    } else {
        let mut memory = recall(whole, session);
        let deliveries = tell(&channels, looks, &mut memory, now, deadline).await;
        remember(whole, &memory, session);
        deliveries
    };
    for delivery in &deliveries {
        say(delivery, session);
    }
    deliveries
}

/// The same for whoever remembers as long as it runs, and, where it can, beyond.
pub(super) async fn about_with(
    memory: &mut Memory,
    looks: &[Look<'_>],
    whole: &Whole,
    session: &Session,
) -> Vec<Delivery> {
    if whole.config.notifications.channels.is_empty() {
        return Vec::new();
    }
    let (channels, before) = (channels(whole, session), memory.clone());
    let deliveries = tell(&channels, looks, memory, session.now(), Deadline::after(PATIENCE)).await;
    if *memory != before {
        remember(whole, memory, session);
    }
    deliveries
}

/// What an earlier run has told.
pub(super) fn recall(whole: &Whole, session: &Session) -> Memory {
    let text = memory(whole, session).and_then(|file| std::fs::read_to_string(file).ok());
    text.map_or_else(Memory::default, |text| Memory::read(&text))
}

fn say(delivery: &Delivery, session: &Session) {
    let Delivery { channel, event, summary, failure, .. } = delivery;
    match failure {
        None => session.printer.note(&format!("told {channel}: {event}: {summary}")),
        Some(failure) => session.printer.warning(&format!("{channel} was not told ({event}): {}", failure.cause)),
    }
}

/// How long a run may take.
fn time(session: &Session) -> SignedDuration {
    let days = SignedDuration::from_hours(24 * 365);
    session.globals.timeout.map_or(days, |span| SignedDuration::try_from(span.0).unwrap_or(days))
}

/// Where it is remembered what was told: a file for each configuration.
fn memory(whole: &Whole, session: &Session) -> Option<PathBuf> {
    let plain: String = whole.name().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let end = plain.len().saturating_sub(150);
    Some(session.process.state_directory()?.join(format!("told{}.json", &plain[end..])))
}

fn remember(whole: &Whole, told: &Memory, session: &Session) {
    let why = match memory(whole, session).map(|file| write(&file, &told.to_text())) {
        Some(Ok(())) => return,
        Some(Err(why)) => why,
        None => "neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set".to_owned(),
    };
    session.printer.warning(&format!(
        "it cannot be remembered what was told, so that the next run may tell it again: {why}; set one, or `notifications.runs_every`"
    ));
}

/// Writes a run's metrics, whole or not at all. They go on from what the file holds of what is configured.
pub(super) fn metrics(
    file: &Path,
    chosen: &Chosen,
    end: Result<&RunReport, &Failure>,
    deliveries: &[Delivery],
    session: &Session,
) {
    let file = session.process.directory.join(file);
    let mut registry = Registry::default();
    if let Ok(before) = std::fs::read_to_string(&file) {
        registry.resume(&before);
        registry.forget_others(&Configured::all(chosen.whole().config.policies.values()));
    }
    registry.begin(&Configured::all(chosen.meant()), &chosen.whole().config.notifications.channels);
    match end {
        Ok(report) => registry.observe(report),
        Err(failure) => registry.observe_in_vain(chosen.meant(), failure, session.now()),
    }
    registry.observe_deliveries(deliveries);
    if let Err(why) = write(&file, &registry.prometheus()) {
        session.printer.warning(&format!("the metrics are not written: {why}"));
    }
}

/// Writes a run's report as Markdown.
pub(super) fn report(file: &Path, report: &RunReport, session: &Session) {
    let file = session.process.directory.join(file);
    if let Err(why) = write(&file, &markdown(report)) {
        session.printer.warning(&format!("the report is not written: {why}"));
    }
}

/// Writes beside the file, then puts it in its place: whoever reads it meanwhile reads all of one or all of the other.
fn write(file: &Path, text: &str) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", file.display());
    let name = file.file_name().ok_or_else(|| format!("{} names no file", file.display()))?;
    let directory = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(fail)?;
    let beside = directory.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = std::fs::File::create(&beside)
        .and_then(|mut new| new.write_all(text.as_bytes()).and_then(|()| new.sync_all()))
        .and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|error| {
        // What is left of it is nobody's.
        let _ = std::fs::remove_file(&beside);
        fail(error)
    })
}
