//! Which product answers, on real nodes: also where it hides.

use crate::stage::{alone, api, nodes, soon};
use serde_json::json;
use snapkeep_cluster::{Flavour, Unanswered};
use snapkeep_front::{Action, Fault, Front};
use snapkeep_testbed::{NodeHandle, Product};

fn flavour(node: &NodeHandle) -> Flavour {
    match node.product {
        Product::Elasticsearch => Flavour::Elasticsearch,
        Product::OpenSearch => Flavour::OpenSearch,
    }
}

#[tokio::test]
async fn flavour_and_version_are_told() {
    for node in nodes() {
        let _alone = alone(node).await;
        let product = api(&node.url).product(soon()).await.unwrap();
        assert_eq!(product.flavour, flavour(node), "{}", node.name);
        assert_eq!(product.version.to_string(), node.version, "{}", node.name);
        assert_eq!(product.claimed, None, "{}", node.name);
        assert_eq!(product.cluster_name.as_deref(), Some("snapkeep-testbed"), "{}", node.name);
    }
}

/// `GET /`, `/_nodes` or both are forbidden: whatever is left tells. Without any, the first refusal is told.
#[tokio::test]
async fn what_is_forbidden_is_not_needed() {
    for node in nodes() {
        let _alone = alone(node).await;
        for hidden in [&["/"][..], &["/_nodes*"], &["/", "/_nodes*"]] {
            let front = Front::builder(&node.url).transparent().plain().start().await.unwrap();
            let faults: Vec<_> = hidden
                .iter()
                .map(|path| front.inject(Fault::on("GET", path).always().then(Action::status(403, "{}"))))
                .collect();
            let product = api(&front.url()).product(soon()).await.unwrap();
            assert_eq!(
                (product.flavour, product.version.to_string()),
                (flavour(node), node.version.clone()),
                "{hidden:?}"
            );
            assert!(faults.iter().all(|fault| front.injected(*fault) > 0), "{}: {hidden:?}", node.name);
        }
        let front = Front::builder(&node.url).transparent().plain().start().await.unwrap();
        let fault = front.inject(Fault::on("GET", "**").always().then(Action::status(403, r#"{"message":"no"}"#)));
        let unanswered = api(&front.url()).product(soon()).await.unwrap_err();
        assert!(matches!(&unanswered, Unanswered::Refused(refusal) if refusal.reason == "no"), "{unanswered:?}");
        assert_eq!(front.injected(fault), 3, "{}", node.name);
    }
}

/// OpenSearch 1.x and 2.x say that they are 7.10.2 if they are told to.
#[tokio::test]
async fn a_faked_version_is_seen_through() {
    for node in nodes().into_iter().filter(|node| node.product == Product::OpenSearch && node.major < 3) {
        let _alone = alone(node).await;
        let setting = |value| json!({"persistent": {"compatibility.override_main_response_version": value}});
        let (status, answer) = node.put("/_cluster/settings", setting(Some(true))).await;
        assert_eq!(status, 200, "{answer}");
        let (_, root) = node.get("/").await;
        let product = api(&node.url).product(soon()).await;
        let (status, _) = node.put("/_cluster/settings", setting(None)).await;
        assert_eq!(status, 200, "{}", node.name);

        assert_eq!(root["version"]["number"], "7.10.2", "{}: {root}", node.name);
        let product = product.unwrap();
        assert_eq!((product.flavour, product.version.to_string()), (Flavour::OpenSearch, node.version.clone()));
        assert_eq!(product.claimed.map(|claimed| claimed.to_string()).as_deref(), Some("7.10.2"), "{root}");
    }
}
