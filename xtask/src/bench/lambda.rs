//! `cargo xtask bench lambda`: cold starts, side by side, under one runtime API, in turn.

use serde_json::{Value, json};
use snapkeep_testbed::{Invoke, LambdaProcess, Outcome, RuntimeApi};
use tokio::runtime::Runtime;

use super::USAGE;
use super::contestants::{Contestant, REGION, ROLE, Stage};
use super::process::machine;
use super::report::{Report, Row, Sample};
use crate::failure::{Failure, Result};

/// Fewer cold starts than these give no steady median.
const LEAST: usize = 15;
/// Cold starts of each, unless said otherwise.
const USUAL: usize = 25;
/// Cold starts of each that are not counted: afterwards files are in memory, and Python's are compiled.
const WARM_UP: usize = 2;

/// Measures and prints.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let runs = runs(args)?;
    let stage = Stage::set()?;
    let contestants = stage.contestants()?;
    let course = Course::new(&stage)?;
    let mut rows: Vec<Row> = contestants.iter().map(|who| Row::new(who.id, &who.name, who.zip_size)).collect();
    for round in 0..WARM_UP + runs {
        for (who, row) in contestants.iter().zip(&mut rows) {
            let sample = course.cold_start(who, &format!("bench-{}-{round}", who.id.replace('_', "-")))?;
            if round >= WARM_UP {
                row.samples.push(sample);
            }
        }
    }
    let report = Report { rows, runs, python: stage.python.version.clone(), machine: machine() };
    println!("{}\n\n{}", report.table(), report.json());
    Ok(())
}

fn runs(args: &[String]) -> Result<usize> {
    let wrong = || Failure::operator(format!("--runs takes a number of {LEAST} or more; usage: {USAGE}"));
    match args {
        [] => Ok(USUAL),
        [name, value] if name == "--runs" => value.parse().ok().filter(|&runs| runs >= LEAST).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// Where all are measured.
struct Course<'a> {
    stage: &'a Stage,
    api: RuntimeApi,
    runtime: Runtime,
}

impl<'a> Course<'a> {
    fn new(stage: &'a Stage) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::during("cannot start a runtime"))?;
        Ok(Self { stage, api: RuntimeApi::start()?, runtime })
    }

    /// A new process and its first event, which waits for it as in Lambda. The answer must be a success, and the node must
    /// have seen one registration and one snapshot.
    fn cold_start(&self, who: &Contestant, repository: &str) -> Result<Sample> {
        let process = LambdaProcess::start(&self.api, &who.function)?;
        let outcome = self.runtime.block_on(self.api.invoke(self.event(repository), Invoke::default()));
        let wrong = |what: &str| Failure::new(format!("{}: {what}; it wrote:\n{}", who.name, process.logs()));
        let Outcome::Response(answer) = outcome else { return Err(wrong(&format!("{outcome:?}"))) };
        let memory = process.peak_memory().ok_or_else(|| wrong("it ended after its answer"))?;
        let written = self.stage.node.written_to(repository);
        if written.registrations != 1 || written.snapshots.len() != 1 {
            return Err(wrong(&format!("answered {answer}, but the node saw {written:?}")));
        }
        let timed = || {
            let started = process.start_duration()?;
            let first_next = self.api.first_next(process.slot())?;
            let deliveries = self.api.deliveries();
            let delivery = deliveries.iter().rev().find(|delivery| delivery.slot == Some(process.slot()))?;
            Some((started, started + delivery.ended?.duration_since(first_next)))
        };
        let (start, answer) = timed().ok_or_else(|| wrong("the runtime API lost its times"))?;
        Ok(Sample { start, answer, memory })
    }

    fn event(&self, repository: &str) -> Value {
        json!({
            "Endpoint": self.stage.front.url(),
            "RepositoryName": repository,
            "S3Bucket": "bucket",
            "Region": REGION,
            "RoleArn": ROLE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_runs_is_checked() {
        let given = |args: &[&str]| runs(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(given(&[]).unwrap(), USUAL);
        assert_eq!(given(&["--runs", "40"]).unwrap(), 40);
        for wrong in [&["--runs"][..], &["--runs", "3"], &["--runs", "many"], &["40"]] {
            assert_eq!(given(wrong).unwrap_err().exit, 2, "{wrong:?}");
        }
    }
}
