//! A leap too far is refused by the plan, with the way out.

use crate::world::World;
use snapkeep_core::Code;
use snapkeep_testbed::release;

const LEAPS: [(&str, &str, &str); 3] = [
    ("opensearch-1.3.20", "opensearch-3.3.0", "OpenSearch 2.x"),
    ("elasticsearch-7.17.28", "elasticsearch-9.2.0", "Elasticsearch 8.x"),
    ("elasticsearch-7.17.28", "opensearch-3.3.0", "_reindex"),
];

#[tokio::test]
async fn a_leap_too_far_is_refused_with_the_way_out() {
    let is_of_run = |name: &str| release::of_this_run().iter().any(|release| release.name == name);
    for (source, target, way_out) in LEAPS {
        if !is_of_run(source) || !is_of_run(target) {
            eprintln!("{source} to {target}: not of this run");
            continue;
        }
        let world = World::of((source, target)).await;
        world.source.load_documents(&world.index, 3).await;
        world.take("s", &world.index).await;
        let plan = world.planned(&world.job()).await;
        let refused = plan.complaint().unwrap();
        assert_eq!(refused.code, Code::Unsupported, "{source} to {target}: {refused}");
        assert!(refused.hint.contains(way_out), "{source} to {target}: {}", refused.hint);
        let unapplied = world.applied(&world.job(), &plan).await.unwrap_err();
        assert_eq!((unapplied.code, world.written().len()), (Code::Unsupported, 0), "{unapplied}");
    }
}
