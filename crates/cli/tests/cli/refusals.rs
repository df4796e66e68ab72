//! What is refused before anything is sent, and how the program says so.

use crate::stage::{Ran, Stage, ran};
use std::process::Command;

/// The program without any cluster.
fn alone(line: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapkeep"));
    command.args(line.split_whitespace()).env_clear().env("HOME", directory.path()).current_dir(directory.path());
    ran(command.output().unwrap())
}

#[test]
fn help_and_version_are_data_and_complaints_are_not() {
    for line in ["--help", "-h", "create --help", "repo register --help", "--version"] {
        let ran = alone(line);
        assert!(ran.status == 0 && !ran.out.is_empty() && ran.err.is_empty(), "{line}: {ran:?}");
    }
    for line in ["", "repo", "lst", "list --nope"] {
        let ran = alone(line);
        assert!(ran.status == 2 && ran.out.is_empty() && !ran.err.is_empty(), "{line}: {ran:?}");
    }
    assert!(alone("list --nope").err.starts_with("error[bad_event]: unexpected argument '--nope' found"));
    let json = alone("list --nope --json").err;
    assert_eq!(
        json.trim_end(),
        concat!(
            r#"{"schema":1,"code":"bad_event","http_status":null,"cause":"unexpected argument '--nope' found","#,
            r#""hint":"snapkeep --help lists the commands and flags"}"#
        )
    );
}

#[test]
fn nothing_is_coloured_unless_asked_for() {
    for line in ["list", "--help", "list --nope", "--color auto list"] {
        let ran = alone(line);
        assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'), "{line}: {ran:?}");
    }
    assert!(alone("list --color always").err.contains('\u{1b}'));
    assert!(alone("--help --color=always").out.contains('\u{1b}'));
}

#[test]
fn without_a_cluster_there_is_a_hint() {
    let ran = alone("list");
    assert_eq!(ran.status, 2);
    assert_eq!(
        ran.err,
        "error[bad_config]: no cluster is named\n\nhint: name it with --endpoint URL, or with SNAPKEEP_ENDPOINT, or under `clusters` in snapkeep.yaml\n"
    );
    let ran = alone("list --endpoint http://127.0.0.1:1 -r r --timeout 2s");
    assert!(ran.status == 1 && ran.err.contains("error[cluster_unavailable]"), "{ran:?}");
}

#[test]
fn pages_and_scripts_need_no_cluster() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(alone(&format!("completions {shell}")).out.contains("snapkeep"), "{shell}");
    }
    assert!(alone("man").out.starts_with(".ie"));
    let ran = alone("man --out pages");
    assert!(ran.status == 0 && ran.out.contains("snapkeep-repo-register.1"), "{ran:?}");
}

#[tokio::test]
async fn what_the_cluster_says_no_to() {
    let stage = Stage::new().await;
    stage.register();
    stage.refused("show -r R no-such", 10, "snapshot_missing");
    stage.refused("status -r R no-such", 10, "snapshot_missing");
    stage.refused("abort -r R no-such --yes", 10, "snapshot_missing");
    stage.refused("clone -r R no-such copy", 10, "snapshot_missing");
    stage.refused("create -r R --indices no-such-index", 1, "snapshot_failed");
    stage.refused("create -r no-such-repository", 10, "repository_missing");
    stage.refused("create -r cs-automated", 2, "bad_event");
    stage.refused("repo register cs-x --bucket b", 2, "bad_event");
    stage.refused("create -r R Capital", 2, "bad_event");
    stage.refused("create -r R --template %d-%m", 2, "bad_event");
    stage.refused("create -r R --metadata snapkeep=x", 2, "bad_event");
    stage.refused("list --cluster nope", 2, "bad_config");
    stage.refused("list --endpoint https://x.eu-west-1.aoss.amazonaws.com", 2, "unsupported");
    // What Amazon's endpoints need is said before they are called.
    for verb in ["register R --bucket b", "remove R --yes", "cleanup R --yes", "show R", "verify R"] {
        stage.refused(&format!("repo {verb} -r other"), 2, "bad_event");
    }
    stage.refused("repo register R --bucket bbb", 1, "repository_conflict");
}

#[tokio::test]
async fn a_full_disk_is_told_apart_from_what_was_done() {
    let stage = Stage::new().await;
    stage.register();
    stage.ok("create -r R first --indices I");
    stage.ok("create -r R second --indices I");
    let full = |line: &str| {
        let mut command = stage.command(line);
        command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        ran(command.stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap())
    };
    let names = || stage.json("list -r R")["total"].as_u64();
    let listed = full("list -r R");
    assert!(listed.status == 1 && listed.err.contains("error[output_failed]: the result cannot"), "{listed:?}");
    for line in ["delete -r R first --yes", "delete -r R first --dry-run", "delete -r R first --dry-run --json"] {
        let planned = full(line);
        assert!(planned.status == 1 && planned.err.contains("nothing was changed"), "{line}: {planned:?}");
    }
    assert_eq!(names(), Some(2));
    let deleted = full("delete -r R first --yes --json");
    assert!(deleted.status == 1 && deleted.err.contains("has been done"), "{deleted:?}");
    assert_eq!(names(), Some(1));
    // The command's own end counts more.
    let own = full("delete -r R second no-such --allow-last-good --yes --json");
    assert!(own.status == 10 && own.err.contains("warning"), "{own:?}");
}
