//! `cargo xtask bench repository`: reading a repository without its cluster. One of 1,000 snapshots of 200 indices of 5
//! shards, for what metadata costs; and one of 10 GB, whose bytes are summed up beside `cat` and `sha256sum` of the same
//! files.

#[path = "../../../crates/repository/tests/format/encode.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the tests' writer")]
mod encode;
mod payload;
mod race;
mod shard;
mod synthetic;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::duel::{Duel, build};
use super::process::{Ran, machine, measure};
use super::spread::{Spread, megabytes};
use crate::failure::{Failure, Result};
use race::Race;
use synthetic::{Data, Shape, Written};

/// How it is called.
const USAGE: &str =
    "cargo xtask bench repository [--runs N] [--snapshots N] [--gigabytes N] [--cache warm|cold] [--folder DIR]";

/// What is read of the metadata: its name, and the words of the command.
const READS: [(&str, &[&str]); 5] = [
    ("inspect", &["inspect"]),
    ("verify --level metadata", &["verify", "--level", "metadata"]),
    ("verify --level blobs", &["verify", "--level", "blobs"]),
    ("du", &["du"]),
    ("orphans", &["orphans", "--older-than", "0s"]),
];

/// Measures and prints.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    let program = build()?;
    let folder = tempfile::tempdir_in(&options.folder).map_err(Failure::during("cannot make a directory"))?;
    let many = folder.path().join("many");
    let metadata = Metadata::measure(&program, &many, &options)?;
    // Deleting so many files takes its time: what is known by then is not lost.
    println!("{}\n{}", header(&options), metadata.table());
    std::fs::remove_dir_all(&many).map_err(Failure::during("cannot delete the repository"))?;
    let race = Race::run(&program, &folder.path().join("large"), &options)?;
    println!("{}\n{}", race.table(), aims(&metadata, &race));
    println!(
        "\n{}",
        json!({ "bench": "repository", "runs": options.runs, "machine": machine(), "load": load(),
            "metadata": metadata.json(), "checksums": race.json() })
    );
    Ok(())
}

fn header(options: &Options) -> String {
    format!("{}; load {}; medians of {} runs (least in brackets)\n", machine(), load(), options.runs)
}

/// Processes that want to run, over the last 1, 5 and 15 minutes.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    runs: usize,
    snapshots: u64,
    gigabytes: u64,
    /// Whether files are read from the disk rather than from memory.
    cold: bool,
    folder: PathBuf,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let wrong = || Failure::operator(format!("usage: {USAGE}"));
        let mut options = Self { runs: 3, snapshots: 1_000, gigabytes: 10, cold: false, folder: std::env::temp_dir() };
        for pair in args.chunks(2) {
            let [name, value] = pair else { return Err(wrong()) };
            match (name.as_str(), value.as_str(), value.parse::<u64>().ok().filter(|number| *number > 0)) {
                ("--runs", _, Some(runs)) => options.runs = usize::try_from(runs).map_err(|_| wrong())?,
                ("--snapshots", _, Some(snapshots)) => options.snapshots = snapshots,
                ("--gigabytes", _, Some(gigabytes)) => options.gigabytes = gigabytes,
                ("--cache", "warm", _) => options.cold = false,
                ("--cache", "cold", _) => options.cold = true,
                ("--folder", folder, _) => options.folder = folder.into(),
                _ => return Err(wrong()),
            }
        }
        Ok(options)
    }
}

/// Reads a repository in that folder.
fn snapkeep(program: &Path, words: &[&str], repository: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().args(words).arg(format!("file://{}", repository.display())).arg("--json");
    command
}

fn parsed(ran: &Ran) -> Value {
    serde_json::from_str(&ran.output).unwrap_or_default()
}

fn seconds(runs: &[Ran]) -> Spread {
    Spread::of(runs.iter().map(|ran| ran.took.as_secs_f64()).collect())
}

/// What the commands take that read metadata.
struct Metadata {
    shape: Shape,
    written: Written,
    rows: Vec<Row>,
}

/// One command's runs.
struct Row {
    what: &'static str,
    runs: Vec<Ran>,
    requests: u64,
    bytes: u64,
}

impl Metadata {
    /// Each once that is not counted, so that all files are in memory; then in turn.
    fn measure(program: &Path, repository: &Path, options: &Options) -> Result<Self> {
        let shape =
            Shape { snapshots: options.snapshots, indices: 200, shards: 5, changes_every: 20, data: Data::Holes };
        let written = synthetic::create(repository, &shape)?;
        let rows = READS.map(|(what, _)| Row { what, runs: Vec::new(), requests: 0, bytes: 0 });
        let mut metadata = Self { shape, written, rows: rows.into() };
        for round in 0..=options.runs {
            for (number, (what, words)) in READS.iter().enumerate() {
                let ran = measure(&mut snapkeep(program, words, repository))?;
                let said = parsed(&ran);
                println!("{what}: {:.2} s, {} MB", ran.took.as_secs_f64(), ran.memory / 1_000_000);
                metadata.check(what, &said)?;
                let row = &mut metadata.rows[number];
                let count = |name: &str| said["counts"][name].as_u64().unwrap_or_default();
                row.requests = count("lists") + count("gets") + count("heads");
                row.bytes = count("bytes");
                if round > 0 {
                    row.runs.push(ran);
                }
            }
        }
        Ok(metadata)
    }

