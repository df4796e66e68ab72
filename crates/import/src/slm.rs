//! Elasticsearch's SLM: the answer of `GET _slm/policy`, or the body that made a policy.
//!
//! Its rules, from its documentation: names are the policy's `name` (with date math), `-` and a UUID; only SUCCESS counts;
//! over `max_count` the oldest go; `min_count` SUCCESS stay; then `expire_after`, for every state; without it FAILED and
//! PARTIAL go once a newer SUCCESS exists.

use crate::draft::{Adopted, Draft, Keep};
use crate::section::{Section, texts};
use crate::sm::{escaped, leftovers, of_java, of_metadata};
use crate::{Desk, indices, quartz, span};
use snapkeep_core::{Code, Failure};

/// A UUID as Elasticsearch writes it, in lower case.
const UUID: &str = "[a-z0-9_-]{20,24}";

/// How date math prints dates if it does not say.
const DATE_FORMAT: &str = "yyyy.MM.dd";

/// Whether it is the answer for several.
pub(crate) fn is_list(top: &Section<'_>) -> bool {
    let mut entries = top.left().peekable();
    entries.peek().is_some()
        && entries.all(|(_, node)| Section::of("", node).is_some_and(|mut one| one.section("policy").is_some()))
}

/// Reads all of them.
pub(crate) fn read(top: &mut Section<'_>, desk: &mut Desk) -> Result<(), Failure> {
    if !top.has("schedule") {
        for (id, node) in top.left() {
            let inner = Section::of("", node).and_then(|mut one| one.section("policy"));
            if let Some(mut inner) = inner {
                policy(id, &mut inner, desk);
            }
        }
        return Ok(());
    }
    let name = desk.target.name.clone().ok_or_else(|| {
        let cause = "the body of a request does not hold the policy's name";
        Failure::new(Code::BadEvent, cause, "say it: --name NAME, the name that its path had")
    })?;
    policy(&name, top, desk);
    Ok(())
}

fn policy(id: &str, policy: &mut Section<'_>, desk: &mut Desk) {
    id.clone_into(&mut policy.at);
    let repository = policy.text("repository").unwrap_or_default();
    let mut draft = Draft { name: desk.name(id), origin: id.to_owned(), repository, ..Draft::default() };
    if let Some(text) = policy.text("schedule") {
        schedule(&text, id, &mut draft, desk);
    }
    let template = policy.text("name").unwrap_or_default();
    let mut config = policy.section("config").unwrap_or_else(|| Section::empty(id));
    of_config(&mut config, &mut draft, desk);
    if let Some(mut retention) = policy.section("retention") {
        of_retention(&mut retention, &mut draft, desk);
        adopt(&template, id, &mut draft, desk);
    }
    leftovers(policy, desk);
    desk.policies.push(draft);
}

fn schedule(text: &str, id: &str, draft: &mut Draft, desk: &mut Desk) {
    if let Some(every) = span::of_server(text) {
        let why = "SLM counts from when the policy was changed; here slots are the whole multiples since 1970, UTC";
        desk.differs(id, &format!("schedule {text:?}"), why, "use cron to say the moments");
        draft.schedule = Some(format!("every {every}"));
        return;
    }
    let Some(cron) = quartz::cron(text) else {
        return desk.lost(id, &format!("schedule {text:?}"), "it is neither cron nor an interval", "add `schedule`");
    };
    for lost in cron.lost {
        desk.differs(
            id,
            &format!("schedule {text:?}"),
            &format!("{lost} cannot be said here"),
            "slots are whole minutes of any year",
        );
    }
    match snapkeep_core::schedule::Schedule::parse(&cron.text, jiff::tz::TimeZone::UTC) {
        Ok(_) => draft.schedule = Some(cron.text),
        Err(failure) => desk.lost(id, &format!("schedule {text:?}"), &failure.cause, "add `schedule`"),
    }
}

