//! `verify`: whether a repository's snapshots can be restored, without its cluster.

use super::reading::{Reading, read};
use crate::output::reading::{Meter, said};
use crate::session::Session;
use clap::{Args, ValueEnum};
use snapkeep_core::Failure;
use snapkeep_repository::store::Location;
use snapkeep_repository::verify::{Choice, Journal, Level, PartOf, Percent, Share, Subject, estimate, verify};
use std::path::PathBuf;

/// Verify that a repository's snapshots can be restored, without its cluster
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 nothing wrong found, 14 damage found, 15 the repository changed meanwhile or some of it could not be read,
12 some of it may not be read, 2 all data is in a remote store.

Examples:
  snapkeep verify s3://my-backups/logs
  snapkeep verify file:///mnt/backups --level checksums --limit-rate 50MB --resume verify.jsonl
  snapkeep verify nightly --level checksums --part 3/7")]
pub(crate) struct Verify {
    #[command(flatten)]
    reading: Reading,
    /// How deep
    #[arg(long, value_name = "LEVEL", default_value = "blobs")]
    level: Depth,
    /// With checksums: such a share of the files; another one with each generation
    #[arg(long, value_name = "PERCENT", conflicts_with = "part")]
    sample: Option<Percent>,
    /// With checksums: such a part of the files; all parts together are all files
    #[arg(long, value_name = "N/M")]
    part: Option<PartOf>,
    /// Only these snapshots
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    snapshot: Vec<String>,
    /// Only these indices
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    index: Vec<String>,
    /// Keep in this file what is sound; if the run is interrupted, the next one goes on from it
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

/// [`Level`] as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Depth {
    /// The metadata of repository, snapshots, indices and shards is read and compared
    Metadata,
    /// And that of each snapshot in each shard, and every blob of data is there with its length
    Blobs,
    /// And its bytes add up to its checksums
    Checksums,
}

impl From<Depth> for Level {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Metadata => Self::Metadata,
            Depth::Blobs => Self::Blobs,
            Depth::Checksums => Self::Checksums,
        }
    }
}

impl Verify {
    fn choice(&self, generation: Option<u64>) -> Result<Choice, Failure> {
        if self.level != Depth::Checksums && (self.sample.is_some() || self.part.is_some()) {
            return Err(Failure::new(
                snapkeep_core::Code::BadEvent,
                "--sample and --part choose files whose bytes are read, which only --level checksums does",
                "add --level checksums, or leave them out",
            ));
        }
        // Another sample with each generation; the same one when a run is resumed.
        let salt = generation.and_then(|generation| u32::try_from(generation).ok()).unwrap_or_default();
        let share = match (self.sample, self.part) {
            (Some(sample), _) => Share::Sample { per_million: sample.per_million, salt },
            (None, Some(part)) => Share::Part { part: part.part, of: part.of },
            (None, None) => Share::All,
        };
        let (snapshots, indices) = (self.snapshot.clone(), self.index.clone());
        Ok(Choice { level: self.level.into(), share, snapshots, indices })
    }
}

impl Verify {
    fn journal(&self, session: &Session, subject: &Subject, place: &Location) -> Result<Option<Journal>, Failure> {
        let path = self.resume.as_ref().map(|path| session.process.directory.join(path));
        path.map(|path| Journal::open(&path, subject, place, session.now())).transpose()
    }
}

/// Verifies it.
pub(crate) async fn run(arguments: Verify, session: &Session) -> Result<(), Failure> {
    arguments.choice(None)?;
    let store = arguments.reading.store(session).await?;
    let report = read(&store, session, async |loader, opened| {
        let choice = arguments.choice(opened.generation)?;
        let journal = arguments.journal(session, &Subject::of(&store, opened, &choice), store.location())?;
        let cost = estimate(loader, opened, &choice).await;
        session.printer.note(&said(&cost));
        let meter = Meter::new(&session.printer, cost);
        verify(loader, opened, &choice, journal.as_ref(), &meter).await
    })
    .await?;
    let outcome = report.failure().map_or(Ok(()), Err);
    session.printer.show_with(&report, session.now(), outcome)
}
