//! `snapshot`: what is taken.

use super::names;
use super::options;
use super::selection;
use crate::Desk;
use crate::draft::Draft;
use crate::section::Section;
use snapkeep_config::Node;

/// The name if none is given.
const NAME: &str = "curator-%Y%m%d%H%M%S";

/// Reads one; beside the policy a name as Curator would have made it.
pub(super) fn read(options: &mut Section<'_>, filters: Vec<Section<'_>>, desk: &mut Desk) -> (Draft, String) {
    let at = options.at.clone();
    let origin = at.trim_end_matches(", options").to_owned();
    let template = options.text("name").unwrap_or_else(|| NAME.to_owned()).to_lowercase_but_codes();
    let beginning = names::literal(&template);
    let mut draft = Draft {
        name: beginning.trim_end_matches(['-', '_', '.']).to_owned(),
        origin,
        repository: options.text("repository").unwrap_or_default(),
        schedule: desk.target.schedule.clone(),
        timezone: desk.target.timezone.clone(),
        // Curator's default; ours is false.
        include_global_state: options.flag("include_global_state").unwrap_or(true),
        partial: options.flag("partial").unwrap_or_default(),
        ..Draft::default()
    };
    draft.indices = selection::read(filters, desk);
    searched(options, &mut draft, desk);
    max_wait(options, &mut draft, desk);
    said(&at, &template, &draft, desk);
    options::unneeded(options, desk);
    (draft, names::sample(&template))
}

/// What is the same for every snapshot action.
fn said(at: &str, template: &str, draft: &Draft, desk: &mut Desk) {
    if draft.schedule.is_none() {
        let why = "Curator has none, cron starts it: without one the policy takes nothing";
        desk.lost(at, "the schedule", why, "import with --schedule '30 2 * * *', or add `schedule`");
    }
    let name = desk.name(&draft.name);
    let why = format!("names are made of the slot here: {name}-20261123t023000z");
    desk.differs(at, &format!("name {template:?}"), &why, "`prefix` gives them another beginning");
}

/// The pattern that Curator asks the server with.
fn searched(options: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    draft.indices.hidden = options.flag("include_hidden").unwrap_or_default();
    if let Some(node) = options.take("search_pattern") {
        let texts: Vec<String> =
            crate::section::texts(node).into_iter().filter(|text| text != "_all" && text != "*").collect();
        if draft.indices.include.is_empty() {
            let (out, included): (Vec<String>, Vec<String>) = texts.into_iter().partition(|text| text.starts_with('-'));
            draft.indices.include = included;
            draft.indices.exclude.extend(out.iter().map(|text| text.trim_start_matches('-').to_owned()));
        } else if !texts.is_empty() {
            let why = "beside a filter by names both would have to fit; here the filter decides";
            desk.differs(&options.at, "`search_pattern`", why, "narrow `indices: {include: …}`");
        }
    }
    if options.flag("allow_ilm_indices") != Some(true) {
        let why = "Curator leaves indices out that ILM manages; here they are in the snapshot";
        desk.differs(&options.at, "allow_ilm_indices: false", why, "name them in `indices: {exclude: …}`");
    }
}

/// Curator gives up waiting after so many seconds.
fn max_wait(options: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    let Some(seconds) = options.number("max_wait").filter(|seconds| *seconds > 0) else { return };
    draft.max_duration = Some(crate::span::of_seconds(seconds));
    let why = "a snapshot that runs longer is reported and no longer waited for (`limits.max_duration`)";
    desk.differs(&options.at, "`max_wait`", why, "nothing to do");
}

trait Lower {
    /// In lower case but for the codes of dates: snapshots' names have no upper case.
    fn to_lowercase_but_codes(&self) -> String;
}

impl Lower for String {
    fn to_lowercase_but_codes(&self) -> String {
        let mut previous = ' ';
        let lower = |c: char| {
            let lower = if previous == '%' { c } else { c.to_ascii_lowercase() };
            previous = c;
            lower
        };
        self.chars().map(lower).collect()
    }
}

/// What the names begin with that the enabled snapshot actions make, by repository.
pub(super) fn beginnings(actions: &[(&str, &Node)]) -> Vec<(String, String)> {
    let of_action = |(_, node): &(&str, &Node)| {
        let mut action = Section::of("", node)?;
        let kind = action.text("action")?;
        let mut options = action.section("options")?;
        if kind != "snapshot" || options.flag("disable_action") == Some(true) {
            return None;
        }
        let template = options.text("name").unwrap_or_else(|| NAME.to_owned()).to_lowercase_but_codes();
        let beginning = names::literal(&template);
        let is_usable = beginning.chars().any(char::is_alphanumeric);
        Some((options.text("repository")?, is_usable.then(|| beginning.to_owned())?))
    };
    actions.iter().filter_map(of_action).collect()
}
