//! The page: how everything stands, for people. No script, nothing from elsewhere.

mod words;

use crate::status::{DrillStatus, LastRun, PolicyStatus, Preview, RunningStatus, Standing, Status};
use jiff::Timestamp;
use snapkeep_core::Failure;
use snapkeep_core::progress::thousandths;
use snapkeep_core::size::bytes;
use std::fmt::{self, Write};
use words::{ago, ahead, moment};

/// The page's style sheet.
pub(crate) const STYLE: &str = include_str!("page/style.css");

/// How often the page asks again, in seconds.
const REFRESH: u32 = 15;

/// Most names that are listed of one kind; `/status.json` has them all.
const LISTED: usize = 5;

/// Text in which nothing is markup, whatever a cluster said.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The page. Writing to a string cannot fail, so that what says it could is not looked at.
pub(crate) fn render(status: &Status, refreshes: bool) -> String {
    let mut page = String::with_capacity(8 * 1024);
    head(&mut page, status, refreshes);
    let _ = writeln!(page, "<main>");
    alerts(&mut page, status);
    running(&mut page, status);
    policies(&mut page, status);
    let _ = writeln!(page, "</main>");
    foot(&mut page, status, refreshes);
    page
}

fn head(page: &mut String, status: &Status, refreshes: bool) {
    let refresh =
        if refreshes { format!("<meta http-equiv=\"refresh\" content=\"{REFRESH}\">\n") } else { String::new() };
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n{refresh}<title>{summary} · snapkeep</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n\
         <header>\n<h1>snapkeep</h1>\n<p class=\"summary\">{summary}</p>\n</header>\n",
        summary = summary(status),
    );
}

/// `3 policies: 2 good, 1 stale`; a policy counts on each of its clusters.
fn summary(status: &Status) -> String {
    let count = |standing| status.policies.iter().filter(|policy| policy.standing == standing).count();
    let words = [Standing::Stale, Standing::Failing, Standing::Unknown, Standing::Running, Standing::Good];
    let parts = words.map(|standing| (count(standing), standing.as_str()));
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() { "no policies".to_owned() } else { parts.join(", ") }
}

fn alerts(page: &mut String, status: &Status) {
    if status.stopping {
        let _ =
            writeln!(page, "<p class=\"alert\" role=\"status\">The daemon is stopping: nothing is begun any more.</p>");
    }
    if let Some(refused) = &status.configuration.refused {
        let when = time(refused.at, &ago(refused.at, status.now));
        let _ = writeln!(page, "<section class=\"alert\">\n<h2>A changed configuration was refused {when}</h2>");
        failure(page, &refused.failure);
        let _ = writeln!(page, "<p>The one before stays.</p>\n</section>");
    }
    for (name, why) in &status.clusters {
        let Some(why) = why else { continue };
        alert(page, &format!("Cluster {name} could not be asked"), why);
    }
    for (name, why) in &status.repositories {
        alert(page, &format!("Repository {name} is not as it should be"), why);
    }
}

fn alert(page: &mut String, what: &str, why: &Failure) {
    let _ = writeln!(page, "<section class=\"alert\">\n<h2>{}</h2>", Text(what));
    failure(page, why);
    let _ = writeln!(page, "</section>");
}

fn failure(page: &mut String, failure: &Failure) {
    let (cause, hint) = (Text(&failure.cause), Text(&failure.hint));
    let _ = writeln!(page, "<p><code>{}</code> {cause}<br><span class=\"hint\">{hint}</span></p>", failure.code);
}

fn running(page: &mut String, status: &Status) {
    if status.running.is_empty() {
        return;
    }
    let _ = writeln!(page, "<section>\n<h2>Running</h2>\n<ul class=\"cards\">");
    for one in &status.running {
        running_one(page, one, status.now);
    }
    let _ = writeln!(page, "</ul>\n</section>");
}

