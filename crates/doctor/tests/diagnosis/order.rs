//! What stands first where more than one thing is wrong, and what is said where little can be seen.

use crate::healthy::{bucket_of, healthy};
use snapkeep_doctor::{Check, ExpiryRule, Finding, Found, Unseen, Verdict, examine};

#[test]
fn findings_come_in_the_order_of_the_checks_and_each_check_speaks_once() {
    let report = examine(&healthy());
    let checks: Vec<Check> = report.findings.iter().map(|finding| finding.check).collect();
    let expected: Vec<Check> = Check::ALL.iter().copied().filter(|check| *check != Check::Serverless).collect();
    assert_eq!(checks, expected);
}

#[test]
fn a_failure_stands_before_every_warning() {
    let mut facts = healthy();
    facts.access.unsigned = Ok(200);
    let rule = ExpiryRule { id: "all".into(), expires: Some("after 1 day".into()), ..ExpiryRule::default() };
    bucket_of(&mut facts).rules = Ok(vec![rule]);
    assert_eq!(examine(&facts).diagnosis().unwrap().check, Check::Lifecycle);
}

#[test]
fn a_rule_that_may_reach_none_of_the_files_is_a_warning() {
    let mut facts = healthy();
    let rule =
        ExpiryRule { id: "t".into(), is_narrowed: true, expires: Some("after 1 day".into()), ..ExpiryRule::default() };
    bucket_of(&mut facts).rules = Ok(vec![rule]);
    let report = examine(&facts);
    assert_eq!(report.diagnosis().map(|finding| finding.verdict), Some(Verdict::Warning));
    assert_eq!(report.failure(), None);
}

/// Whoever has the rights of a backup only is told which others would tell more.
#[test]
fn what_cannot_be_seen_is_said_with_the_right_that_is_missing() {
    let mut facts = healthy();
    facts.caller = Err(Unseen::without("iam:GetRolePolicy"));
    facts.role = Err(Unseen::without("iam:GetRole"));
    facts.bucket = Ok(Found::Refused);
    facts.domain = Err(Unseen::without("es:DescribeDomain"));
    let report = examine(&facts);
    assert_eq!(report.diagnosis(), None, "{report:?}");
    let unchecked = |check: Check| -> &Finding {
        report.findings.iter().find(|finding| finding.check == check && finding.verdict == Verdict::Unchecked).unwrap()
    };
    for (check, right) in [
        (Check::PassRole, "iam:GetRolePolicy"),
        (Check::RoleTrust, "iam:GetRole"),
        (Check::BucketExists, "s3:ListBucket"),
        (Check::DomainState, "es:DescribeDomain"),
    ] {
        assert!(unchecked(check).mends[0].to_string().contains(right), "{check:?}");
    }
}

#[test]
fn a_cluster_of_ones_own_is_not_asked_about_aws() {
    let mut facts = healthy();
    facts.subject.is_signed = false;
    facts.subject.domain = None;
    facts.subject.stored = None;
    facts.subject.wanted = None;
    facts.domain = Err(Unseen::because("it is no domain"));
    facts.access.auth_info = Err(Unseen::because("it has no security plugin"));
    let report = examine(&facts);
    assert_eq!(report.diagnosis(), None);
    let topics: Vec<Check> = report.findings.iter().map(|finding| finding.check).collect();
    for check in [Check::Credentials, Check::PassRole, Check::RoleTrust, Check::BucketExists, Check::Mapping] {
        assert!(!topics.contains(&check), "{check:?}");
    }
}

/// The page lists each check in its words.
#[test]
fn the_documentation_names_every_check() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/aws.md")).unwrap();
    for check in Check::ALL {
        let row = format!("| `{}` |", check.as_str());
        assert!(page.lines().any(|line| line.starts_with(&row) && line.contains(check.about())), "{row}");
    }
}
