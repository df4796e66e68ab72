//! `migrate`: what one cluster's snapshot holds comes to another, by a plan.
#![allow(clippy::doc_markdown, reason = "what stands here is shown as help, not as Markdown")]

use crate::args::Pair;
use crate::choose;
use crate::commands::restore::{Restore, Watching, unasked, words};
use crate::confirm::confirm;
use crate::output::Format;
use crate::output::views::{MigratedView, MigrationPlanView};
use crate::session::{Session, Target};
use crate::settings::whole::Whole;
use clap::Args;
use serde_json::Value;
use snapkeep_core::migrate::{MigrationPlan, Wish};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{Clusters, MigrationJob, apply_migration, plan_migration};

const THERE: &str = "On the target";

#[derive(Debug, Args)]
#[command(
    about = "Bring a snapshot of one cluster to another: shows the plan, then asks",
    long_about = "Bring a snapshot of one cluster to another: shows the plan, then asks

Both are clusters of the configuration. The source's repository is registered on the target read-only, the snapshot is \
restored there as `restore` does, and followed to what truly serves. Nothing is written to the repository, and nothing is \
ever deleted.",
    after_help = "\
Examples:
  snapkeep migrate old new latest -r nightly --dry-run
  snapkeep migrate old new latest -r nightly --role-arn arn:aws:iam::210987654321:role/snapshots --unregister --yes
  snapkeep migrate old new nightly-20261123t050000z --indices 'logs-*' --rename-prefix old-"
)]
pub(crate) struct Migrate {
    /// The configuration's cluster that has the repository
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The configuration's cluster that is restored to
    #[arg(value_name = "TARGET")]
    target: String,
    #[command(flatten)]
    restore: Restore,
    /// The repository's name there [default: the same]
    #[arg(long = "as", value_name = "NAME", help_heading = THERE)]
    name: Option<String>,
    /// The role that the target assumes to reach the bucket [default: the source's]
    #[arg(long, value_name = "ARN", help_heading = THERE)]
    role_arn: Option<String>,
    /// A repository's setting that differs there, such as location=/mnt/backups
    #[arg(long = "setting", value_name = "KEY=VALUE", help_heading = THERE)]
    repository_settings: Vec<Pair>,
    /// Once all serves, make the target forget the repository
    #[arg(long, conflicts_with = "no_wait", help_heading = THERE)]
    unregister: bool,
}

/// Plans, asks, lets the target read the repository, restores, follows.
pub(crate) async fn run(arguments: Migrate, session: &Session) -> Result<(), Failure> {
    let restore = &arguments.restore;
    let deadline = if restore.waits() { session.patient_deadline() } else { session.deadline() };
    // What is wrong with the arguments is said before anything is asked.
    let request = restore.request()?;
    let (choice, among) = restore.choice()?;
    let (source, target) = connect(&arguments, session).await?;
    let repository = choose::repository(&source, session, session.deadline()).await?;
    let job = MigrationJob { wish: arguments.wish(repository)?, choice, among, request };
    let clusters = Clusters {
        source: &source.api,
        target: &target.api,
        target_is_managed: target.endpoint.amazon_region().is_some(),
    };
    let plan = plan_migration(&clusters, &job, session.deadline()).await?;
    let now = session.now_of(&target.api);
    let view = MigrationPlanView { plan: &plan, target: &arguments.target };
    let complaint = plan.complaint();
    if restore.dry_run || complaint.is_some() || plan.is_done() {
        return session.printer.show_plan(&view, now).and(complaint.map_or(Ok(()), Err));
    }
    if session.printer.format() == Format::Text {
        session.printer.show_plan(&view, now)?;
    }
    ask(&arguments, &plan, session).await?;
    session.goes_on(format!(
        "run the same command again with {} for the snapshot: what has come back is left alone, and what is on its way followed",
        plan.restore.snapshot
    ));
    let watching = Watching::new(&session.printer);
    let report = apply_migration(&clusters, &job, &plan, &restore.following(), deadline, &watching).await?;
    drop(watching);
    let complaint = report.restore.complaint().filter(|_| restore.waits() || report.restore.ended);
    let view = MigratedView { plan: &plan, report: &report };
    session.printer.show_with(&view, session.now_of(&target.api), complaint.map_or(Ok(()), Err))
}

async fn ask(arguments: &Migrate, plan: &MigrationPlan, session: &Session) -> Result<(), Failure> {
    let question = match words(&plan.restore) {
        Some(what) => format!("Restore {what}, to cluster {}?", arguments.target),
        // What comes back is on its way already.
        None if !plan.attachment.unregister => return Ok(()),
        None => {
            format!("Make cluster {} forget repository {} once all serves?", arguments.target, plan.attachment.name)
        }
    };
    confirm(session, arguments.restore.yes, &question).await.map_err(unasked)
}

impl Migrate {
    fn wish(&self, repository: RepositoryName) -> Result<Wish, Failure> {
        let name = self.name.as_deref().map(RepositoryName::parse).transpose()?;
        let setting = |pair: &Pair| (pair.key.clone(), Value::from(pair.value.clone()));
        Ok(Wish {
            name: name.unwrap_or_else(|| repository.clone()),
            repository,
            role_arn: self.role_arn.clone(),
            settings: self.repository_settings.iter().map(setting).collect(),
            unregister: self.unregister,
        })
    }
}

/// Both clusters, each with its own identity.
async fn connect(arguments: &Migrate, session: &Session) -> Result<(Target, Target), Failure> {
    let given = session.globals.connection_flags();
    if let Some(flag) = given.into_iter().find(|flag| !["config", "repository"].contains(flag)) {
        return Err(Failure::new(
            Code::BadEvent,
            format!("--{flag} is about one cluster, and this is about two"),
            "say in the configuration's `clusters` where each is and who we are to it",
        ));
    }
    let whole = Whole::read(&session.globals, &session.process).await?;
    let source = side(&whole, &arguments.source, session).await?;
    let target = side(&whole, &arguments.target, session).await?;
    if source.endpoint == target.endpoint {
        return Err(Failure::new(
            Code::BadEvent,
            "SOURCE and TARGET are one cluster",
            "`restore` restores to the cluster that took the snapshot",
        ));
    }
    Ok((source, target))
}

async fn side(whole: &Whole, name: &str, session: &Session) -> Result<Target, Failure> {
    let cluster = whole.config.cluster(name)?;
    let asked = session.globals.repository.as_deref().map(RepositoryName::parse).transpose()?;
    Ok(Target {
        api: whole.connect(name, &session.process).await?,
        endpoint: cluster.endpoint.clone(),
        region: cluster.region.clone(),
        repository: asked.or_else(|| cluster.repository.clone()),
        repositories: whole.config.repositories.clone(),
    })
}
