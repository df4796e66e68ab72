//! What became of a plan.

use serde::Serialize;
use snapkeep_core::{Code, Failure};

/// What became of each step. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeletionReport {
    /// 1.
    pub schema: u32,
    /// The repository's name.
    pub repository: String,
    /// Deleted: asked for, and not listed any more.
    pub deleted: Vec<String>,
    /// Not there any more before they were asked for.
    pub already_gone: Vec<String>,
    /// Left alone, because they are not what the plan saw.
    pub skipped: Vec<Skipped>,
    /// Still there, or not known to be gone: the complaint says why.
    pub left: Vec<String>,
    /// Requests to delete that were sent.
    pub batches: u64,
    #[serde(skip)]
    pub(super) failure: Option<Failure>,
}

/// A step that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The snapshot's name.
    #[serde(rename = "snapshot")]
    pub name: String,
    /// What has changed since the plan was made.
    pub why: String,
}

impl DeletionReport {
    pub(super) fn new(repository: &str) -> Self {
        Self {
            schema: 1,
            repository: repository.to_owned(),
            deleted: Vec::new(),
            already_gone: Vec::new(),
            skipped: Vec::new(),
            left: Vec::new(),
            batches: 0,
            failure: None,
        }
    }

    /// Steps that are dealt with.
    pub(super) fn settled(&self) -> usize {
        self.deleted.len() + self.already_gone.len() + self.skipped.len()
    }

    /// Why not every step was taken, as the failure that a command ends with; `None` if every one was.
    pub fn complaint(&self) -> Option<Failure> {
        if let Some(failure) = self.failure.as_ref().filter(|_| !self.left.is_empty()) {
            let names: Vec<&str> = self.left.iter().map(String::as_str).collect();
            let cause = format!("{} of repository {}: {}", listed(&names), self.repository, failure.cause);
            return Some(failure.clone().with_cause(cause));
        }
        let first = self.skipped.first()?;
        let names: Vec<&str> = self.skipped.iter().map(|skipped| skipped.name.as_str()).collect();
        let cause = format!("{} of repository {}: {}", listed(&names), self.repository, first.why);
        Some(Failure::new(Code::PlanStale, cause, "plan again: what is there now may not be what was meant"))
    }
}

/// The first few of many.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    match names {
        [one] => format!("snapshot {one}"),
        names if names.len() <= SHOWN => format!("snapshots {}", names.join(", ")),
        names => format!("snapshots {} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_complained_about_before_what_was_skipped() {
        let mut report = DeletionReport::new("r");
        assert_eq!(report.complaint(), None);
        report.skipped.push(Skipped { name: "a".into(), why: "it runs now".into() });
        let complaint = report.complaint().unwrap();
        assert_eq!(
            (complaint.code, complaint.cause.as_str()),
            (Code::PlanStale, "snapshot a of repository r: it runs now")
        );
        report.left = (0..7).map(|n| format!("s{n}")).collect();
        report.failure = Some(Failure::new(Code::OutcomeUnknown, "lost", "look"));
        let complaint = report.complaint().unwrap();
        assert_eq!(complaint.code, Code::OutcomeUnknown);
        assert_eq!(complaint.cause, "snapshots s0, s1, s2, s3, s4 and 2 more of repository r: lost");
    }
}
