//! What a run tells beside its result: the program itself, receivers on this machine, and a cluster that is not there.

use crate::stage::{Ran, ran};
use serde_json::Value;
use snapkeep_testbed::Receiver;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;
use tempfile::TempDir;

/// Where it is told; a secret.
fn hook(receiver: &Receiver) -> String {
    format!("{}/hooks/canary-path", receiver.url())
}

/// A policy of a cluster that is not there, one channel, and more.
fn directory(receiver: &Receiver, more: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "clusters: {{gone: {{endpoint: 'http://127.0.0.1:1', auth: none}}}}\npolicies:\n  nightly: {{repository: r, schedule: every 1h}}\n\
         notifications:\n  channels:\n    ops: {{kind: webhook, url: {{env: HOOK}}}}\n{more}"
    );
    std::fs::write(directory.path().join("snapkeep.yaml"), text).unwrap();
    std::fs::write(directory.path().join("hook"), hook(receiver)).unwrap();
    directory
}

fn run(directory: &TempDir, line: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
    let hook = std::fs::read_to_string(directory.path().join("hook")).unwrap();
    command.args(line.split_whitespace()).env_clear().current_dir(directory.path());
    command.env("HOME", directory.path()).env("HOOK", hook).env("PATH", "/usr/bin:/bin");
    ran(command.output().unwrap())
}

#[test]
fn a_channel_is_tested() {
    let receiver = Receiver::start(&[200]);
    let directory = directory(&receiver, "");
    let ran = run(&directory, "notify test");
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("ops") && ran.out.contains("delivered"), "{ran:?}");
    let ran = run(&directory, "notify test --channel ops --json");
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&json["schema"], &json["deliveries"][0]["failure"]), (&1.into(), &Value::Null), "{json}");
    assert_eq!(receiver.events(), ["test", "test"]);
    let ran = run(&directory, "notify test --channel opps");
    assert!(ran.status == 2 && ran.err.contains("did you mean ops?"), "{ran:?}");
    std::fs::write(directory.path().join("hook"), "http://127.0.0.1:1/canary-path").unwrap();
    let ran = run(&directory, "notify test -vv");
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("failed") && !format!("{ran:?}").contains("canary"), "{ran:?}");
}

