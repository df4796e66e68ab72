//! Answers that are lost, late or invented: one restore, begun once.

use crate::stage::{Notes, Stage, minute, nodes};
use crate::world::{drop_index, job, planned, to_the_end};
use snapkeep_core::Code;
use snapkeep_engine::{Outcome, apply_restore};
use snapkeep_front::Action;

const BUSY: &str = r#"{"error":{"type":"concurrent_snapshot_execution_exception","reason":"[r:s] Restore process is already running in this cluster"},"status":503}"#;

#[tokio::test]
async fn exactly_one_restore_whatever_becomes_of_the_answer() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["s"]).await;
        for (what, action, outcome, sent) in [
            ("dropped before", Action::DropBefore, Outcome::Created, 2),
            ("dropped after", Action::ForwardThenDrop, Outcome::Adopted, 1),
            ("504 after", Action::gateway_timeout(), Outcome::Adopted, 1),
            ("504 before", Action::status(504, ""), Outcome::Created, 2),
            ("busy", Action::status(503, BUSY), Outcome::Created, 2),
            ("duplicated", Action::duplicate(), Outcome::Adopted, 1),
        ] {
            drop_index(&stage, &stage.index).await;
            stage.front.clear_faults();
            let before = stage.seen("POST").len();
            let fault = stage.strike("POST", "/_snapshot/*/*/_restore*", 1, action);
            let (job, notes) = (job(&stage), Notes::default());
            let plan = planned(&stage, &job).await;
            let report = apply_restore(&stage.api, &job, &plan, &to_the_end(), minute(), &notes).await;
            let what = format!("{node} {what}");
            let report = report.unwrap_or_else(|failure| panic!("{what}: {failure}"));
            assert_eq!((report.documents, report.complaint()), (20, None), "{what}: {report:?}");
            assert_eq!(report.outcome, Some(outcome), "{what}: {report:?}");
            assert_eq!((stage.front.injected(fault), stage.seen("POST").len() - before), (1, sent), "{what}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_looked_up_is_no_success() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.take(&["s"]).await;
        drop_index(&stage, &stage.index).await;
        let job = job(&stage);
        let plan = planned(&stage, &job).await;
        stage.strike("POST", "/_snapshot/*/*/_restore*", 1, Action::ForwardThenDrop);
        stage.front.inject(
            snapkeep_front::Fault::on("GET", "/_cluster/state/routing_table/*")
                .skip(1)
                .always()
                .then(Action::status(403, "")),
        );
        let lost = apply_restore(&stage.api, &job, &plan, &to_the_end(), minute(), &snapkeep_engine::Silent).await;
        let lost = lost.unwrap_err();
        assert_eq!(lost.code, Code::OutcomeUnknown, "{node}: {lost}");
        assert_eq!(stage.seen("POST").len(), 1, "{node}: sent once");
    }
}
