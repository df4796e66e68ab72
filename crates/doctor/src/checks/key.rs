//! The key that encrypts the bucket.

use crate::{Bucket, BucketKey, Check, Facts, Finding, Found, Key, Mend, Unseen};
use serde_json::Value;
use snapkeep_core::Code;
use snapkeep_iam::{Decision, Request, Stored, decide};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let (Some(stored), Ok(Found::There(bucket))) = (&facts.subject.stored, &facts.bucket) else { return Vec::new() };
    vec![of(facts, stored, bucket)]
}

fn of(facts: &Facts, stored: &Stored, bucket: &Bucket) -> Finding {
    match &bucket.encryption {
        Err(unseen) => return Finding::unchecked(Check::BucketKey, unseen),
        Ok(BucketKey::Managed) => return Finding::ok(Check::BucketKey, "the bucket is encrypted with S3's own keys"),
        Ok(BucketKey::OfAccount) if bucket.is_own == Ok(false) => return of_other_account(),
        Ok(BucketKey::OfAccount) => {
            return Finding::ok(Check::BucketKey, "the bucket is encrypted with the account's key for S3");
        }
        Ok(BucketKey::Named(_)) => {}
    }
    match &facts.key {
        Err(unseen) => Finding::unchecked(Check::BucketKey, unseen),
        Ok(key) if key.state != "Enabled" => out_of_use(key),
        Ok(key) => usable(facts, stored, key),
    }
}

fn of_other_account() -> Finding {
    let says = "the bucket is another account's and encrypted with aws/s3, that account's own key";
    Finding::failed(
        Check::BucketKey,
        Code::RepositoryVerificationFailed,
        says,
        "nobody of another account may use that key, whatever policies say",
    )
    .mend(Mend::advice(
        "encrypt the bucket with S3's own keys (AES256), or with a key of yours whose policy names the snapshot role",
    ))
}

fn out_of_use(key: &Key) -> Finding {
    let back = match key.state.as_str() {
        "PendingDeletion" => {
            format!("aws kms cancel-key-deletion --key-id {0} && aws kms enable-key --key-id {0}", key.arn)
        }
        _ => format!("aws kms enable-key --key-id {}", key.arn),
    };
    Finding::failed(
        Check::BucketKey,
        Code::RepositoryVerificationFailed,
        format!("the bucket's key {} is {}", key.arn, key.state),
        "nothing in the bucket can be read or written; who loses the key loses the snapshots",
    )
    .mend(Mend::command(back))
}

fn usable(facts: &Facts, stored: &Stored, key: &Key) -> Finding {
    let of_role = role_policies(facts).map(|policies| asked(policies, stored, key, &stored.role_arn));
    let of_key = key.policy.as_ref().ok().map(|policy| in_key(policy, stored, key));
    let ok = || Finding::ok(Check::BucketKey, format!("the role may use the bucket's key {}", key.arn));
    match (of_key, of_role) {
        (Some(InKey::Allowed), _) | (Some(InKey::LeftToIam), Some(Decision::Allowed)) => ok(),
        (Some(InKey::Shut), _) => refused("the key's policy does not let the snapshot role use it")
            .mend(Mend::statement(&key.arn, &stored.in_key_policy())),
        (Some(InKey::LeftToIam), Some(Decision::NotAllowed | Decision::Denied)) => {
            refused("the snapshot role may not use the bucket's key, and the key leaves that to IAM")
                .mend(Mend::statement(&stored.role_arn, &stored.of_key(&key.arn)))
        }
        (None, Some(Decision::NotAllowed | Decision::Denied)) => Finding::warning(
            Check::BucketKey,
            "the snapshot role's policies do not let it use the bucket's key",
            "unless the key's own policy names the role, which could not be read, nothing can be written",
        )
        .mend(Mend::statement(&stored.role_arn, &stored.of_key(&key.arn))),
        (None, _) => key.policy.as_ref().err().map_or_else(ok, |unseen| Finding::unchecked(Check::BucketKey, unseen)),
        (Some(InKey::Open), _) | (_, Some(Decision::Unknown)) => {
            let why = "whether the role may use the bucket's key depends on conditions that only IAM can tell";
            Finding::unchecked(Check::BucketKey, &Unseen::because(why))
        }
        (Some(InKey::LeftToIam), None) => {
            Finding::unchecked(Check::BucketKey, &Unseen::because("what the role may do could not be read"))
        }
    }
}

fn refused(says: &str) -> Finding {
    let means = "S3 refuses every file with AccessDenied, as if the bucket were closed";
    Finding::failed(Check::BucketKey, Code::RepositoryVerificationFailed, says, means)
}

fn role_policies(facts: &Facts) -> Option<&[Value]> {
    match &facts.role {
        Ok(Found::There(role)) => role.policies.as_ref().ok().map(Vec::as_slice),
        _ => None,
    }
}

/// What a key's policy says to the role.
enum InKey {
    /// It names the role, or everybody.
    Allowed,
    /// It names the account, so that policies of IAM decide.
    LeftToIam,
    /// It lets neither in, or denies it.
    Shut,
    /// That depends on what is not known here.
    Open,
}

fn in_key(policy: &Value, stored: &Stored, key: &Key) -> InKey {
    let documents = std::slice::from_ref(policy);
    let account = stored.role_arn.split(':').nth(4).unwrap_or_default();
    // Somebody else of the account, whom no policy would name.
    let neighbour = format!("arn:aws:iam::{account}:role/snapkeep-doctor");
    match (asked(documents, stored, key, &stored.role_arn), asked(documents, stored, key, &neighbour)) {
        (Decision::Allowed, Decision::Allowed) => InKey::LeftToIam,
        (Decision::Allowed, _) => InKey::Allowed,
        (Decision::Unknown, _) => InKey::Open,
        (Decision::NotAllowed | Decision::Denied, _) => InKey::Shut,
    }
}

/// The worst of what is said to both actions that a repository needs.
fn asked(documents: &[Value], stored: &Stored, key: &Key, who: &str) -> Decision {
    let account = stored.role_arn.split(':').nth(4).unwrap_or_default();
    let decisions = ["kms:Decrypt", "kms:GenerateDataKey"].map(|action| {
        let request = Request::new(action, &key.arn).by(who).with("aws:SecureTransport", "true");
        decide(documents, &request.with("kms:ViaService", &stored.s3_host()).with("kms:CallerAccount", account))
    });
    let worst = [Decision::Denied, Decision::NotAllowed, Decision::Unknown];
    worst.into_iter().find(|decision| decisions.contains(decision)).unwrap_or(Decision::Allowed)
}
