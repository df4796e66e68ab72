//! Ctrl-C, and what a run says while it waits.

use crate::stage::{Stage, end_of};
use serde_json::Value;
use snapkeep_testbed::Mode;
use std::process::{Command, Stdio};

#[tokio::test]
async fn ctrl_c_ends_the_command_and_not_the_snapshot() {
    let stage = Stage::new().await;
    stage.register();
    stage.mode(Mode::hold()).await;
    let create = stage.start("create -r R held --indices I");
    stage.until("held", "STARTED").await;
    let killed = Command::new("kill").args(["-INT", &create.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ran = end_of(create).await;
    assert_eq!(ran.status, 130, "{ran:?}");
    assert!(ran.err.contains("error[interrupted]: interrupted; what was begun goes on in the cluster"), "{ran:?}");
    for verb in ["status", "abort"] {
        assert!(ran.err.contains(&format!("`snapkeep {verb} -r {} held`", stage.repository)), "{ran:?}");
    }
    stage.mode(Mode::Normal).await;
    stage.until("held", "SUCCESS").await;
}

#[tokio::test]
async fn whoever_waits_gets_no_success_without_an_end() {
    let stage = Stage::new().await;
    stage.register();
    stage.mode(Mode::hold()).await;
    let ran = stage.run("create -r R held --indices I --timeout 4s");
    assert_eq!(ran.status, 15, "{ran:?}");
    assert!(ran.out.contains("snapshot held has begun") && ran.err.contains("error[outcome_unknown]: "), "{ran:?}");
    stage.mode(Mode::Normal).await;
    stage.until("held", "SUCCESS").await;
}

#[tokio::test]
async fn what_stands_still_is_said_and_events_are_json_lines() {
    let stage = Stage::new().await;
    stage.register();
    stage.mode(Mode::hold()).await;
    let mut create = stage.start("create -r R held --indices I --stall-after 1s --json");
    let err = create.stderr.take().unwrap();
    let lines = tokio::task::spawn_blocking(move || {
        use std::io::BufRead;
        let mut seen = Vec::new();
        for line in std::io::BufReader::new(err).lines().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let has_stalled = event["message"].as_str().is_some_and(|text| text.contains("has not moved for"));
            seen.push(event);
            if has_stalled {
                break;
            }
        }
        seen
    });
    let seen = lines.await.unwrap();
    stage.mode(Mode::Normal).await;
    assert!(seen.iter().all(|event| event["schema"] == 1 && event["event"].is_string()), "{seen:?}");
    assert_eq!((seen[0]["event"].as_str(), seen.last().unwrap()["event"].as_str()), (Some("note"), Some("warning")));
    assert_eq!(end_of(create).await.status, 0);
}

#[test]
fn ctrl_c_at_the_question_ends_it() {
    use std::io::{Read, Write};
    let program = env!("CARGO_BIN_EXE_snapkeep");
    let line = format!("{program} abort -r r s --endpoint http://127.0.0.1:1 --color never");
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).env("HOME", "/nowhere").env_remove("SNAPKEEP_CONFIG");
    let Ok(mut child) = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        let _ = writeln!(std::io::stderr(), "skipped: there is no `script` to stand for a terminal");
        return;
    };
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = Vec::new();
    while !seen.ends_with(b"[y/N] ") {
        let mut byte = [0];
        assert_eq!(screen.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    keys.write_all(b"\x03").unwrap();
    let mut rest = String::new();
    screen.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    let error = "\r\nerror[interrupted]: interrupted\r\n";
    assert!(rest.contains(error) && !rest.contains("goes on"), "{rest:?}");
}