    /// A command that says something else than what was written is not measured.
    fn check(&self, what: &str, said: &Value) -> Result<()> {
        let count = |name: &str| said[name].as_array().map_or(0, Vec::len) as u64;
        let Shape { snapshots, indices, shards, .. } = self.shape;
        let (found, expected) = match what {
            "inspect" => (count("snapshots"), snapshots),
            "du" => (said["data_bytes"].as_u64().unwrap_or_default(), self.written.data_bytes),
            "orphans" => (count("orphans"), self.written.orphans),
            _ if said["outcome"] == "whole" || said["outcome"] == "nothing_found" => {
                (said["totals"]["shards"].as_u64().unwrap_or_default(), indices * shards)
            }
            _ => return Err(Failure::new(format!("{what} finds damage: {}", said["findings"][0]))),
        };
        if found == expected {
            return Ok(());
        }
        Err(Failure::new(format!("{what} says {found} in place of {expected}")))
    }

    fn table(&self) -> String {
        let Shape { snapshots, indices, shards, .. } = self.shape;
        let Written { metadata_blobs, metadata_bytes, data_blobs, .. } = self.written;
        let mut text = format!(
            "{snapshots} snapshots of {indices} indices of {shards} shards: {metadata_blobs} blobs of metadata, {:.0} MB; \
             {data_blobs} blobs of data; in memory\n\n| | s | requests | read, MB | peak memory, MB |\n|---|---:|---:|---:|---:|\n",
            megabytes(metadata_bytes)
        );
        for row in &self.rows {
            let (time, memory) = (hundredths(seconds(&row.runs)), Duel::memory(&row.runs).shown());
            let _ =
                writeln!(text, "| {} | {time} | {} | {:.1} | {memory} |", row.what, row.requests, megabytes(row.bytes));
        }
        text
    }

    fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({ "what": row.what, "s": seconds(&row.runs).json(), "requests": row.requests, "bytes": row.bytes,
                "peak_memory_mb": Duel::memory(&row.runs).json() })
        };
        json!({
            "snapshots": self.shape.snapshots, "indices": self.shape.indices, "shards": self.shape.shards,
            "blobs": self.written.metadata_blobs, "bytes": self.written.metadata_bytes,
            "commands": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// As [`Spread::shown`], to hundredths.
fn hundredths(spread: Spread) -> String {
    let Spread { least, median, greatest } = spread;
    if least < greatest { format!("{median:.2} ({least:.2})") } else { format!("{median:.2}") }
}

/// Whether the project's aims are met.
fn aims(metadata: &Metadata, race: &Race) -> String {
    let said = |met: bool| if met { "met" } else { "MISSED" };
    let slowest = |row: &Row| format!("{} {}", row.what, said(seconds(&row.runs).median < 3.0));
    let times: Vec<String> = metadata.rows.iter().map(slowest).collect();
    let memory = metadata.rows.iter().map(|row| Duel::memory(&row.runs).median).fold(race.memory(), f64::max);
    format!(
        "aims: metadata in 3 s: {}; 200 MB: {}; checksums at 90 % of cat: {}",
        times.join(", "),
        said(memory < 200.0),
        said(race.of_cat() >= 0.9)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked() {
        let given = |text: &str| Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let options = given("--runs 5 --snapshots 10 --gigabytes 2 --cache cold --folder /x").unwrap();
        let expected = Options { runs: 5, snapshots: 10, gigabytes: 2, cold: true, folder: "/x".into() };
        assert_eq!(options, expected);
        for wrong in ["--runs", "--runs 0", "--runs many", "--cache hot", "5", "--gigabytes -1"] {
            assert_eq!(given(wrong).unwrap_err().exit, 2, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_says_how_much_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape { snapshots: 7, indices: 2, shards: 2, changes_every: 1, data: Data::Bytes(1 << 20) };
        let written = synthetic::create(folder.path(), &shape).unwrap();
        // A snapshot has two blobs at the root and one in each shard; each index has one, each shard one, the root two.
        assert_eq!((written.metadata_blobs, written.orphans), (7 * 2 + 7 * 4 + 2 + 4 + 2, 1));
        // The sixth segment has the five before it within itself.
        assert_eq!(written.data_blobs, 4 * 2 * 7);
    }
}
