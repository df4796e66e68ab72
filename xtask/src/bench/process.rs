//! One run of a program: how long it took, and the most memory that it had.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// Between two looks at a process's high-water mark: what it grows by in its last moment stays unseen.
const LOOK: Duration = Duration::from_millis(2);

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    /// From launch to end.
    pub(crate) took: Duration,
    /// Peak memory, in bytes.
    pub(crate) memory: u64,
    /// What it wrote to its standard output.
    pub(crate) output: String,
}

/// Runs it to its end, which must be a success.
pub(crate) fn measure(command: &mut Command) -> Result<Ran> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let cannot = |what: &str| Failure::during(format!("cannot {what} {name}"));
    let mut output = tempfile::tempfile().map_err(cannot("keep the output of"))?;
    let mut errors = tempfile::tempfile().map_err(cannot("keep the output of"))?;
    command.stdout(output.try_clone().map_err(cannot("keep the output of"))?);
    command.stderr(errors.try_clone().map_err(cannot("keep the output of"))?);
    let begun = Instant::now();
    let mut child = command.spawn().map_err(cannot("run"))?;
    let mut memory = 0;
    let status = loop {
        memory = high_water_mark(&child).unwrap_or(0).max(memory);
        match child.try_wait().map_err(cannot("wait for"))? {
            Some(status) => break status,
            None => thread::sleep(LOOK),
        }
    };
    let took = begun.elapsed();
    if !status.success() {
        let (output, errors) = (text(&mut output)?, text(&mut errors)?);
        return Err(Failure::new(format!("{name} failed ({status}): {}\n{}", end(&output), end(&errors))));
    }
    Ok(Ran { took, memory, output: text(&mut output)? })
}

/// Its last two thousand characters.
fn end(text: &str) -> &str {
    text.char_indices().rev().nth(1_999).map_or(text, |(at, _)| &text[at..])
}

fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(Failure::during("cannot read an output"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes; `None` once it has ended.
fn high_water_mark(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Processor, number of cores and system, as far as the system says.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    format!("{model}, {cores} cores, Linux {kernel}")
}
