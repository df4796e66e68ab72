//! The table of features, asked of real nodes.

use crate::stage::{Stage, done, name, nodes, soon};
use serde_json::{Value, json};
use snapkeep_cluster::{Feature, Kind, Written};

/// Whether the node has the feature; `None` if that cannot be asked here.
async fn has(stage: &Stage, feature: Feature) -> Option<bool> {
    let repository = stage.repository.as_str();
    let lists = async |query: &str| stage.node.get(&format!("/_snapshot/{repository}/_all?{query}")).await.0 == 200;
    match feature {
        Feature::Verbose => Some(lists("verbose=false").await),
        Feature::Paging => Some(lists("size=1&sort=name&order=asc").await),
        Feature::IndexDetails => Some(lists("index_details=true").await),
        Feature::ClusterManagerTimeout => Some(lists("cluster_manager_timeout=30s").await),
        // Older versions take them and say nothing: it shows in what they tell of the snapshot.
        Feature::Metadata => Some(shown(stage, "metadata").await.is_object()),
        Feature::FeatureStates => Some(shown(stage, "feature_states").await.is_array()),
        Feature::ClosedIndices => Some(takes_closed(stage).await),
        Feature::Cleanup => Some(matches!(stage.cleanup(&stage.repository).await, Written::Done(_))),
        Feature::Clone => {
            let (source, target) = (name("one"), name("cloned"));
            Some(matches!(
                stage.api.clone_snapshot(&stage.repository, &source, &target, &[], soon()).await,
                Written::Done(())
            ))
        }
        Feature::MultiDelete => {
            stage.snapshot("two", &json!({})).await;
            stage.snapshot("three", &json!({})).await;
            let two = [name("two"), name("three")];
            Some(matches!(stage.api.delete(&stage.repository, &two, soon()).await, Written::Done(())))
        }
        Feature::ConcurrentOperations => Some(takes_two(stage).await),
        Feature::StorageType => Some(restores(stage, json!({"storage_type": "local"})).await),
        Feature::RenameAliases => Some(restores(stage, json!({"rename_alias_pattern": "a"})).await),
        // Its module is not in these builds.
        Feature::VerifyIntegrity => None,
    }
}

async fn shown(stage: &Stage, field: &str) -> Value {
    let (_, body) = stage.node.get(&format!("/_snapshot/{}/one", stage.repository)).await;
    body["snapshots"][0][field].clone()
}

/// A parameter that is known gets as far as the snapshot, which is not there.
async fn restores(stage: &Stage, body: Value) -> bool {
    let path = format!("/_snapshot/{}/never-made/_restore", stage.repository);
    let (_, answer) = stage.node.post(&path, body).await;
    let reason = answer["error"]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("Unknown parameter") || reason.contains("does not exist"), "{answer}");
    reason.contains("does not exist")
}

/// Whether a snapshot of a closed index is a good one.
async fn takes_closed(stage: &Stage) -> bool {
    let closed = format!("{}-closed", stage.index);
    stage.node.load_documents(&closed, 5).await;
    let (status, answer) = stage.node.post(&format!("/{closed}/_close"), Value::Null).await;
    assert_eq!(status, 200, "{}: {answer}", stage.node.name);
    let path = format!("/_snapshot/{}/of-closed?wait_for_completion=true", stage.repository);
    let (_, answer) = stage.node.put(&path, json!({"indices": closed, "include_global_state": false})).await;
    let found = stage.api.indices(&stage.product, soon()).await.unwrap();
    let named: Vec<_> = found.into_iter().filter(|facts| facts.index.closed).map(|facts| facts.index.name).collect();
    assert_eq!(named.contains(&closed), !stage.product.has(Feature::ClosedIndices), "{}: {named:?}", stage.node.name);
    assert!(!named.contains(&stage.index), "{}: {named:?}", stage.node.name);
    answer["snapshot"]["state"] == "SUCCESS"
}

async fn takes_two(stage: &Stage) -> bool {
    let (slow, heavy) = stage.slow().await;
    let body = json!({ "indices": heavy });
    done(stage.api.create(&slow, &name("first"), Some(&body), soon()).await);
    let second = stage.api.create(&slow, &name("second"), Some(&body), soon()).await;
    let accepted = match &second {
        Written::Done(()) => true,
        Written::Refused(refusal) if refusal.kind == Kind::Busy => false,
        other => panic!("{}: {other:?}", stage.node.name),
    };
    for begun in ["first", "second"].into_iter().take(if accepted { 2 } else { 1 }) {
        done(stage.api.delete(&slow, &[name(begun)], soon()).await);
    }
    accepted
}

#[tokio::test]
async fn the_table_says_what_the_nodes_can_do() {
    for node in nodes() {
        let stage = Stage::on(node).await;
        stage.snapshot("one", &json!({"metadata": {"k": "v"}})).await;
        for &feature in Feature::ALL {
            if let Some(found) = has(&stage, feature).await {
                assert_eq!(stage.product.has(feature), found, "{}: {feature}", node.name);
            }
        }
    }
}
