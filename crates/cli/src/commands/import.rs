//! `policy import`: other tools' policies as a configuration of ours.

use crate::output::views::ImportView;
use crate::output::{Format, human};
use crate::session::Session;
use crate::settings;
use clap::Args;
use snapkeep_core::{Code, Failure};
use snapkeep_import::{Imported, Target};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Import policies of Curator, Snapshot Management or SLM
///
/// Prints a whole configuration that `config check` takes; what has no equal is listed in it as comments. Nothing is changed: neither
/// here nor where the policies come from. No secret is copied.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snapkeep policy import actions.yml --schedule '30 2 * * *' --out snapkeep.yaml
  snapkeep policy import --from-cluster --endpoint https://search.example:9200
  curl …/_slm/policy > slm.json && snapkeep policy import slm.json")]
pub(crate) struct Import {
    /// Curator's action file, or the answer of GET _plugins/_sm/policies or of GET _slm/policy
    #[arg(value_name = "FILE", required_unless_present = "from_cluster")]
    file: Option<PathBuf>,
    /// Ask the cluster: OpenSearch for Snapshot Management's policies, Elasticsearch for SLM's
    #[arg(long, conflicts_with = "file")]
    from_cluster: bool,
    /// When policies are due whose file does not say it: Curator's
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,
    /// The time zone of that schedule [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    timezone: Option<String>,
    /// The policy's name where the file is the body of a request, which does not hold it
    #[arg(long, value_name = "NAME", conflicts_with = "from_cluster")]
    name: Option<String>,
    /// Write it into this file, which must not exist yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Reads, shows, writes.
pub(crate) async fn run(arguments: &Import, session: &Session) -> Result<(), Failure> {
    schedule(arguments)?;
    let (cluster, endpoint) = settings::named(&session.globals, &session.process).await?;
    let target = Target {
        cluster,
        endpoint: endpoint.map(|endpoint| endpoint.to_string()),
        schedule: arguments.schedule.clone(),
        timezone: arguments.timezone.clone(),
        name: arguments.name.clone(),
    };
    let text = match &arguments.file {
        Some(file) => read(file, session)?,
        None => session.connect().await?.api.lifecycle_policies(session.deadline()).await?.to_string(),
    };
    let imported = of_file(snapkeep_import::read(&text, &target), arguments)?;
    if let Some(out) = &arguments.out {
        write(out, &imported.yaml(), session)?;
    }
    let view = ImportView { imported: &imported, cluster: &target.cluster, out: arguments.out.as_deref() };
    session.printer.show(&view, session.now())?;
    end(&imported, session)
}

/// A schedule that cannot be used is a mistake of the command line, not of the file.
fn schedule(arguments: &Import) -> Result<(), Failure> {
    let Some(schedule) = &arguments.schedule else { return Ok(()) };
    let zone = snapkeep_core::schedule::zone(arguments.timezone.as_deref().unwrap_or("UTC"));
    zone.and_then(|zone| snapkeep_core::schedule::Schedule::parse(schedule, zone))
        .map(drop)
        .map_err(|failure| failure.with_code(Code::BadEvent))
}

fn read(file: &Path, session: &Session) -> Result<String, Failure> {
    std::fs::read_to_string(session.process.directory.join(file)).map_err(|error| {
        let cause = format!("{} cannot be read: {error}", file.display());
        Failure::new(Code::BadEvent, cause, "name a file that you may read")
    })
}

/// Complaints name the file.
fn of_file(read: Result<Imported, Failure>, arguments: &Import) -> Result<Imported, Failure> {
    read.map_err(|failure| {
        let name = arguments.file.as_ref().map_or("the cluster's answer".into(), |file| file.display().to_string());
        let cause = format!("{name}: {}", failure.cause);
        failure.with_cause(cause)
    })
}

fn write(file: &Path, text: &str, session: &Session) -> Result<(), Failure> {
    let path = session.process.directory.join(file);
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    opened.and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(|error| {
        let cause = format!("{} cannot be written: {error}", file.display());
        Failure::new(Code::BadEvent, cause, "name a file that does not exist yet, in a directory that you may write to")
    })
}

/// Whoever sends the output on sees all the same that something is not the same.
fn end(imported: &Imported, session: &Session) -> Result<(), Failure> {
    let found = imported.findings.len();
    if imported.policies.is_empty() {
        let cause = format!("no policy could be imported from {}", imported.source.name());
        return Err(Failure::new(Code::Unsupported, cause, "each of the reasons says what to do instead"));
    }
    if found > 0 && session.printer.format() == Format::Text {
        let things = human::count(found, "thing");
        session.printer.warning(&format!("{things} not quite the same: read the comments"));
    }
    Ok(())
}