#[test]
fn a_run_that_fails_is_told_once_with_metrics_and_a_report() {
    let receiver = Receiver::start(&[200]);
    let directory =
        directory(&receiver, "hooks: {failed: {shell: 'echo $SNAPKEEP_OUTCOME $SNAPKEEP_CODE >> hooked'}}\n");
    for _ in 0..2 {
        let ran = run(&directory, "run --timeout 20s --metrics-file snapkeep.prom --report run.md");
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
    }
    assert_eq!(receiver.events(), ["failure"]);
    let message = &receiver.bodies()[0];
    assert_eq!((&message["policy"], &message["code"]), (&"nightly".into(), &"cluster_unavailable".into()), "{message}");
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(read("hooked"), "failed cluster_unavailable\n".repeat(2));
    let metrics = read("snapkeep.prom");
    let runs = r#"snapkeep_runs_total{policy="nightly",cluster="gone",repository="r",outcome="failed"} 2"#;
    assert!(metrics.lines().any(|line| line == runs), "{metrics}");
    assert!(metrics.contains(r#"snapkeep_notifications_total{channel="ops",event="failure",outcome="delivered"} 1"#));
    assert!(read("run.md").contains("| `nightly` | `gone` | `r` |"), "{}", read("run.md"));
    assert!(directory.path().join(".local/state/snapkeep").is_dir());
}

#[test]
fn a_hook_before_a_run_can_stop_it() {
    let receiver = Receiver::start(&[200]);
    let hooks = "hooks:\n  before: {command: [sh, -c, 'exit 7']}\n  finally: {shell: 'echo $SNAPKEEP_CODE > hooked'}\n";
    let directory = directory(&receiver, hooks);
    let ran = run(&directory, "run --metrics-file snapkeep.prom");
    assert!(ran.status == 1 && ran.err.contains("error[hook_failed]: "), "{ran:?}");
    assert!(!ran.err.contains("127.0.0.1:1"), "nothing was sent: {ran:?}");
    assert_eq!(std::fs::read_to_string(directory.path().join("hooked")).unwrap(), "hook_failed\n");
    assert_eq!(receiver.events(), ["failure"]);
    assert_refused(&std::fs::read_to_string(directory.path().join("snapkeep.prom")).unwrap());
}

/// What metrics say of a policy that a command kept from its work.
fn assert_refused(metrics: &str) {
    for line in [
        r#"snapkeep_last_run_success{policy="nightly",cluster="gone",repository="r"} 0"#,
        r#"snapkeep_runs_total{policy="nightly",cluster="gone",repository="r",outcome="failed"} 1"#,
        r#"snapkeep_failures_total{policy="nightly",cluster="gone",repository="r",code="hook_failed"} 1"#,
        r#"snapkeep_notifications_total{channel="ops",event="failure",outcome="delivered"} 1"#,
    ] {
        assert!(metrics.lines().any(|have| have == line), "{line}\n{metrics}");
    }
    assert!(metrics.contains("snapkeep_last_run_timestamp_seconds{policy=\"nightly\""), "{metrics}");
}

/// The age of the last success goes on while nothing can be seen: an alert rests on it.
#[test]
fn a_file_of_metrics_keeps_what_its_run_could_not_see_and_forgets_what_is_configured_no_more() {
    let receiver = Receiver::start(&[200]);
    let directory = directory(&receiver, "");
    let of = |policy: &str| {
        format!("snapkeep_last_success_timestamp_seconds{{policy=\"{policy}\",cluster=\"gone\",repository=\"r\"}} 7\n")
    };
    let file = directory.path().join("snapkeep.prom");
    std::fs::write(&file, of("nightly") + &of("weekly")).unwrap();
    assert_eq!(run(&directory, "run --timeout 20s --metrics-file snapkeep.prom").status, 1);
    let metrics = std::fs::read_to_string(file).unwrap();
    assert!(metrics.contains(&of("nightly")) && !metrics.contains("weekly"), "{metrics}");
}

/// A daemon that is killed with its test.
struct Daemon {
    child: std::process::Child,
    address: String,
}

impl Daemon {
    fn start(directory: &TempDir, hook: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--every", "10s"]).env_clear().current_dir(directory.path());
        command.env("HOME", directory.path()).env("HOOK", hook).env("PATH", "/usr/bin:/bin");
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(drop));
        let address = first.trim().trim_start_matches("listening on http://").trim_end_matches('/').to_owned();
        Self { child, address }
    }

    fn metrics(&self) -> String {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn until_locked(&self, directory: &TempDir) {
        self.until("a run has its lock", |_| directory.path().join("lock").exists());
    }

    /// Waits until so many runs have failed.
    fn until_failed(&self, times: u32) -> String {
        self.until(&format!("{times} runs have failed"), |metrics| {
            let runs =
                metrics.lines().find(|line| line.starts_with("snapkeep_runs_total{") && line.contains("\"failed\""));
            let count = runs.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse::<f64>().ok());
            count.is_some_and(|count| count >= f64::from(times))
        })
    }

    /// Waits until the metrics are like that.
    fn until(&self, what: &str, are_so: impl Fn(&str) -> bool) -> String {
        for _ in 0..3_000 {
            let metrics = self.metrics();
            if are_so(&metrics) {
                return metrics;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("never: {what}:\n{}", self.metrics())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is taken out of the configuration grows old in no alert.
#[test]
fn a_policy_that_is_configured_no_more_has_no_metrics_any_more() {
    let receiver = Receiver::start(&[200]);
    let directory = directory(&receiver, "");
    let daemon = Daemon::start(&directory, &hook(&receiver));
    let is_there = |metrics: &str, policy: &str| metrics.contains(&format!("policy=\"{policy}\""));
    assert!(is_there(&daemon.until_failed(1), "nightly"));
    let file = directory.path().join("snapkeep.yaml");
    let text = std::fs::read_to_string(&file).unwrap().replace("nightly:", "weekly:");
    std::fs::write(file, text).unwrap();
    let told = Command::new("kill").args(["-HUP", &daemon.child.id().to_string()]).status().unwrap();
    assert!(told.success());
    daemon.until("the other policy has run", |metrics| is_there(metrics, "weekly"));
    let metrics = daemon.metrics();
    assert!(!is_there(&metrics, "nightly") && metrics.contains("cluster=\"gone\""), "{metrics}");
}

#[test]
fn a_daemon_tells_once_whatever_it_is_restarted_and_its_metrics_say_so() {
    let receiver = Receiver::start(&[200]);
    let hooks = "hooks: {failed: {command: [touch, failed]}}\n";
    let directory = directory(&receiver, hooks);
    for _ in 0..2 {
        let daemon = Daemon::start(&directory, &hook(&receiver));
        let metrics = daemon.until_failed(2);
        assert!(metrics.contains("snapkeep_cluster_up{cluster=\"gone\"} 0\n"), "{metrics}");
        assert!(metrics.contains("snapkeep_failures_total{"), "{metrics}");
    }
    assert_eq!(receiver.events(), ["failure"], "once, by two daemons and four runs");
    assert!(directory.path().join("failed").exists());
}

#[test]
fn a_hook_that_keeps_the_daemon_from_its_work_is_seen_in_its_metrics() {
    let receiver = Receiver::start(&[200]);
    let directory = directory(&receiver, "hooks: {before: {command: ['false']}}\n");
    let daemon = Daemon::start(&directory, &hook(&receiver));
    // Each is there before it happens, so that Prometheus sees it happen.
    assert!(daemon.metrics().contains("channel=\"ops\",event=\"stale\",outcome=\"failed\"} 0\n"));
    assert_refused(&daemon.until("the operator was told", |metrics| metrics.contains("\"delivered\"} 1")));
}

/// A policy of a cluster that takes what it is sent and says nothing, with a lock around its runs; and who listens there.
fn locked(receiver: &Receiver) -> (TempDir, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hooks = "hooks:\n  before: {command: [mkdir, lock]}\n  failed: {shell: 'echo $SNAPKEEP_CODE > hooked'}\n  finally: {command: [rmdir, lock]}\n";
    let directory = directory(receiver, hooks);
    let file = directory.path().join("snapkeep.yaml");
    let silent = listener.local_addr().unwrap().to_string();
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("127.0.0.1:1", &silent)).unwrap();
    (directory, listener)
}

fn signal(child: &std::process::Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// What `before` took is released, and nobody is told: who stops us knows.
fn is_released(directory: &TempDir, receiver: &Receiver, what: &str) {
    assert!(!directory.path().join("lock").exists(), "{what}");
    assert_eq!(std::fs::read_to_string(directory.path().join("hooked")).unwrap(), "interrupted\n", "{what}");
    assert_eq!(receiver.events(), [""; 0], "{what}");
}

#[test]
fn a_run_that_is_interrupted_releases_its_lock() {
    for name in ["-INT", "-TERM"] {
        let receiver = Receiver::start(&[200]);
        let (directory, listener) = locked(&receiver);
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
        command.arg("run").env_clear().current_dir(directory.path()).stderr(std::process::Stdio::piped());
        command.env("HOME", directory.path()).env("HOOK", hook(&receiver)).env("PATH", "/usr/bin:/bin");
        let child = command.spawn().unwrap();
        let _asked = listener.accept().unwrap();
        assert!(directory.path().join("lock").exists());
        signal(&child, name);
        let ran = ran(child.wait_with_output().unwrap());
        assert!(ran.status == 130 && ran.err.contains("error[interrupted]: "), "{name}: {ran:?}");
        is_released(&directory, &receiver, name);
    }
}

#[test]
fn a_daemon_that_is_stopped_releases_its_lock() {
    let receiver = Receiver::start(&[200]);
    let (directory, listener) = locked(&receiver);
    let mut daemon = Daemon::start(&directory, &hook(&receiver));
    // A run's, or a look's beside it: the run has taken its lock before either is answered.
    let _asked = listener.accept().unwrap();
    daemon.until_locked(&directory);
    signal(&daemon.child, "-TERM");
    signal(&daemon.child, "-INT");
    assert!(daemon.child.wait().unwrap().success());
    is_released(&directory, &receiver, "serve");
}
