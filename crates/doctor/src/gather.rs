//! Observes what the checks judge: one look each, nothing is changed but the file that verifying a repository writes.

mod aws;
mod buckets;
mod cluster;
mod identity;
mod roles;
mod xml;

use crate::facts::unnamed;
use crate::{
    Access, Bucket, BucketKey, Caller, Facts, Found, Generations, Identity, Key, Reach, Rejected, Repository, Role,
    Seen, Subject, Tiers, Unseen,
};
use aws::Asking;
use jiff::Timestamp;
use serde_json::Value;
use snapkeep_cluster::{Registered, SnapshotApi};
use snapkeep_core::naming::RepositoryName;
use snapkeep_iam::{DomainArn, Stored};
use snapkeep_transport::{Client, Deadline, Services};
use std::collections::BTreeMap;

/// Whom is asked.
#[derive(Clone, Copy)]
pub struct Sources<'s> {
    /// The cluster, as who we are.
    pub api: &'s SnapshotApi,
    /// The same endpoint without any identity.
    pub unsigned: &'s Client,
    /// AWS's own services.
    pub services: Services<'s>,
    /// The end of it all.
    pub deadline: Deadline,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Observes everything that the rights at hand allow, but for the ages of policies' snapshots: what is good and what is stale,
/// policies say. `now` is our clock's time.
pub async fn gather(subject: Subject, sources: Sources<'_>, now: Timestamp) -> Facts {
    let Sources { api, deadline, .. } = sources;
    let (reach, unsigned) = reach(&subject, sources).await;
    let is_up = reach == Reach::Answered;
    let registered = registered(&subject, sources, is_up).await;
    let mut subject = with_stored(subject, &registered);
    let aws = of_aws(&mut subject, sources, &reach).await;
    let health = when(is_up, async { api.health(deadline).await.map_err(|no| cluster::unseen(&no)) }).await;
    let load = when(is_up, cluster::load(api, deadline)).await;
    let blocks = when(is_up, cluster::blocks(api, deadline)).await;
    let access = access(&subject, sources, unsigned, &aws, is_up).await;
    let repository = repository(&subject, sources, registered).await;
    let tiers = when(is_up, tiers(api, deadline)).await;
    let skew = sources.unsigned.skew().or_else(|| api.skew());
    let OfAws { identity, domain, caller, role, bucket, key } = aws;
    Facts {
        subject,
        now,
        identity,
        reach,
        skew,
        domain,
        health,
        load,
        blocks,
        access,
        caller,
        role,
        bucket,
        key,
        repository,
        tiers,
    }
}

async fn tiers(api: &SnapshotApi, deadline: Deadline) -> Seen<Tiers> {
    let product = api.product(deadline).await.map_err(|no| cluster::unseen(&no))?;
    cluster::tiers(api, &product, deadline).await
}

async fn registered(subject: &Subject, sources: Sources<'_>, is_up: bool) -> Seen<Option<Registered>> {
    let Some(name) = &subject.repository else { return Err(Unseen::because("no repository is named")) };
    when(is_up, async { sources.api.repository(name, sources.deadline).await.map_err(|no| cluster::unseen(&no)) }).await
}

/// What the configuration does not describe is as it is registered.
fn with_stored(subject: Subject, registered: &Seen<Option<Registered>>) -> Subject {
    let (Some(name), Ok(Some(found)), None) = (&subject.repository, registered, &subject.stored) else {
        return subject;
    };
    let text = |key: &str| found.settings.get(key).and_then(Value::as_str).map(str::to_owned);
    let region = text("region").or_else(|| region(&subject));
    let (Some(bucket), Some(role_arn), Some(region)) = (text("bucket"), text("role_arn"), region) else {
        return subject;
    };
    let readonly = text("readonly").is_some_and(|flag| flag == "true");
    let stored = Stored { name: name.clone(), role_arn, bucket, base_path: text("base_path"), region, readonly };
    Subject { stored: Some(stored), ..subject }
}

/// What cannot be had because nothing answers.
async fn when<T>(is_up: bool, look: impl Future<Output = Seen<T>>) -> Seen<T> {
    if is_up { look.await } else { Err(Unseen::because("the cluster cannot be reached")) }
}

async fn reach(subject: &Subject, sources: Sources<'_>) -> (Reach, Seen<u16>) {
    if subject.endpoint.check_has_snapshots().is_err() {
        return (Reach::Serverless, Err(Unseen::because("a serverless collection is not asked")));
    }
    cluster::reach(sources.unsigned, sources.deadline).await
}

async fn access(subject: &Subject, sources: Sources<'_>, unsigned: Seen<u16>, aws: &OfAws, is_up: bool) -> Access {
    if !is_up {
        let unseen = || Unseen::because("the cluster cannot be reached");
        return Access { unsigned, look: Err(unseen()), auth_info: Err(unseen()), mapped: Err(unseen()) };
    }
    let plugin = match &aws.domain {
        Ok(Found::There(domain)) if domain.engine.starts_with("Elasticsearch") => "_opendistro",
        _ => "_plugins",
    };
    cluster::access(sources.api, unsigned, subject.repository.as_ref(), plugin, sources.deadline).await
}

/// What AWS's own services tell.
struct OfAws {
    identity: Seen<Result<Identity, Rejected>>,
    domain: Seen<Found<crate::Domain>>,
    caller: Seen<Caller>,
    role: Seen<Found<Role>>,
    bucket: Seen<Found<Bucket>>,
    key: Seen<Key>,
}

