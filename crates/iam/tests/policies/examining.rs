//! What `doctor` asks for, and that nothing of it is allowed unless somebody wants it.

use crate::evaluator::{Decision, Request, decide};
use crate::needed::{World, only};

const DOMAIN: &str = "arn:aws:es:eu-west-1:123456789012:domain/logs";
const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
const BUCKET: &str = "arn:aws:s3:::my-backups";
const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1";

fn requests() -> Vec<Request> {
    let of = |actions: &[&str], resource: &str| -> Vec<Request> {
        actions.iter().map(|action| Request::new(action, resource)).collect()
    };
    let path = |path: &str| Request::new("es:ESHttpGet", &format!("{DOMAIN}{path}"));
    [
        of(&["es:DescribeDomain"], DOMAIN),
        of(&["iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"], ROLE),
        of(&["iam:GetPolicy", "iam:GetPolicyVersion"], "arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        of(&["s3:GetBucketLocation", "s3:GetLifecycleConfiguration", "s3:GetBucketVersioning"], BUCKET),
        of(&["s3:GetBucketObjectLockConfiguration", "s3:GetEncryptionConfiguration", "s3:ListBucket"], BUCKET),
        of(&["s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock"], BUCKET),
        of(&["kms:DescribeKey", "kms:GetKeyPolicy"], KEY),
        vec![path("/_cluster/state/metadata"), path("/_cold/indices/_search")],
        vec![path("/_plugins/_security/authinfo"), path("/_opendistro/_security/authinfo")],
    ]
    .concat()
}

#[test]
fn whoever_examines_may_look_and_change_nothing() {
    let documents = |examines: bool| {
        World::default().documents(|asked| {
            asked.examines = examines;
            asked.bucket_key = Some(KEY.to_owned());
        })
    };
    let (with, without) = (documents(true), documents(false));
    let (with, without) = (only(&with, "identity", "caller"), only(&without, "identity", "caller"));
    for request in requests() {
        assert_eq!(decide(&[with], &request), Decision::Allowed, "{request:?}");
        assert_ne!(decide(&[without], &request), Decision::Allowed, "{request:?}");
    }
    let is_added = |one: &&serde_json::Value| one["Sid"].as_str().unwrap().starts_with("Examine");
    let added: Vec<String> =
        with["Statement"].as_array().unwrap().iter().filter(is_added).map(|one| one["Action"].to_string()).collect();
    assert_eq!(added.len(), 6, "{added:?}");
    for verb in [":Put", ":Delete", ":Create", ":Update", ":Attach", ":PassRole", "*"] {
        assert!(added.iter().all(|actions| !actions.contains(verb)), "{verb}: {added:?}");
    }
}
