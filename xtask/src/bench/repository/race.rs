//! The bytes of one repository, summed up by `snapkeep verify --level checksums`, and read by others: `cat` to `/dev/null`,
//! `sha256sum`, and `rclone check --download` where it is installed. All with as many files at once, in turn.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::synthetic::{self, Data, Shape, Written};
use super::{Options, hundredths, parsed, seconds, snapkeep};
use crate::bench::duel::Duel;
use crate::bench::process::{Ran, measure};
use crate::bench::spread::{megabytes, rounded};
use crate::failure::{Failure, Result};

/// Files that all of them have open at once.
const AT_ONCE: &str = "16";

/// All that came of it.
pub(super) struct Race {
    files: usize,
    bytes: u64,
    cold: bool,
    lanes: Vec<Lane>,
}

/// One contestant.
struct Lane {
    what: &'static str,
    runs: Vec<Ran>,
}

/// The files that are read.
struct Course<'a> {
    program: &'a Path,
    repository: &'a Path,
    files: Vec<PathBuf>,
    /// Their names, with zero bytes between them.
    list: PathBuf,
    written: Written,
}

impl Race {
    /// A repository of its own, deleted with its folder.
    pub(super) fn run(program: &Path, repository: &Path, options: &Options) -> Result<Self> {
        let bytes = options.gigabytes * 1_000_000_000;
        let shape = Shape { snapshots: 5, indices: 4, shards: 4, changes_every: 1, data: Data::Bytes(bytes) };
        let written = synthetic::create(repository, &shape)?;
        // What is still to be written to the disk would disturb.
        let _ = Command::new("sync").status();
        let course = Course::new(program, repository, written)?;
        let lanes = Course::contestants().into_iter().map(|what| Lane { what, runs: Vec::new() });
        let (files, bytes) = (course.files.len(), written.data_bytes);
        let mut race = Self { files, bytes, cold: options.cold, lanes: lanes.collect() };
        for round in 0..=options.runs {
            for lane in &mut race.lanes {
                if options.cold {
                    course.forget()?;
                }
                let ran = course.go(lane.what)?;
                // The first round brings all into memory.
                if round > 0 || options.cold {
                    lane.runs.push(ran);
                }
            }
        }
        Ok(race)
    }

    fn lane(&self, what: &str) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.what == what)
    }

    /// Our speed as a part of `cat`'s.
    pub(super) fn of_cat(&self) -> f64 {
        let median = |what| self.lane(what).map_or(f64::NAN, |lane| seconds(&lane.runs).median);
        median(CAT) / median(OURS)
    }

    /// Ours, in megabytes.
    pub(super) fn memory(&self) -> f64 {
        self.lane(OURS).map_or(f64::NAN, |lane| Duel::memory(&lane.runs).median)
    }

    pub(super) fn table(&self) -> String {
        let from = if self.cold { "from the disk" } else { "in memory" };
        let mut text = format!(
            "{:.1} GB in {} files, {from}, {AT_ONCE} files at once\n\n| | s | GB/s | speed ÷ cat's |\n|---|---:|---:|---:|\n",
            megabytes(self.bytes) / 1e3,
            self.files
        );
        let cat = self.lane(CAT).map_or(f64::NAN, |lane| seconds(&lane.runs).median);
        for lane in &self.lanes {
            let time = seconds(&lane.runs);
            let speed = megabytes(self.bytes) / 1e3 / time.median;
            let _ = writeln!(text, "| {} | {} | {speed:.2} | {:.2} |", lane.what, hundredths(time), cat / time.median);
        }
        let _ = writeln!(text, "\npeak memory of ours: {:.1} MB", self.memory());
        text
    }

    pub(super) fn json(&self) -> Value {
        let lane = |lane: &Lane| json!({ "what": lane.what, "s": seconds(&lane.runs).json() });
        json!({
            "bytes": self.bytes, "files": self.files, "cache": if self.cold { "cold" } else { "warm" },
            "of_cat": rounded(self.of_cat()), "peak_memory_mb": rounded(self.memory()),
            "readers": self.lanes.iter().map(lane).collect::<Vec<_>>(),
        })
    }
}

const OURS: &str = "snapkeep verify --level checksums";
const CAT: &str = "cat to /dev/null";
const SHA256SUM: &str = "sha256sum";
/// Both sides are the same folder.
const RCLONE: &str = "rclone check --download (reads all twice)";

impl<'a> Course<'a> {
    fn new(program: &'a Path, repository: &'a Path, written: Written) -> Result<Self> {
        let mut files = Vec::new();
        blobs(&repository.join("indices"), &mut files)?;
        let list = repository.with_extension("list");
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let names = names.join("\0");
        std::fs::write(&list, names).map_err(Failure::during("cannot write the list of files"))?;
        Ok(Self { program, repository, files, list, written })
    }

    fn contestants() -> Vec<&'static str> {
        let is_there = Command::new("rclone").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let rclone = is_there.is_ok_and(|status| status.success()).then_some(RCLONE);
        [OURS, CAT, SHA256SUM].into_iter().chain(rclone).collect()
    }

    fn go(&self, what: &str) -> Result<Ran> {
        match what {
            OURS => self.ours(),
            CAT => measure(&mut self.each("cat > /dev/null")),
            SHA256SUM => measure(&mut self.each("sha256sum")),
            _ => measure(
                Command::new("rclone")
                    .args(["check", "--download", "--checkers", AT_ONCE])
                    .args([self.repository, self.repository]),
            ),
        }
    }

    /// A program that is given some files at a time, so that all are busy to the end.
    fn each(&self, program: &str) -> Command {
        let mut command = Command::new("sh");
        let line = format!("exec xargs -0 -a \"$0\" -P {AT_ONCE} -n 2 {program}");
        command.arg("-c").arg(line).arg(&self.list);
        command
    }

    fn ours(&self) -> Result<Ran> {
        let ran = measure(&mut snapkeep(self.program, &["verify", "--level", "checksums"], self.repository))?;
        let said = parsed(&ran);
        let read = said["totals"]["bytes_read"].as_u64().unwrap_or_default();
        if said["outcome"] == "whole" && read == self.written.data_bytes {
            return Ok(ran);
        }
        Err(Failure::new(format!(
            "{read} of {} bytes were summed up; {} finds {}",
            self.written.data_bytes, said["outcome"], said["findings"][0]
        )))
    }

    /// Lets the system forget the files' bytes (`dd`'s own way).
    fn forget(&self) -> Result<()> {
        for file in &self.files {
            let mut dd = Command::new("dd");
            dd.arg(format!("if={}", file.display())).args(["iflag=nocache", "count=0", "status=none"]);
            let done = dd.status().map_err(Failure::during("cannot run dd"))?;
            if !done.success() {
                return Err(Failure::new("dd cannot drop a file from memory"));
            }
        }
        Ok(())
    }
}

/// Blobs of data below a folder.
fn blobs(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(Failure::during("cannot list the repository"))?;
    for entry in entries {
        let path = entry.map_err(Failure::during("cannot list the repository"))?.path();
        if path.is_dir() {
            blobs(&path, found)?;
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("__")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}
