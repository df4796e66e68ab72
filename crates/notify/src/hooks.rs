//! Commands of the operator's around a run.
//!
//! They get the program's own environment and `SNAPKEEP_` variables with the facts of the run, nothing on standard input,
//! and standard output and error of their own choice: what they print goes to our standard error. One that takes longer
//! than its time, or is not waited for any longer, is ended with all that it started.

use rustix::process::{Pid, Signal, kill_process_group};
use snapkeep_config::Hook;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::policies::RunReport;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long the commands after a run may take where it was cut off: whoever ends us waits no longer than that, either.
pub const LAST_WORDS: Duration = Duration::from_secs(5);

/// Time that a command has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Which hook: its word in the configuration, and `SNAPKEEP_HOOK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before anything is sent.
    Before,
    /// After a run in which nothing failed.
    After,
    /// After a run in which something failed.
    Failed,
    /// At the end.
    Finally,
}

impl When {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Failed => "failed",
            Self::Finally => "finally",
        }
    }
}

/// What a hook is told, as environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told(Vec<(&'static str, String)>);

impl Told {
    /// Before a run of these policies.
    pub fn before<'p>(policies: impl IntoIterator<Item = &'p str>) -> Self {
        let policies: Vec<&str> = policies.into_iter().collect();
        Self(vec![("SNAPKEEP_POLICIES", policies.join(","))])
    }

    /// The same after the run.
    #[must_use]
    pub fn and_run(mut self, report: &RunReport) -> Self {
        let policies = || report.policies.iter();
        let names = |names: Vec<&str>| names.join(",");
        let created: Vec<_> = policies().flat_map(|policy| &policy.created).collect();
        let good = created.iter().filter(|taken| taken.state == Some(snapkeep_core::snapshot::State::Success));
        let pending = policies().flat_map(|policy| &policy.pending).map(|taken| taken.snapshot.as_str());
        let seconds = report.finished_at.duration_since(report.started_at).as_secs();
        self.0.extend([
            ("SNAPKEEP_CREATED", names(created.iter().map(|taken| taken.snapshot.as_str()).collect())),
            ("SNAPKEEP_GOOD", names(good.map(|taken| taken.snapshot.as_str()).collect())),
            ("SNAPKEEP_PENDING", names(pending.collect())),
            ("SNAPKEEP_DELETED_COUNT", policies().map(|policy| policy.deleted.len()).sum::<usize>().to_string()),
            ("SNAPKEEP_STARTED_AT", report.started_at.to_string()),
            ("SNAPKEEP_SECONDS", seconds.to_string()),
        ]);
        self
    }

    /// The same with how it ended.
    #[must_use]
    pub fn and_end(mut self, end: Result<(), &Failure>) -> Self {
        let outcome = if end.is_ok() { "ok" } else { "failed" };
        let (code, cause) =
            end.err().map_or_else(Default::default, |failure| (failure.code.to_string(), failure.cause.clone()));
        self.0.extend([("SNAPKEEP_OUTCOME", outcome.to_owned()), ("SNAPKEEP_CODE", code), ("SNAPKEEP_CAUSE", cause)]);
        self
    }
}

/// Runs a hook in `directory` to its end. What is wrong with it is `hook_failed`.
pub async fn run(hook: &Hook, when: When, told: &Told, directory: &Path) -> Result<(), Failure> {
    let failed = |why: String| {
        let hint = "run it yourself; SNAPKEEP_ variables tell it what a run tells it: docs/notifications.md";
        Failure::new(Code::HookFailed, format!("hook {}: {} {why}", when.as_str(), hook.program), hint)
    };
    let mut command = Command::new(&hook.program);
    command.args(&hook.arguments).current_dir(directory).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    // Standard output is for the result of ours.
    command.stdout(std::io::stderr()).stderr(Stdio::inherit());
    command.env("SNAPKEEP_HOOK", when.as_str()).envs(told.0.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn().map_err(|error| failed(format!("cannot be run: {error}")))?;
    tracing::info!(hook = when.as_str(), program = hook.program, "hook");
    // Dropped before the child is, and so before its number can be another's.
    let mut group = Group::of(&child);
    let waited = tokio::time::timeout(hook.timeout, child.wait()).await;
    if waited.is_err() {
        end(&mut child, &group).await;
    }
    // What a command leaves behind when it ends is its own affair.
    group.0 = None;
    match waited {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(format!("failed ({status})"))),
        Ok(Err(error)) => Err(failed(format!("was lost: {error}"))),
        Err(_) => Err(failed(format!("took longer than {} s and was ended", hook.timeout.as_secs()))),
    }
}

