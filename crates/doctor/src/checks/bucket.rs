//! The bucket, but for its rules and its key.

use super::everything;
use super::role::of_role;
use crate::{Bucket, Check, Facts, Finding, Found, Mend, Unseen, Versioning};
use serde_json::Value;
use snapkeep_core::Code;
use snapkeep_iam::{Decision, Request, Statement, Stored, decide};

/// S3's condition keys for what a request says of encryption.
const OF_ENCRYPTION: [&str; 2] = ["s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"];

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(stored) = &facts.subject.stored else { return Vec::new() };
    match &facts.bucket {
        Ok(Found::There(bucket)) => of(facts, bucket, stored),
        Ok(Found::Missing) => vec![missing(stored)],
        Ok(Found::Refused) => vec![Finding::unchecked(Check::BucketExists, &Unseen::without("s3:ListBucket"))],
        Err(unseen) => vec![Finding::unchecked(Check::BucketExists, unseen)],
    }
}

fn missing(stored: &Stored) -> Finding {
    let Stored { bucket, region, .. } = stored;
    let place = if region == "us-east-1" {
        String::new()
    } else {
        format!(" --create-bucket-configuration LocationConstraint={region}")
    };
    Finding::failed(
        Check::BucketExists,
        Code::RepositoryVerificationFailed,
        format!("there is no bucket {bucket}"),
        "the repository has nowhere to be",
    )
    .mend(Mend::command(format!("aws s3api create-bucket --bucket {bucket} --region {region}{place}")))
    .mend(Mend::advice("or correct the repository's `bucket`"))
}

fn of(facts: &Facts, bucket: &Bucket, stored: &Stored) -> Vec<Finding> {
    let exists = Finding::ok(Check::BucketExists, format!("{} exists", stored.bucket));
    let told = [
        region(bucket, stored),
        policy(facts, bucket, stored),
        versioning(bucket),
        object_lock(bucket),
        public_access(bucket, stored),
    ];
    std::iter::once(exists).chain(told).collect()
}

fn region(bucket: &Bucket, stored: &Stored) -> Finding {
    let found = match &bucket.region {
        Ok(found) => found,
        Err(unseen) => return Finding::unchecked(Check::BucketRegion, unseen),
    };
    if *found == stored.region {
        return Finding::ok(Check::BucketRegion, format!("the bucket is in {found}, as the repository says"));
    }
    Finding::failed(
        Check::BucketRegion,
        Code::RepositoryVerificationFailed,
        format!("the bucket is in {found}; the repository says {}", stored.region),
        "S3 refuses requests that are sent to another region",
    )
    .mend(Mend::command(format!("snapkeep repo register {} --bucket-region {found} --replace", stored.name)))
    .mend(Mend::advice(format!(
        "let the repository's `region` in the configuration (event: `BucketRegion`) be {found}"
    )))
}

fn policy(facts: &Facts, bucket: &Bucket, stored: &Stored) -> Finding {
    let policy = match &bucket.policy {
        Ok(policy) => policy,
        Err(unseen) => return Finding::unchecked(Check::BucketPolicy, unseen),
    };
    let open = everything();
    let requests = requests(facts, stored);
    let denials = decisions(&policy.iter().chain([&open]).collect::<Vec<_>>(), &requests);
    let grants = decisions(&policy.iter().collect::<Vec<_>>(), &requests);
    let has = |decisions: &[(&str, Decision)], wanted| decisions.iter().any(|(_, found)| *found == wanted);
    let conditions = || Unseen::because("the bucket's policy has conditions that only IAM can tell");
    match &bucket.is_own {
        _ if has(&denials, Decision::Denied) => denied(stored, &denials),
        Ok(false) if has(&grants, Decision::NotAllowed) => foreign(stored),
        _ if has(&denials, Decision::Unknown) => Finding::unchecked(Check::BucketPolicy, &conditions()),
        Ok(false) if has(&grants, Decision::Unknown) => Finding::unchecked(Check::BucketPolicy, &conditions()),
        // What the policy does not allow the role's own policies do, if the bucket is of the role's account.
        Err(unseen) if grants.iter().any(|(_, found)| *found != Decision::Allowed) => {
            Finding::unchecked(Check::BucketPolicy, unseen)
        }
        _ => Finding::ok(Check::BucketPolicy, "the bucket's own policy does not stand in the way"),
    }
}

