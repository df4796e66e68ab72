//! The findings together, and which of them is the diagnosis.

use crate::{Check, Finding, Mend, Verdict};
use serde::Serialize;
use snapkeep_core::Failure;

/// What checks said, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One finding a check.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report in which each effect names its cause.
    pub(crate) fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.check);
        let causes: Vec<Check> =
            findings.iter().filter(|finding| finding.verdict == Verdict::Failed).map(|finding| finding.check).collect();
        for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::Failed) {
            finding.follows_from = cause_of(finding.check, &causes);
        }
        Self { findings }
    }

    /// Of an endpoint that is refused before anything is asked: a serverless collection's.
    pub fn of_serverless(failure: &Failure) -> Self {
        let finding =
            Finding::failed(Check::Serverless, failure.code, &failure.cause, "collections have no snapshot API");
        Self { findings: vec![finding.mend(Mend::advice(&failure.hint))] }
    }

    /// What to mend first: the first failure that no other explains, else the first warning.
    pub fn diagnosis(&self) -> Option<&Finding> {
        let failed = |finding: &&Finding| finding.verdict == Verdict::Failed && finding.follows_from.is_none();
        let warned = |finding: &&Finding| finding.verdict == Verdict::Warning;
        self.findings.iter().find(failed).or_else(|| self.findings.iter().find(warned))
    }

    /// How many checks ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// The failure that a command ends with: the diagnosis, unless it is only a warning.
    pub fn failure(&self) -> Option<Failure> {
        let finding = self.diagnosis()?;
        let hint = finding.mends.first().map_or_else(|| finding.means.clone(), ToString::to_string);
        Some(Failure::new(finding.code?, format!("{}: {}", finding.says, finding.means), hint))
    }
}

/// What explains a failure: a check whose own failure makes this one's certain, or all but certain.
fn cause_of(effect: Check, failed: &[Check]) -> Option<Check> {
    failed.iter().copied().find(|cause| explains(*cause, effect))
}

fn explains(cause: Check, effect: Check) -> bool {
    use Check::{
        Age, BucketExists, BucketKey, BucketPolicy, BucketRegion, Clock, Credentials, DomainState, Lifecycle, Look,
        Mapping, PassRole, Reach, Registered, Requests, RoleExists, RolePermissions, RoleTrust, Serverless,
        StorageClass, Verified,
    };
    if cause >= effect {
        return false;
    }
    match cause {
        Serverless => true,
        // Whatever fails runs makes policies late; a lifecycle rule does not.
        cause if effect == Age => !matches!(cause, Lifecycle | StorageClass),
        // Signatures are dated by it.
        Clock => effect == Credentials || effect == Look || effect == Verified,
        Credentials | Reach => matches!(effect, Reach | DomainState | Look | Registered | Verified),
        Requests | Mapping => matches!(effect, Look | Registered | Verified),
        // Registering is what passes the role.
        PassRole => effect == Registered,
        RoleExists | RoleTrust | RolePermissions | BucketExists | BucketRegion | BucketPolicy | BucketKey => {
            effect == Verified || cause == RoleExists && matches!(effect, RoleTrust | RolePermissions)
        }
        // A repository that is registered otherwise is verified otherwise.
        Look | Registered => effect == Verified,
        _ => false,
    }
}
