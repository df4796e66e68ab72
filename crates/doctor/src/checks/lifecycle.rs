//! Lifecycle rules: S3 itself deletes or moves files, of which the cluster knows nothing. Snapshots share files, and old files are
//! as needed as new ones.

use super::domain::some;
use crate::{Check, ExpiryRule, Facts, Finding, Found, Mend};
use snapkeep_core::Code;

/// Storage classes whose objects must be thawed before anybody reads them.
const FROZEN: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// What the keys of a repository's files begin with, beneath its folder.
const FILES: [&str; 7] = ["index-", "index.latest", "indices/", "snap-", "meta-", "tests-", "incompatible-snapshots"];

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let (Some(stored), Ok(Found::There(bucket))) = (&facts.subject.stored, &facts.bucket) else { return Vec::new() };
    match &bucket.rules {
        Err(unseen) => [Check::Lifecycle, Check::StorageClass].map(|check| Finding::unchecked(check, unseen)).into(),
        Ok(rules) => {
            let ours: Vec<&ExpiryRule> =
                rules.iter().filter(|rule| is_about(rule, stored.base_path.as_deref())).collect();
            let is_harmful = |rule: &&&ExpiryRule| (rule.expires.is_some() || is_freezing(rule)) && !rule.is_narrowed;
            let harmful = ours.iter().filter(is_harmful).count();
            let mending = Mending { bucket: &stored.bucket, all: rules.len(), harmful };
            vec![expiry(&ours, &mending), moves(&ours, &mending)]
        }
    }
}

/// Whether a rule's prefix reaches files of the repository.
fn is_about(rule: &ExpiryRule, base_path: Option<&str>) -> bool {
    let meets = |start: &str| start.starts_with(&rule.prefix) || rule.prefix.starts_with(start);
    match base_path {
        Some(base) => meets(&format!("{base}/")),
        None => FILES.iter().any(|start| meets(start)),
    }
}

fn is_freezing(rule: &ExpiryRule) -> bool {
    rule.moves_to.iter().any(|class| FROZEN.contains(&class.as_str()))
}

fn expiry(rules: &[&ExpiryRule], mending: &Mending<'_>) -> Finding {
    let expiring: Vec<&&ExpiryRule> = rules.iter().filter(|rule| rule.expires.is_some()).collect();
    if expiring.is_empty() {
        return Finding::ok(Check::Lifecycle, "no lifecycle rule deletes files of the repository");
    }
    let told: Vec<String> = expiring
        .iter()
        .map(|rule| format!("{:?} deletes files {}", rule.id, rule.expires.as_deref().unwrap_or_default()))
        .collect();
    let says = format!("lifecycle rules reach the repository: {}", some(&told));
    let means = "snapshots share files: every snapshot that needs an old one is destroyed, new ones too";
    finding(Check::Lifecycle, &expiring, says, means).mend(mending.without(&expiring)).mend(Mend::advice(
        "let snapkeep delete snapshots by the policy's `keep` instead; then see what is left: snapkeep verify --level blobs",
    ))
}

fn moves(rules: &[&ExpiryRule], mending: &Mending<'_>) -> Finding {
    let freezing: Vec<&&ExpiryRule> = rules.iter().filter(|rule| is_freezing(rule)).collect();
    if freezing.is_empty() {
        return Finding::ok(Check::StorageClass, "no lifecycle rule moves files of the repository to Glacier");
    }
    let told: Vec<String> =
        freezing.iter().map(|rule| format!("{:?} moves files to {}", rule.id, rule.moves_to.join(", "))).collect();
    let says = format!("lifecycle rules reach the repository: {}", some(&told));
    let means = "files there cannot be read before they are thawed: restores, and snapshots that build on them, fail";
    finding(Check::StorageClass, &freezing, says, means)
        .mend(mending.without(&freezing))
        .mend(Mend::advice("thaw what was moved already (aws s3api restore-object), and copy it back to STANDARD"))
}

/// A rule that asks for more than a prefix may reach none of the files.
fn finding(check: Check, rules: &[&&ExpiryRule], says: String, means: &str) -> Finding {
    if rules.iter().all(|rule| rule.is_narrowed) {
        return Finding::warning(check, format!("{says}; they also ask for tags or sizes"), means);
    }
    Finding::failed(check, Code::RepositoryVerificationFailed, says, means)
}

/// How rules are taken out of a bucket.
struct Mending<'b> {
    bucket: &'b str,
    /// The bucket's rules.
    all: usize,
    /// Those that are sure to do the repository harm: each finding takes out its own.
    harmful: usize,
}

impl Mending<'_> {
    /// S3 takes no configuration without a rule: where nothing else would be left, the whole of it goes.
    fn without(&self, rules: &[&&ExpiryRule]) -> Mend {
        let Self { bucket, all, harmful } = *self;
        if rules.len() == all || harmful == all {
            return Mend::command(format!("aws s3api delete-bucket-lifecycle --bucket {bucket}"));
        }
        let ids: Vec<String> = rules.iter().map(|rule| format!("select(.ID != {:?})", rule.id)).collect();
        Mend::command(format!(
            "aws s3api get-bucket-lifecycle-configuration --bucket {bucket} | jq '{{Rules: [.Rules[] | {}]}}' > rules.json && aws s3api put-bucket-lifecycle-configuration --bucket {bucket} --lifecycle-configuration file://rules.json",
            ids.join(" | ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_about_files_that_begin_as_it_says() {
        for (prefix, base, expected) in [
            ("", None, true),
            ("", Some("a/b"), true),
            ("a", Some("a/b"), true),
            ("a/", Some("a/b"), true),
            ("a/b/indices/", Some("a/b"), true),
            ("a/bc", Some("a/b"), false),
            ("logs/", Some("a/b"), false),
            ("logs/", None, false),
            ("indices/", None, true),
            ("indices/x/0/__", None, true),
            ("in", None, true),
            ("s", None, true),
        ] {
            let rule = ExpiryRule { prefix: prefix.to_owned(), ..ExpiryRule::default() };
            assert_eq!(is_about(&rule, base), expected, "{prefix} {base:?}");
        }
    }
}
