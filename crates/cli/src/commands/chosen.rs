//! The policies that a command is about, and their clusters.

use crate::args::Globals;
use crate::process::Process;
use crate::session::Session;
use crate::settings::whole::Whole;
use snapkeep_config::Repository;
use snapkeep_config::fields::nearest;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::policy::{Policy, Settings, check_names};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::Fleet;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

const WHERE: &str = "`snapkeep policy list` shows the clusters of each policy";

/// The configuration's policies, and those of them that are meant.
pub(crate) struct Chosen {
    whole: Arc<Whole>,
    /// All of them: what one adopts depends on the others. With `--cluster`, as if there were no other cluster.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// Names of those that are meant; empty means all.
    pub(crate) only: Vec<String>,
    /// With `--cluster`, their other clusters: a place may be theirs as well.
    left_out: BTreeMap<String, Vec<RepositoryName>>,
}

impl Chosen {
    /// Reads the configuration; `names` are policies of it.
    pub(crate) async fn read(session: &Session, names: &[String]) -> Result<Self, Failure> {
        if let Some(flag) = flag_of_one_cluster(&session.globals) {
            return Err(Failure::new(
                Code::BadEvent,
                format!("{flag} is about one cluster, and policies name theirs in the configuration"),
                format!("leave {flag} out; --cluster NAME keeps to one of the configuration's clusters"),
            ));
        }
        let whole = Whole::read(&session.globals, &session.process).await?;
        if whole.config.policies.is_empty() {
            let hint = "add `policies`; `snapkeep config schema` says what one holds";
            return Err(Failure::new(Code::BadConfig, format!("{} has no policies", whole.name()), hint));
        }
        check_names(&whole.config.policies, names).map_err(|failure| with_nearest(failure, &whole, names))?;
        let policies = narrowed(&whole, session.globals.cluster.as_deref())?;
        if policies.is_empty() {
            return Err(Failure::new(Code::BadEvent, "no policy is for that cluster", WHERE));
        }
        let lacks = names.iter().find(|name| !policies.contains_key(*name));
        if let (Some(name), Some(cluster)) = (lacks, &session.globals.cluster) {
            let cause = format!("policy {name} is not for cluster {cluster}");
            return Err(Failure::new(Code::BadEvent, cause, WHERE));
        }
        let left_out = left_out(&whole, session.globals.cluster.as_deref(), names);
        Ok(Self { whole: Arc::new(whole), policies, only: names.to_vec(), left_out })
    }

    /// The policies that are meant.
    pub(crate) fn meant(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().filter(|policy| self.only.is_empty() || self.only.contains(&policy.name))
    }

    /// The whole configuration.
    pub(crate) fn whole(&self) -> &Whole {
        &self.whole
    }

    /// The clusters that these policies hold for besides the one that `--cluster` names.
    pub(crate) fn left_out(&self, cluster: Option<&str>, only: &[String]) -> BTreeMap<String, Vec<RepositoryName>> {
        left_out(&self.whole, cluster, only)
    }

    /// What the configuration says of a repository.
    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.whole.config.repositories.get(name)
    }

    /// Their clusters, each set up when it is asked for. What opens one's secret may ask on the terminal: there it is
    /// done for one after the other, elsewhere one that takes its time holds up no other.
    pub(crate) fn fleet(&self, session: &Session) -> Fleet<'static> {
        self.fleet_of(&self.only, session.process.clone()).leaving_out(self.left_out.clone())
    }

    /// The same of these policies (none: of all).
    pub(crate) fn fleet_of(&self, only: &[String], process: Process) -> Fleet<'static> {
        let turn = process.stdin_is_terminal.then(|| Arc::new(Mutex::new(())));
        let whole = Arc::clone(&self.whole);
        Fleet::of(&self.policies, only, move |name| {
            let (whole, process, turn) = (Arc::clone(&whole), process.clone(), turn.clone());
            let runtime = Handle::current();
            // A program that prints a secret is waited for on a thread of its own.
            let connect = move || {
                let _turn = turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
                runtime.block_on(whole.connect(&name, &process))
            };
            Box::pin(async { tokio::task::spawn_blocking(connect).await.unwrap_or_else(|error| Err(ended(&error))) })
        })
    }
}

/// A complaint of an unknown name, with the one that may have been meant.
fn with_nearest(failure: Failure, whole: &Whole, names: &[String]) -> Failure {
    let known: Vec<&str> = whole.config.policies.keys().map(String::as_str).collect();
    let near = names.iter().find(|name| !known.contains(&name.as_str())).and_then(|name| nearest(name, &known));
    let Some(near) = near else { return failure };
    let hint = format!("did you mean {near}? {}", failure.hint);
    failure.with_hint(hint)
}

/// Only a defect of ours ends it so.
fn ended(error: &tokio::task::JoinError) -> Failure {
    let cause = format!("the cluster could not be set up: {error}");
    Failure::new(Code::BadConfig, cause, "see what its secret comes from")
}

fn flag_of_one_cluster(globals: &Globals) -> Option<&'static str> {
    let given = [
        ("--endpoint", globals.endpoint.is_some()),
        ("--region", globals.region.is_some()),
        ("--auth", globals.auth.is_some()),
        ("--username", globals.username.is_some()),
        ("--profile", globals.profile.is_some()),
        ("--assume-role", globals.assume_role.is_some()),
        ("--ca-file", globals.ca_file.is_some()),
        ("--client-cert", globals.client_cert.is_some()),
        ("--repository", globals.repository.is_some()),
    ];
    given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
}

/// The policies, on one cluster only if one is named.
fn narrowed(whole: &Whole, cluster: Option<&str>) -> Result<BTreeMap<String, Policy>, Failure> {
    let Some(cluster) = cluster else { return Ok(whole.config.policies.clone()) };
    whole.config.cluster(cluster)?;
    of_cluster(&whole.config.policies, cluster)
}

/// The policies for that cluster, on it only.
pub(super) fn of_cluster(
    policies: &BTreeMap<String, Policy>,
    cluster: &str,
) -> Result<BTreeMap<String, Policy>, Failure> {
    let of_it = policies.values().filter(|policy| policy.clusters.iter().any(|name| name == cluster));
    of_it
        .map(|policy| {
            let settings = Settings { clusters: vec![cluster.to_owned()], ..Settings::clone(policy) };
            Ok((policy.name.clone(), Policy::new(settings)?))
        })
        .collect()
}

/// The clusters beside the one that is named that its policies hold for, with their repositories.
fn left_out(whole: &Whole, cluster: Option<&str>, only: &[String]) -> BTreeMap<String, Vec<RepositoryName>> {
    let mut left_out: BTreeMap<String, Vec<RepositoryName>> = BTreeMap::new();
    let Some(cluster) = cluster else { return left_out };
    let is_meant = |policy: &&Policy| {
        (only.is_empty() || only.contains(&policy.name)) && policy.clusters.iter().any(|name| name == cluster)
    };
    for policy in whole.config.policies.values().filter(is_meant) {
        for other in policy.clusters.iter().filter(|other| *other != cluster) {
            left_out.entry(other.clone()).or_default().push(policy.repository.clone());
        }
    }
    left_out
}
