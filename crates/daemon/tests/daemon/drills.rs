//! A drill that did not pass: on the policy's card as long as it is the last one, and told once.

use crate::operator::Operator;
use crate::world::{Daemon, World, get, status};
use serde_json::json;
use snapkeep_core::drill::{Check, Drill};
use snapkeep_core::pattern::Pattern;
use snapkeep_core::policy::{Policy, Settings as PolicySettings};
use snapkeep_daemon::Order;
use snapkeep_front::{Action, Fault, Gate};
use snapkeep_testbed::{Testbed, eventually, release};

/// The index has twenty documents.
fn wants_more(policy: &Policy) -> Policy {
    let check = Check { index: Pattern::parse("*").unwrap(), query: None, at_least: Some(21), at_most: None };
    let drill = Drill { schedule: policy.schedule.clone(), checks: vec![check], ..Drill::default() };
    Policy::new(PolicySettings { drill: Some(drill), ..(**policy).clone() }).unwrap()
}

async fn on(node: &'static str) {
    let world = World::on(node).await;
    let name = Testbed::shared().unique("drilled");
    // Hours from any slot: one snapshot and one drill.
    let policy = wants_more(&world.policy(&name, "0 3 29 2 *", 3));
    let operator = Operator::new();
    let source = world.source([policy]).heard_by(&operator);
    for daemon_number in 0..2 {
        operator.begin_anew().await;
        let mut daemon = Daemon::real().await;
        daemon.settings.metrics = operator.metrics();
        let (address, orders) = (daemon.address, daemon.orders.clone());
        let place = format!("policy=\"{name}\",cluster=\"prod\",repository=\"{}\",outcome=\"ok\"", world.repository);
        let runs = async |times: u64| {
            let (_, metrics) = get(address, "/metrics").await;
            let line = metrics.lines().find(|line| line.starts_with(&format!("snapkeep_runs_total{{{place}}}")));
            let count = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
            count.is_some_and(|count| count >= times).then_some(())
        };
        let gate = Gate::new();
        let restore = Fault::on("POST", "/_snapshot/*/*/_restore").first(1).then(Action::Hold(gate.clone()));
        let held = world.front.inject(restore);
        let told = async {
            if daemon_number == 0 {
                eventually("it drills", async || (world.front.injected(held) > 0).then_some(())).await;
                // However long that takes, the policy has its turns meanwhile.
                orders.send(Order::Reload).await.unwrap();
                eventually("it runs beside its drill", async || runs(3).await).await;
            }
            gate.open();
            let drilled = async || {
                let status = status(address).await;
                let policy = &status["policies"][0];
                (!policy["last_drill"].is_null() && !policy["last_run"].is_null()).then(|| policy.clone())
            };
            let shown = eventually("its last drill is shown", drilled).await;
            assert_eq!(shown["last_drill"]["failure"]["code"], "restore_incomplete", "{shown}");
            assert_eq!(shown["last_run"]["failures"], json!([]), "what is shown is no matter of one run: {shown}");
            assert_eq!(shown["standing"], "failing", "{shown}");
            let (_, page) = get(address, "/").await;
            assert!(page.contains("<dt>Last drill</dt>") && page.contains("did not pass"), "{page}");
            assert!(page.contains("found 20") && page.contains("class=\"failing\""), "{page}");
            orders.send(Order::Reload).await.unwrap();
            eventually("it has run again", async || runs(if daemon_number == 0 { 4 } else { 2 }).await).await;
            let place = format!("policy=\"{name}\",cluster=\"prod\",repository=\"{}\"", world.repository);
            let line = format!("snapkeep_last_drill_passed{{{place}}} 0\n");
            let counted = async || get(address, "/metrics").await.1.contains(&line).then_some(());
            eventually("a run tells of the last drill", counted).await;
            orders.send(Order::Stop).await.unwrap();
        };
        tokio::join!(daemon.serve(&source), told);
    }
    let messages = operator.messages();
    assert_eq!(messages.len(), 1, "{node}: by two daemons and at least four runs: {messages:#?}");
    let message = &messages[0];
    assert_eq!((&message["event"], &message["policy"]), (&json!("failure"), &json!(name)), "{message}");
    assert_eq!(message["summary"], format!("{name} on prod: a drill did not pass"), "{message}");
    assert_eq!(message["code"], "restore_incomplete", "{message}");
    assert!(message["cause"].as_str().unwrap().contains("found 20"), "{message}");
}

#[tokio::test]
async fn a_drill_that_did_not_pass_is_on_the_card_and_told_once() {
    for node in release::REQUIRED {
        on(node).await;
    }
}
