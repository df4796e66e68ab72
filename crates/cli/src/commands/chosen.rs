//! The policies that a command is about, and their clusters.

use crate::args::Globals;
use crate::session::Session;
use crate::settings::whole::Whole;
use snapkeep_config::fields::nearest;
use snapkeep_core::policy::{Policy, Settings};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::Fleet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const WHERE: &str = "`snapkeep policy list` shows the clusters of each policy";

/// The configuration's policies, and those of them that are meant.
pub(crate) struct Chosen {
    whole: Whole,
    /// All of them: what one adopts depends on the others. With `--cluster`, as if there were no other cluster.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// Names of those that are meant; empty means all.
    pub(crate) only: Vec<String>,
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
        let known: Vec<&str> = whole.config.policies.keys().map(String::as_str).collect();
        if known.is_empty() {
            let hint = "add `policies`; `snapkeep config schema` says what one holds";
            return Err(Failure::new(Code::BadConfig, format!("{} has no policies", whole.name()), hint));
        }
        names.iter().try_for_each(|name| check(name, &known))?;
        let policies = narrowed(&whole, session.globals.cluster.as_deref())?;
        if policies.is_empty() {
            return Err(Failure::new(Code::BadEvent, "no policy is for that cluster", WHERE));
        }
        let lacks = names.iter().find(|name| !policies.contains_key(*name));
        if let (Some(name), Some(cluster)) = (lacks, &session.globals.cluster) {
            let cause = format!("policy {name} is not for cluster {cluster}");
            return Err(Failure::new(Code::BadEvent, cause, WHERE));
        }
        Ok(Self { whole, policies, only: names.to_vec() })
    }

    /// The policies that are meant.
    pub(crate) fn meant(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().filter(|policy| self.only.is_empty() || self.only.contains(&policy.name))
    }

    /// Their clusters; those that cannot be set up do not hold up the others.
    pub(crate) async fn fleet(&self, session: &Session) -> (Fleet, BTreeMap<String, Failure>) {
        let names: BTreeSet<&String> = self.meant().flat_map(|policy| &policy.clusters).collect();
        let (mut clusters, mut failures) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            match self.whole.connect(name, &session.process).await {
                Ok(api) => drop(clusters.insert(name.clone(), Arc::new(api))),
                Err(failure) => drop(failures.insert(name.clone(), failure)),
            }
        }
        (Fleet::new(clusters), failures)
    }
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

fn check(name: &str, known: &[&str]) -> Result<(), Failure> {
    if known.contains(&name) {
        return Ok(());
    }
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("it has these: {}", known.join(", ")),
    };
    Err(Failure::new(Code::BadEvent, format!("the configuration has no policy named {name:?}"), hint))
}

/// The policies, on one cluster only if one is named.
fn narrowed(whole: &Whole, cluster: Option<&str>) -> Result<BTreeMap<String, Policy>, Failure> {
    let Some(cluster) = cluster else { return Ok(whole.config.policies.clone()) };
    whole.config.cluster(cluster)?;
    let of_it = whole.config.policies.values().filter(|policy| policy.clusters.iter().any(|name| name == cluster));
    of_it
        .map(|policy| {
            let settings = Settings { clusters: vec![cluster.to_owned()], ..Settings::clone(policy) };
            Ok((policy.name.clone(), Policy::new(settings)?))
        })
        .collect()
}
