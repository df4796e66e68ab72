//! A policy's `drill`: how restoring its snapshots is practised.

use crate::fields::{Fields, wrong};
use crate::policies::{Surroundings, entries, number, selecting};
use crate::yaml::{Node, Value};
use snapkeep_core::Failure;
use snapkeep_core::drill::{Check, DEFAULT_MAX_DURATION, DEFAULT_MAX_SIZE, Drill, Query, size};
use snapkeep_core::pattern::Pattern;
use snapkeep_core::period::Period;
use snapkeep_core::schedule::Schedule;

/// Reads it; `schedule` reads one in the policy's own zone.
pub(crate) fn read(
    mut fields: Fields,
    schedule: impl FnOnce(&str) -> Result<Schedule, Failure>,
    around: &Surroundings<'_>,
) -> Result<Drill, Failure> {
    let drill = Drill {
        schedule: fields.checked("schedule", schedule)?,
        cluster: cluster(&mut fields, around)?,
        indices: selecting(&mut fields, "indices")?,
        sample: number(&mut fields, "sample")?,
        max_size: fields.checked("max_size", size)?.unwrap_or(DEFAULT_MAX_SIZE),
        max_duration: fields.checked("max_duration", Period::parse)?.unwrap_or(DEFAULT_MAX_DURATION),
        checks: checks(&mut fields)?,
    };
    fields.finish()?;
    Ok(drill)
}

fn cluster(fields: &mut Fields, around: &Surroundings<'_>) -> Result<Option<String>, Failure> {
    let (path, at) = (fields.path_of("cluster"), fields.at_of("cluster"));
    let named = fields.text("cluster")?;
    match (&named, at) {
        (Some(name), Some(at)) if !around.clusters.contains(&name.as_str()) => {
            let failure = wrong(&path, at, &format!("names no cluster of this file: {name:?}"));
            Err(failure.with_hint(format!("it has these: {}", around.clusters.join(", "))))
        }
        _ => Ok(named),
    }
}

fn checks(fields: &mut Fields) -> Result<Vec<Check>, Failure> {
    let path = fields.path_of("checks");
    let Some(node) = fields.take("checks") else { return Ok(Vec::new()) };
    entries(path, &node).into_iter().map(|(path, node)| check(Fields::of(path, node.clone())?)).collect()
}

fn check(mut fields: Fields) -> Result<Check, Failure> {
    let check = Check {
        query: fields.checked("query", Query::parse)?,
        at_least: documents(&mut fields, "at_least")?,
        at_most: documents(&mut fields, "at_most")?,
        index: fields.required("index", Pattern::parse)?,
    };
    fields.finish()?;
    Ok(check)
}

/// A number of documents.
fn documents(fields: &mut Fields, key: &'static str) -> Result<Option<u64>, Failure> {
    let path = fields.path_of(key);
    let read = |node: Node| match &node.value {
        Value::Number(number) if number.as_u64().is_some() => Ok(number.as_u64()),
        _ => Err(wrong(&path, node.at, "is not a whole number")),
    };
    fields.take(key).map_or(Ok(None), read)
}
