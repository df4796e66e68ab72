//! Healthy histories, made by chance from a seed, on real nodes: no false alarm at any point of them, and what is listed and
//! weighed is what the node says.
//!
//! `SNAPKEEP_HISTORIES` says how many there are, or which: `1000`, or the seeds `17..18`. They go to the nodes of the run in turn.

mod chance;
mod history;
mod steps;

use crate::stage::nodes;
use history::History;
use snapkeep_testbed::NodeHandle;
use std::ops::Range;

/// Of a run of every change, and of one over all versions.
const OFTEN: u64 = 24;
const MATRIX: u64 = 200;

fn seeds() -> Range<u64> {
    let number = |text: &str| text.trim().parse().expect("SNAPKEEP_HISTORIES is a number, or two such as 17..18");
    match std::env::var("SNAPKEEP_HISTORIES") {
        Ok(text) => match text.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&text),
        },
        Err(_) if std::env::var_os("SNAPKEEP_MATRIX").is_some() => 0..MATRIX,
        Err(_) => 0..OFTEN,
    }
}

fn on(node: &'static NodeHandle, seeds: Vec<u64>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for seed in seeds {
        runtime.block_on(async { History::new(node, seed).await.run().await });
    }
}

#[test]
fn healthy_histories_raise_no_alarm() {
    let nodes: Vec<&'static NodeHandle> = nodes().collect();
    let of = |place: usize| seeds().filter(|seed| *seed % nodes.len() as u64 == place as u64).collect();
    std::thread::scope(|scope| {
        for (place, node) in nodes.iter().enumerate() {
            let seeds = of(place);
            scope.spawn(move || on(node, seeds));
        }
    });
}
