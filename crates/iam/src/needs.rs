//! What one repository needs, statement by statement: what is compared with that which is there, and what mends it.

use crate::arn::DomainArn;
use crate::bucket;
use crate::caller;
use crate::document::{Document, Statement};
use crate::operation::{self, Operation};
use crate::uses::Described;
use snapkeep_core::naming::RepositoryName;

/// A repository in a bucket, as a domain uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: RepositoryName,
    /// The role that the service takes on.
    pub role_arn: String,
    /// The bucket.
    pub bucket: String,
    /// The folder in the bucket.
    pub base_path: Option<String>,
    /// The bucket's region.
    pub region: String,
    /// Whether it is only read.
    pub readonly: bool,
}

impl Stored {
    /// What the caller may send to `domain`, and that it may pass the role.
    pub fn of_caller(&self, domain: &DomainArn, operations: &[Operation]) -> Vec<Statement> {
        let mut statements = operation::statements(operations, &[(domain.to_string(), vec![self.name.clone()])]);
        statements.push(self.pass_role());
        statements
    }

    /// That the caller may pass the role.
    pub fn pass_role(&self) -> Statement {
        caller::pass(vec![self.role_arn.clone()])
    }

    /// Who may take the role on: the service, for this domain only.
    pub fn trust(&self, domain: &DomainArn) -> Document {
        bucket::trust(vec![domain.account.clone()], vec![domain.to_string()])
    }

    /// What the role may do in the bucket.
    pub fn of_role(&self) -> Vec<Statement> {
        bucket::in_bucket(&[self.described()])
    }

    /// That the role may use the bucket's key, through S3 only.
    pub fn of_key(&self, key: &str) -> Statement {
        bucket::use_key(key, vec![bucket::s3_host(&self.region)])
    }

    /// The same for the key's own policy, where its `*` is the key itself.
    pub fn in_key_policy(&self) -> Statement {
        self.of_key("*").to(bucket::of_role(&self.role_arn))
    }

    /// That the bucket lets the role in, for a bucket of another account.
    pub fn in_bucket_policy(&self) -> Vec<Statement> {
        self.of_role().into_iter().map(|statement| statement.to(bucket::of_role(&self.role_arn))).collect()
    }

    /// The bucket's ARN.
    pub fn bucket_arn(&self) -> String {
        bucket::bucket_arn(&self.described()).into_iter().collect()
    }

    /// The host that S3 has in the bucket's region, as `kms:ViaService` names it.
    pub fn s3_host(&self) -> String {
        bucket::s3_host(&self.region)
    }

    fn described(&self) -> Described {
        Described {
            name: self.name.as_str().to_owned(),
            role_arn: Some(self.role_arn.clone()),
            bucket: Some(self.bucket.clone()),
            base_path: self.base_path.clone(),
            region: self.region.clone(),
            readonly: self.readonly,
        }
    }
}
