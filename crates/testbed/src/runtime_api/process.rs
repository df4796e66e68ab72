//! A function's process, as Lambda would run it.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::state::{Killer, Shared};
use super::{RuntimeApi, listen};
use crate::background::Server;
use crate::error::{Error, Result};

/// How often a process is looked at for having ended.
const POLL: Duration = Duration::from_millis(2);

/// What to run: a program with its arguments and what it finds in its environment.
#[derive(Debug, Clone)]
pub struct Function {
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    memory_mb: u32,
}

impl Function {
    /// A program, such as the built `bootstrap` or a Python interpreter.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new(), envs: Vec::new(), memory_mb: 128 }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// One more variable, on top of Lambda's own; the last one of a name counts.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The size that the function is told it has, in MiB; not enforced.
    #[must_use]
    pub fn memory_mb(self, memory_mb: u32) -> Self {
        Self { memory_mb, ..self }
    }

    /// With the environment cleared: nothing of this process's reaches the function.
    fn command(&self, address: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().env("AWS_LAMBDA_RUNTIME_API", address);
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory_mb.to_string());
        command.envs(LAMBDA_ENVIRONMENT).envs(self.envs.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// What Lambda gives every function, but for credentials, which a test gives if it wants them.
const LAMBDA_ENVIRONMENT: [(&str, &str); 14] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "snapkeep"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/snapkeep"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
    ("_HANDLER", "bootstrap"),
    ("LAMBDA_TASK_ROOT", "/var/task"),
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ("LANG", "en_US.UTF-8"),
    ("TZ", ":UTC"),
    ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
];

/// A running function. Killed when dropped; if this process is killed, a small shell kills it in our place.
#[derive(Debug)]
pub struct LambdaProcess {
    slot: usize,
    api: RuntimeApi,
    spawned: Instant,
    pid: u32,
    child: Arc<Mutex<Child>>,
    log: Arc<Mutex<Vec<u8>>>,
    waiter: Option<JoinHandle<ExitStatus>>,
    _address: Server,
}

impl LambdaProcess {
    /// Runs the function. It asks for events at an address of its own.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be run.
    pub fn start(api: &RuntimeApi, function: &Function) -> Result<Self> {
        let (slot, address) = listen(&api.shared)?;
        let spawned = Instant::now();
        let mut command = function.command(&address.address().to_string());
        let mut child = command.spawn().map_err(Error::at("run", &function.program))?;
        let pid = child.id();
        let log = Arc::new(Mutex::new(Vec::new()));
        let readers = [
            child.stdout.take().map(|pipe| read_into(pipe, &log)),
            child.stderr.take().map(|pipe| read_into(pipe, &log)),
        ];
        let child = Arc::new(Mutex::new(child));
        let victim = Arc::clone(&child);
        api.shared.process_began(slot, Killer(Arc::new(move || kill(&victim))));
        let guard = guard(pid)?;
        let waiter = wait_in_background(Arc::clone(&api.shared), slot, Arc::clone(&child), readers, guard);
        Ok(Self { slot, api: api.clone(), spawned, pid, child, log, waiter: Some(waiter), _address: address })
    }

    /// Its number, as in [`super::Delivery::slot`].
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.api.shared.lock().is_alive(self.slot)
    }

    /// All it has written to standard output and standard error so far.
    pub fn logs(&self) -> String {
        String::from_utf8_lossy(&lock(&self.log)).into_owned()
    }

    /// From being launched to first asking for an event.
    pub fn start_duration(&self) -> Option<Duration> {
        Some(self.api.first_next(self.slot)?.duration_since(self.spawned))
    }

    /// The most memory it has held at once, in bytes (`VmHWM`); `None` once it has ended.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// Kills it, waits for its end and returns all that it wrote.
    pub fn stop(mut self) -> String {
        self.end();
        self.logs()
    }

    fn end(&mut self) {
        kill(&self.child);
        if let Some(waiter) = self.waiter.take() {
            let _ = waiter.join();
        }
    }
}

impl Drop for LambdaProcess {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill(child: &Mutex<Child>) {
    let _ = lock(child).kill();
}

fn read_into(mut pipe: impl Read + Send + 'static, log: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            lock(&log).extend_from_slice(&buffer[..n]);
        }
    })
}

/// A shell that kills the process when our end of its pipe closes without a word.
fn guard(pid: u32) -> Result<Child> {
    use std::os::unix::process::CommandExt as _;
    let script = "read -r word || kill -s KILL \"$1\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "snapkeep-guard", &pid.to_string()]).process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().map_err(Error::io("cannot run sh"))
}

/// Tells the server of the process's end, once all that it wrote has been read.
fn wait_in_background(
    shared: Arc<Shared>,
    slot: usize,
    child: Arc<Mutex<Child>>,
    readers: [Option<JoinHandle<()>>; 2],
    mut guard: Child,
) -> JoinHandle<ExitStatus> {
    thread::spawn(move || {
        let status = loop {
            // A statement of its own: the lock must not be held while sleeping.
            let ended = lock(&child).try_wait();
            match ended {
                Ok(Some(status)) => break status,
                _ => thread::sleep(POLL),
            }
        };
        if let Some(mut pipe) = guard.stdin.take() {
            let _ = pipe.write_all(b"ended\n");
        }
        let _ = guard.wait();
        wait_for_readers(&readers);
        shared.process_ended(slot, status);
        status
    })
}

/// What the process wrote before it ended is in its pipes; a child of its own could keep them open for ever.
fn wait_for_readers(readers: &[Option<JoinHandle<()>>]) {
    let end = Instant::now() + Duration::from_secs(1);
    while readers.iter().flatten().any(|reader| !reader.is_finished()) && Instant::now() < end {
        thread::sleep(POLL);
    }
}
