//! A configuration in, policy documents out.

use crate::arn::DomainArn;
use crate::bucket;
use crate::caller;
use crate::document::Document;
use crate::examining;
use crate::operation::Operation;
use crate::uses::{Use, uses};
use serde::Serialize;
use snapkeep_config::{Config, ConfigPlace};
use snapkeep_core::Failure;
use std::collections::BTreeSet;

/// What is asked for beside the configuration.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What is to be done; backup is a part of everything.
    pub operations: Vec<Operation>,
    /// Whether the caller is to examine the set-up as well.
    pub examines: bool,
    /// The caller's and the domains' account, where nothing else names it.
    pub account: Option<String>,
    /// The caller's own region, in which parameters and secrets are; else the first domain's.
    pub region: Option<String>,
    /// Only the cluster of that name.
    pub cluster: Option<String>,
    /// Domains of clusters whose endpoints do not tell.
    pub domains: Vec<(String, DomainArn)>,
    /// Where the caller finds the configuration.
    pub configuration: Option<ConfigPlace>,
    /// ARN of the key that encrypts the buckets.
    pub bucket_key: Option<String>,
    /// ARN of the key that encrypts parameters and secrets.
    pub secrets_key: Option<String>,
    /// The account that the buckets are in, if it may be another one than the roles'.
    pub bucket_account: Option<String>,
}

/// Where a document belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// To a role or user, as a policy of its own.
    Identity,
    /// To a role: who may take it on.
    Trust,
    /// To a bucket.
    Bucket,
    /// To a key: statements beside those that it has.
    Key,
}

/// A document and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// What kind of policy it is.
    pub kind: Kind,
    /// The role's or key's ARN, the bucket's name, or `caller`: the function's execution role, or who runs the command line.
    pub attach_to: String,
    /// The document.
    pub document: Document,
}

/// What a configuration needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Every document.
    pub documents: Vec<Attached>,
    /// What the configuration leaves open, or IAM has no say in.
    pub notes: Vec<String>,
}

/// The policies that `config` needs. `bad_config` or `bad_event` where it cannot be told which domain a cluster is.
pub fn policies(config: &Config, asked: &Asked) -> Result<Policies, Failure> {
    let asked = &Asked { operations: with_backup(&asked.operations), ..asked.clone() };
    let (uses, mut notes) = uses(config, asked)?;
    let mut documents = vec![attached(Kind::Identity, "caller", of_caller(config, asked, &uses)?)];
    let taken: BTreeSet<&str> = uses.iter().filter_map(|used| used.role).collect();
    for role in taken {
        let of_role: Vec<&Use<'_>> = uses.iter().filter(|used| used.role == Some(role)).collect();
        documents.push(attached(Kind::Identity, role, Document::of(caller::on_domains(asked, &of_role))));
        notes.push(format!("{role} must trust the caller (sts:AssumeRole); where fine-grained access control is on, it is the role to map"));
    }
    let roles = bucket::roles(&uses);
    for (role, used) in &roles {
        documents.push(attached(Kind::Trust, role, used.trust()));
        documents.push(attached(Kind::Identity, role, used.permissions(asked)));
    }
    let buckets = bucket::bucket_policies(asked, &roles);
    documents.extend(buckets.into_iter().map(|(bucket, document)| attached(Kind::Bucket, &bucket, document)));
    if let Some(key) = &asked.bucket_key {
        documents.push(attached(Kind::Key, key, bucket::key_policy(&roles)));
    }
    notes.extend(left_open(&uses));
    notes.extend(asked.examines.then(|| examining::NOTE.to_owned()));
    Ok(Policies { documents, notes })
}

fn of_caller(config: &Config, asked: &Asked, uses: &[Use<'_>]) -> Result<Document, Failure> {
    let own: Vec<&Use<'_>> = uses.iter().filter(|used| used.role.is_none()).collect();
    let mut statements = caller::on_domains(asked, &own);
    statements.extend(caller::assume(uses));
    statements.extend(caller::reads(config, asked, uses)?);
    if asked.examines {
        statements.extend(examining::statements(asked, uses));
    }
    Ok(Document::of(statements))
}

/// Without a role and a bucket nothing can be said about either.
fn left_open(uses: &[Use<'_>]) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for used in uses {
        for name in &used.repositories {
            let described = used.described.iter().find(|found| found.name == name.as_str());
            let missing = match described {
                None => "is not described under `repositories`",
                Some(found) if found.role_arn.is_none() => "has no `role_arn`",
                Some(found) if found.bucket.is_none() => "has no `bucket`",
                Some(_) => continue,
            };
            notes.insert(format!("repository {name} {missing}: what its role and bucket need is not shown"));
        }
    }
    notes.into_iter().collect()
}

fn with_backup(operations: &[Operation]) -> Vec<Operation> {
    let all: BTreeSet<Operation> = operations.iter().copied().chain([Operation::Backup]).collect();
    all.into_iter().collect()
}

fn attached(kind: Kind, attach_to: &str, document: Document) -> Attached {
    Attached { kind, attach_to: attach_to.to_owned(), document }
}
