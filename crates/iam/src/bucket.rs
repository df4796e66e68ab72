//! The bucket's side: the role that the service takes on, what it may do, and what the bucket and its key let in.

use crate::arn::{account_of, partition_of};
use crate::caller::SERVICE;
use crate::document::{Document, Effect, Principal, Statement, Words};
use crate::policies::Asked;
use crate::uses::{Described, Use};
use std::collections::{BTreeMap, BTreeSet};

/// What one snapshot role is for.
#[derive(Debug, Default)]
pub(crate) struct RoleUse {
    accounts: BTreeSet<String>,
    domains: BTreeSet<String>,
    repositories: Vec<Described>,
}

/// Every snapshot role and what it is for.
pub(crate) fn roles(uses: &[Use<'_>]) -> BTreeMap<String, RoleUse> {
    let mut roles: BTreeMap<String, RoleUse> = BTreeMap::new();
    for used in uses {
        for repository in used.described.iter().filter(|repository| repository.bucket.is_some()) {
            let Some(role) = &repository.role_arn else { continue };
            let found = roles.entry(role.clone()).or_default();
            found.accounts.insert(used.domain.account.clone());
            found.domains.insert(used.domain.to_string());
            if !found.repositories.contains(repository) {
                found.repositories.push(repository.clone());
            }
        }
    }
    roles
}

impl RoleUse {
    /// Who may take the role on: the service, for these domains only. Without the condition, anybody's domain could have the
    /// service take it on (the confused deputy).
    pub(crate) fn trust(&self) -> Document {
        trust(self.accounts.iter().cloned().collect(), self.domains.iter().cloned().collect())
    }

    /// What the service may do with it.
    pub(crate) fn permissions(&self, asked: &Asked) -> Document {
        let mut statements = in_bucket(&self.repositories);
        statements.extend(asked.bucket_key.as_ref().map(|key| self.use_key(key)));
        Document::of(statements)
    }

    /// The key is of use through S3 only.
    fn use_key(&self, key: &str) -> Statement {
        let hosts: BTreeSet<String> = self.repositories.iter().map(|found| s3_host(&found.region)).collect();
        use_key(key, hosts.into_iter().collect())
    }
}

/// Who may take a role on.
pub(crate) fn trust(accounts: Vec<String>, domains: Vec<String>) -> Document {
    let statement = Statement::allow("LetTheServiceIn", &["sts:AssumeRole"], Vec::new())
        .to(Principal::Service(SERVICE))
        .when("StringEquals", "aws:SourceAccount", accounts)
        .when("ArnLike", "aws:SourceArn", domains);
    Document::of([statement])
}

/// Use of a key through S3 at these hosts.
pub(crate) fn use_key(key: &str, hosts: Vec<String>) -> Statement {
    let actions = ["kms:Decrypt", "kms:GenerateDataKey"];
    Statement::allow("UseBucketKey", &actions, vec![key.to_owned()]).when("StringEquals", "kms:ViaService", hosts)
}

/// S3's host in a region, as `kms:ViaService` names it.
pub(crate) fn s3_host(region: &str) -> String {
    format!("s3.{region}.{}", dns_suffix(region))
}

/// What repositories need in their buckets.
pub(crate) fn in_bucket(repositories: &[Described]) -> Vec<Statement> {
    let (read, kept): (Vec<&Described>, Vec<&Described>) =
        repositories.iter().partition(|repository| repository.readonly);
    let arns = |of: fn(&Described) -> Vec<String>, repositories: &[&Described]| -> Vec<String> {
        let arns: BTreeSet<String> = repositories.iter().flat_map(|repository| of(repository)).collect();
        arns.into_iter().collect()
    };
    let all: Vec<&Described> = repositories.iter().collect();
    let statements = [
        Statement::allow("ListBucket", &["s3:ListBucket"], arns(bucket_arn, &all)),
        Statement::allow("ReadObjects", &["s3:GetObject"], arns(objects, &read)),
        Statement::allow("KeepObjects", &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], arns(objects, &kept)),
    ];
    statements.into_iter().filter(|statement| !statement.resource.is_empty()).collect()
}

/// What each bucket lets in: nobody without TLS; and roles of other accounts than its own, which their own policies do not
/// suffice for.
pub(crate) fn bucket_policies(asked: &Asked, roles: &BTreeMap<String, RoleUse>) -> BTreeMap<String, Document> {
    let mut buckets: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
    for (role, used) in roles {
        let is_foreign = asked.bucket_account.as_deref().is_some_and(|own| account_of(role) != Some(own));
        for repository in &used.repositories {
            let Some(bucket) = &repository.bucket else { continue };
            let statements = buckets.entry(bucket).or_default();
            statements.extend(bucket_arn(repository).iter().map(|arn| only_tls(arn)));
            if is_foreign {
                let needs = in_bucket(std::slice::from_ref(repository));
                statements.extend(needs.into_iter().map(|statement| statement.to(of_role(role))));
            }
        }
    }
    buckets.into_iter().map(|(bucket, statements)| (bucket.to_owned(), Document::merged(statements))).collect()
}

/// The statements that a key's policy needs beside those that it has: its `*` is the key itself.
pub(crate) fn key_policy(roles: &BTreeMap<String, RoleUse>) -> Document {
    Document::merged(roles.iter().map(|(role, used)| used.use_key("*").to(of_role(role))))
}

pub(crate) fn of_role(role: &str) -> Principal {
    Principal::Arns(Words(vec![role.to_owned()]))
}

fn only_tls(bucket: &str) -> Statement {
    let resources = vec![bucket.to_owned(), format!("{bucket}/*")];
    let refused = Statement { effect: Effect::Deny, ..Statement::allow("OnlyTls", &["s3:*"], resources) };
    refused.to(Principal::Everybody).when("Bool", "aws:SecureTransport", vec!["false".to_owned()])
}

/// OpenSearch from 2.17 on may put a hash before `base_path` (`shard_path_type: hashed_prefix`), so shards' files are not all
/// beneath it.
fn objects(repository: &Described) -> Vec<String> {
    let beneath = |bucket: &String| match &repository.base_path {
        Some(base) => vec![format!("{bucket}/{base}/*"), format!("{bucket}/*/{base}/*")],
        None => vec![format!("{bucket}/*")],
    };
    bucket_arn(repository).iter().flat_map(beneath).collect()
}

pub(crate) fn bucket_arn(repository: &Described) -> Vec<String> {
    let arn = |bucket: &String| format!("arn:{}:s3:::{bucket}", partition_of(&repository.region));
    repository.bucket.iter().map(arn).collect()
}

/// What services' names end in, as `kms:ViaService` has them.
fn dns_suffix(region: &str) -> &'static str {
    match partition_of(region) {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}
