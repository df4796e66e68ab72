//! Results of `doctor`.

use crate::output::{Look, Style, Tone, View, json_of};
use serde::Serialize;
use snapkeep_doctor::{Finding, Mend, Report, Verdict};

/// What is wrong, and what mends it.
pub(crate) struct Diagnosis<'a> {
    pub(crate) report: &'a Report,
}

#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    diagnosis: Option<&'a Finding>,
    checks: &'a [Finding],
    ok: usize,
    warnings: usize,
    failed: usize,
    unchecked: usize,
}

impl View for Diagnosis<'_> {
    /// The diagnosis last, where whoever reads a terminal looks first; before it whatever else is wrong by itself.
    fn text(&self, look: &Look) -> String {
        let style = look.style;
        let lines = self.report.findings.iter().map(|finding| line(finding, style));
        let diagnosis = self.report.diagnosis();
        let others = self.report.findings.iter().filter(|finding| {
            let is_wrong = matches!(finding.verdict, Verdict::Warning | Verdict::Failed);
            is_wrong && finding.follows_from.is_none() && diagnosis != Some(*finding)
        });
        let others = others.map(|finding| whole("also:", finding, style));
        let first = diagnosis.map(|finding| whole("to be mended first:", finding, style));
        let after = others.chain([format!("\n{}", self.sum())]).chain(first);
        lines.chain(after).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        let count = |verdict| self.report.count(verdict);
        json_of(&Answer {
            schema: 1,
            diagnosis: self.report.diagnosis(),
            checks: &self.report.findings,
            ok: count(Verdict::Ok),
            warnings: count(Verdict::Warning),
            failed: count(Verdict::Failed),
            unchecked: count(Verdict::Unchecked),
        })
    }
}

impl Diagnosis<'_> {
    fn sum(&self) -> String {
        let count = |verdict| self.report.count(verdict);
        let warnings = count(Verdict::Warning);
        format!(
            "{} ok, {warnings} {}, {} failed, {} not checked",
            count(Verdict::Ok),
            if warnings == 1 { "warning" } else { "warnings" },
            count(Verdict::Failed),
            count(Verdict::Unchecked)
        )
    }
}

fn line(finding: &Finding, style: Style) -> String {
    let (tone, word) = match finding.verdict {
        Verdict::Ok => (Tone::Good, "ok     "),
        Verdict::Unchecked => (Tone::Dim, "unseen "),
        Verdict::Warning => (Tone::Warning, "warning"),
        Verdict::Failed => (Tone::Bad, "failed "),
    };
    let cause = finding.follows_from.map(|cause| format!(" (follows from {})", cause.as_str())).unwrap_or_default();
    format!("{}  {:<16}  {}{cause}", style.paint(tone, word), finding.check.as_str(), finding.says)
}

/// What it means, and what mends it, ready to be copied.
fn whole(title: &str, finding: &Finding, style: Style) -> String {
    let head = format!("\n{} {}: {}", style.paint(Tone::Strong, title), finding.says, finding.means);
    let mends = finding.mends.iter().map(mend);
    std::iter::once(head).chain(mends).collect::<Vec<_>>().join("\n\n")
}

fn mend(mend: &Mend) -> String {
    let pretty = |value| serde_json::to_string_pretty(value).unwrap_or_default();
    match mend {
        Mend::Statement { attach_to, statement } => {
            format!("# add to the policy of {attach_to}\n{}", pretty(statement))
        }
        Mend::Document { attach_to, document } => {
            format!("# the trust policy of {attach_to}, in place of the one it has\n{}", pretty(document))
        }
        Mend::Command { command } => format!("$ {command}"),
        Mend::Advice { text } => text.clone(),
    }
}
