//! Whose place a repository is: one that another cluster writes is read here, or not at all.

use crate::world::{World, name, pairs};
use serde_json::json;
use snapkeep_core::Code;
use snapkeep_core::migrate::{Attach, Wish};
use snapkeep_engine::{MigrationJob, RegistrationOutcome, WrittenBefore};
use snapkeep_testbed::release;

#[tokio::test]
async fn one_that_another_cluster_writes_is_not_written_here() {
    let world = World::of(pairs()[0]).await;
    world.source.load_documents(&world.index, 20).await;
    world.take("s", &world.index).await;
    let other = format!("/_snapshot/{}-here", world.repository);

    // Under whatever name: two clusters that write to one place destroy it.
    assert_eq!(world.target.put(&other, world.folder(false)).await.0, 200);
    let refused = world.planned(&world.job()).await.complaint().unwrap();
    assert_eq!(refused.code, Code::RepositoryConflict, "{refused}");
    assert!(refused.cause.contains("-here") && refused.hint.contains("--readonly"), "{refused}: {}", refused.hint);
    assert!(world.written().is_empty());

    // Read-only it serves as it is, and is nobody's to forget.
    assert_eq!(world.target.put(&other, world.folder(true)).await.0, 200);
    let job = world.job();
    let job = MigrationJob { wish: Wish { unregister: true, ..job.wish.clone() }, ..job };
    let plan = world.planned(&job).await;
    assert_eq!((plan.attachment.action, plan.complaint()), (Attach::Present, None), "{plan:?}");

    // What changes between the plan and its yes is noticed.
    assert_eq!(world.target.put(&other, world.folder(false)).await.0, 200);
    let stale = world.applied(&job, &plan).await.unwrap_err();
    assert_eq!(stale.code, Code::PlanStale, "{stale}");
    assert!(world.written().is_empty());

    assert_eq!(world.target.put(&other, world.folder(true)).await.0, 200);
    let report = world.applied(&job, &plan).await.unwrap();
    assert_eq!((report.registration, report.unregistered), (RegistrationOutcome::Unchanged, false), "{report:?}");
    assert_eq!((report.restore.documents, report.restore.complaint()), (20, None), "{report:?}");
    assert_eq!(world.target.get(&other).await.0, 200);
    world.target.delete(&other).await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_and_another_one_may_be_given() {
    let world = World::of(pairs()[0]).await;
    world.source.load_documents(&world.index, 20).await;
    world.take("s", &world.index).await;
    let mut elsewhere = world.folder(false);
    elsewhere["settings"]["location"] = format!("{}-elsewhere", world.repository).into();
    assert_eq!(world.target.put(&world.path(""), elsewhere).await.0, 200);
    let refused = world.planned(&world.job()).await.complaint().unwrap();
    assert_eq!(refused.code, Code::RepositoryConflict, "{refused}");
    assert!(refused.hint.contains("--as"), "{}", refused.hint);

    let job = world.job();
    let other = format!("{}-old", world.repository);
    let job = MigrationJob { wish: Wish { name: name(&other), ..job.wish.clone() }, ..job };
    let plan = world.planned(&job).await;
    let report = world.applied(&job, &plan).await.unwrap();
    assert_eq!((report.repository.as_str(), report.unregistered), (other.as_str(), false), "{report:?}");
    assert_eq!(report.restore.documents, 20, "{report:?}");
    let (_, found) = world.target.get(&format!("/_snapshot/{other}")).await;
    assert_eq!(found[&other]["settings"]["readonly"], "true", "{found}");
    for name in [other, world.repository.clone()] {
        world.target.delete(&format!("/_snapshot/{name}")).await;
    }
}

/// What is registered here to be written, and holds what was taken elsewhere, is read until somebody says that it is taken over.
#[tokio::test]
async fn one_that_is_new_here_and_holds_snapshots_is_read_until_it_is_taken_over() {
    let world = World::of(pairs()[0]).await;
    let refused = |written_before| world.registration(&world.repository, written_before);
    let is_readonly = async || {
        let (_, found) = world.target.get(&world.path("")).await;
        found[&world.repository]["settings"]["readonly"] == "true"
    };
    let empty = world.run_there(&refused(WrittenBefore::Refused)).await.unwrap();
    assert_eq!((empty.registration, is_readonly().await), (Some(RegistrationOutcome::Created), false));
    world.target.delete(&world.path("")).await;

    world.source.load_documents(&world.index, 3).await;
    world.take("s", &world.index).await;
    for outcome in ["created", "replaced"] {
        let failure = world.run_there(&refused(WrittenBefore::Refused)).await.unwrap_err();
        assert_eq!(failure.code, Code::RepositoryConflict, "{outcome}: {failure}");
        assert!(failure.cause.contains("such as s") && failure.cause.contains("read only"), "{outcome}: {failure}");
        assert!(failure.hint.contains("--take-over"), "{outcome}: {}", failure.hint);
        assert!(is_readonly().await, "{outcome}: it is read, and nothing else");
    }
    let told = world.run_there(&refused(WrittenBefore::Told)).await.unwrap();
    assert!(told.warnings.iter().any(|warning| warning.contains("holds 1 snapshots")), "{told:?}");
    assert!(!is_readonly().await);
    // It was written here before: nothing begins.
    let again = world.run_there(&refused(WrittenBefore::Refused)).await.unwrap();
    assert_eq!((again.registration, again.warnings), (Some(RegistrationOutcome::Unchanged), vec![]));
    world.target.delete(&world.path("")).await;
    let taken = world.run_there(&refused(WrittenBefore::TakenOver)).await.unwrap();
    assert_eq!(
        (taken.registration, taken.warnings, is_readonly().await),
        (Some(RegistrationOutcome::Created), vec![], false)
    );
    world.target.delete(&world.path("")).await;
}

/// Versions whose nodes compare generations before they write.
const COMPARING: [&str; 6] = [
    "opensearch-3.3.0",
    "elasticsearch-7.17.28",
    "opensearch-2.19.4",
    "opensearch-1.3.20",
    "elasticsearch-9.2.0",
    "elasticsearch-8.19.0",
];

/// Two clusters write to one place in spite of everything: the one that finds a generation which it has not written says so.
#[tokio::test]
async fn a_generation_that_another_has_written_is_told_as_such() {
    let is_of_run = |name: &&str| release::of_this_run().iter().any(|release| release.name == *name);
    for node in COMPARING.into_iter().filter(is_of_run) {
        let world = World::of((node, node)).await;
        world.source.load_documents(&world.index, 3).await;
        world.create_here("first").await.unwrap_or_else(|failure| panic!("{node}: {failure}"));
        let there = world.path("");
        assert_eq!(world.target.put(&there, world.folder(false)).await.0, 200, "{node}");
        let body = json!({"indices": "-*", "include_global_state": false});
        let (status, answer) = world.target.put(&world.path("/theirs?wait_for_completion=true"), body).await;
        assert_eq!(status, 200, "{node}: {answer}");

        // What it finds first it says in one way, what it has shut off then in another.
        for snapshot in ["second", "third"] {
            let created = world.create_here(snapshot).await;
            let failure = created.expect_err(&format!("{node} {snapshot}: a lost snapshot is no success"));
            assert_eq!(failure.code, Code::RepositoryConflict, "{node} {snapshot}: {failure}");
            assert!(failure.hint.contains("another cluster writes"), "{node} {snapshot}: {}", failure.hint);
        }
        world.target.delete(&there).await;
    }
}