fn running_one(page: &mut String, one: &RunningStatus, now: Timestamp) {
    let name = Text(&one.snapshot);
    let _ = writeln!(page, "<li>\n<h3>{name}</h3>");
    let place = format!("{} on {}", one.repository, one.cluster);
    let since = one.started_at.map(|at| format!(", since {}", time(at, &ago(at, now)))).unwrap_or_default();
    let _ = writeln!(page, "<p class=\"place\">{}{since}</p>", Text(&place));
    if let Some(progress) = &one.progress {
        let tenths = thousandths(progress);
        let size = progress.bytes.done.zip(progress.bytes.total).filter(|(_, total)| *total > 0);
        let size = size.map(|(done, total)| format!(", {} of {}", bytes(done), bytes(total))).unwrap_or_default();
        let _ = writeln!(
            page,
            "<p><progress max=\"1000\" value=\"{tenths}\" aria-label=\"Progress of {name}\"></progress></p>\n\
             <p>{}.{} %, {} of {} shards{size}</p>",
            tenths / 10,
            tenths % 10,
            progress.shards.done,
            progress.shards.total,
        );
    }
    if let Some(diagnosis) = &one.diagnosis {
        let _ = writeln!(page, "<p class=\"hint\">{}</p>", Text(diagnosis));
    }
    let _ = writeln!(page, "</li>");
}

fn policies(page: &mut String, status: &Status) {
    let _ = writeln!(page, "<section>\n<h2>Policies</h2>\n<ul class=\"cards\">");
    for policy in &status.policies {
        let unasked = status.clusters.get(&policy.cluster).and_then(Option::as_ref);
        policy_card(page, policy, unasked, status.now);
    }
    let _ = writeln!(page, "</ul>\n</section>");
}

/// `unasked`: why its cluster could not be asked, which stands above.
fn policy_card(page: &mut String, policy: &PolicyStatus, unasked: Option<&Failure>, now: Timestamp) {
    let word = policy.standing.as_str();
    let place = format!("{} on {}", policy.repository, policy.cluster);
    let _ = writeln!(
        page,
        "<li class=\"{word}\">\n<h3>{} <span class=\"word\">{word}</span></h3>\n<p class=\"place\">{}</p>\n<dl>",
        Text(&policy.policy),
        Text(&place)
    );
    entry(page, "Last good", &last_good(policy, now));
    entry(page, "Due", &due(policy));
    let next = policy.next_slot.map(|at| time(at, &ahead(at, now)));
    entry(page, "Next slot", &next.unwrap_or_else(|| "—".to_owned()));
    if let (Some(snapshots), Some(good)) = (policy.snapshots, policy.good) {
        entry(page, "Snapshots", &format!("{snapshots}, of which {good} good"));
    }
    entry(page, "Last run", &last_run(policy, unasked, now));
    if let Some(drill) = &policy.last_drill {
        entry(page, "Last drill", &last_drill(drill, now));
    }
    entry(page, "Next run", &policy.next.as_ref().map_or("not planned yet".to_owned(), preview));
    let _ = writeln!(page, "</dl>\n</li>");
}

fn entry(page: &mut String, name: &str, html: &str) {
    let _ = writeln!(page, "<div><dt>{name}</dt><dd>{html}</dd></div>");
}

fn last_good(policy: &PolicyStatus, now: Timestamp) -> String {
    match &policy.last_good {
        Some(newest) => {
            format!("{}<br>{}", Text(&newest.snapshot), time(newest.started_at, &ago(newest.started_at, now)))
        }
        None if policy.snapshots.is_some() => "none".to_owned(),
        None => "not seen yet".to_owned(),
    }
}

fn due(policy: &PolicyStatus) -> String {
    match &policy.schedule {
        Some(schedule) => format!("<code>{}</code> {}", Text(&schedule.text), Text(&schedule.timezone)),
        None => "never: it only keeps and deletes".to_owned(),
    }
}

fn last_run(policy: &PolicyStatus, unasked: Option<&Failure>, now: Timestamp) -> String {
    if policy.run_under_way {
        return "under way".to_owned();
    }
    let Some(run) = &policy.last_run else { return "none since the daemon began".to_owned() };
    let mut html = time(run.finished_at, &ago(run.finished_at, now));
    let _ = write!(html, "<br>{}", done(run));
    for failed in &run.failures {
        if unasked.is_some_and(|unasked| unasked.cause == failed.cause) {
            let _ = write!(html, "<p><code>{}</code> the cluster could not be asked</p>", failed.code);
        } else {
            failure(&mut html, failed);
        }
    }
    for warning in &run.warnings {
        let _ = write!(html, "<p class=\"hint\">{}</p>", Text(warning));
    }
    html
}