impl OfAws {
    /// Nothing, for one reason.
    fn nothing(identity: Seen<Result<Identity, Rejected>>, why: &str) -> Self {
        let unseen = || Unseen::because(why);
        Self {
            identity,
            domain: Err(unseen()),
            caller: Err(unseen()),
            role: Err(unseen()),
            bucket: Err(unseen()),
            key: Err(unseen()),
        }
    }
}

async fn of_aws(subject: &mut Subject, sources: Sources<'_>, reach: &Reach) -> OfAws {
    let nothing = |why| OfAws::nothing(Err(Unseen::because(why)), why);
    if !subject.is_signed || *reach == Reach::Serverless {
        return nothing("requests are not signed for AWS");
    }
    let Some(region) = region(subject) else {
        return nothing("nothing says in which region the domain is");
    };
    let asking = Asking { services: sources.services, region: &region };
    let identity = identity::identity(asking).await;
    let Ok(Ok(known)) = &identity else {
        return OfAws::nothing(identity, "AWS does not know who asks");
    };
    // Whoever signs is of the domain's account, unless somebody says otherwise.
    let behind = || DomainArn::behind(&subject.endpoint, &known.account);
    subject.domain = subject.domain.clone().or_else(behind);
    let domain = match &subject.domain {
        Some(arn) => cluster::domain(asking, arn).await,
        None => Err(unnamed()),
    };
    let Some(stored) = &subject.stored else {
        let why = "nothing says in which bucket the repository is, and which role reaches it";
        return OfAws { domain, ..OfAws::nothing(identity, why) };
    };
    let caller = caller(asking, subject, stored, known).await;
    let role = roles::role(asking, &stored.role_arn).await;
    let bucket = buckets::bucket(asking, stored).await;
    let key = key(asking, stored, &bucket).await;
    OfAws { identity, domain, caller, role, bucket, key }
}

/// The domain's region, and whose services are asked: a custom endpoint does not tell, and its requests are signed all the same.
fn region(subject: &Subject) -> Option<String> {
    let named = subject.domain.as_ref().map(|domain| domain.region.as_str());
    named.or_else(|| subject.endpoint.amazon_region()).or(subject.region.as_deref()).map(str::to_owned)
}

/// Without a domain only passing the role can be judged.
async fn caller(asking: Asking<'_>, subject: &Subject, stored: &Stored, identity: &Identity) -> Seen<Caller> {
    let of_domain = subject.domain.as_ref().map(|domain| stored.of_caller(domain, &subject.operations));
    roles::caller(asking, identity, &of_domain.unwrap_or_else(|| vec![stored.pass_role()])).await
}

async fn key(asking: Asking<'_>, stored: &Stored, bucket: &Seen<Found<Bucket>>) -> Seen<Key> {
    match bucket {
        Ok(Found::There(Bucket { encryption: Ok(BucketKey::Named(id)), .. })) => {
            buckets::key(Asking { region: &stored.region, ..asking }, id).await
        }
        _ => Err(Unseen::because("the bucket has no key of its own")),
    }
}

async fn repository(subject: &Subject, sources: Sources<'_>, registered: Seen<Option<Registered>>) -> Repository {
    let ages = BTreeMap::new();
    let (Some(name), Ok(Some(_))) = (&subject.repository, &registered) else {
        let unseen = || Unseen::because("it cannot be told how the repository is registered, if it is");
        return Repository { registered, verified: Err(unseen()), generations: Err(unseen()), ages };
    };
    let verified = cluster::verified(sources.api, name, sources.deadline).await;
    let generations = generations(subject, sources, name).await;
    Repository { registered, verified, generations, ages }
}

async fn generations(subject: &Subject, sources: Sources<'_>, name: &RepositoryName) -> Seen<Generations> {
    let Some(stored) = subject.stored.as_ref().filter(|_| subject.is_signed) else {
        return Err(Unseen::because("nothing says in which bucket the repository is"));
    };
    let asking = Asking { services: sources.services, region: &stored.region };
    let found = buckets::generation(asking, stored).await;
    cluster::generations(sources.api, name, found, sources.deadline).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapkeep_core::endpoint::Endpoint;

    #[test]
    fn requests_to_a_custom_endpoint_are_signed_for_the_region_that_is_named() {
        let subject = |endpoint: &str, domain: Option<&str>, region: Option<&str>| Subject {
            endpoint: Endpoint::trusted(endpoint).unwrap(),
            is_signed: true,
            region: region.map(str::to_owned),
            domain: domain.map(|arn| arn.parse().unwrap()),
            repository: None,
            operations: Vec::new(),
            stored: None,
            wanted: None,
        };
        let arn = "arn:aws:es:eu-west-1:123456789012:domain/logs";
        let own = "https://search-logs-abc123.eu-west-2.es.amazonaws.com";
        let custom = "https://search.example.com";
        for (endpoint, domain, named, expected) in [
            (custom, None, Some("eu-west-3"), Some("eu-west-3")),
            (custom, Some(arn), Some("eu-west-3"), Some("eu-west-1")),
            (own, None, Some("eu-west-3"), Some("eu-west-2")),
            (custom, None, None, None),
        ] {
            assert_eq!(region(&subject(endpoint, domain, named)).as_deref(), expected, "{endpoint} {domain:?}");
        }
    }
}
