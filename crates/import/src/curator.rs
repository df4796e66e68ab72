//! Curator's action files: `actions: {1: {action, options, filters}, …}`, as Curator 8 reads them.
//!
//! Curator has no schedule and no database: cron starts it, and each action's filters narrow a list, one after the
//! other. A `delete_snapshots` becomes what its filters say of *which* snapshots (`adopt`) and of *when* they go (`keep`),
//! and what cannot be said so becomes nothing.

mod dates;
mod deletes;
mod filters;
mod groups;
mod names;
mod options;
mod selection;
mod snapshots;

use crate::Desk;
use crate::draft::Draft;
use crate::section::Section;
use groups::Group;
use snapkeep_config::{Node, Value};
use snapkeep_core::{Code, Failure};

/// What all actions come to.
#[derive(Default)]
struct Read {
    /// Policies that take snapshots, with a name as Curator would have made it.
    takes: Vec<(Draft, String)>,
    /// What is deleted, by place and names.
    groups: Vec<Group>,
}

/// Reads all of them.
pub(crate) fn read(top: &mut Section<'_>, desk: &mut Desk) -> Result<(), Failure> {
    let actions = top.take("actions").and_then(|node| Section::of("", node));
    let Some(actions) = actions else {
        return Err(Failure::new(Code::BadConfig, "`actions` is no section", "write `actions: {1: {action: …}}`"));
    };
    let mut numbered: Vec<(&str, &Node)> = actions.left().collect();
    // Curator sorts them by their numbers.
    numbered.sort_by_key(|(number, _)| number.parse::<u64>().unwrap_or(u64::MAX));
    let mut read = Read::default();
    let beginnings = snapshots::beginnings(&numbered);
    for (number, node) in numbered {
        let at = format!("action {number}");
        match Section::of(at.clone(), node) {
            Some(action) => self::action(action, &beginnings, &mut read, desk),
            None => desk.lost(&at, "the action", "it is no section", "mend it there and import again"),
        }
    }
    groups::policies(read.takes, read.groups, desk);
    Ok(())
}

fn action(mut action: Section<'_>, beginnings: &[(String, String)], read: &mut Read, desk: &mut Desk) {
    let at = action.at.clone();
    let kind = action.text("action").unwrap_or_default();
    action.take("description");
    let mut options = action.section("options").unwrap_or_else(|| Section::empty(&at));
    options.at = format!("{at}, options");
    if options.flag("disable_action") == Some(true) {
        return desk.lost(&at, &kind, "it is disabled", "enable it and import again, if it is meant to run");
    }
    let filters = filters(&mut action, &at);
    if let Some(place) = by_environment(&options, &filters) {
        let instead = "put the values in and import again";
        return desk.lost(&place, &kind, "a value comes from the environment (${…}), which is not read", instead);
    }
    crate::sm::leftovers(&action, desk);
    match kind.as_str() {
        "snapshot" => read.takes.push(snapshots::read(&mut options, filters, desk)),
        "delete_snapshots" => deletes::read(&at, &mut options, filters, beginnings, &mut read.groups, desk),
        "restore" => options::restore(&at, &mut options, filters.len(), desk),
        "" => desk.lost(&at, "the action", "it does not say which (`action`)", "mend it there and import again"),
        other => options::elsewhere(&at, other, desk),
    }
}

/// The filters with their places: `action 1, filter 2 (age)`.
fn filters<'n>(action: &mut Section<'n>, at: &str) -> Vec<Section<'n>> {
    let list = match action.take("filters").map(|node| &node.value) {
        Some(Value::List(list)) => list.as_slice(),
        _ => &[],
    };
    let one = |(number, node): (usize, &'n Node)| {
        let mut filter = Section::of("", node)?;
        let kind = filter.clone().text("filtertype").unwrap_or_default();
        filter.at = format!("{at}, filter {} ({kind})", number + 1);
        Some(filter)
    };
    list.iter().enumerate().filter_map(one).collect()
}

/// Where a value of the environment is asked for.
fn by_environment(options: &Section<'_>, filters: &[Section<'_>]) -> Option<String> {
    let asks = |section: &&Section<'_>| {
        section.left().any(|(_, node)| crate::plain(node).is_some_and(|text| text.contains("${")))
    };
    std::iter::once(options).chain(filters).find(asks).map(|section| section.at.clone())
}
