//! A month that passes, and the memory of the daemon meanwhile: in a process of its own, since a front keeps all that it
//! has seen.

use crate::time::Days;
use crate::world::{Daemon, World, Written, at, policy};
use jiff::Timestamp;
use snapkeep_core::naming::RepositoryName;
use snapkeep_testbed::release;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

const BEGIN: &str = "2026-03-01T00:00:00Z";
const END: &str = "2026-03-31T00:00:00Z";

/// What the process is told of its world.
const ADDRESS: &str = "SNAPKEEP_MONTH_ADDRESS";
const REPOSITORY: &str = "SNAPKEEP_MONTH_REPOSITORY";
const INDEX: &str = "SNAPKEEP_MONTH_INDEX";

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The process: a line for each jump, answered once the node's clock has followed, and one for each day's memory.
#[tokio::test]
#[ignore = "the process of the month's test"]
async fn process() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let repository = RepositoryName::parse(&std::env::var(REPOSITORY).unwrap()).unwrap();
    let index = std::env::var(INDEX).unwrap();
    let of = |name, schedule, keep| policy(&repository, &index, name, schedule, keep);
    let source = Written::new(address, [of("nightly", "0 3 * * *", 7), of("quarterly", "every 6h", 8)]);
    let (said, day) = (Mutex::new(()), AtomicI64::new(0));
    let tell = move |ahead: i64| {
        let _turn = said.lock().unwrap();
        let now = (Timestamp::now().as_millisecond() + ahead) / 1000;
        let today = (now - at(BEGIN).as_second()) / DAY;
        if day.swap(today, Ordering::Relaxed) < today {
            println!("\nday {today} {}", resident());
        }
        println!("\nahead {ahead}");
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).unwrap();
    };
    let days = Days::new(tell, at(BEGIN), at(END), 1);
    let daemon = Daemon::new(std::sync::Arc::new(days.watch(0)), std::time::Duration::from_mins(30)).await;
    tokio::select! {
        () = daemon.serve(&source) => unreachable!("nobody has stopped it"),
        () = days.are_over() => {}
    }
}

/// What this process has in memory, in KiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
#[ignore = "some minutes: what docs/daemon.md says of memory"]
async fn a_month_needs_no_more_memory_than_its_first_days() {
    let world = World::on(release::REQUIRED[0]).await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "month::process", "--ignored", "--nocapture"]);
    command.env(ADDRESS, world.front.url()).env(REPOSITORY, world.repository.as_str()).env(INDEX, &world.index);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut answers, lines) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let front = std::sync::Arc::clone(&world.front);
    let reading = tokio::task::spawn_blocking(move || {
        let mut memory = Vec::new();
        for line in lines.lines().map_while(Result::ok) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["ahead", ahead] => {
                    front.shift_times(ahead.parse().unwrap());
                    answers.write_all(b"\n").unwrap();
                }
                ["day", _, kib] => memory.push(kib.parse::<u64>().unwrap()),
                _ => {}
            }
        }
        memory
    });
    let memory = reading.await.unwrap();
    assert!(child.wait().unwrap().success());
    println!("KiB at the end of each day: {memory:?}; {} requests", world.front.requests().len());
    assert!(memory.len() >= 29, "{memory:?}");
    let most = |days: &[u64]| days.iter().copied().max().unwrap();
    let (first, last) = (most(&memory[..7]), most(&memory[memory.len() - 7..]));
    assert!(last <= first + first / 20, "it grows: {memory:?}");
    assert_eq!(world.states().await.len(), 7 + 8);
}
