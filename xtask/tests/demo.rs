//! The demo runs, and README.md shows what it prints.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::Command;

use serde_json::Value;

/// What differs from run to run, by how its word begins: names hold times, ports are free ones.
const MASKED: [&str; 5] = ["manual-backups", "demo-backups", "books", "https://127.0.0.1:", "/_count"];

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("demo").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    let readme = include_str!("../../README.md");
    let shown =
        readme.split_once("<!-- demo -->\n```text\n").and_then(|(_, rest)| rest.split_once("```\n<!-- /demo -->"));
    let shown = shown.expect("README.md holds the demo's output").0;
    assert_eq!(masked(shown), masked(&printed), "README.md should show:\n{printed}");
    assert_eq!(answer(shown), answer(&printed));
}

/// The text with its changing words masked and without the answer's JSON, which is compared by its meaning.
fn masked(text: &str) -> Vec<String> {
    let (before, rest) = text.split_once("and answers\n").unwrap();
    let after = rest.split_once("\n   }\n").unwrap().1;
    format!("{before}{after}").lines().map(mask).collect()
}

fn mask(line: &str) -> String {
    let word = |word: &str| {
        let found = MASKED.iter().find(|masked| word.trim_start_matches(['"', '/', '…']).contains(**masked));
        found.map_or_else(|| word.to_owned(), |masked| format!("<{masked}>"))
    };
    let words: Vec<String> = line.split(' ').map(word).collect();
    let line = words.join(" ");
    match line.split_once(" after ") {
        Some((before, _)) => format!("{before} after …"),
        None => line,
    }
}

/// The answer's keys, and the values that are the same in every run.
fn answer(text: &str) -> (Vec<String>, Vec<Value>) {
    let json = text.split_once("and answers\n").unwrap().1.split_once("\n   }\n").unwrap().0;
    let answer: Value = serde_json::from_str(&format!("{json}}}")).unwrap();
    let keys = answer.as_object().unwrap().keys().cloned().collect();
    (keys, ["schema", "action", "registration", "outcome", "warnings"].map(|key| answer[key].clone()).to_vec())
}