fn last_drill(drill: &DrillStatus, now: Timestamp) -> String {
    let mut html = time(drill.began_at, &ago(drill.began_at, now));
    let of = drill.snapshot.as_ref().map(|name| format!(" of {}", Text(name))).unwrap_or_default();
    let word = if drill.failure.is_none() { "passed" } else { "did not pass" };
    let _ = write!(html, "<br>restore{of} {word}");
    if let Some(failed) = &drill.failure {
        failure(&mut html, failed);
    }
    html
}

fn done(run: &LastRun) -> String {
    let part = |names: &[String], verb: &str| (!names.is_empty()).then(|| format!("{verb} {}", listed(names)));
    let deleted = (run.deleted > 0).then(|| format!("deleted {}", run.deleted));
    let parts = [part(&run.created, "took"), part(&run.pending, "began"), deleted];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match (parts.is_empty(), run.failures.is_empty()) {
        (false, _) => parts.join(", "),
        (true, true) => "nothing was to be done".to_owned(),
        (true, false) => "nothing was done".to_owned(),
    }
}

fn listed(names: &[String]) -> String {
    let mut html = names.iter().take(LISTED).map(|name| Text(name).to_string()).collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = write!(html, " and {more} more");
    }
    html
}

fn preview(next: &Preview) -> String {
    let mut lines = Vec::new();
    if !next.creates.is_empty() {
        lines.push(format!("takes {}", listed(&next.creates)));
    }
    for delete in next.deletes.iter().take(LISTED) {
        let yes = if delete.unconfirmed { ", only with a yes: <code>snapkeep apply --yes</code>" } else { "" };
        lines.push(format!("deletes {}: {}{yes}", Text(&delete.snapshot), Text(&delete.reasons.join("; "))));
    }
    if let Some(more) = next.deletes.len().checked_sub(LISTED).filter(|more| *more > 0) {
        lines.push(format!("deletes {more} more: see <a href=\"/status.json\">status.json</a>"));
    }
    for not_done in next.not_done.iter().take(LISTED) {
        let name = not_done.snapshot.as_ref().map(|name| format!("{}: ", Text(name))).unwrap_or_default();
        lines.push(format!("{name}{}", Text(&not_done.why)));
    }
    if lines.is_empty() {
        return "nothing to do".to_owned();
    }
    format!("<ul><li>{}</li></ul>", lines.join("</li><li>"))
}

fn foot(page: &mut String, status: &Status, refreshes: bool) {
    let seen = status.looked_at.map_or("not yet".to_owned(), |at| time(at, &ago(at, status.now)));
    let switch = if refreshes {
        format!("Asks again every {REFRESH} seconds: <a href=\"/?refresh=off\">stop that</a>.")
    } else {
        "<a href=\"/\">Let it ask again by itself</a>.".to_owned()
    };
    let configuration = &status.configuration;
    let _ = write!(
        page,
        "<footer>\n<p>Clusters looked at: {seen}. {switch}</p>\n<p>Configuration: {}, read {}. \
         The same for programs: <a href=\"/status.json\">status.json</a>, <a href=\"/metrics\">metrics</a>.</p>\n\
         <p>snapkeep {}, running since {}.</p>\n</footer>\n</body>\n</html>\n",
        Text(&configuration.name),
        time(configuration.read_at, &ago(configuration.read_at, status.now)),
        Text(&status.version),
        time(status.started_at, &ago(status.started_at, status.now)),
    );
}

/// A moment, and how far away it is.
fn time(at: Timestamp, away: &str) -> String {
    format!("<time datetime=\"{at}\">{}</time> <span class=\"away\">({away})</span>", moment(at))
}

#[cfg(test)]
mod tests;
