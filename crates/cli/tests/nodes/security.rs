//! Basic authentication and API keys, against Elasticsearch's own security module.

use crate::world::{Ran, World};
use serde_json::{Value, json};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Node, NodeHandle, NodeOptions, PASSWORD, Release, USER, release};

/// Versions whose distributions have the module.
const SECURED: [&str; 3] = ["elasticsearch-7.17.28", "elasticsearch-8.19.0", "elasticsearch-9.2.0"];

fn start(name: &str) -> Node {
    let release = Release::named(name).unwrap();
    Node::start(release, &NodeOptions { secured: true, ..NodeOptions::default() }, &Quiet).unwrap()
}

/// An API key in its encoded form, with these rights on the cluster.
async fn api_key(node: &NodeHandle, name: &str, rights: &[&str]) -> String {
    let indices = json!([{ "names": ["*"], "privileges": ["monitor", "view_index_metadata"] }]);
    let body = json!({ "name": name, "role_descriptors": { "keeper": { "cluster": rights, "index": indices } } });
    let (status, answer) = node.post("/_security/api_key", body).await;
    assert_eq!(status, 200, "{answer}");
    answer["encoded"].as_str().unwrap().to_owned()
}

async fn run(world: &World, environment: &[(&str, &str)], line: &str) -> Ran {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let ran = world.as_identity(environment, &words).await;
    for (name, secret) in
        environment.iter().filter(|(name, _)| *name != "SNAPKEEP_AUTH" && *name != "SNAPKEEP_USERNAME")
    {
        assert!(!ran.everything().contains(secret), "`{line}` shows {name}");
    }
    ran
}

/// Registers, takes, lists and deletes as this identity.
async fn whole_job(world: &World, environment: &[(&str, &str)]) {
    let register = format!("repo register {} --type fs --setting location={}", world.repository, world.location());
    for line in [register.as_str(), "create one", "create two", "list", "status", "delete one --yes"] {
        let ran = run(world, environment, line).await;
        assert_eq!(ran.exit, 0, "{} `{line}`: {}", world.node.name, ran.everything());
    }
    assert_eq!(world.snapshots().await, ["two"], "{}", world.node.name);
}

async fn refused(world: &World, environment: &[(&str, &str)], line: &str, exit: i32, code: &str) -> Value {
    let ran = run(world, environment, line).await;
    assert_eq!(
        (ran.exit, ran.check_error().as_str()),
        (exit, ""),
        "{} `{line}`: {}",
        world.node.name,
        ran.everything()
    );
    let error: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["code"], code, "{} `{line}`: {error}", world.node.name);
    error
}

async fn identities_on(name: &str) {
    let node = start(name);
    let handle: &'static NodeHandle = Box::leak(Box::new(NodeHandle::of(&node)));
    let world = World::on(handle).await;
    handle.load_documents("books", 3).await;

    let basic = [("SNAPKEEP_AUTH", "basic"), ("SNAPKEEP_USERNAME", USER), ("SNAPKEEP_PASSWORD", PASSWORD)];
    whole_job(&world, &basic).await;

    let key = api_key(handle, "keeper", &["manage"]).await;
    let world = World::on(handle).await;
    whole_job(&world, &[("SNAPKEEP_AUTH", "api-key"), ("SNAPKEEP_API_KEY", &key)]).await;
    // Without being told: a key is there, so it is used.
    assert_eq!(run(&world, &[("SNAPKEEP_API_KEY", &key)], "list").await.exit, 0, "{name}");

    let wrong = [("SNAPKEEP_AUTH", "basic"), ("SNAPKEEP_USERNAME", USER), ("SNAPKEEP_PASSWORD", "canary-wrong")];
    refused(&world, &wrong, "list", 12, "access_denied").await;
    refused(&world, &[("SNAPKEEP_AUTH", "none")], "list", 12, "access_denied").await;
    let weak = api_key(handle, "onlooker", &["monitor"]).await;
    let weak = [("SNAPKEEP_AUTH", "api-key"), ("SNAPKEEP_API_KEY", weak.as_str())];
    let error = refused(&world, &weak, "create three", 12, "access_denied").await;
    assert!(error["cause"].as_str().unwrap().contains("cluster:admin/snapshot"), "{name}: {error}");
    assert_eq!(world.snapshots().await, ["two"], "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_authentication_and_api_keys() {
    for release in release::of_this_run().iter().filter(|release| SECURED.contains(&release.name)) {
        identities_on(release.name).await;
    }
}
