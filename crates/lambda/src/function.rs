//! The handler: event → job → report.

use crate::environment::Environment;
use crate::event::{Action, Delivery, Event};
use crate::naming;
use crate::policies::{self, DrillAnswer, RunAnswer};
use crate::restore::{self, RestoreAnswer};
use crate::telling::Told;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::repository::{
    RepositorySettings, S3Settings, check_bucket, check_further, check_region, check_role_arn,
};
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{Creation, Job, Registration, Report, Warnings, WrittenBefore, run};
use snapkeep_transport::{Client, Deadline, Settings};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is kept back of an invocation's time, so that the answer gets out before Lambda ends it.
const MARGIN: Duration = Duration::from_millis(1500);

/// Largest metadata that servers take, in bytes of JSON.
const METADATA_LIMIT: usize = 1024;

/// The facts of one delivery.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The request's id: the same for every delivery of an asynchronous event.
    pub request_id: String,
    /// The trace header, if there is one.
    pub trace_id: Option<String>,
    /// Time until the invocation is ended from outside.
    pub left: Duration,
    /// The time.
    pub now: Timestamp,
}

/// The function: its environment, and the client of the last endpoint, whose connection a warm
/// invocation uses again.
#[derive(Debug)]
pub struct Function {
    environment: Environment,
    last: Mutex<Option<(Target, Arc<SnapshotApi>)>>,
    /// What was told by earlier invocations.
    told: Told,
}

/// What an invocation answers.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// What was done in one repository.
    Job(Box<Report>),
    /// What was restored.
    Restore(Box<RestoreAnswer>),
    /// What a run of policies did.
    Run(Box<RunAnswer>),
    /// What drills of policies came to.
    Drill(Box<DrillAnswer>),
}

/// Endpoint, with how it was admitted, and region.
type Target = (Endpoint, String);

/// An event that passed every check: nothing has been sent yet.
pub(crate) struct Accepted<J> {
    pub(crate) endpoint: Endpoint,
    pub(crate) region: String,
    pub(crate) job: J,
    unused: Vec<&'static str>,
}

impl<J> Accepted<J> {
    /// What the event says in vain.
    pub(crate) fn warnings(&self, event: &Event) -> Warnings {
        let mut warnings = Warnings::default();
        for field in &self.unused {
            warnings.add(format!("`{field}` means nothing to action `{}`", event.action().as_str()));
        }
        warnings
    }
}

impl Function {
    /// A function that has handled nothing yet.
    pub fn new(environment: Environment) -> Self {
        Self { environment, last: Mutex::new(None), told: Told::default() }
    }

    /// Handles one event.
    pub async fn handle(&self, event: &str, invocation: &Invocation) -> Result<Answer, Failure> {
        let deadline = Deadline::after(invocation.left.saturating_sub(MARGIN));
        match Delivery::parse(event)? {
            Delivery::Job(event) if event.action() == Action::Restore => {
                let answer = restore::run(self, &event, deadline).await?;
                Ok(Answer::Restore(answer.into()))
            }
            Delivery::Job(event) => {
                self.work(&event, invocation, deadline).await.map(|report| Answer::Job(report.into()))
            }
            Delivery::Run(run) => {
                let answer = policies::run(&self.environment, run, invocation, &self.told, deadline).await?;
                Ok(Answer::Run(answer.into()))
            }
            Delivery::Drill(asked) => {
                let answer = policies::drill(&self.environment, asked, invocation, deadline).await?;
                Ok(Answer::Drill(answer.into()))
            }
        }
    }

    async fn work(&self, event: &Event, invocation: &Invocation, deadline: Deadline) -> Result<Report, Failure> {
        let accepted = self.accept(event, |repository, region| job(event, repository, region, invocation))?;
        let api = self.api(&accepted)?;
        let warnings = accepted.warnings(event);
        tracing::info!(
            action = accepted.job.action(),
            repository = accepted.job.repository().as_str(),
            host = accepted.endpoint.host(),
            "begin"
        );
        let mut report = run(&api, &accepted.job, deadline, warnings).await?;
        report.next = next(&report, &accepted);
        tracing::info!(snapshot = report.snapshot, state = ?report.state, "done");
        Ok(report)
    }

    /// An event that may be carried out; `job` makes of repository and region what is to be done.
    pub(crate) fn accept<J>(
        &self,
        event: &Event,
        job: impl FnOnce(RepositoryName, &str) -> Result<J, Failure>,
    ) -> Result<Accepted<J>, Failure> {
        let environment = &self.environment;
        let region = event.required("Region", environment.region.as_deref())?;
        check_region("Region", region)?;
        let named = event.required("Endpoint", environment.endpoint.as_deref())?;
        let repository = event.required("RepositoryName", environment.repository.as_deref())?;
        let job = job(RepositoryName::parse(repository)?, region)?;
        let endpoint = match event.text("Endpoint")? {
            Some(_) => Endpoint::admit(named, region, &environment.allowed_endpoints)?,
            None => Endpoint::trusted(named)?,
        };
        environment.check_identity(&endpoint)?;
        if let Some(role_arn) = event.text("RoleArn")? {
            environment.check_role(role_arn)?;
        }
        if let Some(bucket) = event.text("S3Bucket")? {
            environment.check_bucket(bucket)?;
        }
        Ok(Accepted { endpoint, region: region.to_owned(), job, unused: event.unused() })
    }

