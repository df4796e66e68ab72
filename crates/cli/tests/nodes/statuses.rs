//! Every command, met by every refusal that a proxy, a front or an overloaded cluster gives, before and after the server's
//! effect. What each case must show: the effect is there once or not at all, the exit says which, and the error says what
//! to do next.

use crate::verbs::{VERBS, Verb};
use crate::world::{World, own_node};
use snapkeep_front::{Action, Fault};
use snapkeep_testbed::{NodeHandle, Testbed};
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

/// Cases that run side by side: most of their time is waiting.
const AT_ONCE: usize = 8;

/// A status, the words that come with it, and how it is told in a case's name.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    name: &'static str,
    status: u16,
    content_type: &'static str,
    body: &'static str,
}

const HTML: &str = "<html><head><title>no</title></head><body><h1>canary-page</h1></body></html>";

const REFUSALS: [Refusal; 6] = [
    Refusal { name: "429", status: 429, content_type: "application/json", body: r#"{"message":"Too Many Requests"}"# },
    Refusal { name: "429 of a proxy", status: 429, content_type: "text/html", body: HTML },
    Refusal {
        name: "403 that throttles",
        status: 403,
        content_type: "application/json",
        body: r#"{"message":"Rate exceeded"}"#,
    },
    Refusal { name: "502", status: 502, content_type: "text/html", body: HTML },
    Refusal { name: "503", status: 503, content_type: "text/html", body: HTML },
    Refusal { name: "504", status: 504, content_type: "text/html", body: HTML },
];

/// When the refusal comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    /// The server has seen nothing.
    Before,
    /// The server has done it.
    After,
}

/// How often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// Once; what is sent then passes.
    Once,
    /// Each time.
    Always,
}

impl Times {
    /// What passes after a moment gets the time it needs; what never does ends with its time.
    fn time(self) -> &'static str {
        match self {
            Self::Once => "90s",
            Self::Always => "4s",
        }
    }
}

impl Refusal {
    fn action(self, timing: Timing) -> Action {
        let headers = vec![("Content-Type".to_owned(), self.content_type.to_owned())];
        let (code, body) = (self.status, self.body.into());
        match timing {
            Timing::Before => Action::Status { code, headers, body },
            Timing::After => Action::ForwardThenStatus { code, headers, body },
        }
    }
}

/// One case on a world of its own; what is wrong with it, if anything is.
async fn case(
    node: &'static NodeHandle,
    verb: &'static Verb,
    refusal: Refusal,
    timing: Timing,
    times: Times,
) -> Option<String> {
    let world = World::before(node, verb).await;
    let (method, path) = verb.strikes;
    let pattern = Fault::on(method, &path.replace("REPOSITORY", &world.repository));
    let pattern = if times == Times::Once { pattern.first(1) } else { pattern.always() };
    let fault = world.front.inject(pattern.then(refusal.action(timing)));
    let ran = world.run(&(verb.arguments)(&world), times.time()).await;
    let mut wrong = String::new();
    if world.front.injected(fault) == 0 {
        let _ = write!(wrong, " the fault never struck;");
    }
    if ran.everything().contains("canary-page") || ran.stderr.contains("panicked") {
        let _ = write!(wrong, " what a proxy wrote is shown, or a panic;");
    }
    let effect = (verb.effect)(&world).await;
    wrong.push_str(&judge(verb, timing, times, ran.exit, effect));
    if ran.exit != 0 {
        wrong.push_str(&ran.check_error());
    }
    let is_certain =
        !["as far as looking can tell", "still", "is not known"].iter().any(|word| ran.stderr.contains(word));
    if ran.exit == 1 && verb.is_write && timing == Timing::After && is_certain {
        wrong.push_str(" a failure, although it was carried out;");
    }
    (!wrong.is_empty()).then(|| {
        format!(
            "{} {} × {} × {timing:?} × {times:?}:{wrong} it wrote: {}",
            node.name,
            verb.name,
            refusal.name,
            ran.everything()
        )
    })
}

/// An exit of 0 means that the effect is there; a lost answer is not a failure, and not a success. `effect` counts it.
fn judge(verb: &Verb, timing: Timing, times: Times, exit: i32, effect: usize) -> String {
    let expected: &[i32] = match (times, timing, verb.is_write) {
        // What cannot be looked up and was possibly carried out is said to be unknown.
        (Times::Once, _, true) if !verb.is_seen => &[0, 15],
        (Times::Once, ..) => &[0],
        // 1 only with the word that a look found nothing: a request may still be on its way.
        (Times::Always, Timing::After, true) => &[0, 1, 15],
        (Times::Always, ..) => &[1, 15],
    };
    let mut wrong = String::new();
    if !expected.contains(&exit) {
        let _ = write!(wrong, " exit {exit}, not one of {expected:?};");
    }
    if exit == 0 && verb.is_seen && effect != 1 {
        let _ = write!(wrong, " a success, but the effect is there {effect} times;");
    }
    if effect > 1 {
        let _ = write!(wrong, " the effect is there {effect} times;");
    }
    wrong
}

async fn all_on(node: &'static NodeHandle, verbs: impl Iterator<Item = &'static Verb>, at_once: usize) {
    let mut cases = Vec::new();
    for verb in verbs {
        for refusal in REFUSALS {
            for timing in [Timing::Before, Timing::After] {
                cases.push((verb, refusal, timing, Times::Once));
            }
        }
        // That it stays down is the same for every status: one stands for all.
        for timing in [Timing::Before, Timing::After] {
            cases.push((verb, REFUSALS[4], timing, Times::Always));
        }
    }
    let count = cases.len();
    let gate = Arc::new(Semaphore::new(at_once));
    let mut running = JoinSet::new();
    let here = LocalSet::new();
    for (verb, refusal, timing, times) in cases {
        let gate = Arc::clone(&gate);
        let case = async move {
            let _permit = gate.acquire().await.unwrap();
            case(node, verb, refusal, timing, times).await
        };
        running.spawn_local_on(case, &here);
    }
    let found = here.run_until(running.join_all()).await;
    let wrong: Vec<String> = found.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// While a cleanup runs, a node takes no snapshot, and the other way round: nobody else may be there.
fn needs_the_node(verb: &Verb) -> bool {
    verb.name == "repo cleanup"
}

async fn all_but_cleanup_on(name: &str) {
    let verbs = VERBS.iter().filter(|verb| !needs_the_node(verb));
    all_on(Testbed::shared().node(name), verbs, AT_ONCE).await;
}

#[tokio::test]
async fn every_command_meets_every_refusal_on_opensearch() {
    all_but_cleanup_on("opensearch-3.3.0").await;
}

#[tokio::test]
async fn every_command_meets_every_refusal_on_elasticsearch() {
    all_but_cleanup_on("elasticsearch-7.17.28").await;
}

#[tokio::test]
async fn cleanup_meets_every_refusal_on_a_node_of_its_own() {
    let (_node, handle) = own_node("opensearch-3.3.0");
    all_on(handle, VERBS.iter().filter(|verb| needs_the_node(verb)), 1).await;
}
