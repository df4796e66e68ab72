//! Whether the caller may pass the snapshot role to the service.

use super::access::allowed;
use crate::{Check, Facts, Finding, Mend, Reach};
use snapkeep_core::Code;
use snapkeep_iam::{Decision, Request, Stored};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let stored = facts.subject.stored.as_ref().filter(|_| facts.subject.is_signed && facts.reach != Reach::Serverless);
    stored.map(|stored| of(facts, stored)).into_iter().collect()
}

fn of(facts: &Facts, stored: &Stored) -> Finding {
    if let Some(finding) = other_account(facts, stored) {
        return finding;
    }
    let caller = match &facts.caller {
        Ok(caller) => caller,
        Err(unseen) => return Finding::unchecked(Check::PassRole, unseen),
    };
    let request = Request::new("iam:PassRole", &stored.role_arn).with("iam:PassedToService", "es.amazonaws.com");
    match allowed(facts, caller, &request) {
        Decision::Allowed => Finding::ok(Check::PassRole, format!("the caller may pass {}", stored.role_arn)),
        Decision::Unknown => Finding::unchecked(
            Check::PassRole,
            &crate::Unseen::because("the caller's policies allow it under conditions that only IAM can tell"),
        ),
        decision => {
            let how = if decision == Decision::Denied { "a statement denies it" } else { "no statement allows it" };
            Finding::failed(
                Check::PassRole,
                Code::PassRoleDenied,
                format!("the caller may not pass {}: {how}", stored.role_arn),
                "registering the repository is refused with 403",
            )
            .mend(Mend::statement("caller", &stored.pass_role()))
        }
    }
}

/// A role is passed within its own account only.
fn other_account(facts: &Facts, stored: &Stored) -> Option<Finding> {
    let domain = facts.subject.domain.as_ref()?;
    let account = stored.role_arn.split(':').nth(4)?;
    (account != domain.account).then(|| {
        let says = format!("the snapshot role is of account {account}, the domain of {}", domain.account);
        Finding::failed(Check::PassRole, Code::PassRoleDenied, says, "a role can be passed only within its own account")
            .mend(Mend::advice("make a snapshot role in the domain's account, and let the bucket's policy in the other account name it"))
    })
}
