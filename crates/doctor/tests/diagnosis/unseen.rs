//! What cannot be told is neither well nor broken: it is said to be unseen, with what would let it be seen.

use crate::healthy::{CALLER, DOMAIN, KEY, ROLE, bucket_of, document, domain_of, healthy, refusal, role, stored};
use crate::table::with_key;
use serde_json::{Value, json};
use snapkeep_cluster::Kind;
use snapkeep_doctor::{
    Caller, Check, ExpiryRule, Facts, Finding, Mend, Report, Right, Simulated, Unseen, Verdict, examine,
};
use snapkeep_iam::{Decision, Operation};

fn found(report: &Report, check: Check) -> &Finding {
    report.findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("{check:?}: {report:?}"))
}

/// Demands that nothing is wrong, and that this check ends so.
fn ends(name: &str, facts: &Facts, check: Check, verdict: Verdict) {
    let report = examine(facts);
    assert_eq!(report.diagnosis(), None, "{name}");
    assert_eq!(found(&report, check).verdict, verdict, "{name}: {report:?}");
}

/// A bucket policy that denies whatever fits these conditions.
fn deny(conditions: &Value) -> Value {
    document(&json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": conditions}))
}

#[test]
fn a_bucket_policy_with_the_mend_applied_is_well() {
    let mut facts = healthy();
    bucket_of(&mut facts).policy = Ok(Some(deny(&json!({
        "StringNotEquals": {"aws:sourceVpce": "vpce-1"}, "ArnNotEquals": {"aws:PrincipalArn": ROLE},
    }))));
    ends("except the role", &facts, Check::BucketPolicy, Verdict::Ok);
    bucket_of(&mut facts).policy = Ok(Some(deny(&json!({
        "StringNotEquals": {"aws:sourceVpce": "vpce-1"}, "ArnNotEquals": {"aws:PrincipalArn": CALLER},
    }))));
    assert_eq!(examine(&facts).diagnosis().map(|finding| finding.check), Some(Check::BucketPolicy));
}

/// Nodes name no encryption where the repository's settings name none.
#[test]
fn a_bucket_policy_that_demands_encryption_denies_what_names_none() {
    let mut facts = healthy();
    bucket_of(&mut facts).policy =
        Ok(Some(deny(&json!({"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}))));
    assert_eq!(examine(&facts).diagnosis().map(|finding| finding.check), Some(Check::BucketPolicy));
    let Ok(Some(registered)) = &mut facts.repository.registered else { panic!("it is registered") };
    registered.settings.insert("server_side_encryption".to_owned(), json!("true"));
    facts.subject.wanted = None;
    ends("settings that name one", &facts, Check::BucketPolicy, Verdict::Unchecked);
}

type Change = fn(&mut Facts);

/// Each in a set-up in which all is well, and in which only AWS knows that.
const UNKNOWN: [(&str, Change, Check); 9] = [
    (
        "a data perimeter around the bucket",
        |facts| {
            let of_others = json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}});
            bucket_of(facts).policy = Ok(Some(deny(&of_others)));
        },
        Check::BucketPolicy,
    ),
    (
        "a bucket of another account that lets an organisation in",
        |facts| {
            let of_ours = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
            let statement =
                json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": of_ours});
            bucket_of(facts).is_own = Ok(false);
            bucket_of(facts).policy = Ok(Some(document(&statement)));
        },
        Check::BucketPolicy,
    ),
    (
        "a bucket of nobody knows whose",
        |facts| bucket_of(facts).is_own = Err(Unseen::without("s3:GetBucketLocation")),
        Check::BucketPolicy,
    ),
    (
        "a role for one account's buckets",
        |facts| {
            let policies = role(facts).policies.as_mut().unwrap();
            policies[0]["Statement"][1]["Condition"] = json!({"StringEquals": {"aws:ResourceAccount": "123456789012"}});
        },
        Check::RolePermissions,
    ),
    (
        "a role that may be taken on for strangers",
        |facts| {
            let first = role(facts).trust["Statement"][0].clone();
            let of_organisation = json!({
                "Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceOrgID": "o-1"}},
            });
            role(facts).trust = document(&json!([first, of_organisation]));
        },
        Check::RoleTrust,
    ),
    (
        "an access policy for addresses",
        |facts| {
            domain_of(facts).access_policy = Some(document(&json!({
                "Effect": "Deny", "Principal": "*", "Action": "es:*", "Resource": "*",
                "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
            })));
        },
        Check::Requests,
    ),
    (
        "an access policy for addresses beside IAM's own word",
        |facts| {
            let Ok(Caller::Documents(_)) = &facts.caller else { panic!("there are documents") };
            facts.caller = Ok(Caller::Simulated(allowed()));
            domain_of(facts).access_policy = Some(document(&json!({
                "Effect": "Deny", "Principal": "*", "Action": "es:*", "Resource": "*",
                "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
            })));
        },
        Check::Requests,
    ),
    (
        "a key whose policy cannot be read",
        |facts| {
            with_key(facts, &json!([]));
            facts.key.as_mut().unwrap().policy = Err(Unseen::without("kms:GetKeyPolicy"));
            let statement = serde_json::to_value(stored().of_key(KEY)).unwrap();
            role(facts).policies.as_mut().unwrap().push(document(&statement));
        },
        Check::BucketKey,
    ),
    (
        "a key for an organisation",
        |facts| {
            with_key(
                facts,
                &json!({
                    "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*",
                    "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
                }),
            );
        },
        Check::BucketKey,
    ),
];

/// IAM's own yes to all that is needed.
fn allowed() -> Vec<Simulated> {
    let needed = stored().of_caller(&DOMAIN.parse().unwrap(), &Operation::ALL);
    let all = needed.iter().flat_map(|statement| {
        statement.action.0.iter().flat_map(move |action| statement.resource.0.iter().map(move |arn| (action, arn)))
    });
    all.map(|(action, arn)| Simulated {
        action: action.clone(),
        resource: arn.replace('*', "snapkeep-doctor"),
        decision: Decision::Allowed,
    })
    .collect()
}

#[test]
fn what_depends_on_conditions_that_only_iam_can_tell_is_neither_well_nor_broken() {
    for (name, change, check) in UNKNOWN {
        let mut facts = healthy();
        change(&mut facts);
        ends(name, &facts, check, Verdict::Unchecked);
    }
}

#[test]
fn iams_own_word_counts_beside_the_domains_policy() {
    let mut facts = healthy();
    facts.caller = Ok(Caller::Simulated(allowed()));
    ends("no access policy", &facts, Check::Requests, Verdict::Ok);
    let lets_in = json!({"Effect": "Allow", "Principal": "*", "Action": "es:*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}});
    domain_of(&mut facts).access_policy = Some(document(&lets_in));
    ends("whatever the domain allows besides", &facts, Check::Requests, Verdict::Ok);
    let denies = json!({"Effect": "Deny", "Principal": {"AWS": CALLER}, "Action": "es:ESHttpPut", "Resource": "*"});
    domain_of(&mut facts).access_policy = Some(document(&denies));
    assert_eq!(examine(&facts).diagnosis().map(|finding| finding.check), Some(Check::Requests));
}

/// Indices are hot only where both kinds of others were asked about.
#[test]
fn cold_indices_that_nobody_may_ask_about_are_not_said_to_be_none() {
    let mut facts = healthy();
    let tiers = facts.tiers.as_mut().unwrap();
    tiers.cold = Err(Unseen::without("es:ESHttpGet"));
    tiers.warm = vec!["w".into()];
    ends("cold", &facts, Check::Tiers, Verdict::Unchecked);
    let report = examine(&facts);
    let says = &found(&report, Check::Tiers).says;
    assert!(says.contains("1 indices are warm (w)") && says.contains("may not es:ESHttpGet"), "{says}");
}

/// A cluster that has no time now says nothing about the bucket.
#[test]
fn a_verification_that_was_not_made_tells_nothing_of_the_bucket() {
    let runs = r#"{"error":{"type":"concurrent_snapshot_execution_exception","reason":"a snapshot runs"}}"#;
    let throttled = r#"{"Message":"Too Many Requests"}"#;
    for (status, body, kind) in [(429, throttled, Kind::Throttled), (503, runs, Kind::Busy)] {
        let refusal = refusal(status, body);
        assert_eq!(refusal.kind, kind, "{body}");
        let mut facts = healthy();
        facts.repository.verified = Ok(Err(refusal));
        ends(body, &facts, Check::Verified, Verdict::Unchecked);
    }
    // Nodes that do not reach the bucket try for longer than a gateway waits.
    let mut facts = healthy();
    facts.repository.verified = Ok(Err(refusal(504, "")));
    let report = examine(&facts);
    let first = report.diagnosis().unwrap();
    assert!(first.check == Check::Verified && first.verdict == Verdict::Warning, "{first:?}");
    let mut facts = healthy();
    facts.repository.verified = Ok(Err(refusal(403, "")));
    let report = examine(&facts);
    let first = report.diagnosis().unwrap();
    assert!(first.check == Check::Verified && !first.means.contains("the nodes cannot use"), "{first:?}");
}

/// A permission of fine-grained access control is no right of IAM's.
#[test]
fn a_permission_that_is_missing_is_asked_for_where_it_is_given() {
    let permission =
        |name: &str| Unseen { right: Some(Right::Mapped(name.to_owned())), why: "no permissions".to_owned() };
    let mut facts = healthy();
    facts.health = Err(permission("cluster:monitor/health"));
    facts.tiers = Err(permission("indices:monitor/stats"));
    let report = examine(&facts);
    for (check, permission, group) in [
        (Check::Health, "cluster:monitor/health", "cluster_monitor"),
        (Check::Tiers, "indices:monitor/stats", "indices_monitor"),
    ] {
        let mend = found(&report, check).mends[0].to_string();
        assert!(mend.contains(permission) && mend.contains(group) && !mend.contains("es:ESHttp"), "{mend}");
    }
}

/// A custom endpoint does not tell whose it is: what needs the domain says so, and the rest is looked at.
#[test]
fn a_domain_that_nobody_names_leaves_out_only_what_is_about_it() {
    let mut facts = healthy();
    facts.subject.domain = None;
    facts.domain = Err(Unseen::because("the endpoint does not tell which domain it is: give --domain ARN"));
    let report = examine(&facts);
    assert_eq!(report.diagnosis(), None, "{report:?}");
    for check in [Check::DomainState, Check::Requests, Check::RoleTrust] {
        let finding = found(&report, check);
        assert!(finding.verdict == Verdict::Unchecked && finding.says.contains("--domain"), "{finding:?}");
    }
    for check in [Check::PassRole, Check::RoleExists, Check::RolePermissions, Check::BucketExists, Check::BucketPolicy]
    {
        assert_eq!(found(&report, check).verdict, Verdict::Ok, "{check:?}");
    }
}

/// S3 takes no lifecycle without a rule, however many of them are to go.
#[test]
fn no_mend_leaves_a_lifecycle_without_rules() {
    let expiring =
        |id: &str| ExpiryRule { id: id.into(), expires: Some("after 1 day".into()), ..ExpiryRule::default() };
    let freezing = |id: &str| ExpiryRule { id: id.into(), moves_to: vec!["GLACIER".into()], ..ExpiryRule::default() };
    for rules in [
        vec![expiring("a")],
        vec![freezing("a")],
        vec![expiring("a"), expiring("b")],
        vec![expiring("a"), freezing("b")],
    ] {
        let mut facts = healthy();
        bucket_of(&mut facts).rules = Ok(rules);
        let report = examine(&facts);
        let mends: Vec<String> =
            report.findings.iter().flat_map(|finding| &finding.mends).map(Mend::to_string).collect();
        assert!(mends.iter().any(|mend| mend.contains("delete-bucket-lifecycle")), "{mends:?}");
        assert!(!mends.iter().any(|mend| mend.contains("put-bucket-lifecycle")), "{mends:?}");
    }
    // What may do no harm stays.
    let mut facts = healthy();
    bucket_of(&mut facts).rules = Ok(vec![expiring("a"), ExpiryRule { is_narrowed: true, ..freezing("b") }]);
    let mend = found(&examine(&facts), Check::Lifecycle).mends[0].to_string();
    assert!(mend.contains(r#"select(.ID != "a")"#) && !mend.contains("delete-bucket"), "{mend}");
}
