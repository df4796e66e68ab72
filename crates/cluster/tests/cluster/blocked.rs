//! What is told of indices while one of them is blocked for all questions about it.

use crate::stage::{Stage, nodes, soon};
use serde_json::{Value, json};
use snapkeep_cluster::IndexFacts;

/// Those of the test.
async fn told(stage: &Stage) -> Vec<IndexFacts> {
    let found = stage.api.indices(&stage.product, soon()).await.unwrap();
    found.into_iter().filter(|facts| facts.index.name.starts_with(&stage.index)).collect()
}

async fn set(stage: &Stage, index: &str, settings: Value) {
    let (status, answer) = stage.node.put(&format!("/{index}/_settings"), settings).await;
    assert_eq!(status, 200, "{}: {answer}", stage.node.name);
}

#[tokio::test]
async fn one_blocked_index_hides_no_other() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        let (blocked, closed) = (format!("{}-blocked", stage.index), format!("{}-closed", stage.index));
        node.load_documents(&blocked, 1).await;
        node.load_documents(&closed, 1).await;
        assert_eq!(node.post(&format!("/{closed}/_close"), Value::Null).await.0, 200, "{}", node.name);
        let alias = json!({"actions": [{"add": {"index": stage.index, "alias": format!("{}-alias", stage.index)}}]});
        assert_eq!(node.post("/_aliases", alias).await.0, 200, "{}", node.name);
        set(&stage, &stage.index, json!({"index.blocks.read_only_allow_delete": true})).await;
        let mut before = told(&stage).await;
        set(&stage, &blocked, json!({"index.blocks.metadata": true})).await;
        let refused = node.get("/_all/_settings").await.0;
        let after = told(&stage).await;
        set(&stage, &blocked, json!({"index.blocks.metadata": null})).await;
        assert_eq!(refused, 403, "{}: the block hides all", node.name);
        assert_eq!(before.len(), 3, "{}: {before:?}", node.name);
        assert_eq!(before[0].index.aliases.len(), 1, "{}: {before:?}", node.name);
        before[1].blocks.push("metadata".to_owned());
        assert_eq!(after, before, "{}", node.name);
    }
}