/// One for each action that the role needs.
fn requests(facts: &Facts, stored: &Stored) -> Vec<Request> {
    let is_plain = is_plain(facts);
    let request = |action: &String, resource: &str| {
        let request = of_role(action, resource, stored);
        if is_plain { OF_ENCRYPTION.into_iter().fold(request, Request::without) } else { request }
    };
    let of_statement = |needed: &Statement| -> Vec<Request> {
        let resource = needed.resource.0.first().map_or("", String::as_str);
        needed.action.0.iter().map(|action| request(action, resource)).collect()
    };
    stored.of_role().iter().flat_map(of_statement).collect()
}

/// Whether the nodes say nothing of encryption when they write: so it is unless the repository's settings do.
fn is_plain(facts: &Facts) -> bool {
    let Ok(Some(registered)) = &facts.repository.registered else { return false };
    !registered.settings.keys().any(|key| key.starts_with("server_side_encryption"))
}

/// What is said to each request.
fn decisions<'r>(documents: &[&Value], requests: &'r [Request]) -> Vec<(&'r str, Decision)> {
    requests.iter().map(|request| (request.action(), decide(documents.iter().copied(), request))).collect()
}

fn denied(stored: &Stored, decisions: &[(&str, Decision)]) -> Finding {
    let is_denied = |(_, found): &&(&str, Decision)| *found == Decision::Denied;
    let actions: Vec<&str> = decisions.iter().filter(is_denied).map(|(action, _)| *action).collect();
    Finding::failed(
        Check::BucketPolicy,
        Code::RepositoryVerificationFailed,
        format!("the bucket's policy denies the snapshot role {}", actions.join(", ")),
        "a denial counts more than whatever allows it; one that demands a VPC endpoint locks the service out",
    )
    .mend(Mend::advice(format!(
        "except the role from that Deny: \"Condition\": {{\"ArnNotEquals\": {{\"aws:PrincipalArn\": \"{}\"}}}}",
        stored.role_arn
    )))
}

fn foreign(stored: &Stored) -> Finding {
    Finding::failed(
        Check::BucketPolicy,
        Code::RepositoryVerificationFailed,
        "the bucket is another account's, and its policy does not let the snapshot role in",
        "the role's own policies do not suffice there",
    )
    .mends(stored.in_bucket_policy().iter().map(|statement| Mend::statement(&stored.bucket, statement)))
}

fn versioning(bucket: &Bucket) -> Finding {
    let says = match &bucket.versioning {
        Err(unseen) => return Finding::unchecked(Check::Versioning, unseen),
        Ok(Versioning::On) => {
            "earlier versions are kept: deleted files can be brought back, and cost until a rule expires them"
        }
        Ok(Versioning::Suspended) => "versioning is suspended: what is deleted from now on is gone",
        Ok(Versioning::Off) => "there is no versioning: what is deleted, by whomever, is gone",
    };
    Finding::ok(Check::Versioning, says)
}

fn object_lock(bucket: &Bucket) -> Finding {
    match &bucket.object_lock {
        Err(unseen) => Finding::unchecked(Check::ObjectLock, unseen),
        Ok(None) => Finding::ok(Check::ObjectLock, "there is no Object Lock"),
        Ok(Some(0)) => Finding::ok(Check::ObjectLock, "Object Lock is on, and keeps nothing by default"),
        Ok(Some(days)) => Finding::warning(
            Check::ObjectLock,
            format!("Object Lock keeps each version for {days} days"),
            "deleted snapshots free nothing before that, and clusters that send no checksums cannot write at all",
        )
        .mend(Mend::advice("see that `repo verify` passes, and reckon with files that stay that long")),
    }
}

fn public_access(bucket: &Bucket, stored: &Stored) -> Finding {
    match &bucket.blocks_public {
        Err(unseen) => Finding::unchecked(Check::PublicAccess, unseen),
        Ok(true) => Finding::ok(Check::PublicAccess, "all public access is blocked"),
        Ok(false) => Finding::warning(
            Check::PublicAccess,
            "public access to the bucket is not blocked",
            "one wrong statement in its policy opens every document that was ever in a snapshot",
        )
        .mend(Mend::command(format!(
            "aws s3api put-public-access-block --bucket {} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
            stored.bucket
        ))),
    }
}
