//! The policies: what is taken, when, and what stays.

use crate::drills;
use crate::fields::{Fields, text_of, wrong};
use crate::yaml::{Node, Place, Value};
use jiff::Timestamp;
use snapkeep_core::adopt::{Adopt, NameRegex, Only};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::period::Period;
use snapkeep_core::policy::{FirstDelete, Limits, Policy, Settings};
use snapkeep_core::retention::{Count, Keep, Unsuccessful};
use snapkeep_core::schedule::{Schedule, zone};
use snapkeep_core::selection::Selection;
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use std::collections::BTreeMap;

/// What a policy's section may leave to the rest of the file.
pub(crate) struct Surroundings<'a> {
    /// The cluster of a policy that names none.
    pub(crate) default_cluster: Option<&'a str>,
    /// Names of the clusters that there are.
    pub(crate) clusters: Vec<&'a str>,
}

/// Reads one policy.
pub(crate) fn read(name: &str, mut fields: Fields, around: &Surroundings<'_>) -> Result<Policy, Failure> {
    let place = fields.wrong("");
    let schedule_zone = fields.checked("timezone", zone)?.map_or_else(|| zone("UTC"), Ok)?;
    let drill_zone = schedule_zone.clone();
    let settings = Settings {
        name: name.to_owned(),
        clusters: clusters(&mut fields, around)?,
        indices: selection(&mut fields)?,
        schedule: fields.checked("schedule", |text| Schedule::parse(text, schedule_zone.clone()))?,
        zone: schedule_zone,
        prefix: fields.text("prefix")?,
        metadata: fields.plain_values("metadata")?,
        partial: fields.flag("partial")?.unwrap_or_default(),
        include_global_state: fields.flag("include_global_state")?.unwrap_or_default(),
        keep: fields.section("keep")?.map(keep).transpose()?,
        limits: fields.section("limits")?.map(limits).transpose()?.unwrap_or_default(),
        stale_after: fields.checked("stale_after", Period::parse)?,
        first_delete: fields.checked("first_delete", first_delete)?.unwrap_or_default(),
        adopt: adopt(&mut fields)?,
        drill: fields
            .section("drill")?
            .map(|section| drills::read(section, |text| Schedule::parse(text, drill_zone), around))
            .transpose()?,
        repository: fields.required("repository", RepositoryName::parse)?,
    };
    fields.finish()?;
    Policy::new(settings).map_err(|failure| with_place(&failure, &place))
}

/// A complaint of a policy as a whole, with the place of its section.
fn with_place(failure: &Failure, place: &Failure) -> Failure {
    let at = place.cause.rsplit_once('(').map_or("", |(_, at)| at);
    Failure::new(Code::BadConfig, format!("{} ({at}", failure.cause), &failure.hint)
}

fn clusters(fields: &mut Fields, around: &Surroundings<'_>) -> Result<Vec<String>, Failure> {
    let named = texts(fields, "clusters")?;
    for (path, text, at) in &named {
        if !around.clusters.contains(&text.as_str()) {
            let failure = wrong(path, *at, &format!("names no cluster of this file: {text:?}"));
            return Err(failure.with_hint(format!("it has these: {}", around.clusters.join(", "))));
        }
    }
    if !named.is_empty() {
        return Ok(named.into_iter().map(|(_, text, _)| text).collect());
    }
    let only = match around.clusters[..] {
        [only] => Some(only),
        _ => None,
    };
    let default = around.default_cluster.or(only).ok_or_else(|| {
        fields.wrong("names no cluster").with_hint("add `clusters`, or `default_cluster` at the top of the file")
    })?;
    Ok(vec![default.to_owned()])
}

/// A text or a list of texts, each with its path and place.
pub(crate) fn texts(fields: &mut Fields, key: &'static str) -> Result<Vec<(String, String, Place)>, Failure> {
    let path = fields.path_of(key);
    let Some(node) = fields.take(key) else { return Ok(Vec::new()) };
    let read = |(path, node): (String, &Node)| Ok((path.clone(), text_of(&path, node)?, node.at));
    entries(path, &node).into_iter().map(read).collect()
}

/// The entries of a list with their paths; a value that is no list is its own only entry.
pub(crate) fn entries(path: String, node: &Node) -> Vec<(String, &Node)> {
    match &node.value {
        Value::List(list) => list.iter().enumerate().map(|(at, node)| (format!("{path}[{at}]"), node)).collect(),
        _ => vec![(path, node)],
    }
}

