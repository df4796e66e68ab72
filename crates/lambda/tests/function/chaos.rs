//! Seeded histories of mixed faults: whatever meets an event on its way, and however often it is
//! delivered, it ends in exactly one snapshot, and nothing claims a success that is none.

use crate::stage::{Stage, invocation};
use serde_json::{Value, json};
use snapkeep_core::Code;
use snapkeep_front::{Action, Fault, Which};
use std::time::Duration;

/// Histories in a run; each has its own request id and some faults.
const HISTORIES: u64 = 24;

/// Deliveries until the faults have had their day: the last one meets none.
const DELIVERIES: usize = 4;

/// A small generator: the same seed is the same history.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn action(seeded: &mut Seeded) -> Action {
    let code = [429, 500, 502, 503, 504][usize::try_from(seeded.below(5)).unwrap()];
    match seeded.below(8) {
        0 => Action::DropBefore,
        1 => Action::ForwardThenDrop,
        2 => Action::CutAt(usize::try_from(seeded.below(400)).unwrap()),
        3 => Action::status(code, "<html>"),
        4 => Action::ForwardThenStatus { code, headers: vec![], body: "<html>".into() },
        5 => Action::Duplicate {
            concurrent: seeded.below(2) == 0,
            answer: [Which::First, Which::Last][usize::try_from(seeded.below(2)).unwrap()],
        },
        6 => Action::DelayAnswer(Duration::from_millis(seeded.below(300))),
        _ => Action::ReplaceBody(["<html>Sign in</html>", "{}"][usize::try_from(seeded.below(2)).unwrap()].into()),
    }
}

fn inject(stage: &Stage, seeded: &mut Seeded) -> Vec<snapkeep_front::FaultId> {
    let faults = 1 + seeded.below(3);
    (0..faults)
        .map(|_| {
            let method = ["PUT", "GET", "*"][usize::try_from(seeded.below(3)).unwrap()];
            let glob = ["/_snapshot/*/*", "/_snapshot/**"][usize::try_from(seeded.below(2)).unwrap()];
            let pattern = Fault::on(method, glob).skip(seeded.below(3)).first(1 + seeded.below(6));
            stage.front.inject(pattern.then(action(seeded)))
        })
        .collect()
}

/// One event and its deliveries; returns the name that a success gave.
async fn history(stage: &Stage, event: &Value, seed: u64) -> (String, u64) {
    let mut seeded = Seeded(seed);
    let faults = inject(stage, &mut seeded);
    let mut delivery = invocation(&format!("{seed:08x}-0000-4000-8000-000000000000"));
    let mut injected = 0;
    for number in 1..=DELIVERIES {
        if number == DELIVERIES {
            injected = faults.iter().map(|&fault| stage.front.injected(fault)).sum();
            stage.front.clear_faults();
        }
        match stage.function().handle(&event.to_string(), &delivery).await {
            Ok(answer) => {
                injected = injected.max(faults.iter().map(|&fault| stage.front.injected(fault)).sum());
                stage.front.clear_faults();
                return (crate::stage::report(answer).snapshot.unwrap(), injected);
            }
            Err(failure) => {
                let expected = [
                    Code::ClusterUnavailable,
                    Code::OutcomeUnknown,
                    Code::SnapshotFailed,
                    Code::RepositoryVerificationFailed,
                ];
                assert!(expected.contains(&failure.code), "seed {seed}: {failure}");
            }
        }
        delivery.now = jiff::Timestamp::now();
    }
    panic!("seed {seed}: no delivery succeeded, not even without faults");
}

#[tokio::test]
async fn any_mixture_of_faults_ends_in_exactly_one_snapshot() {
    let stage = Stage::new().await;
    let index = stage.bed.unique("small");
    stage.node.load_documents(&index, 5).await;
    let event = stage.event_with(&json!({"Indices": [index]}));
    let mut names = Vec::new();
    let mut injected = 0;
    for seed in 1..=HISTORIES {
        let (name, faults) = history(&stage, &event, seed).await;
        stage.until_success(&name).await;
        injected += faults;
        names.push(name);
        names.sort();
        assert_eq!(sorted(stage.snapshots().await), names, "seed {seed}");
    }
    assert!(injected > HISTORIES, "{injected} faults were injected");
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
