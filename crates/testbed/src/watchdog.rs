//! A small shell that outlives us just long enough to clean up.
//!
//! It reads a pipe whose other end only this process holds. However this process ends, SIGKILL included, the kernel closes
//! the pipe; the shell then kills what it runs and removes the directory. In its own process group, so that a terminal's
//! interrupt reaches us and not the shell.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::{Error, Result};
use crate::user;

/// Arguments: the directory, then the command to run, if any. `setsid` makes the command the leader of a process group, so
/// that its children die with it. Its exit status is left in `exit`, its output in `log`.
const SCRIPT: &str = r#"
dir=$1; shift; pid=
if [ $# -gt 0 ]; then
  setsid sh -c 'dir=$1; shift; "$@"; echo $? >"$dir/exit"' sh "$dir" "$@" </dev/null >"$dir/log" 2>&1 &
  pid=$!
fi
read -r line
if [ -n "$pid" ]; then
  tries=0
  while kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" 2>/dev/null; do
    tries=$((tries + 1)); [ $tries -gt 100 ] && break
    sleep 0.05
  done
fi
tries=0
until rm -rf -- "$dir" 2>/dev/null || [ $tries -gt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
"#;

/// A directory, perhaps with a command that runs in it, both gone when this is dropped or the process ends.
#[derive(Debug)]
pub struct Watchdog {
    dir: PathBuf,
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Creates a directory in the system's place for temporary files, open to the nodes' user.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Setting`] when the nodes' user could not enter it.
    pub fn directory(prefix: &str) -> Result<Self> {
        Self::guard::<&str>(new_directory(prefix)?, &[])
    }

    /// Creates a directory, lets `prepare` fill it and give the command, and runs that command there.
    ///
    /// # Errors
    /// [`Error::Io`], and those of `prepare`.
    pub fn run<C: AsRef<OsStr>>(prefix: &str, prepare: impl FnOnce(&Path) -> Result<Vec<C>>) -> Result<Self> {
        let dir = new_directory(prefix)?;
        match prepare(&dir) {
            Ok(command) => Self::guard(dir, &command),
            Err(error) => {
                let _ = fs::remove_dir_all(&dir);
                Err(error)
            }
        }
    }

    fn guard<C: AsRef<OsStr>>(dir: PathBuf, command: &[C]) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "snapkeep-watchdog"]).arg(&dir).args(command);
        shell.current_dir(&dir).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = shell.spawn().map_err(Error::io("cannot run sh"))?;
        let pipe = shell.stdin.take();
        Ok(Self { dir, shell, pipe })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The exit status of the command, once it has ended.
    pub(crate) fn exit_status(&self) -> Option<String> {
        let status = fs::read_to_string(self.dir.join("exit")).ok()?;
        Some(status.trim().to_owned()).filter(|status| !status.is_empty())
    }

    /// The last `lines` lines that the command wrote.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        let log = fs::read(self.dir.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

fn new_directory(prefix: &str) -> Result<PathBuf> {
    let parent = std::env::temp_dir();
    if let (true, Some(closed)) = (user::is_root(), user::closed_ancestor(&parent)) {
        let closed = closed.display();
        return Err(Error::Setting(format!(
            "TMPDIR lies in {closed}, which the nodes' user cannot enter; set TMPDIR to an open directory"
        )));
    }
    let name = format!("snapkeep-{prefix}-");
    let dir = tempfile::Builder::new().prefix(&name).tempdir_in(&parent).map_err(Error::at("create in", &parent))?;
    user::open_to_all(dir.path())?;
    Ok(dir.keep())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn wait_for(what: &str, mut check: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_mins(1);
        while !check() {
            assert!(Instant::now() < end, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn alive(pid: &str) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn the_command_its_children_and_the_directory_go_when_dropped() {
        let script = "echo $$ >pids; sleep 1000 & echo $! >>pids; wait";
        let dog = Watchdog::run("test", |_| Ok(vec!["sh", "-c", script])).unwrap();
        let dir = dog.dir().to_owned();
        let pids = || fs::read_to_string(dir.join("pids")).unwrap_or_default();
        wait_for("both have written their ids", || pids().lines().count() == 2);
        let both: Vec<String> = pids().lines().map(str::to_owned).collect();
        assert!(both.iter().all(|pid| alive(pid)));
        drop(dog);
        assert!(!dir.exists());
        wait_for("both are gone", || !both.iter().any(|pid| alive(pid)));
    }

    #[test]
    fn a_command_that_ends_leaves_its_status_and_its_output() {
        let dog = Watchdog::run("test", |_| Ok(vec!["sh", "-c", "echo one; echo two >&2; exit 3"])).unwrap();
        wait_for("the status is there", || dog.exit_status().is_some());
        assert_eq!(dog.exit_status().as_deref(), Some("3"));
        assert_eq!(dog.log_tail(1), "two");
    }
}
