//! Repositories that a cluster begins to write to although somebody else has written to them.
//!
//! No registration tells who writes to a place. But what is in a place that this cluster did not write to before is another's,
//! or its own from before it was removed: the one thing that can be seen without reading the bucket.

use crate::address::address;
use crate::job::{Registration, WrittenBefore};
use crate::register::not_looked;
use crate::report::Warnings;
use serde_json::{Value, json};
use snapkeep_cluster::{Registered, SnapshotApi, Unanswered, Written};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;

/// Whether this registration is what lets the cluster write there: nothing, something else, or the same to be read only was
/// registered before.
pub(crate) fn begins(job: &Registration, found: Option<&Registered>) -> bool {
    let wanted = wanted(&job.settings.body());
    let wrote = |found: &Registered| !is_readonly(found) && address(found) == address(&wanted);
    !is_readonly(&wanted) && !found.is_some_and(wrote)
}

/// Whether the cluster is to write where it only reads so far, although no other setting says so. An event never means that.
pub(crate) fn is_asked(job: &Registration, found: &Registered) -> bool {
    job.written_before != WrittenBefore::Told && is_readonly(found) && !is_readonly(&wanted(&job.settings.body()))
}

/// Whether somebody has said that it is taken over.
pub(crate) fn is_meant(job: &Registration) -> bool {
    job.written_before == WrittenBefore::TakenOver
}

/// It stays as it is: whoever registered it so meant it.
pub(crate) fn only_read(job: &Registration) -> Failure {
    Failure::new(
        Code::RepositoryConflict,
        format!("repository {} is registered to be read only; nothing was changed", job.repository),
        HINT,
    )
}

const HINT: &str = "restore from it as it is; if no other cluster writes to it any more, take it over: the same again with --take-over";

/// Looks what the place holds, now that it can be listed. One that is written elsewhere becomes one that is only read.
pub(crate) async fn look(
    api: &SnapshotApi,
    job: &Registration,
    deadline: Deadline,
    warnings: &mut Warnings,
) -> Result<(), Failure> {
    if is_meant(job) {
        return Ok(());
    }
    let held = match api.names(&job.repository, deadline).await {
        Ok(held) => held,
        Err(Unanswered::Refused(refusal)) if refusal.is_missing_right() => {
            let what = "whether another cluster has written to the repository is not known";
            warnings.add(not_looked(what, &refusal));
            return Ok(());
        }
        Err(unanswered) => return Err(unseen(job, &unanswered.failure())),
    };
    let Some(one) = held.first() else { return Ok(()) };
    let found = format!("repository {} is new to this cluster and holds {} snapshots", job.repository, held.len());
    let found = format!("{found} already, such as {}, which another cluster has taken, or this one before", one.name);
    if job.written_before == WrittenBefore::Told {
        warnings.add(format!("{found}: no other may write to it any more, or it is destroyed"));
        return Ok(());
    }
    let left = step_back(api, job, deadline).await;
    Err(Failure::new(
        Code::RepositoryConflict,
        format!("{found}: two clusters that write to one repository destroy it, so it is {left}"),
        HINT,
    ))
}

/// Registers the place to be read only, and says how it stands.
async fn step_back(api: &SnapshotApi, job: &Registration, deadline: Deadline) -> &'static str {
    let Ok(Some(registered)) = api.repository(&job.repository, deadline).await else { return STAYS };
    let mut settings = registered.settings;
    settings.remove("uuid");
    settings.insert("readonly".to_owned(), "true".into());
    let body = json!({"type": registered.kind, "settings": settings});
    match api.register(&job.repository, &body, deadline).await {
        Written::Done(()) => "registered to be read only",
        Written::Refused(_) | Written::Lost(_) => match api.repository(&job.repository, deadline).await {
            Ok(Some(found)) if is_readonly(&found) => "registered to be read only",
            _ => STAYS,
        },
    }
}

const STAYS: &str = "to be removed from this cluster (`repo remove`), where it could not be made one that is only read";

fn unseen(job: &Registration, looking: &Failure) -> Failure {
    let cause = format!(
        "repository {} is registered; whether another cluster has written to it is not known: {}",
        job.repository, looking.cause
    );
    looking.clone().with_cause(cause)
}

fn wanted(body: &Value) -> Registered {
    let settings = body["settings"].as_object().cloned().unwrap_or_default();
    Registered { kind: body["type"].as_str().unwrap_or_default().to_owned(), settings }
}

fn is_readonly(registered: &Registered) -> bool {
    let flag = registered.settings.get("readonly");
    registered.kind == "url" || flag.is_some_and(|flag| *flag == true || flag == "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapkeep_core::naming::RepositoryName;
    use snapkeep_core::repository::RepositorySettings;

    fn job(settings: &Value) -> Registration {
        let settings = RepositorySettings::other("fs", settings.as_object().unwrap().clone()).unwrap();
        let repository = RepositoryName::parse("r").unwrap();
        Registration { repository, settings, replace: true, written_before: WrittenBefore::Refused }
    }

    #[test]
    fn a_cluster_begins_to_write_where_it_did_not_before() {
        let here = json!({"location": "/a"});
        for (asked, found, expected) in [
            (&here, None, true),
            (&json!({"location": "/a", "readonly": true}), None, false),
            (&here, Some(json!({"location": "/a/", "compress": "true"})), false),
            (&here, Some(json!({"location": "/a", "readonly": "true"})), true),
            (&here, Some(json!({"location": "/b"})), true),
        ] {
            let found = found.map(|found| wanted(&json!({"type": "fs", "settings": found})));
            assert_eq!(begins(&job(asked), found.as_ref()), expected, "{asked} over {found:?}");
        }
    }

    #[test]
    fn what_is_only_read_is_not_written_unasked() {
        let found =
            |readonly: &str| wanted(&json!({"type": "fs", "settings": {"location": "/a", "readonly": readonly}}));
        let asked = |settings: &Value, written_before| Registration { written_before, ..job(settings) };
        let (writes, reads) = (json!({"location": "/a"}), json!({"location": "/a", "readonly": true}));
        for (job, found, expected) in [
            (asked(&writes, WrittenBefore::Refused), found("true"), true),
            (asked(&writes, WrittenBefore::TakenOver), found("true"), true),
            (asked(&writes, WrittenBefore::Told), found("true"), false),
            (asked(&writes, WrittenBefore::Refused), found("false"), false),
            (asked(&reads, WrittenBefore::Refused), found("true"), false),
        ] {
            assert_eq!(is_asked(&job, &found), expected, "{job:?} over {found:?}");
        }
    }
}
