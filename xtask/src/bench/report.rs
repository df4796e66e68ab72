//! What was measured, as a table for people and as JSON for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::spread::{Spread, megabytes, rounded};

/// One cold start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// From launch to the first request for an event.
    pub(crate) start: Duration,
    /// From launch to the first event's answer.
    pub(crate) answer: Duration,
    /// Peak memory by then, in bytes.
    pub(crate) memory: u64,
}

/// One function's cold starts.
#[derive(Debug)]
pub(crate) struct Row {
    id: &'static str,
    name: String,
    zip_size: u64,
    /// In the order in which they were made.
    pub(crate) samples: Vec<Sample>,
}

impl Row {
    /// Without samples.
    pub(crate) fn new(id: &'static str, name: &str, zip_size: u64) -> Self {
        Self { id, name: name.to_owned(), zip_size, samples: Vec::new() }
    }

    /// In the order of [`COLUMNS`].
    fn values(&self) -> [Spread; 4] {
        let of = |value: fn(&Sample) -> f64| Spread::of(self.samples.iter().map(value).collect());
        [
            of(|sample| sample.start.as_secs_f64() * 1e3),
            of(|sample| sample.answer.as_secs_f64() * 1e3),
            of(|sample| megabytes(sample.memory)),
            Spread::of(vec![megabytes(self.zip_size)]),
        ]
    }
}

/// Name in JSON and heading of each measure.
const COLUMNS: [(&str, &str); 4] = [
    ("start_ms", "start to first `next`, ms"),
    ("first_answer_ms", "start to first answer, ms"),
    ("peak_memory_mb", "peak memory, MB"),
    ("zip_mb", "zip, MB"),
];

/// Which of ours each peer is compared with: the one that was given the same credentials.
const PAIRS: [(&str, &str); 2] = [("python_requests", "snapkeep_keys"), ("python_boto3", "snapkeep_role")];

/// A bench's result.
#[derive(Debug)]
pub(crate) struct Report {
    /// Each function's.
    pub(crate) rows: Vec<Row>,
    /// Cold starts of each.
    pub(crate) runs: usize,
    /// Python's version.
    pub(crate) python: String,
    /// Where.
    pub(crate) machine: String,
}

impl Report {
    /// Medians and ratios in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{}; Python {}; medians of {} cold starts (least in brackets)\n\n|",
            self.machine, self.python, self.runs
        );
        let headings = COLUMNS.map(|(_, heading)| heading);
        let _ = writeln!(text, " | {} |", headings.join(" | "));
        let _ = writeln!(text, "|---|{}", "---:|".repeat(COLUMNS.len()));
        for row in &self.rows {
            let values = row.values().map(Spread::shown);
            let _ = writeln!(text, "| {} | {} |", row.name, values.join(" | "));
        }
        for (peer, ours, ratios) in self.ratios() {
            let ratios = ratios.map(|ratio| format!("{ratio:.1}×"));
            let _ = writeln!(text, "| {} ÷ {} | {} |", peer.id, ours.id, ratios.join(" | "));
        }
        let _ = write!(text, "\n{}", self.aims());
        text
    }

    /// The same on one line, with least and greatest values.
    pub(crate) fn json(&self) -> Value {
        let measures = |values: [Value; 4]| -> Value {
            COLUMNS.iter().map(|(key, _)| (*key).to_owned()).zip(values).collect::<serde_json::Map<_, _>>().into()
        };
        let rows: serde_json::Map<_, _> =
            self.rows.iter().map(|row| (row.id.to_owned(), measures(row.values().map(Spread::json)))).collect();
        let ratios: serde_json::Map<_, _> = self
            .ratios()
            .map(|(peer, ours, ratios)| {
                (format!("{}/{}", peer.id, ours.id), measures(ratios.map(|ratio| json!(rounded(ratio)))))
            })
            .collect();
        json!({
            "bench": "lambda", "runs": self.runs, "machine": self.machine, "python": self.python,
            "functions": rows, "ratios": ratios,
        })
    }

    fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// How many times as much each peer takes.
    fn ratios(&self) -> impl Iterator<Item = (&Row, &Row, [f64; 4])> {
        PAIRS.iter().filter_map(|(peer, ours)| {
            let (peer, ours) = (self.row(peer)?, self.row(ours)?);
            let (theirs, own) = (peer.values(), ours.values());
            Some((peer, ours, std::array::from_fn(|column| theirs[column].median / own[column].median)))
        })
    }

    /// Whether the project's aims are met against each peer.
    fn aims(&self) -> String {
        let least = |column: usize| self.ratios().map(|(_, _, ratios)| ratios[column]).fold(f64::INFINITY, f64::min);
        let zip = self.rows.iter().filter(|row| row.id.starts_with("snapkeep")).map(|row| row.zip_size).max();
        let said = |met: bool| if met { "met" } else { "MISSED" };
        format!(
            "aims: at least 20× faster to `next`: {}; peak memory at most a third: {}; zip at most 3 MB: {}",
            said(least(0) >= 20.0),
            said(least(2) >= 3.0),
            said(zip.is_some_and(|size| size <= 3_000_000)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &'static str, milliseconds: [u64; 3], zip_size: u64) -> Row {
        let sample = |start| Sample {
            start: Duration::from_millis(start),
            answer: Duration::from_millis(start * 2),
            memory: start * 1_000_000,
        };
        Row { samples: milliseconds.map(sample).to_vec(), ..Row::new(id, id, zip_size) }
    }

    fn report(python_start: u64) -> Report {
        Report {
            rows: vec![
                row("snapkeep_keys", [9, 2, 3], 2_500_000),
                row("python_requests", [python_start; 3], 1_250_000),
            ],
            runs: 3,
            python: "3".into(),
            machine: "m".into(),
        }
    }

    #[test]
    fn table_and_json_say_the_same() {
        let report = report(90);
        let table = report.table();
        assert!(table.contains("| snapkeep_keys | 3.0 (2.0) | 6.0 (4.0) | 3.0 (2.0) | 2.5 |"), "{table}");
        assert!(table.contains("| python_requests ÷ snapkeep_keys | 30.0× | 30.0× | 30.0× | 0.5× |"), "{table}");
        let json = report.json();
        assert_eq!(json["functions"]["snapkeep_keys"]["start_ms"], json!({ "min": 2.0, "median": 3.0, "max": 9.0 }));
        assert_eq!(json["ratios"]["python_requests/snapkeep_keys"]["start_ms"], 30.0);
    }

    #[test]
    fn a_missed_aim_is_said() {
        assert!(!report(60).aims().contains("MISSED"), "{}", report(60).aims());
        assert!(report(59).aims().contains("faster to `next`: MISSED"), "{}", report(59).aims());
    }
}