fn patterns(fields: &mut Fields, key: &'static str) -> Result<Vec<Pattern>, Failure> {
    let read = |(path, text, at): (String, String, Place)| Pattern::parse(&text).map_err(|f| at_entry(&f, &path, at));
    texts(fields, key)?.into_iter().map(read).collect()
}

fn at_entry(failure: &Failure, path: &str, at: Place) -> Failure {
    wrong(path, at, &format!("cannot be used: {}", failure.cause)).with_hint(&failure.hint)
}

/// `indices` is a pattern, a list of patterns, or a section.
fn selection(fields: &mut Fields) -> Result<Selection, Failure> {
    let path = fields.path_of("indices");
    let Some(node) = fields.take("indices") else { return Ok(Selection::default()) };
    if matches!(node.value, Value::Map(_)) {
        return selection_section(Fields::of(path, node)?);
    }
    let read = |(path, node): (String, &Node)| {
        Pattern::parse(&text_of(&path, node)?).map_err(|failure| at_entry(&failure, &path, node.at))
    };
    let include = entries(path.clone(), &node).into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if include.is_empty() {
        return Err(empty(&path, node.at));
    }
    Ok(Selection { include, ..Selection::default() })
}

/// Patterns that select; an empty list would select everything, which is hardly what it says.
pub(crate) fn selecting(fields: &mut Fields, key: &'static str) -> Result<Vec<Pattern>, Failure> {
    let at = fields.at_of(key);
    let found = patterns(fields, key)?;
    match at {
        Some(at) if found.is_empty() => Err(empty(&fields.path_of(key), at)),
        _ => Ok(found),
    }
}

fn empty(path: &str, at: Place) -> Failure {
    wrong(path, at, "is empty").with_hint("leave it out to take every index")
}

fn selection_section(mut fields: Fields) -> Result<Selection, Failure> {
    let selection = Selection {
        include: selecting(&mut fields, "include")?,
        exclude: patterns(&mut fields, "exclude")?,
        aliases: selecting(&mut fields, "aliases")?,
        data_streams: selecting(&mut fields, "data_streams")?,
        older_than: fields.checked("older_than", Period::parse)?,
        newer_than: fields.checked("newer_than", Period::parse)?,
        hidden: fields.flag("hidden")?.unwrap_or_default(),
    };
    fields.finish()?;
    Ok(selection)
}

fn keep(mut fields: Fields) -> Result<Keep, Failure> {
    let keep = Keep {
        last: count(&mut fields, "last")?,
        hourly: count(&mut fields, "hourly")?,
        daily: count(&mut fields, "daily")?,
        weekly: count(&mut fields, "weekly")?,
        monthly: count(&mut fields, "monthly")?,
        quarterly: count(&mut fields, "quarterly")?,
        yearly: count(&mut fields, "yearly")?,
        within: fields.checked("within", Period::parse)?,
        max_age: fields.checked("max_age", Period::parse)?,
        max_count: number(&mut fields, "max_count")?,
        min_count: number(&mut fields, "min_count")?,
        failed: fields.checked("failed", unsuccessful)?.unwrap_or_default(),
        partial: fields.checked("partial", unsuccessful)?.unwrap_or_default(),
    };
    let (at, path) = (fields.wrong(""), fields.path_of(""));
    fields.finish()?;
    keep.check().map_err(|failure| {
        let cause = failure.cause.replacen("`keep`", &format!("`{}`", path.trim_end_matches('.')), 1);
        with_place(&failure.with_cause(cause), &at)
    })?;
    Ok(keep)
}

/// A whole number, or `all`.
fn count(fields: &mut Fields, key: &'static str) -> Result<Option<Count>, Failure> {
    let path = fields.path_of(key);
    let Some(node) = fields.take(key) else { return Ok(None) };
    match &node.value {
        Value::Text(text) if text == "all" => Ok(Some(Count::All)),
        _ => whole(&path, &node, "a whole number or `all`").map(|count| Some(Count::Of(count))),
    }
}

pub(crate) fn number(fields: &mut Fields, key: &'static str) -> Result<Option<u32>, Failure> {
    let path = fields.path_of(key);
    fields.take(key).map(|node| whole(&path, &node, "a whole number")).transpose()
}

