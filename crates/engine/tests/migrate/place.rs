//! Whose place a repository is: one that another cluster writes is read here, or not at all.

use crate::world::{World, name, pairs};
use snapkeep_core::Code;
use snapkeep_core::migrate::{Attach, Wish};
use snapkeep_engine::{MigrationJob, RegistrationOutcome};

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
