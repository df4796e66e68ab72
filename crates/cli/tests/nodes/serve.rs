//! `snapkeep serve` as a supervisor starts it: a process, its signals, its page; beside others, and killed at each step.

use crate::running::{Runner, keeping_two};
use crate::world::{Ran, World};
use serde_json::{Value, json};
use snapkeep_front::{Action, Fault, Front, Gate};
use snapkeep_testbed::{NodeHandle, Testbed, eventually, release};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A daemon that is killed if nobody waits for its end.
pub(crate) struct Served {
    child: Option<Child>,
    /// What it listens on.
    address: String,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Served {
    /// Starts `snapkeep serve` with these words and waits until it listens.
    pub(crate) fn start(runner: &Runner, words: &str) -> Self {
        Self::with(runner, words, &[])
    }

    pub(crate) fn with(runner: &Runner, words: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(words.split_whitespace()).env_clear();
        command.envs(environment.iter().copied());
        command.current_dir(runner.directory()).env("HOME", runner.directory());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let address = first.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{first}"));
        let address = address.trim_end_matches('/').to_owned();
        let said = Arc::new(Mutex::new(first));
        let reader = std::thread::spawn({
            let said = Arc::clone(&said);
            move || {
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                    said.lock().unwrap().push_str(&line);
                    line.clear();
                }
            }
        });
        Self { child: Some(child), address, said, reader: Some(reader) }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), id]).status().unwrap().success());
    }

    /// All that it has said.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Its exit status, or the signal that ended it, and all that it has said.
    pub(crate) async fn end(mut self) -> (Option<i32>, String) {
        let mut child = self.child.take().unwrap();
        let reader = self.reader.take().unwrap();
        let status = tokio::task::spawn_blocking(move || {
            let status = child.wait().unwrap();
            reader.join().unwrap();
            status
        });
        (status.await.unwrap().code(), self.said())
    }

    /// Status and body of a page; nothing if nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    async fn status(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/status.json").await?.1).ok()
    }

    /// Waits until a run has ended that failed in nothing.
    pub(crate) async fn until_done(&self) {
        eventually("a run has ended well", async || {
            let status = self.status().await?;
            let policy = &status["policies"][0];
            let is_done = policy["run_under_way"] == false && policy["last_run"]["failures"] == json!([]);
            is_done.then_some(())
        })
        .await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Puts back what a daemon deletes and takes away what it takes: all anew, since the newest is the one that began last.
async fn begin_anew(world: &World, names: &[String]) {
    for name in world.snapshots().await {
        let (status, answer) = world.node.delete(&world.path(&format!("/{name}"))).await;
        assert_eq!(status, 200, "{answer}");
    }
    for name in &names[..3] {
        let slot = jiff::civil::DateTime::strptime("nightly-%Y%m%dt%H%M%Sz", name).unwrap();
        world.take_for("nightly", slot.in_tz("UTC").unwrap().timestamp(), &world.index).await;
    }
}

/// A daemon is struck at that request, is told to stop, and one after it ends the work. Whether it got through untouched.
async fn stopped_at(world: &World, runner: &Runner, names: &[String], request: u64, signal: &str) -> bool {
    let gate = Gate::new();
    let fault = Fault::on("*", "/**").skip(request).first(1).then(Action::Hold(gate.clone()));
    let fault = world.front.inject(fault);
    let daemon = Served::start(runner, "--grace 5s");
    let struck = eventually("it is struck, or done", async || {
        if world.front.injected(fault) > 0 {
            return Some(true);
        }
        let status = daemon.status().await?;
        (status["policies"][0]["last_run"] != Value::Null).then(|| world.front.injected(fault) > 0)
    })
    .await;
    daemon.signal(signal);
    gate.open();
    let (exit, said) = daemon.end().await;
    assert_eq!(exit, if signal == "TERM" { Some(0) } else { None }, "{said}");
    world.front.clear_faults();
    let next = Served::start(runner, "");
    next.until_done().await;
    let what = format!("{signal} at request {request}");
    eventually(&what, async || (world.snapshots().await == names[2..]).then_some(())).await;
    next.signal("INT");
    assert_eq!(next.end().await.0, Some(0), "{what}");
    !struck
}

async fn at_each_step(node: &'static NodeHandle, signal: &str) {
    let world = World::on(node).await;
    let (runner, names) = keeping_two(&world, &world.front.url(), 3).await;
    for request in 0.. {
        begin_anew(&world, &names).await;
        if stopped_at(&world, &runner, &names, request, signal).await {
            assert!(request > 20, "{}: {request}", node.name);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_that_is_killed_at_any_step_has_begun_is_gone_on_with() {
    let [first, second] = release::REQUIRED.map(|name| Testbed::shared().node(name));
    tokio::join!(at_each_step(first, "KILL"), at_each_step(second, "KILL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_stopped_at_any_step_ends_well_and_leaves_nothing_undone() {
    let [first, second] = release::REQUIRED.map(|name| Testbed::shared().node(name));
    tokio::join!(at_each_step(first, "TERM"), at_each_step(second, "TERM"));
}

/// A daemon, another one, and a tick of the Lambda function, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_and_the_lambda_take_one_snapshot_of_the_slot() {
    for release in release::of_this_run() {
        let world = World::on(Testbed::shared().node(release.name)).await;
        let (runner, names) = keeping_two(&world, &world.front.url(), 3).await;
        let daemons = [Served::start(&runner, ""), Served::start(&runner, "")];
        let tick = invoke(&runner).await;
        assert_eq!(tick.exit, 0, "{}: {}", release.name, tick.everything());
        for daemon in &daemons {
            daemon.until_done().await;
        }
        let both = async || (world.snapshots().await == names[2..]).then_some(());
        eventually("one of the slot, and two in all", both).await;
        let created = |seen: &&snapkeep_front::Seen| seen.method == "PUT" && seen.status_answered == Some(200);
        assert_eq!(world.front.requests().iter().filter(created).count(), 1, "{}", release.name);
    }
}

/// A tick, as `EventBridge` sends it.
async fn invoke(runner: &Runner) -> Ran {
    let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-03-10T03:00:00Z"});
    std::fs::write(runner.directory().join("event.json"), event.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
    command.args(["invoke", "event.json"]).env_clear().current_dir(runner.directory());
    command.env("SNAPKEEP_CONFIG", "snapkeep.yaml").stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap().into()
}

/// Stopped between the look that would have permitted its snapshot and the snapshot, until its slot is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_stopped_past_its_slot_takes_nothing_twice() {
    let nodes = release::REQUIRED.map(|name| Testbed::shared().node(name));
    tokio::join!(past_its_slot(nodes[0]), past_its_slot(nodes[1]));
}

async fn past_its_slot(node: &'static NodeHandle) {
    let world = World::on(node).await;
    world.register_with(&json!({})).await;
    world.node.load_documents(&world.index, 5).await;
    let policy = format!(
        "often: {{repository: {}, indices: ['{}*'], schedule: '*/2 * * * *', keep: {{last: 9}}, first_delete: allow}}",
        world.repository, world.index
    );
    let fronts = [front(node).await, front(node).await];
    let runners = [0, 1].map(|at| Runner::new(&fronts[at].url(), std::slice::from_ref(&policy)));
    crate::processes::early_in_a_slot().await;
    let gate = Gate::new();
    let look = Fault::on("PUT", "/_snapshot/*/often-*").first(1).then(Action::Hold(gate.clone()));
    let fault = fronts[0].inject(look);
    let paused = Served::start(&runners[0], "");
    eventually("it is about to begin", async || (fronts[0].injected(fault) > 0).then_some(())).await;
    paused.signal("STOP");
    let other = Served::start(&runners[1], "");
    other.until_done().await;
    crate::processes::next_slot().await;
    eventually("the next slot has its snapshot", async || (world.snapshots().await.len() == 2).then_some(())).await;
    // The request of the one that was stopped comes to the node only now.
    gate.open();
    paused.signal("CONT");
    let answered = async || {
        let late = fronts[0].requests().into_iter().find(|seen| seen.method == "PUT")?;
        late.status_answered
    };
    let status = eventually("it was answered", answered).await;
    assert!((400..500).contains(&status), "{}: {status}", node.name);
    let adopted = async || paused.status().await.filter(|status| status["policies"][0]["run_under_way"] == false);
    eventually("its run has ended", adopted).await;
    let names = world.snapshots().await;
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    let created = fronts.iter().flat_map(Front::requests);
    let created = created.filter(|seen| seen.method == "PUT" && seen.status_answered == Some(200)).count();
    assert_eq!(created, names.len(), "{}: {names:?}", node.name);
}

async fn front(node: &NodeHandle) -> Front {
    Front::builder(&node.url).transparent().plain().start().await.unwrap()
}

/// Whatever it is asked and whatever fails: the secret is nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_tells_nobody_its_secrets() {
    const CANARY: &str = "canary-7f3e9a";
    let world = World::on(Testbed::shared().node(release::REQUIRED[0])).await;
    let (runner, _) = keeping_two(&world, &world.front.url(), 3).await;
    let text = std::fs::read_to_string(runner.directory().join("snapkeep.yaml")).unwrap();
    let basic = text.replace("auth: none", "auth: basic, username: keeper, password: {env: KEEPER}");
    std::fs::write(runner.directory().join("snapkeep.yaml"), basic).unwrap();
    // An answer that repeats what it was sent, as some proxies do.
    let echo = format!("{{\"error\": {{\"type\": \"x\", \"reason\": \"who is keeper:{CANARY}?\"}}}}");
    world.front.inject(Fault::on("GET", "/_snapshot/**").always().then(Action::status(403, &echo)));
    let daemon = Served::with(&runner, "-vv", &[("KEEPER", CANARY)]);
    eventually("its run has failed", async || {
        let status = daemon.status().await?;
        status["policies"][0]["last_run"]["failures"].as_array().filter(|all| !all.is_empty()).map(|_| ())
    })
    .await;
    std::fs::write(runner.directory().join("snapkeep.yaml"), format!("{text}\npassword: {CANARY}\n")).unwrap();
    daemon.signal("HUP");
    let mut shown = String::new();
    eventually("it refuses what is not valid", async || {
        let status = daemon.status().await?;
        (!status["configuration"]["refused"].is_null()).then_some(())
    })
    .await;
    for path in ["/", "/status.json", "/metrics", "/healthz", "/readyz", "/style.css", "/nothing"] {
        shown += &daemon.get(path).await.unwrap().1;
    }
    daemon.signal("TERM");
    let (exit, said) = daemon.end().await;
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("refused") && shown.contains("access_denied"), "{said}\n{shown}");
    for secret in [CANARY.to_owned(), "a2VlcGVyOmNhbmFyeS03ZjNlOWE=".to_owned()] {
        assert!(!said.contains(&secret) && !shown.contains(&secret), "{said}\n{shown}");
    }
}
