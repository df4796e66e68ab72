//! Nothing stays behind a process that is killed outright: it is this very test program, started as a process of its own.

// The lint's exception for tests does not reach what stands beside them.
#![allow(clippy::unwrap_used)]

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use snapkeep_testbed::bed::Description;
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Function, LambdaProcess, Needs, RuntimeApi, Testbed, eventually};

/// Not a test when `HOST` is set: then this process starts everything, says where, and waits to be killed.
#[test]
fn host() {
    let Some(description) = std::env::var_os("HOST") else { return };
    let description = PathBuf::from(description);
    let bed = Testbed::start(&Needs::nodes(["opensearch-3.3.0"]), &Quiet).unwrap();
    let api = RuntimeApi::start().unwrap();
    let process = LambdaProcess::start(&api, &Function::new("/bin/sleep").arg("1000")).unwrap();
    std::fs::write(description.with_extension("pid"), process.pid().to_string()).unwrap();
    bed.write_description(&description).unwrap();
    std::thread::sleep(Duration::from_secs(1_000));
}

fn refuses(url: &str) -> bool {
    TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err()
}

fn has_ended(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[tokio::test]
async fn nothing_stays_behind_a_process_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("testbed.json");
    let mut host = Command::new(std::env::current_exe().unwrap());
    host.args(["--exact", "host"]).env("HOST", &file).stdout(Stdio::null()).stderr(Stdio::null());
    let mut host = host.spawn().unwrap();
    while !file.is_file() {
        assert_eq!(host.try_wait().unwrap(), None, "the host ended early");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let Ok(Description { nodes, s3 }) = serde_json::from_str(&text) else { panic!("{text}") };
    let function = std::fs::read_to_string(file.with_extension("pid")).unwrap();
    let home = nodes[0].repo_dir.parent().map(Path::to_owned).unwrap();
    // Another process can use it all.
    let bed = Testbed::attach(&file).unwrap();
    let index = bed.unique("books");
    bed.node("opensearch-3.3.0").load_documents(&index, 10).await;
    assert_eq!(bed.node("opensearch-3.3.0").count(&index).await, 10);
    bed.s3().create_bucket("from-elsewhere").await.unwrap();
    assert_eq!(bed.s3().objects("from-elsewhere").await.unwrap(), []);
    assert!(home.is_dir() && !has_ended(&function));

    host.kill().unwrap();
    host.wait().unwrap();
    eventually("node, server, function and directories are gone", async || {
        let servers = refuses(&nodes[0].url) && refuses(&s3.client.endpoint);
        (servers && !home.exists() && has_ended(&function)).then_some(())
    })
    .await;
}
