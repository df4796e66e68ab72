//! `cargo xtask demo`: the main job for real, on this machine only. A node, an S3 server, a front that
//! demands signatures, and the Lambda's binary between them.

mod stage;

use std::io::{BufRead as _, IsTerminal as _, Write as _, stdin, stdout};
use std::time::Instant;

use serde_json::{Value, json};
use snapkeep_testbed::{Invoke, NodeHandle, Outcome, eventually};

use crate::failure::{Failure, Result};
use stage::Stage;

/// Documents that are lost and come back.
const DOCUMENTS: u64 = 50_000;

/// `demo [--keep]`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let keep = match args {
        [] => false,
        [only] if only == "--keep" => true,
        _ => return Err(Failure::operator("usage: cargo xtask demo [--keep]")),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::during("cannot start"))?;
    let stage = Stage::set_up()?;
    runtime.block_on(async {
        tokio::select! {
            outcome = show(&stage, keep) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure { message: "interrupted; all is stopped".into(), exit: 130 }),
        }
    })
}

async fn show(stage: &Stage, keep: bool) -> Result<()> {
    let index = stage.index();
    stage.node.load_documents(&index, DOCUMENTS).await;
    println!("Everything below is real and on this machine only:");
    println!(
        "  cluster   OpenSearch {} with its S3 plugin, {DOCUMENTS} documents in index {index}",
        stage.node.version
    );
    println!("  bucket    {} on an S3 server", stage.bucket);
    println!("  front     {} stands for the domain's endpoint and demands AWS signatures", stage.front.url());

    heading(1, "Without a signature the domain says no");
    let refused = stage.deliver_unsigned().await;
    say(&error_code(&refused)?);

    heading(2, "The Lambda gets the article's event");
    println!("{}", indented(&stage.event()));
    let answer = response(stage.deliver().await)?;
    println!("   and answers");
    println!("{}", indented(&answer));

    let snapshot = answer["snapshot"].as_str().unwrap_or_default();
    heading(3, "The snapshot, as the cluster sees it");
    follow(&stage.node, &stage.repository, snapshot).await?;

    heading(4, "The index is lost");
    let (deleted, answer) = stage.node.delete(&format!("/{index}")).await;
    if deleted != 200 {
        return Err(Failure::new(format!("the index cannot be deleted: {answer}")));
    }
    let (status, _) = stage.node.get(&format!("/{index}/_count")).await;
    say(&format!("GET /{index}/_count answers {status}"));

    heading(5, "And comes back");
    restore(&stage.node, &stage.repository, snapshot, &index).await?;
    let count = stage.node.count(&index).await;
    say(&format!("GET /{index}/_count answers {count} documents"));
    if count != DOCUMENTS {
        return Err(Failure::new(format!("{count} documents came back of {DOCUMENTS}")));
    }

    heading(6, "Lambda delivers the same event once more");
    let again = response(stage.deliver().await)?;
    let (_, list) = stage.node.get(&format!("/_snapshot/{}/_all", stage.repository)).await;
    if again["snapshot"] != snapshot || list["snapshots"].as_array().map(Vec::len) != Some(1) {
        return Err(Failure::new(format!("there should be one snapshot: {list}")));
    }
    say(&format!(
        "registration {}, outcome {}: still one snapshot, {}",
        text(&again, "registration"),
        text(&again, "outcome"),
        text(&again, "snapshot")
    ));

    println!("\nWhat to try next");
    println!("  cargo xtask demo --keep     leave it up, and send events of your own");
    println!("  cargo xtask package         the zip for AWS; README.md takes it from there");
    if keep { take_events(stage).await } else { Ok(()) }
}

fn heading(number: u32, text: &str) {
    println!("\n{number}. {text}");
}

fn say(text: &str) {
    println!("   {text}");
}

fn text<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer[key].as_str().unwrap_or("null")
}

