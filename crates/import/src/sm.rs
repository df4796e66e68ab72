//! OpenSearch's Snapshot Management: the answer of `GET _plugins/_sm/policies`, of one of them, or the body that made it.
//!
//! Its rules, from its documentation: snapshots are named `<policy>-<date>-<random>`; over `max_age` or `max_count` they
//! go, whatever their state; `min_count` (1) stay.

use crate::draft::{Adopted, Draft, Keep, metadata};
use crate::section::{Section, texts};
use crate::{Desk, indices, span};
use snapkeep_config::{Node, Value};
use snapkeep_core::{Code, Failure};

/// The date in the names if the policy does not say: `yyyy-MM-dd'T'HH:mm:ss`.
const DATE_FORMAT: &str = "yyyy-MM-dd'T'HH:mm:ss";

/// Whether it is the answer for several.
pub(crate) fn is_list(top: &Section<'_>) -> bool {
    let policies = top.clone().take("policies");
    policies.is_some_and(|node| {
        matches!(&node.value, Value::List(list) if list.iter().all(|one| {
            Section::of("", one).is_some_and(|one| one.has("sm_policy"))
        }))
    })
}

/// Reads all of them.
pub(crate) fn read(top: &mut Section<'_>, desk: &mut Desk) -> Result<(), Failure> {
    if let Some(Node { value: Value::List(list), .. }) = top.take("policies") {
        let total = top.number("total_policies").unwrap_or_default();
        if usize::try_from(total).is_ok_and(|total| total > list.len()) {
            let what = format!("{} of {total} policies", list.len());
            desk.lost("the answer", &what, "the others are on further pages", "ask with ?size=1000");
        }
        list.iter().filter_map(|one| Section::of("", one)).for_each(|mut one| policy(&mut one, desk));
    } else {
        policy(top, desk);
    }
    if desk.policies.is_empty() && desk.findings.is_empty() {
        return Err(Failure::new(
            Code::BadConfig,
            "there are no policies of Snapshot Management in it",
            "ask another cluster",
        ));
    }
    Ok(())
}

fn policy(whole: &mut Section<'_>, desk: &mut Desk) {
    let id = whole.text("_id").map(|id| id.trim_end_matches("-sm-policy").to_owned());
    let mut inner = whole.section("sm_policy").unwrap_or_else(|| whole.clone());
    let given = desk.target.name.clone();
    let Some(name) = inner.text("name").or(id).or(given) else {
        let instead = "say it: --name NAME, the name that its path had";
        return desk.lost("the file", "the policy", "the body of a request does not hold the policy's name", instead);
    };
    inner.at.clone_from(&name);
    if inner.flag("enabled") == Some(false) {
        return desk.lost(&name, "the policy", "it is stopped", "start it and import again, if it is meant to run");
    }
    let Some(mut config) = inner.section("snapshot_config") else {
        return desk.lost(
            &name,
            "the policy",
            "it has no snapshot_config",
            "give what GET _plugins/_sm/policies answers",
        );
    };
    let mut draft = Draft { name: desk.name(&name), origin: name.clone(), ..Draft::default() };
    let mut adopted = taken(&name, &mut config);
    of_config(&mut config, &mut draft, desk);
    creation(&mut inner, &mut draft, desk);
    deletion(&mut inner, &mut draft, &mut adopted, desk);
    if inner.take("notification").is_some() {
        desk.lost(
            &name,
            "notification",
            "channels are the cluster's",
            "configure notifications of ours: failures are told by default",
        );
    }
    for bookkeeping in ["description", "schema_version", "schedule", "last_updated_time", "enabled_time", "user"] {
        inner.take(bookkeeping);
    }
    leftovers(&inner, desk);
    desk.policies.push(draft);
}

/// The names that it made: `<policy>-<date>-<8 random>`, in lower case.
fn taken(name: &str, config: &mut Section<'_>) -> Vec<Adopted> {
    let format = config.text("date_format").unwrap_or_else(|| DATE_FORMAT.to_owned());
    for zone in ["date_format_timezone", "timezone"] {
        config.take(zone);
    }
    let matches = format!("^{}-{}-[a-z0-9]{{8}}$", escaped(name), of_java(&format));
    vec![Adopted { name: format!("{name}-*"), matches: vec![matches], ..Adopted::default() }]
}

/// A date format of Java's as a regular expression of text in lower case: a run of a letter is as many digits, `M` three times and more a word.
pub(crate) fn of_java(format: &str) -> String {
    let mut regex = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let end = quoted.find('\'').unwrap_or(quoted.len());
            regex += &escaped(&quoted[..end].to_lowercase());
            rest = quoted.get(end + 1..).unwrap_or_default();
            continue;
        }
        let run = rest.chars().take_while(|c| *c == first).count();
        match first {
            'y' | 'u' | 'Y' | 'd' | 'H' | 'h' | 'm' | 's' | 'S' | 'D' | 'w' | 'k' if run > 1 => {
                regex.extend([r"\d{", &run.to_string(), "}"]);
            }
            'M' if run == 2 => regex += r"\d{2}",
            letter if letter.is_ascii_alphabetic() => regex += "[a-z0-9+:.]+",
            other => regex += &escaped(&other.to_string().repeat(run)),
        }
        rest = &rest[run * first.len_utf8()..];
    }
    regex
}

