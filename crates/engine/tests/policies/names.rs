//! No write of a run ever holds a wildcard: what a policy selects is expanded here, and nothing but what was planned is
//! sent. The front, which sees every request, says so.

use crate::world::{Policies, World, minutes, nodes, policies};
use serde_json::{Value, json};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::plan::{Options, Plan};
use snapkeep_core::selection::Selection;
use snapkeep_engine::Silent;
use snapkeep_engine::policies::{decide, gather};
use snapkeep_front::{Action, Fault, Seen};
use std::collections::BTreeSet;

const NOW: &str = "2026-03-10T03:05:00Z";

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

async fn planned(world: &World, policies: &Policies) -> Plan {
    let now = NOW.parse().unwrap();
    world.set_clock(now, 0);
    let gathered = gather(&world.fleet, policies, &[], now, minutes(1), &Silent).await;
    decide(policies, &gathered, &[], &Options::default(), now)
}

/// What the run sent that changes anything.
fn writes(world: &World) -> Vec<Seen> {
    world.front.requests().into_iter().filter(|seen| !["GET", "HEAD"].contains(&seen.method.as_str())).collect()
}

/// Neither `*` nor `_all` anywhere, nor a list that the server would take for a pattern.
fn assert_explicit(seen: &Seen) {
    let text = format!("{} {}", seen.path_and_query, String::from_utf8_lossy(&seen.body));
    assert!(!text.contains(['*', '?', '<', '%']) && !text.contains("_all"), "{text}");
    if seen.method == "PUT" {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let names = body["indices"].as_array().unwrap();
        assert!(!names.is_empty(), "an empty list would be all: {body}");
        for name in names.iter().map(|name| name.as_str().unwrap()) {
            assert!(!name.contains([',', ' ']) && !name.starts_with(['-', '+', '_']), "{body}");
        }
    }
}

/// Each write is a step of the plan, or several deletions of it: by these very names, each once.
fn assert_planned(repository: &RepositoryName, plan: &Plan, seen: &Seen) {
    let target = seen.path_and_query.strip_prefix(&format!("/_snapshot/{repository}/")).unwrap();
    match seen.method.as_str() {
        "PUT" => {
            let create = plan.creates().find(|create| create.snapshot == target).unwrap();
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            assert_eq!(body["indices"], json!(create.indices), "{target}");
        }
        "DELETE" => {
            let names: Vec<&str> = target.split(',').collect();
            let planned: BTreeSet<&str> = plan.deletes().map(|delete| delete.snapshot.as_str()).collect();
            let distinct: BTreeSet<&str> = names.iter().copied().collect();
            assert!(distinct.is_subset(&planned) && distinct.len() == names.len(), "{target} of {planned:?}");
        }
        other => panic!("{other} {target}"),
    }
}

/// By pattern and by alias, with an exclusion, while the answers to the first writes are lost.
#[tokio::test]
async fn what_is_sent_is_what_was_planned_by_its_names() {
    for node in nodes() {
        let world = World::on(node).await;
        let index = &world.index;
        for more in ["-2026.03", "-old", "-other"] {
            world.node.load_documents(&format!("{index}{more}"), 3).await;
        }
        let alias =
            json!({"actions": [{"add": {"index": format!("{index}-other"), "alias": format!("{index}-alias")}}]});
        assert_eq!(world.node.post("/_aliases", alias).await.0, 200, "{node}");
        let mut nightly = world.settings("nightly");
        let (include, exclude) = (patterns(&[format!("{index}*")]), patterns(&["*-old".to_owned()]));
        nightly.indices = Selection { include, exclude, ..Selection::default() };
        let mut weekly = world.settings("weekly");
        weekly.indices = Selection { aliases: patterns(&[format!("{index}-al*")]), ..Selection::default() };
        let policies = policies([nightly, weekly]);
        for day in 10..=21 {
            world.take_for("nightly", &format!("2026-02-{day}T03:00:00Z")).await;
            world.take_for("weekly", &format!("2026-02-{day}T03:00:00Z")).await;
        }
        let plan = planned(&world, &policies).await;
        assert_eq!((plan.creates().count(), plan.deletes().count()), (2, 10), "{node}");
        let chosen: Vec<&[String]> = plan.creates().map(|create| create.indices.as_slice()).collect();
        let whole = [index.clone(), format!("{index}-2026.03"), format!("{index}-other")];
        assert_eq!(chosen, [&whole[..], &whole[2..]], "{node}");

        let faults = ["PUT", "DELETE"]
            .map(|method| world.front.inject(Fault::on(method, "/**").first(1).then(Action::ForwardThenDrop)));
        let report = world.run(&policies, NOW).await;
        assert_eq!(report.verdict(), Ok(()), "{node}: {report:?}");
        assert_eq!(faults.map(|fault| world.front.injected(fault)), [1, 1], "{node}");
        let writes = writes(&world);
        for seen in &writes {
            assert_explicit(seen);
            assert_planned(&world.repository, &plan, seen);
        }
        let of = |method: &str| writes.iter().filter(|seen| seen.method == method).count();
        assert!(of("PUT") >= 2 && of("DELETE") >= 1, "{node}: {writes:?}");
        assert_eq!(world.snapshots().await.len(), 24 - 10 + 2, "{node}");
    }
}

/// Without any selection a policy takes everything: by name as well.
#[tokio::test]
async fn everything_is_sent_by_its_names() {
    for node in nodes() {
        let world = World::on(node).await;
        let mut nightly = world.settings("nightly");
        nightly.indices = Selection::default();
        // Nobody wants a snapshot of all that other tests have there.
        let refusal = r#"{"error":{"type":"security_exception","reason":"no permissions"},"status":403}"#;
        let refused = world.front.inject(Fault::on("PUT", "/**").always().then(Action::status(403, refusal)));
        let report = world.run(&policies([nightly]), NOW).await;
        assert!(report.verdict().is_err() && world.front.injected(refused) > 0, "{node}: {report:?}");
        for seen in writes(&world) {
            assert_explicit(&seen);
            assert!(String::from_utf8_lossy(&seen.body).contains(&format!("\"{}\"", world.index)), "{node}");
        }
    }
}