fn of_config(config: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    let at = config.at.clone();
    let expand = config.text("expand_wildcards").unwrap_or_default();
    let hidden = expand.split(',').any(|word| ["all", "hidden"].contains(&word.trim()));
    let names = config.take("indices").map(texts).unwrap_or_default();
    draft.indices = indices::of_server(&names, hidden, &at, desk);
    draft.partial = config.flag("partial").unwrap_or_default();
    draft.include_global_state = config.flag("include_global_state").unwrap_or(true);
    // Names are made explicit just before they are sent, so that none is missing.
    config.take("ignore_unavailable");
    if config.take("feature_states").is_some() {
        let instead = "with `include_global_state` the server adds those of all features";
        desk.lost(&at, "feature_states", "policies here do not choose features", instead);
    }
    of_metadata(config, draft, desk);
    leftovers(config, desk);
}

fn of_retention(retention: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    let count = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let age = retention.text("expire_after");
    let max_age = age.as_deref().and_then(span::of_server);
    if age.is_some() && max_age.is_none() {
        desk.lost(
            &retention.at,
            "expire_after",
            "it is no length of time that is known here",
            "say `keep: {max_age: …}`",
        );
    }
    let max_count = count(retention.number("max_count"));
    let min_count = count(retention.number("min_count")).filter(|count| *count > 1);
    leftovers(retention, desk);
    if max_age.is_none() && max_count.is_none() {
        // What is left of its rules: FAILED and PARTIAL go once a newer SUCCESS exists.
        draft.keep = Keep { keeps_all: true, min_count, ..Keep::default() };
        return;
    }
    let stays = max_age.is_some().then(|| "always".to_owned());
    draft.keep = Keep { max_age, max_count, min_count, failed: stays.clone(), partial: stays, ..Keep::default() };
}

/// The names that it made, in lower case: the template, `-` and a UUID.
fn adopt(template: &str, id: &str, draft: &mut Draft, desk: &mut Desk) {
    let inner = template.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(template);
    let beginning = inner.split('{').next().unwrap_or_default().to_lowercase();
    let dash = if inner.contains('{') { "" } else { "-" };
    let matches = format!("^{}-{UUID}$", of_template(inner));
    let adopted = Adopted { name: format!("{beginning}{dash}*"), matches: vec![matches], ..Adopted::default() };
    match adopted.read() {
        Ok(_) => draft.adopt.push(adopted),
        Err(failure) => {
            desk.lost(id, "the snapshots that it took so far", &failure.cause, "delete them by hand when they are old");
        }
    }
}

/// Date math stands in braces; in further ones inside of these its format, which may end with a zone.
fn of_template(template: &str) -> String {
    let (mut regex, mut rest) = (String::new(), template);
    while let Some((literal, after)) = rest.split_once('{') {
        regex += &escaped(&literal.to_lowercase());
        let (format, after) = match after.find(['{', '}']) {
            Some(at) if after[at..].starts_with('{') => {
                let (format, after) = after[at + 1..].split_once('}').unwrap_or((&after[at + 1..], ""));
                (format, after.strip_prefix('}').unwrap_or(after))
            }
            Some(at) => (DATE_FORMAT, &after[at + 1..]),
            None => (DATE_FORMAT, ""),
        };
        regex += &of_java(format.split('|').next().unwrap_or_default());
        rest = after;
    }
    regex + &escaped(&rest.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_template() {
        for (template, regex) in [
            ("daily-snap-{now/d}", r"daily-snap-\d{4}\.\d{2}\.\d{2}"),
            ("S-{now/H{yyyy-MM-dd.HH|+01:00}}-x", r"s-\d{4}-\d{2}-\d{2}\.\d{2}-x"),
            ("plain", "plain"),
            ("open-{now", r"open-\d{4}\.\d{2}\.\d{2}"),
        ] {
            assert_eq!(of_template(template), regex);
        }
    }
}
