//! `orphans`: blobs that no snapshot needs.

use super::reading::{Reading, read};
use crate::args::Watch;
use crate::session::Session;
use clap::Args;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_repository::orphans::{Orphans, orphans_before};
use snapkeep_repository::store::Location;
use std::path::PathBuf;

/// List blobs of a repository that no snapshot needs; nothing is deleted
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is reported that is younger than --older-than or as new as the repository's generation, and nothing at all while a
snapshot may be running. A repository that is named, not given by its place, is also asked for on its cluster.

Examples:
  snapkeep orphans s3://my-backups/logs
  snapkeep orphans nightly --older-than 30d
  snapkeep orphans s3://my-backups/logs --manifest orphans.csv")]
pub(crate) struct OrphansOf {
    #[command(flatten)]
    reading: Reading,
    /// Leave alone what is younger: longer than any snapshot runs, since its data comes before anything says so
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    older_than: Watch,
    /// Also write them as a manifest for S3 Batch Operations: bucket and key of each
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// Lists them.
pub(crate) async fn run(arguments: OrphansOf, session: &Session) -> Result<(), Failure> {
    let store = arguments.reading.store(session).await?;
    if arguments.manifest.is_some() {
        bucket(store.location())?;
    }
    let span = arguments.older_than.0;
    let before = if span.is_zero() { None } else { session.now().checked_sub(span).ok() };
    // First the cluster: what it starts later is younger than all that is reported.
    let running = running(arguments.reading.name(session)?, session).await;
    let found = read(&store, session, async |loader, opened| orphans_before(loader, opened, before).await).await?;
    let found = running.into_iter().fold(found, Orphans::with_running);
    warn(&found, session);
    if let Some(path) = &arguments.manifest {
        write(&found, bucket(store.location())?, &session.process.directory.join(path))?;
    }
    session.printer.show(&found, session.now())
}

/// Snapshots that run in the repository by its cluster's word; nothing if there is no cluster that can be asked.
async fn running(name: Option<RepositoryName>, session: &Session) -> Option<Vec<String>> {
    let name = name?;
    let asked = async {
        let target = session.connect().await?;
        target.api.running(&name, session.deadline()).await.map_err(|unanswered| unanswered.failure())
    };
    match asked.await {
        Ok(found) => Some(found.into_iter().map(|snapshot| snapshot.name).collect()),
        Err(failure) => {
            let why = failure.cause;
            session.printer.warning(&format!("no cluster could be asked whether a snapshot runs in {name}: {why}"));
            None
        }
    }
}

fn warn(found: &Orphans, session: &Session) {
    for undecided in &found.undecided {
        session.printer.warning(&format!("nothing is said of {undecided}"));
    }
    let names = found.cluster.iter().flatten().map(String::as_str).collect::<Vec<_>>();
    if !names.is_empty() {
        session.printer.warning(&format!("a snapshot is running, so none are reported: {}", names.join(", ")));
    } else if found.running {
        let newer = crate::output::human::count(usize::try_from(found.newer).unwrap_or(usize::MAX), "blob");
        session.printer.warning(&format!(
            "{newer} that nothing needs yet came after the generation: a snapshot may be running, so none are reported"
        ));
    }
}

fn bucket(location: &Location) -> Result<&str, Failure> {
    location.bucket().ok_or_else(|| {
        Failure::new(
            Code::BadEvent,
            "a manifest is for objects of a bucket, and this is a folder",
            "leave --manifest out",
        )
    })
}

fn write(found: &Orphans, bucket: &str, path: &std::path::Path) -> Result<(), Failure> {
    std::fs::write(path, found.manifest(bucket)).map_err(|error| {
        let cause = format!("{} cannot be written: {error}", path.display());
        Failure::new(Code::OutputFailed, cause, "name a file that can be written")
    })
}
