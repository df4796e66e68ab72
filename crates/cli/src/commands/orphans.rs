//! `orphans`: blobs that no snapshot needs.

use super::reading::{Reading, read};
use crate::session::Session;
use clap::Args;
use snapkeep_core::{Code, Failure};
use snapkeep_repository::orphans::{Orphans, orphans};
use snapkeep_repository::store::Location;
use std::path::PathBuf;

/// List blobs of a repository that no snapshot needs; nothing is deleted
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is reported that is as new as the repository's generation, and nothing at all while a snapshot may be running.

Examples:
  snapkeep orphans s3://my-backups/logs
  snapkeep orphans s3://my-backups/logs --manifest orphans.csv")]
pub(crate) struct OrphansOf {
    #[command(flatten)]
    reading: Reading,
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
    let found = read(&store, session, orphans).await?;
    for undecided in &found.undecided {
        session.printer.warning(&format!("nothing is said of {undecided}"));
    }
    if found.running {
        let newer = crate::output::human::count(usize::try_from(found.newer).unwrap_or(usize::MAX), "blob");
        session.printer.warning(&format!(
            "{newer} that nothing needs yet came after the generation: a snapshot may be running, so none are reported"
        ));
    }
    if let Some(path) = &arguments.manifest {
        write(&found, bucket(store.location())?, &session.process.directory.join(path))?;
    }
    session.printer.show(&found, session.now())
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
