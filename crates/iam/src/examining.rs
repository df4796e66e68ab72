//! What `snapkeep doctor` looks at beyond what a backup does: nothing of it changes anything.

use crate::bucket::bucket_arn;
use crate::document::Statement;
use crate::policies::Asked;
use crate::uses::{Described, Use};
use std::collections::BTreeSet;

/// Whom the security plugin takes the caller for, in both of its places; what was written, and cold indices.
const PATHS: [&str; 6] = [
    "/_cluster/state/metadata",
    "/_cold/indices/_search",
    "/_plugins/_security/authinfo",
    "/_plugins/_security/api/rolesmapping/manage_snapshots",
    "/_opendistro/_security/authinfo",
    "/_opendistro/_security/api/rolesmapping/manage_snapshots",
];

const OF_ROLES: [&str; 4] =
    ["iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"];

const OF_BUCKETS: [&str; 8] = [
    "s3:GetBucketLocation",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:ListBucket",
];

/// What is left to whoever attaches the policy: no configuration tells who the caller is.
pub(crate) const NOTE: &str = "doctor sees the caller's own policies only with iam:SimulatePrincipalPolicy on the caller itself (or with what ExamineRoles allows)";

/// One statement a kind of thing.
pub(crate) fn statements(asked: &Asked, uses: &[Use<'_>]) -> Vec<Statement> {
    let domains: BTreeSet<String> = uses.iter().map(|used| used.domain.to_string()).collect();
    let paths = domains.iter().flat_map(|domain| PATHS.iter().map(move |path| format!("{domain}{path}"))).collect();
    let described: Vec<&Described> = uses.iter().flat_map(|used| &used.described).collect();
    let of_snapshots = described.iter().filter_map(|repository| repository.role_arn.clone());
    let taken = uses.iter().filter_map(|used| used.role.map(str::to_owned));
    let roles: BTreeSet<String> = of_snapshots.chain(taken).collect();
    let managed: BTreeSet<String> = roles.iter().map(|role| managed(role)).collect();
    let buckets: BTreeSet<String> = described.iter().flat_map(|repository| bucket_arn(repository)).collect();
    let key = asked.bucket_key.iter().cloned().collect();
    [
        Statement::allow("ExamineClusters", &["es:ESHttpGet"], paths),
        Statement::allow("ExamineDomains", &["es:DescribeDomain"], domains.into_iter().collect()),
        Statement::allow("ExamineRoles", &OF_ROLES, roles.into_iter().collect()),
        Statement::allow("ExaminePolicies", &["iam:GetPolicy", "iam:GetPolicyVersion"], managed.into_iter().collect()),
        Statement::allow("ExamineBuckets", &OF_BUCKETS, buckets.into_iter().collect()),
        Statement::allow("ExamineKey", &["kms:DescribeKey", "kms:GetKeyPolicy"], key),
    ]
    .into_iter()
    .filter(|statement| !statement.resource.is_empty())
    .collect()
}

/// Policies that hang on a role may be the account's or Amazon's own.
fn managed(role: &str) -> String {
    format!("arn:{}:iam::*:policy/*", role.split(':').nth(1).unwrap_or("aws"))
}