/// Ends it and all that it started: first asked, then made to.
async fn end(child: &mut Child, group: &Group) {
    group.signal(Signal::TERM);
    let _ = tokio::time::timeout(GRACE, child.wait()).await;
    group.signal(Signal::KILL);
    let _ = child.wait().await;
}

/// A command and all that it started. Whoever drops it while it stands ends them: nobody waits for them any longer.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    /// One that is gone already is what is wanted.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn hook(line: &str, timeout: Duration) -> Hook {
        Hook { program: "sh".into(), arguments: vec!["-c".into(), line.into()], timeout }
    }

    async fn failure(line: &str, timeout: Duration) -> Failure {
        let directory = tempfile::tempdir().unwrap();
        let told = Told::before(["a", "b"]);
        run(&hook(line, timeout), When::Before, &told, directory.path()).await.unwrap_err()
    }

    #[tokio::test]
    async fn it_is_told_what_a_run_knows() {
        let directory = tempfile::tempdir().unwrap();
        let bad = Failure::new(Code::SnapshotPartial, "no", "look");
        let told = Told::before(["a", "b"]).and_end(Err(&bad));
        let line = "echo $SNAPKEEP_HOOK $SNAPKEEP_POLICIES $SNAPKEEP_OUTCOME $SNAPKEEP_CODE > told";
        run(&hook(line, Duration::from_mins(1)), When::Failed, &told, directory.path()).await.unwrap();
        let written = std::fs::read_to_string(directory.path().join("told")).unwrap();
        assert_eq!(written, "failed a,b failed snapshot_partial\n");
    }

    #[tokio::test]
    async fn what_goes_wrong_has_its_code() {
        let minute = Duration::from_mins(1);
        let failed = failure("exit 3", minute).await;
        assert_eq!(failed.code, Code::HookFailed);
        assert!(failed.cause.contains("exit status: 3"), "{failed}");
        let hook = Hook { program: "/nowhere/at/all".into(), arguments: vec![], timeout: minute };
        let failed = run(&hook, When::After, &Told::before([]), Path::new("/")).await.unwrap_err();
        assert!(failed.cause.contains("cannot be run"), "{failed}");
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
        let failed = failure("sleep 1000 & sleep 1000", Duration::from_millis(100)).await;
        assert!(failed.cause.contains("was ended"), "{failed}");
    }

    /// Nobody waits for it any longer: the run was cut off.
    #[tokio::test]
    async fn one_that_is_dropped_is_ended_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("alive");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        // Both hold the pipe open as long as they live, and the second says that it does.
        let hook = hook("exec 3> alive; (echo >&3; sleep 1000) & sleep 1000", Duration::from_mins(1));
        let told = Told::before(["a"]);
        let mut running = Box::pin(run(&hook, When::Before, &told, directory.path()));
        let read = tokio::task::spawn_blocking(move || {
            let mut alive = std::fs::File::open(fifo).unwrap();
            alive.read_exact(&mut [0]).unwrap();
            alive
        });
        let mut alive = tokio::select! {
            end = &mut running => panic!("{end:?}"),
            alive = read => alive.unwrap(),
        };
        drop(running);
        let at_end = tokio::task::spawn_blocking(move || alive.read(&mut [0]));
        assert_eq!(at_end.await.unwrap().unwrap(), 0, "all that held it are gone");
    }
}
