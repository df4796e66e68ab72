//! A run's report as Markdown, for a ticket, a chat or a pull request.

use snapkeep_core::snapshot::{Shards, State};
use snapkeep_engine::policies::{PolicyReport, RunReport, Taken};
use std::fmt::Write;

/// The report. What comes from a server or the configuration is set as code, so that it is shown as it is.
pub fn markdown(report: &RunReport) -> String {
    let mut text = String::from("# snapkeep run\n\n");
    let failed = report.verdict().is_err();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{} to {}: **{}**\n",
        report.started_at,
        report.finished_at,
        if failed { "failed" } else { "ok" }
    );
    text += "| policy | cluster | repository | taken | running | deleted | kept | newest good | outcome |\n|---|---|---|---|---|---|---|---|---|\n";
    for policy in &report.policies {
        text += &row(report, policy);
    }
    for (name, cluster) in &report.clusters {
        if let Some(failure) = &cluster.failure {
            let _ = writeln!(text, "\n## Cluster {}\n\n- `{}`: {}", code(name), failure.code, code(&failure.cause));
        }
    }
    report.policies.iter().for_each(|policy| text += &details(policy));
    text
}

fn row(report: &RunReport, policy: &PolicyReport) -> String {
    let unseen = report.clusters.get(&policy.cluster).is_some_and(|cluster| cluster.failure.is_some());
    let newest = policy.facts.as_ref().and_then(|facts| facts.last_success);
    let outcome = match (unseen || !policy.failures.is_empty(), policy.stale) {
        (true, _) => "**failed**",
        (false, true) => "**stale**",
        (false, false) => "ok",
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {outcome} |\n",
        code(&policy.policy),
        code(&policy.cluster),
        code(&policy.repository),
        policy.created.len(),
        policy.pending.len(),
        policy.deleted.len(),
        policy.kept,
        newest.map_or_else(|| "unknown".to_owned(), |newest| newest.to_string()),
    )
}

fn details(policy: &PolicyReport) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(policy.created.iter().map(|taken| format!("taken: {}", one(taken))));
    lines.extend(policy.pending.iter().map(|taken| format!("running: {}", one(taken))));
    lines.extend(policy.deleted.iter().map(|deleted| format!("deleted: {}", code(&deleted.snapshot))));
    lines.extend(policy.skipped.iter().map(|skipped| {
        let what = skipped.what.as_ref().map_or_else(String::new, |what| format!("{}: ", code(what)));
        format!("left: {what}{}", code(&skipped.why))
    }));
    lines.extend(policy.warnings.iter().map(|warning| format!("warning: {}", code(warning))));
    lines.extend(
        policy
            .failures
            .iter()
            .map(|failure| format!("failed: `{}`: {} — {}", failure.code, code(&failure.cause), code(&failure.hint))),
    );
    if lines.is_empty() {
        return String::new();
    }
    format!("\n## {} on {}\n\n- {}\n", code(&policy.policy), code(&policy.cluster), lines.join("\n- "))
}

fn one(taken: &Taken) -> String {
    let state = match taken.state {
        Some(State::Success) => "SUCCESS",
        Some(State::Partial) => "PARTIAL",
        Some(State::Failed) => "FAILED",
        Some(State::InProgress) => "IN_PROGRESS",
        None => "state unknown",
    };
    let shards = |shards: Shards| format!(", {} of {} shards", shards.successful, shards.total);
    format!("{} {state}{}", code(&taken.snapshot), taken.shards.map(shards).unwrap_or_default())
}

/// As code, which ends where it is to end, in one cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "¦").replace(['\r', '\n'], " "))
}
