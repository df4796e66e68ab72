//! `doctor`

use super::*;
use snapkeep_doctor::{Check, Finding, Mend, Report, Verdict};

fn finding(check: Check, verdict: Verdict, says: &str) -> Finding {
    let (topic, says) = (check.topic(), says.to_owned());
    Finding { check, topic, verdict, code: None, says, means: String::new(), mends: vec![], follows_from: None }
}

fn failed(check: Check, code: Code, says: &str, means: &str) -> Finding {
    Finding { code: Some(code), means: means.to_owned(), ..finding(check, Verdict::Failed, says) }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";

fn passed() -> Vec<Mend> {
    let statement = json!({"Sid": "PassSnapshotRole", "Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE});
    vec![
        Mend::Statement { attach_to: "caller".into(), statement },
        Mend::Document { attach_to: ROLE.into(), document: json!({"Version": "2012-10-17", "Statement": []}) },
        Mend::Command { command: "snapkeep aws policies".into() },
        Mend::Advice { text: "or ask whoever may".into() },
    ]
}

fn report() -> Report {
    let unseen = Mend::Advice { text: "let the caller es:DescribeDomain, and ask again".into() };
    Report {
        findings: vec![
            finding(Check::Reach, Verdict::Ok, "https://search-logs-abc123.eu-west-1.es.amazonaws.com answers"),
            Finding {
                mends: vec![unseen],
                ..finding(Check::DomainState, Verdict::Unchecked, "the caller may not es:DescribeDomain")
            },
            Finding {
                means: "a node that fails now may take a shard with it".into(),
                ..finding(Check::Health, Verdict::Warning, "the cluster is yellow: replicas are not assigned")
            },
            Finding {
                mends: passed(),
                ..failed(Check::PassRole, Code::PassRoleDenied, "the caller may not pass it", "registering is refused")
            },
            Finding {
                follows_from: Some(Check::PassRole),
                ..failed(Check::Registered, Code::RepositoryMissing, "repository nightly is not registered", "nothing")
            },
        ],
    }
}

#[test]
fn what_is_wrong_stands_last_with_what_mends_it() {
    let report = report();
    expect_view("doctor", &Diagnosis { report: &report });
    expect("doctor.colour.txt", &Diagnosis { report: &report }.text(&look(true)).replace('\u{1b}', "ESC"));
    let well = Report { findings: vec![finding(Check::Reach, Verdict::Ok, "it answers")] };
    expect_view("doctor-well", &Diagnosis { report: &well });
}
