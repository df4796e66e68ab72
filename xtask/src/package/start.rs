//! Does the program start? Runs it until it asks for its first event.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use snapkeep_testbed::{Function, LambdaProcess, RuntimeApi};

use super::build::Arch;
use crate::failure::{Failure, Result};

/// What a start may take at most, emulated on a busy machine.
const CEILING: Duration = Duration::from_mins(1);

/// How often is looked.
const POLL: Duration = Duration::from_millis(2);

/// Where Debian's `libc6-arm64-cross` keeps the libraries that an emulated program is loaded with.
const ARM64_LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// One line about it.
pub(crate) fn check(arch: Arch, program: &Path) -> Result<String> {
    if Arch::host() == Some(arch) {
        return Ok(format!("asked for its first event after {}", milliseconds(start(&Function::new(program))?)));
    }
    match emulator(arch) {
        Err(missing) => Ok(format!("skipped: this machine cannot run {arch} programs without {missing}")),
        Ok(emulator) => {
            let function = Function::new(emulator).arg("-L").arg(ARM64_LIBRARIES).arg(program);
            Ok(format!("asked for its first event after {}, emulated", milliseconds(start(&function)?)))
        }
    }
}

/// What to run it with, or the Debian packages that are missing.
fn emulator(arch: Arch) -> Result<PathBuf, String> {
    const NAMES: [&str; 2] = ["qemu-aarch64", "qemu-aarch64-static"];
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).flat_map(|dir| NAMES.map(|name| dir.join(name))).find(|file| file.is_file());
    let found = found.filter(|_| arch == Arch::Arm64).ok_or("an emulator (Debian: qemu-user)")?;
    if Path::new(ARM64_LIBRARIES).join("lib/ld-linux-aarch64.so.1").exists() {
        return Ok(found);
    }
    Err("its C library (Debian: libc6-arm64-cross)".into())
}

fn start(function: &Function) -> Result<Duration> {
    let api = RuntimeApi::start()?;
    let process = LambdaProcess::start(&api, function)?;
    let began = Instant::now();
    loop {
        if let Some(duration) = process.start_duration() {
            return Ok(duration);
        }
        if !process.is_running() || began.elapsed() > CEILING {
            return Err(Failure::new(format!("the program asks for no event; it wrote: {}", process.stop())));
        }
        thread::sleep(POLL);
    }
}

/// Such as `2.3 ms`.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
