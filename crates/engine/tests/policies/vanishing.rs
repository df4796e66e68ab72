//! Snapshots that somebody else deletes while a look at them is under way.

use crate::world::{World, at, deleted, minutes, nodes, of, options, policies};
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{RunOptions, run};
use snapkeep_front::{Action, Fault, Gate};
use snapkeep_testbed::eventually;

const NOW: &str = "2026-03-10T03:05:00Z";
const OLDEST: [&str; 2] = ["nightly-20260201t030000z", "nightly-20260202t030000z"];

/// The look before the deletion reads the list, and then the details of what is to go, which by then is gone.
#[tokio::test]
async fn what_vanishes_between_a_list_and_its_details_is_gone() {
    for node in nodes() {
        let world = World::on(node).await;
        for day in 1..=9 {
            world.take_for("nightly", &format!("2026-02-0{day}T03:00:00Z")).await;
        }
        world.set_clock(at(NOW), 0);
        let mut nightly = world.settings("nightly");
        nightly.schedule = None;
        let gate = Gate::new();
        // Both at once, or, where a deletion takes one name, the first alone.
        let details = [OLDEST.join(","), OLDEST[0].to_owned()].map(|names| {
            let path = format!("/_snapshot/*/{names}");
            world.front.inject(Fault::on("GET", &path).first(1).then(Action::Hold(gate.clone())))
        });
        let options = RunOptions { apply: options(), only: vec![], at: at(NOW) };
        let policies = policies([nightly]);
        let running = run(&world.fleet, &policies, &options, minutes(2), &Silent);
        let meddling = async {
            eventually("the details are asked for", async || {
                details.iter().any(|held| world.front.injected(*held) > 0).then_some(())
            })
            .await;
            let (status, answer) = world.node.delete(&world.path(OLDEST[0])).await;
            assert_eq!(status, 200, "{answer}");
            gate.open();
        };
        let (report, ()) = tokio::join!(running, meddling);
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        let nightly = of(&report, "nightly");
        assert_eq!(deleted(nightly), OLDEST[1..], "{node}: {report:?}");
        let gone = nightly.skipped.iter().find(|skipped| skipped.what.as_deref() == Some(OLDEST[0]));
        assert!(gone.is_some_and(|gone| gone.why.contains("was gone before")), "{node}: {report:?}");
        assert_eq!(world.snapshots().await.len(), 7, "{node}");
        world.assert_deletes_are_exact();
    }
}
