//! Of the statements that a configuration needs, one is taken away at a time: the diagnosis is that very statement.

use crate::healthy::{DOMAIN, document, healthy, of, refusal, role, stored};
use crate::table::NOT_ACCESSIBLE;
use serde_json::{Value, json};
use snapkeep_doctor::{Caller, Check, Facts, Mend, Report, examine};
use snapkeep_iam::{Operation, Statement};

/// What the caller needs for that.
fn needed(operation: Operation) -> Vec<Statement> {
    let domain = DOMAIN.parse().unwrap();
    stored().of_caller(&domain, &operations(operation))
}

/// Backup is a part of everything.
fn operations(operation: Operation) -> Vec<Operation> {
    Operation::ALL.into_iter().filter(|one| *one == Operation::Backup || *one == operation).collect()
}

/// A set-up for that operation whose caller has these statements.
fn with_caller(operation: Operation, statements: &[Statement]) -> Facts {
    let mut facts = healthy();
    facts.subject.operations = operations(operation);
    facts.caller = Ok(Caller::Documents(vec![of(&statements)]));
    facts
}

/// The statements that the diagnosis hands out.
fn mended(report: &Report) -> Vec<Value> {
    let mends = report.diagnosis().map(|finding| finding.mends.as_slice()).unwrap_or_default();
    let statement = |mend: &Mend| match mend {
        Mend::Statement { statement, .. } => Some(statement.clone()),
        _ => None,
    };
    mends.iter().filter_map(statement).collect()
}

#[test]
fn each_operation_passes_with_its_policy() {
    for operation in Operation::ALL {
        let report = examine(&with_caller(operation, &needed(operation)));
        assert_eq!(report.diagnosis(), None, "{operation:?}");
    }
}

#[test]
fn without_one_statement_the_caller_is_told_that_very_statement() {
    for operation in Operation::ALL {
        let all = needed(operation);
        for at in 0..all.len() {
            let mut rest = all.clone();
            let gone = rest.remove(at);
            let report = examine(&with_caller(operation, &rest));
            let check = if gone.action.0[0] == "iam:PassRole" { Check::PassRole } else { Check::Requests };
            let first = report.diagnosis().unwrap_or_else(|| panic!("{operation:?} {}: nothing is found", gone.sid));
            assert_eq!(first.check, check, "{operation:?} {}: {first:?}", gone.sid);
            assert_eq!(mended(&report), [json!(gone)], "{operation:?} {}", gone.sid);
        }
    }
}

/// Whoever takes the action away everywhere is told each statement that has it, and no other.
#[test]
fn without_one_action_the_caller_is_told_each_statement_that_has_it() {
    for action in ["es:ESHttpGet", "es:ESHttpPut", "es:ESHttpPost", "es:ESHttpDelete", "iam:PassRole"] {
        for operation in Operation::ALL {
            let all = needed(operation);
            let has = |statement: &&Statement| statement.action.0.iter().any(|one| one == action);
            let gone: Vec<Value> = all.iter().filter(has).map(|statement| json!(statement)).collect();
            let rest: Vec<Statement> = all.iter().filter(|statement| !has(statement)).cloned().collect();
            let report = examine(&with_caller(operation, &rest));
            assert_eq!(mended(&report), gone, "{operation:?} {action}");
        }
    }
}

#[test]
fn without_one_action_of_s3s_the_snapshot_role_is_told_that_very_action() {
    for action in ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
        let mut statements = stored().of_role();
        for statement in &mut statements {
            statement.action.0.retain(|one| one != action);
        }
        statements.retain(|statement| !statement.action.0.is_empty());
        let mut facts = healthy();
        role(&mut facts).policies = Ok(vec![document(&json!(statements))]);
        facts.repository.verified = Ok(Err(refusal(500, NOT_ACCESSIBLE)));
        let report = examine(&facts);
        assert_eq!(report.diagnosis().map(|finding| finding.check), Some(Check::RolePermissions), "{action}");
        let told = mended(&report);
        assert!(told.len() == 1 && told[0]["Action"] == action, "{action}: {told:?}");
    }
}
