//! What a daemon is told, and what it shows.

use crate::world::{Daemon, World, get, status};
use serde_json::{Value, json};
use snapkeep_daemon::Order;
use snapkeep_front::{Action, Fault, Gate};
use snapkeep_testbed::{eventually, release};
use std::collections::BTreeSet;

/// Hours from any slot: the latest is years ago, the next years away.
const NEVER: &str = "0 3 29 2 *";

fn names(status: &Value) -> BTreeSet<&str> {
    status["policies"].as_array().unwrap().iter().map(|policy| policy["policy"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn it_reads_its_configuration_again_and_refuses_one_that_is_not_valid() {
    let world = World::on(release::REQUIRED[0]).await;
    let source = world.source([world.policy("nightly", NEVER, 3)]);
    let daemon = Daemon::real().await;
    let (address, orders) = (daemon.address, daemon.orders.clone());
    let told = async {
        let ready = async || (get(address, "/readyz").await.0 == 200).then_some(());
        eventually("it is ready", ready).await;
        assert_eq!(names(&status(address).await), BTreeSet::from(["nightly"]));
        source.spoil();
        orders.send(Order::Reload).await.unwrap();
        let refused =
            async || Some(status(address).await).filter(|status| !status["configuration"]["refused"].is_null());
        let after = eventually("it refuses what is not valid", refused).await;
        assert_eq!(after["configuration"]["refused"]["failure"]["code"], "bad_config", "{after}");
        assert_eq!(names(&after), BTreeSet::from(["nightly"]), "the one before stays");
        let (_, page) = get(address, "/").await;
        assert!(page.contains("A changed configuration was refused") && page.contains("unknown key"), "{page}");
        source.write([world.policy("hourly", NEVER, 3), world.policy("nightly", NEVER, 3)]);
        orders.send(Order::Reload).await.unwrap();
        let both = async || (names(&status(address).await).len() == 2).then_some(());
        eventually("it has both", both).await;
        assert_eq!(status(address).await["configuration"]["refused"], Value::Null);
        eventually("it is ready again", ready).await;
        orders.send(Order::Stop).await.unwrap();
    };
    tokio::join!(daemon.serve(&source), told);
    let due = world.states().await;
    assert_eq!(due.len(), 2, "each took the slot that it found due: {due:?}");
}

#[tokio::test]
async fn a_run_that_is_under_way_may_end_when_it_is_stopped() {
    let world = World::on(release::REQUIRED[0]).await;
    let source = world.source([world.policy("nightly", NEVER, 3)]);
    let daemon = Daemon::real().await;
    let (address, orders) = (daemon.address, daemon.orders.clone());
    let gate = Gate::new();
    let create = Fault::on("PUT", "/_snapshot/*/nightly-*").first(1).then(Action::Hold(gate.clone()));
    let fault = world.front.inject(create);
    let told = async {
        eventually("it takes its snapshot", async || (world.front.injected(fault) > 0).then_some(())).await;
        assert_eq!(status(address).await["policies"][0]["run_under_way"], json!(true));
        orders.send(Order::Stop).await.unwrap();
        let stopping = async || (get(address, "/readyz").await == (503, "stopping\n".to_owned())).then_some(());
        eventually("it says that it stops", stopping).await;
        gate.open();
    };
    tokio::join!(daemon.serve(&source), told);
    let states = world.states().await;
    assert_eq!(states.values().collect::<Vec<_>>(), ["SUCCESS"], "followed to its end: {states:?}");
}

#[tokio::test]
async fn it_shows_what_is_and_what_comes_next_and_takes_no_orders_over_http() {
    let world = World::on(release::REQUIRED[0]).await;
    let source = world.source([world.policy("nightly", NEVER, 3)]);
    let daemon = Daemon::real().await;
    let (address, orders) = (daemon.address, daemon.orders.clone());
    let told = async {
        let good = async || Some(status(address).await).filter(|status| status["policies"][0]["good"] == 1);
        let status = eventually("the snapshot is good", good).await;
        let policy = &status["policies"][0];
        assert!(policy["last_good"]["snapshot"].as_str().unwrap().starts_with("nightly-20"), "{status}");
        assert_eq!(status["clusters"], json!({"prod": null}), "{status}");
        let next = policy["next"]["creates"][0].as_str().unwrap();
        assert!(next.starts_with("nightly-20") && next.contains("0229t030000z"), "{status}");
        let (_, page) = get(address, "/").await;
        assert!(page.contains(policy["last_good"]["snapshot"].as_str().unwrap()) && page.contains(next), "{page}");
        let (code, metrics) = get(address, "/metrics").await;
        assert!(code == 200 && metrics == "clusters 1\n", "{metrics}");
        assert_eq!((get(address, "/healthz").await.0, get(address, "/nothing").await.0), (200, 404));
        orders.send(Order::Stop).await.unwrap();
    };
    tokio::join!(daemon.serve(&source), told);
}
