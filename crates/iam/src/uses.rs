//! Who uses what: the domains of a configuration, the repositories used there, and the roles behind both.

use crate::arn::{DomainArn, account_of, check_account, domain_name, partition_of};
use crate::policies::Asked;
use snapkeep_config::{AuthKind, Cluster, Config, Repository};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::policy::Policy;
use snapkeep_core::{Code, Failure};
use std::collections::BTreeSet;

/// A domain to which signed requests are sent.
#[derive(Debug)]
pub(crate) struct Use<'c> {
    /// The domain.
    pub(crate) domain: DomainArn,
    /// The repositories that are used there.
    pub(crate) repositories: Vec<RepositoryName>,
    /// Those of them that the configuration describes.
    pub(crate) described: Vec<Described>,
    /// The role that is taken on before anything is signed.
    pub(crate) role: Option<&'c str>,
}

/// A repository, as far as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// Its name.
    pub(crate) name: String,
    /// The role that the service takes on.
    pub(crate) role_arn: Option<String>,
    /// The bucket.
    pub(crate) bucket: Option<String>,
    /// The folder in the bucket.
    pub(crate) base_path: Option<String>,
    /// The bucket's region.
    pub(crate) region: String,
    /// Whether it is only read.
    pub(crate) readonly: bool,
}

impl Described {
    /// What stands beside `settings` may as well stand in it.
    fn of(name: &str, repository: &Repository, region: &str) -> Self {
        let text = |own: &Option<String>, key: &str| {
            own.clone().or_else(|| repository.settings.get(key)?.as_str().map(str::to_owned))
        };
        let in_settings = repository.settings.get("readonly").is_some_and(|flag| flag == true || flag == "true");
        Self {
            name: name.to_owned(),
            role_arn: text(&repository.role_arn, "role_arn"),
            bucket: text(&repository.bucket, "bucket"),
            base_path: text(&repository.base_path, "base_path"),
            region: text(&repository.region, "region").unwrap_or_else(|| region.to_owned()),
            readonly: repository.readonly.unwrap_or(in_settings),
        }
    }
}

/// The domains of a configuration, and what it leaves out.
pub(crate) fn uses<'c>(config: &'c Config, asked: &Asked) -> Result<(Vec<Use<'c>>, Vec<String>), Failure> {
    for name in asked.domains.iter().map(|(name, _)| name).chain(&asked.cluster) {
        config.cluster(name)?;
    }
    let (mut uses, mut notes) = (Vec::new(), Vec::new());
    for (name, cluster) in &config.clusters {
        if asked.cluster.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        cluster.endpoint.check_has_snapshots()?;
        let (auth, why) = cluster.auth_kind()?;
        if auth == AuthKind::SigV4 {
            uses.push(of_cluster(config, asked, name, cluster)?);
        } else {
            let how = auth.as_str();
            notes.push(format!("cluster {name} is left out: its requests are not signed (auth {how}: {why}), so IAM is not asked about them"));
        }
    }
    if uses.is_empty() {
        let hint = "write the domain's endpoint under `clusters`; a cluster with auth basic, api-key, bearer or none needs no IAM policy";
        return Err(Failure::new(
            Code::BadConfig,
            "no cluster of the configuration is called with signed requests",
            hint,
        ));
    }
    Ok((uses, notes))
}

fn of_cluster<'c>(config: &'c Config, asked: &Asked, name: &str, cluster: &'c Cluster) -> Result<Use<'c>, Failure> {
    let repositories = repositories(config, name, cluster)?;
    let of_them: Vec<(&str, &Repository)> = repositories
        .iter()
        .filter_map(|name| config.repositories.get_key_value(name.as_str()))
        .map(|(name, repository)| (name.as_str(), repository))
        .collect();
    let domain = match asked.domains.iter().find(|(known, _)| known == name) {
        Some((_, arn)) => arn.clone(),
        None => domain(asked, name, cluster, &of_them)?,
    };
    let described = of_them.iter().map(|(name, repository)| Described::of(name, repository, &domain.region)).collect();
    let role = cluster.assume_role.as_ref().map(|role| role.role_arn.as_str());
    let web = cluster.web_identity.as_ref().map(|role| role.role_arn.as_str());
    Ok(Use { domain, repositories, described, role: role.or(web) })
}

/// What the endpoint says, and the account of the role that is passed: roles are passed within their own account.
fn domain(asked: &Asked, name: &str, cluster: &Cluster, of_them: &[(&str, &Repository)]) -> Result<DomainArn, Failure> {
    let (Some(domain), Some(region)) = (domain_name(&cluster.endpoint), cluster.endpoint.amazon_region()) else {
        let cause = format!("cluster {name}: its endpoint does not tell which domain it is");
        let hint = format!("say so: --domain {name}=arn:aws:es:REGION:ACCOUNT:domain/NAME");
        return Err(Failure::new(Code::BadEvent, cause, hint));
    };
    let passed = of_them.iter().find_map(|(name, repository)| Described::of(name, repository, region).role_arn);
    let taken = cluster.assume_role.as_ref().map(|role| role.role_arn.clone());
    let of_roles = passed.iter().chain(&taken).find_map(|arn| account_of(arn));
    let account = of_roles.or(asked.account.as_deref()).ok_or_else(|| {
        let hint = "give its number with --account, or the repository's `role_arn` in the configuration";
        Failure::new(Code::BadEvent, format!("cluster {name}: nothing says which account its domain is in"), hint)
    })?;
    check_account(account)?;
    Ok(DomainArn {
        partition: partition_of(region).to_owned(),
        region: region.to_owned(),
        account: account.to_owned(),
        name: domain.to_owned(),
    })
}

/// Those that policies use there, and the cluster's own; without any, all of the configuration.
fn repositories(config: &Config, name: &str, cluster: &Cluster) -> Result<Vec<RepositoryName>, Failure> {
    // A drill reads the repository on the cluster that it restores to.
    let is_drilled_on =
        |policy: &Policy| policy.drill.as_ref().is_some_and(|drill| drill.cluster.as_deref() == Some(name));
    let of_policies = config
        .policies
        .values()
        .filter(|policy| policy.clusters.iter().any(|used| used == name) || is_drilled_on(policy));
    let named = of_policies.map(|policy| policy.repository.as_str());
    let own = cluster.repository.as_ref().map(RepositoryName::as_str);
    let mut used: BTreeSet<&str> = named.chain(own).collect();
    if used.is_empty() {
        used = config.repositories.keys().map(String::as_str).collect();
    }
    if used.is_empty() {
        let cause = format!("cluster {name}: nothing says which repository is used there");
        let hint = "add `repository: NAME` to the cluster, or describe it under `repositories`";
        return Err(Failure::new(Code::BadConfig, cause, hint));
    }
    used.into_iter().filter(|name| !is_reserved(name)).map(RepositoryName::parse).collect()
}

/// The managed service's own repositories are never written.
fn is_reserved(name: &str) -> bool {
    RepositoryName::parse(name).is_ok_and(|name| name.is_reserved())
}
