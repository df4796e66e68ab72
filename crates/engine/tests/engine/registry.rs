//! Repositories: registered with any type, verified, cleaned up, removed.

use crate::stage::{Stage, WITH_S3, is_one_at_a_time, minute, nodes};
use serde_json::json;
use snapkeep_core::Code;
use snapkeep_core::naming::RepositoryName;
use snapkeep_engine::{
    Job, RegistrationOutcome, Warnings, cleanup_repository, list_repositories, remove_repository, run, show_repository,
    verify_repository,
};
use snapkeep_front::Action;
use snapkeep_testbed::eventually;

#[tokio::test]
async fn a_folder_is_registered_compared_and_replaced() {
    for node in nodes() {
        let stage = Stage::unregistered(node).await;
        let register = async |more, replace| {
            let job = Job::Register(stage.registration(&stage.folder(&more), replace));
            run(&stage.api, &job, minute(), Warnings::default()).await.map(|report| report.registration)
        };
        assert_eq!(register(json!({"compress": true}), false).await, Ok(Some(RegistrationOutcome::Created)), "{node}");
        assert_eq!(
            register(json!({"compress": true}), false).await,
            Ok(Some(RegistrationOutcome::Unchanged)),
            "{node}"
        );
        let drift = register(json!({"compress": false, "readonly": true}), false).await.unwrap_err();
        assert_eq!(drift.code, Code::RepositoryConflict, "{node}");
        assert!(drift.cause.contains("readonly: registered is nothing, asked for is true"), "{node}: {drift}");
        let replaced = register(json!({"compress": false, "readonly": true}), true).await;
        assert_eq!(replaced, Ok(Some(RegistrationOutcome::Replaced)), "{node}");
        let listed = list_repositories(&stage.api, minute()).await.unwrap();
        let shown = show_repository(&stage.api, &stage.repository, minute()).await.unwrap();
        assert_eq!(listed.get(stage.repository.as_str()), Some(&shown), "{node}");
        assert_eq!((shown.kind.as_str(), &shown.settings["readonly"]), ("fs", &json!("true")), "{node}");
        remove_repository(&stage.api, &stage.repository, minute()).await.unwrap();
    }
}

#[tokio::test]
async fn nodes_verify_it_and_an_answer_that_is_lost_is_asked_for_again() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        for action in [None, Some(Action::ForwardThenDrop), Some(Action::status(504, ""))] {
            let fault = action.map(|action| stage.strike("POST", "/_snapshot/*/_verify", 1, action));
            assert_eq!(verify_repository(&stage.api, &stage.repository, minute()).await.unwrap().len(), 1, "{node}");
            assert!(fault.is_none_or(|fault| stage.front.injected(fault) == 1), "{node}");
        }
    }
}

#[tokio::test]
async fn a_removal_whose_answer_is_lost_is_looked_up() {
    for node in nodes() {
        for (what, action) in [
            ("no fault", None),
            ("dropped before", Some(Action::DropBefore)),
            ("dropped after", Some(Action::ForwardThenDrop)),
            ("504 after", Some(Action::gateway_timeout())),
            ("twice", Some(Action::duplicate())),
        ] {
            let stage = Stage::on(node).await;
            let fault = action.map(|action| stage.strike("DELETE", "/_snapshot/*", 1, action));
            remove_repository(&stage.api, &stage.repository, minute()).await.unwrap();
            assert!(fault.is_none_or(|fault| stage.front.injected(fault) == 1), "{node} {what}");
            let gone = show_repository(&stage.api, &stage.repository, minute()).await.unwrap_err();
            assert_eq!(gone.code, Code::RepositoryMissing, "{node} {what}");
            let again = remove_repository(&stage.api, &stage.repository, minute()).await.unwrap_err();
            assert_eq!(again.code, Code::RepositoryMissing, "{node} {what}");
        }
    }
}

#[tokio::test]
async fn one_that_is_used_stays() {
    for node in nodes() {
        let stage = Stage::slow(node).await;
        stage.begin("running").await;
        let used = remove_repository(&stage.api, &stage.repository, minute()).await.unwrap_err();
        assert_eq!(used.code, Code::RepositoryConflict, "{node}: {used}");
        assert_eq!(stage.seen("DELETE").len(), 1, "{node}");
        stage.delete("running").await;
    }
}

