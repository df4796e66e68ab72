//! An index whose block refuses all questions about it, and with it all questions about all indices.

use crate::one_at_a_time::own_node;
use crate::world::{World, created, including, of, policies};
use serde_json::json;
use snapkeep_testbed::{Testbed, release};

const NOW: &str = "2026-03-10T03:05:00Z";
const NEXT: &str = "2026-03-11T03:05:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn one_blocked_index_leaves_the_rest_of_the_cluster_seen() {
    for release in release::of_this_run() {
        let name = release.name;
        let (_node, handle) = own_node(release);
        let world = World::of(Testbed::shared(), handle).await;
        let blocked = format!("{}-blocked", world.index);
        world.node.load_documents(&blocked, 20).await;
        let block = json!({"index.blocks.metadata": true});
        let (status, answer) = world.node.put(&format!("/{blocked}/_settings"), block).await;
        assert_eq!(status, 200, "{name}: {answer}");
        let report = world.run(&policies([world.settings("nightly")]), NOW).await;
        assert_eq!(report.verdict(), Ok(()), "{name}: {report:?}");
        assert_eq!(created(of(&report, "nightly")), ["nightly-20260310t030000z"], "{name}: {report:?}");

        // The blocked one itself is told, and snapshotted.
        let mut both = world.settings("nightly");
        both.indices = including(&format!("{}*", world.index));
        let report = world.run(&policies([both]), NEXT).await;
        assert_eq!(report.verdict(), Ok(()), "{name}: {report:?}");
        let warnings = &of(&report, "nightly").warnings;
        assert!(warnings.iter().any(|warning| warning.contains(&blocked)), "{name}: {report:?}");
    }
}
