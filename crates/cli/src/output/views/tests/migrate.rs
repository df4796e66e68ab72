use super::super::{MigratedView, MigrationPlanView};
use super::restore::facts;
use super::*;
use snapkeep_core::migrate::{MigrationPlan, Place, Seen, Wish, attach};
use snapkeep_core::restore::{OnConflict, Request, Truth, plan as restore_plan};
use snapkeep_engine::{MigrationReport, RestoreReport};

fn place(readonly: bool, is_same: bool) -> Place {
    let role = "arn:aws:iam::123456789012:role/snapshots";
    let settings =
        json!({"bucket": "backups", "region": "eu-west-1", "role_arn": role, "readonly": readonly.to_string()});
    Place { kind: "s3".into(), settings: settings.as_object().unwrap().clone(), is_same }
}

fn plan_with(target: BTreeMap<String, Place>) -> MigrationPlan {
    let name = || RepositoryName::parse("nightly").unwrap();
    let wish = Wish { repository: name(), name: name(), role_arn: None, settings: Map::new(), unregister: true };
    let (attachment, problems) = attach(&Seen { source: place(false, true), target_is_managed: true, target }, &wish);
    let request = Request { on_conflict: OnConflict::Skip, ..Request::default() };
    let restore = restore_plan(&facts(), &request);
    MigrationPlan { schema: 1, repository: "nightly".into(), attachment, problems, restore }
}

#[test]
fn a_migration_is_shown_before_and_after() {
    let blocked = plan_with([("here".to_owned(), place(false, true))].into());
    assert_eq!(blocked.complaint().unwrap().code, Code::RepositoryConflict);
    expect_view("migrate-blocked", &MigrationPlanView { plan: &blocked, target: "new" });
    let plan = plan_with(BTreeMap::new());
    expect_view("migrate-plan", &MigrationPlanView { plan: &plan, target: "new" });
    let restore = RestoreReport {
        schema: 1,
        repository: "nightly".into(),
        snapshot: plan.restore.snapshot.clone(),
        outcome: Some(Outcome::Created),
        ended: true,
        truth: Truth { expected: 6, started: 6, missing: vec![] },
        items: vec![],
        documents: 1_003,
        bytes: Some(9 << 30),
        took_s: 75.5,
        stalled: None,
    };
    let report = MigrationReport {
        schema: 1,
        repository: "nightly".into(),
        registration: RegistrationOutcome::Created,
        restore,
        unregistered: true,
        warnings: vec![],
    };
    expect_view("migrated", &MigratedView { plan: &plan, report: &report });
}
