//! Snapshots that were begun while the server's clock was ten years off, once it is right again.

use crate::world::{World, deleted, nodes, of, policies};
use snapkeep_core::period::Period;
use snapkeep_core::retention::{Count, Keep};

const NOW: &str = "2026-03-10T03:05:00Z";

#[tokio::test]
async fn a_snapshot_from_the_future_counts_for_nothing_and_stays() {
    for node in nodes() {
        let world = World::on(node).await;
        world.take_for("nightly", "2016-03-10T03:00:00Z").await;
        let good = ["2026-03-07", "2026-03-08", "2026-03-09"];
        let mut names = Vec::new();
        for day in good {
            names.push(world.take_for("nightly", &format!("{day}T03:00:00Z")).await);
        }
        let future = world.take_for("nightly", "2036-03-10T03:00:00Z").await;
        let mut nightly = world.settings("nightly");
        let max_age = Some(Period::parse("30d").unwrap());
        nightly.keep = Some(Keep { last: Some(Count::Of(2)), max_age, ..Keep::default() });
        let policies = policies([nightly]);
        let report = world.run(&policies, NOW).await;
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        // Were the one from 2036 the newest, 8 March would be the third.
        assert_eq!(deleted(of(&report, "nightly")), ["nightly-20160310t030000z", &names[0]], "{node}: {report:?}");
        let left = [names[1].clone(), names[2].clone(), "nightly-20260310t030000z".to_owned(), future];
        assert_eq!(world.snapshots().await, left, "{node}");
        world.assert_deletes_are_exact();
    }
}