#[tokio::test]
async fn a_cleanup_whose_answer_is_lost_may_be_repeated() {
    for node in nodes() {
        let stage = Stage::alone_on(node).await;
        stage.take(&["a"]).await;
        if is_one_at_a_time(node) {
            let unsupported = cleanup_repository(&stage.api, &stage.repository, minute()).await.unwrap_err();
            assert_eq!(unsupported.code, Code::Unsupported, "{node}");
            assert!(unsupported.hint.contains("7.4.0"), "{node}: {}", unsupported.hint);
            continue;
        }
        let fault = stage.strike("POST", "/_snapshot/*/_cleanup", 1, Action::ForwardThenDrop);
        let lost = cleanup_repository(&stage.api, &stage.repository, minute()).await.unwrap_err();
        assert_eq!((lost.code, stage.front.injected(fault)), (Code::OutcomeUnknown, 1), "{node}");
        assert!(lost.hint.contains("may be repeated"), "{node}: {}", lost.hint);
        // For a moment after a snapshot's end it still counts as running there.
        let cleaned = eventually("the node is free to clean up", async || {
            match cleanup_repository(&stage.api, &stage.repository, minute()).await {
                Err(failure) if failure.code == Code::SnapshotRunning => None,
                other => Some(other.unwrap()),
            }
        })
        .await;
        assert_eq!((cleaned.blobs, cleaned.bytes), (0, 0), "{node}");
    }
}

#[tokio::test]
async fn a_cleanup_beside_a_running_snapshot_is_refused_as_such() {
    for node in nodes() {
        if is_one_at_a_time(node) {
            continue;
        }
        let stage = Stage::slow(node).await;
        stage.begin("running").await;
        let refused = cleanup_repository(&stage.api, &stage.repository, minute()).await.unwrap_err();
        assert_eq!(refused.code, Code::SnapshotRunning, "{node}: {refused}");
        stage.delete("running").await;
    }
}

#[tokio::test]
async fn the_managed_services_own_are_not_touched() {
    let stage = Stage::unregistered(WITH_S3).await;
    let own = RepositoryName::parse("cs-automated-enc").unwrap();
    for refused in [
        verify_repository(&stage.api, &own, minute()).await.map(|_| ()),
        remove_repository(&stage.api, &own, minute()).await,
        cleanup_repository(&stage.api, &own, minute()).await.map(|_| ()),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::BadEvent);
    }
    assert!(stage.front.requests().is_empty());
    assert_eq!(show_repository(&stage.api, &own, minute()).await.unwrap_err().code, Code::RepositoryMissing);
}

#[tokio::test]
async fn what_was_not_verified_is_said() {
    let stage = Stage::unregistered(WITH_S3).await;
    let job = Job::Register(stage.registration(&stage.folder(&json!({})), false));
    // Whether the nodes can use it is known from the registration's own answer only.
    stage.strike("PUT", "/_snapshot/*", 1, Action::ForwardThenDrop);
    let denied = r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/repository/verify]"},"status":403}"#;
    stage.strike("POST", "/_snapshot/*/_verify", 1, Action::status(403, denied));
    let report = run(&stage.api, &job, minute(), Warnings::default()).await.unwrap();
    assert_eq!((report.registration, report.verified), (Some(RegistrationOutcome::Created), Some(false)));
    assert!(report.warnings[0].contains("could not be verified"), "{:?}", report.warnings);
    let report = run(&stage.api, &job, minute(), Warnings::default()).await.unwrap();
    assert_eq!((report.registration, report.verified), (Some(RegistrationOutcome::Unchanged), Some(true)));
    stage.strike("POST", "/_snapshot/*/_verify", 1, Action::status(200, r#"{"nodes":{}}"#));
    let nobody = verify_repository(&stage.api, &stage.repository, minute()).await.unwrap_err();
    assert_eq!(nobody.code, Code::RepositoryVerificationFailed, "{nobody}");
}