fn indented(value: &Value) -> String {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    pretty.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

fn response(outcome: Outcome) -> Result<Value> {
    match outcome {
        Outcome::Response(answer) => Ok(answer),
        other => Err(Failure::new(format!("the function did not answer: {other:?}"))),
    }
}

fn error_code(outcome: &Outcome) -> Result<String> {
    match outcome {
        Outcome::Error { error_type, error_message, .. } => {
            let error: Value = serde_json::from_str(error_message).unwrap_or_default();
            Ok(format!("error[{error_type}] {}: {}", error["http_status"], text(&error, "cause")))
        }
        other => Err(Failure::new(format!("the front let an unsigned request pass: {other:?}"))),
    }
}

/// Shards and bytes until the snapshot ends; a line that is written over on a terminal.
async fn follow(node: &NodeHandle, repository: &str, snapshot: &str) -> Result<()> {
    let begun = Instant::now();
    let path = format!("/_snapshot/{repository}/{snapshot}");
    let state = eventually("the snapshot ends", async || {
        let (_, status) = node.get(&format!("{path}/_status")).await;
        let status = &status["snapshots"][0];
        draw(&status["shards_stats"], &status["stats"]);
        // `_status` says SUCCESS once all shards are done, before the snapshot is final.
        let (_, found) = node.get(&path).await;
        let state = found["snapshots"][0]["state"].as_str()?;
        (state != "IN_PROGRESS").then(|| state.to_owned())
    })
    .await;
    if stdout().is_terminal() {
        println!();
    }
    say(&format!("{snapshot} is {state} after {:.1} s", begun.elapsed().as_secs_f64()));
    if state == "SUCCESS" { Ok(()) } else { Err(Failure::new(format!("the snapshot ended {state}"))) }
}

fn draw(shards: &Value, stats: &Value) {
    if !stdout().is_terminal() {
        return;
    }
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (done, total) = (number(&shards["done"]), number(&shards["total"]));
    let size = number(&stats["incremental"]["size_in_bytes"]);
    // What was processed is only told while there is something left to do.
    let sent = if done == total { size } else { number(&stats["processed"]["size_in_bytes"]) };
    let filled = usize::try_from((done * 30).checked_div(total).unwrap_or_default()).unwrap_or_default();
    print!("\r   [{:<30}] {done}/{total} shards, {} of {} kB   ", "#".repeat(filled), sent / 1000, size / 1000);
    let _ = stdout().flush();
}

async fn restore(node: &NodeHandle, repository: &str, snapshot: &str, index: &str) -> Result<()> {
    let path = format!("/_snapshot/{repository}/{snapshot}/_restore?wait_for_completion=true");
    let (status, answer) = node.post(&path, json!({"indices": index, "include_global_state": false})).await;
    let shards = &answer["snapshot"]["shards"];
    say(&format!("POST …/{snapshot}/_restore: {} of {} shards", shards["successful"], shards["total"]));
    if status == 200 && shards["failed"] == 0 {
        Ok(())
    } else {
        Err(Failure::new(format!("the restore failed: {answer}")))
    }
}

/// Leaves it up: each line that is typed is an event for the function.
async fn take_events(stage: &Stage) -> Result<()> {
    println!("\nIt stays up until Ctrl-C. Type an event (one line of JSON), such as");
    let mut list = stage.event();
    list["Action"] = json!("list");
    println!("  {list}");
    println!("The cluster itself, unsigned: {}", stage.node.url);
    let (lines, mut typed) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        stdin().lock().lines().map_while(std::result::Result::ok).try_for_each(|line| lines.send(line))
    });
    while let Some(line) = typed.recv().await {
        if line.trim().is_empty() {
            continue;
        }
        match stage.send(line.as_bytes(), Invoke::default()).await {
            Outcome::Response(answer) => println!("{}", indented(&answer)),
            Outcome::Error { error_message, .. } => println!("   {error_message}"),
            other => println!("   {other:?}"),
        }
    }
    // Standard input ended (it is no terminal): up all the same, until Ctrl-C.
    std::future::pending::<()>().await;
    Ok(())
}