    pub(crate) fn api<J>(&self, accepted: &Accepted<J>) -> Result<Arc<SnapshotApi>, Failure> {
        let target = (accepted.endpoint.clone(), accepted.region.clone());
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((known, api)) = &*last
            && *known == target
        {
            return Ok(Arc::clone(api));
        }
        let auth = self.environment.auth(&accepted.region)?;
        let settings = Settings { ca_file: self.environment.ca_file.clone(), ..Settings::default() };
        let api = Arc::new(SnapshotApi::new(Client::new(accepted.endpoint.clone(), auth, settings)?));
        *last = Some((target, Arc::clone(&api)));
        Ok(api)
    }
}

fn job(event: &Event, repository: RepositoryName, region: &str, invocation: &Invocation) -> Result<Job, Failure> {
    let registration = || registration(event, &repository, region);
    let creation = || creation(event, &repository, invocation);
    match event.action() {
        Action::Backup => Ok(Job::Backup(registration()?, creation()?)),
        Action::Register => registration().map(Job::Register),
        Action::Create => creation().map(Job::Create),
        Action::Status => Ok(Job::Status {
            snapshot: naming::to_look_at(event, &repository)?,
            wait: Duration::from_secs(event.seconds("Wait")?),
            repository,
        }),
        Action::List => Ok(Job::List { repository }),
        Action::Restore | Action::Run | Action::Drill => {
            Err(bad("this is about more than one snapshot's creation", "see what `Action` may be"))
        }
    }
}

fn bad(cause: impl AsRef<str>, hint: &str) -> Failure {
    Failure::new(Code::BadEvent, cause, hint)
}

/// `cs-…` names are the managed service's own: its automated snapshots are read, never written.
fn refuse_reserved(reserved: bool, field: &str) -> Result<(), Failure> {
    if reserved {
        return Err(bad(
            format!("`{field}` starts with `cs-`, which is the managed service's own"),
            "choose another name; `list` and `status` may read cs-automated repositories",
        ));
    }
    Ok(())
}

fn registration(event: &Event, repository: &RepositoryName, region: &str) -> Result<Registration, Failure> {
    refuse_reserved(repository.is_reserved(), "RepositoryName")?;
    let bucket = event.required("S3Bucket", None)?;
    check_bucket(bucket)?;
    let role_arn = event.required("RoleArn", None)?;
    check_role_arn(role_arn)?;
    let bucket_region = event.text("BucketRegion")?.unwrap_or(region);
    check_region("BucketRegion", bucket_region)?;
    let settings = S3Settings {
        bucket: bucket.to_owned(),
        region: bucket_region.to_owned(),
        role_arn: role_arn.to_owned(),
        further: further(event)?,
    };
    let replace = event.flag("Replace")?.unwrap_or_default();
    let settings = RepositorySettings::S3(settings);
    Ok(Registration { repository: repository.clone(), settings, replace, written_before: WrittenBefore::Told })
}

fn further(event: &Event) -> Result<Map<String, Value>, Failure> {
    let mut further = event.object("Settings")?.cloned().unwrap_or_default();
    check_further(&further)?;
    if let Some(base_path) = event.text("BasePath")? {
        if base_path.is_empty() || base_path.starts_with('/') || base_path.ends_with('/') {
            return Err(bad(
                format!("`BasePath` {base_path:?} is empty or has a slash at an end"),
                "write it as folder/subfolder",
            ));
        }
        if further.insert("base_path".into(), json!(base_path)).is_some() {
            return Err(bad("the event holds `BasePath` and base_path under `Settings`", "keep one of them"));
        }
    }
    Ok(further)
}

fn creation(event: &Event, repository: &RepositoryName, invocation: &Invocation) -> Result<Creation, Failure> {
    refuse_reserved(repository.is_reserved(), "RepositoryName")?;
    let (snapshot, identity) = naming::to_create(event, repository, invocation)?;
    refuse_reserved(snapshot.is_reserved(), "SnapshotName")?;
    let mut body = Map::new();
    if let Some(indices) = event.names("Indices")? {
        body.insert("indices".into(), indices);
    }
    for (field, key) in [
        ("IncludeGlobalState", "include_global_state"),
        ("Partial", "partial"),
        ("IgnoreUnavailable", "ignore_unavailable"),
    ] {
        if let Some(flag) = event.flag(field)? {
            body.insert(key.into(), json!(flag));
        }
    }
    if let Some(metadata) = event.object("Metadata")? {
        check_metadata(metadata)?;
        body.insert("metadata".into(), json!(metadata));
    }
    let wait = Duration::from_secs(event.seconds("Wait")?);
    let body = (!body.is_empty()).then_some(body);
    Ok(Creation { repository: repository.clone(), snapshot, identity, body, wait, stall_after: None })
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<(), Failure> {
    if metadata.contains_key("snapkeep") {
        return Err(bad(
            "`Metadata` holds the key \"snapkeep\", which marks snapshots of policies",
            "choose another key",
        ));
    }
    if json!(metadata).to_string().len() >= METADATA_LIMIT {
        return Err(bad("`Metadata` is 1,024 bytes or more, which servers refuse", "make it shorter"));
    }
    Ok(())
}

/// The event that follows a snapshot which still runs.
fn next(report: &Report, accepted: &Accepted<Job>) -> Option<Value> {
    let snapshot = report.snapshot.as_ref()?;
    if !report.may_look || report.state != Some(State::InProgress) {
        return None;
    }
    Some(json!({
        "Action": "status",
        "Endpoint": accepted.endpoint.origin(),
        "RepositoryName": report.repository,
        "Region": accepted.region,
        "SnapshotName": snapshot,
    }))
}