fn whole(path: &str, node: &Node, wanted: &str) -> Result<u32, Failure> {
    let number = match &node.value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    number.ok_or_else(|| wrong(path, node.at, &format!("is not {wanted}")))
}

fn unsuccessful(text: &str) -> Result<Unsuccessful, Failure> {
    match text {
        "superseded" => Ok(Unsuccessful::Superseded),
        "always" => Ok(Unsuccessful::Always),
        period => Period::parse(period)
            .map(Unsuccessful::For)
            .map_err(|failure| failure.with_hint("write superseded, always, or a length of time such as 7d")),
    }
}

fn first_delete(text: &str) -> Result<FirstDelete, Failure> {
    match text {
        "confirm" => Ok(FirstDelete::Confirm),
        "allow" => Ok(FirstDelete::Allow),
        _ => Err(Failure::new(Code::BadConfig, format!("{text:?} is no choice"), "it may be confirm or allow")),
    }
}

fn limits(mut fields: Fields) -> Result<Limits, Failure> {
    let usual = Limits::default();
    let limits = Limits {
        start_window: fields.checked("start_window", Period::parse)?,
        max_duration: fields.checked("max_duration", Period::parse)?,
        max_deletes_per_run: number(&mut fields, "max_deletes_per_run")?.unwrap_or(usual.max_deletes_per_run),
        max_attempts: number(&mut fields, "max_attempts")?.unwrap_or(usual.max_attempts),
    };
    fields.finish()?;
    Ok(limits)
}

/// A list of wildcards and of sections.
fn adopt(fields: &mut Fields) -> Result<Vec<Adopt>, Failure> {
    let path = fields.path_of("adopt");
    let Some(node) = fields.take("adopt") else { return Ok(Vec::new()) };
    let read = |(path, node): (String, &Node)| match &node.value {
        Value::Map(_) => adopt_section(Fields::of(path, node.clone())?),
        _ => Adopt::wildcard(&text_of(&path, node)?).map_err(|failure| at_entry(&failure, &path, node.at)),
    };
    entries(path, &node).into_iter().map(read).collect()
}

/// `name` or `date`, and what narrows it.
fn adopt_section(mut fields: Fields) -> Result<Adopt, Failure> {
    let whole = fields.wrong("needs either `name` or `date`");
    let by_name = fields.checked("name", Adopt::wildcard)?;
    let by_date = fields.checked("date", Adopt::date)?;
    let only = Only {
        matches: regexes(&mut fields, "matches")?,
        except: regexes(&mut fields, "except")?,
        states: states(&mut fields)?,
        from: fields.checked("from", moment)?,
        to: fields.checked("to", moment)?,
    };
    fields.finish()?;
    let hint = "`name: manual-*` is a wildcard, `date: dd-MM-yyyy-h-mm-ss` a format";
    match (by_name, by_date) {
        (Some(adopt), None) | (None, Some(adopt)) => Ok(adopt.only(only)),
        _ => Err(whole.with_hint(hint)),
    }
}

fn regexes(fields: &mut Fields, key: &'static str) -> Result<Vec<NameRegex>, Failure> {
    let read = |(path, text, at): (String, String, Place)| NameRegex::parse(&text).map_err(|f| at_entry(&f, &path, at));
    texts(fields, key)?.into_iter().map(read).collect()
}

fn states(fields: &mut Fields) -> Result<Vec<State>, Failure> {
    let read = |(path, text, at): (String, String, Place)| match text.as_str() {
        "SUCCESS" => Ok(State::Success),
        "FAILED" => Ok(State::Failed),
        "PARTIAL" => Ok(State::Partial),
        _ => Err(wrong(&path, at, &format!("{text:?} is no state")).with_hint("it may be SUCCESS, FAILED or PARTIAL")),
    };
    texts(fields, "states")?.into_iter().map(read).collect()
}

fn moment(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|_| {
        let cause = format!("{text:?} is not a moment");
        Failure::new(Code::BadConfig, cause, "write it with its offset: 2026-11-23T00:00:00Z")
    })
}

/// Policies as the rest of the program wants them: by name, and none in another's way.
pub(crate) fn by_name(policies: Vec<Policy>) -> Result<BTreeMap<String, Policy>, Failure> {
    snapkeep_core::policy::check_set(&policies)?;
    Ok(policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect())
}

#[cfg(test)]
mod tests;