/// Literal text in a regular expression.
pub(crate) fn escaped(text: &str) -> String {
    let needs = |c: char| r"\.+*?()|[]{}^$".contains(c);
    text.chars().flat_map(|c| needs(c).then_some('\\').into_iter().chain([c])).collect()
}

fn of_config(config: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    draft.repository = config.text("repository").unwrap_or_default();
    let at = config.at.clone();
    draft.indices = indices::of_server(&config.take("indices").map(texts).unwrap_or_default(), false, &at, desk);
    draft.partial = config.flag("partial").unwrap_or_default();
    // Its documentation says that the state goes in if nothing is said.
    draft.include_global_state = config.flag("include_global_state").unwrap_or(true);
    // Names are made explicit just before they are sent, so that none is missing.
    config.take("ignore_unavailable");
    of_metadata(config, draft, desk);
    leftovers(config, desk);
}

/// Keys with plain values.
pub(crate) fn of_metadata(config: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    let Some(node) = config.take("metadata") else { return };
    let Ok((kept, lost)) = metadata(node) else { return };
    draft.metadata = kept;
    for key in lost {
        let at = format!("{}, metadata", config.at);
        desk.lost(&at, &format!("`{key}`"), "metadata here holds plain values only", "write it as text");
    }
}

/// What nobody took.
pub(crate) fn leftovers(section: &Section<'_>, desk: &mut Desk) {
    for (key, _) in section.left() {
        desk.lost(&section.at, &format!("`{key}`"), "it has no equal here", "see whether the policy needs it");
    }
}

fn creation(policy: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    let Some(mut creation) = policy.section("creation") else {
        return desk.differs(
            &policy.at,
            "no creation",
            "it takes no snapshots",
            "add `schedule` if it is to take some",
        );
    };
    if let Some(mut schedule) = creation.section("schedule") {
        cron(&mut schedule, draft, desk);
    }
    if let Some(limit) = creation.text("time_limit") {
        draft.max_duration = span::of_server(&limit);
        match draft.max_duration {
            Some(_) => desk.differs(
                &creation.at,
                "time_limit",
                "here a snapshot that takes longer is reported (`limits.max_duration`), and a slot is skipped only while one runs",
                "nothing to do",
            ),
            None => desk.lost(&creation.at, "time_limit", "it is no length of time that is known here", "say `limits: {max_duration: …}`"),
        }
    }
    leftovers(&creation, desk);
}

fn cron(schedule: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) {
    let Some(mut cron) = schedule.section("cron") else { return leftovers(schedule, desk) };
    draft.schedule = cron.text("expression");
    draft.timezone = cron.text("timezone").filter(|zone| zone != "UTC");
    leftovers(&cron, desk);
}

fn deletion(policy: &mut Section<'_>, draft: &mut Draft, own: &mut Vec<Adopted>, desk: &mut Desk) {
    let Some(mut deletion) = policy.section("deletion") else { return };
    if deletion.take("schedule").is_some() {
        let instead = "nothing to do; or give the deletions a policy of their own without `schedule`";
        desk.differs(
            &deletion.at,
            "schedule",
            "deletions are part of each run, before and after the snapshot alike",
            instead,
        );
    }
    if deletion.take("time_limit").is_some() {
        let why = "a run deletes at most `limits.max_deletes_per_run` (100) snapshots, and goes on the next time";
        desk.differs(&deletion.at, "time_limit", why, "nothing to do");
    }
    let condition = deletion.section("condition").or_else(|| deletion.section("delete_condition"));
    let has_condition = condition.is_some_and(|mut condition| self::condition(&mut condition, draft, desk));
    if let Some(pattern) = deletion.text("snapshot_pattern") {
        further(&pattern, &deletion.at, own, desk);
    }
    if has_condition {
        draft.adopt = std::mem::take(own);
    }
    leftovers(&deletion, desk);
}

/// Further names that it deletes.
fn further(pattern: &str, at: &str, own: &mut Vec<Adopted>, desk: &mut Desk) {
    for one in pattern.split(',').map(str::trim) {
        let adopted = Adopted { name: one.to_owned(), ..Adopted::default() };
        match adopted.read() {
            Ok(_) => own.push(adopted),
            Err(failure) => desk.lost(at, &format!("snapshot_pattern {one:?}"), &failure.cause, &failure.hint),
        }
    }
}

fn condition(condition: &mut Section<'_>, draft: &mut Draft, desk: &mut Desk) -> bool {
    let count = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let age = condition.text("max_age");
    let max_age = age.as_deref().and_then(span::of_server);
    if age.is_some() && max_age.is_none() {
        desk.lost(&condition.at, "max_age", "it is no length of time that is known here", "say `keep: {max_age: …}`");
    }
    let max_count = count(condition.number("max_count"));
    let min_count = count(condition.number("min_count")).filter(|count| *count > 1);
    leftovers(condition, desk);
    if max_age.is_none() && max_count.is_none() {
        return false;
    }
    desk.differs(
        &condition.at,
        "counts and states",
        "there FAILED and PARTIAL snapshots count; here `max_count` and `min_count` count SUCCESS only, the others go at \
         `max_age`, and only once a newer SUCCESS exists",
        "to let them go earlier: `keep: {failed: superseded, partial: superseded}`",
    );
    let always = || Some("always".to_owned());
    draft.keep = Keep { max_age, max_count, min_count, failed: always(), partial: always(), ..Keep::default() };
    true
}
