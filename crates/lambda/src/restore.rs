//! `Action: restore`: the first delivery starts it, later ones follow it, and whichever comes restores what misses. The plan
//! is what it is on the command line; the event itself is the yes to it.

use crate::event::Event;
use crate::function::{Accepted, Function};
use crate::naming;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::restore::{Among, Choice, LeftOut, OnConflict, Rename, Request, RestorePlan};
use snapkeep_core::snapshot::{Shards, State};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{
    Following, Outcome, RestoreJob, RestoreReport, RestoredItem, Silent, Warnings, apply_restore, plan_restore,
};
use snapkeep_transport::Deadline;
use std::time::Duration;

/// The newest good snapshot, in a name's place.
const LATEST: &str = "latest";

/// The choice that closes indices.
const CLOSE: &str = "close";

/// What a restore has come to. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RestoreAnswer {
    /// 1.
    pub schema: u32,
    /// `restore`.
    pub action: &'static str,
    /// The repository's name.
    pub repository: String,
    /// The snapshot's name.
    pub snapshot: String,
    /// The server's id for it.
    pub uuid: Option<String>,
    /// How the restore began; null if this delivery had nothing to begin.
    pub outcome: Option<Outcome>,
    /// `IN_PROGRESS`, or `SUCCESS` once all shards serve.
    pub state: State,
    /// The primary shards that there should be, and those that serve.
    pub shards: Shards,
    /// When the snapshot began, by the server's clock.
    pub started_at: Option<Timestamp>,
    /// What comes back, under which name, how far it is.
    pub items: Vec<RestoredItem>,
    /// What the snapshot holds and was not restored, and why.
    pub left_out: Vec<LeftOut>,
    /// Documents of all items whose number is known.
    pub documents: u64,
    /// What the operator should know although nothing failed.
    pub warnings: Vec<String>,
    /// The event that follows it while it runs.
    pub next: Option<Value>,
}

/// A restore, and how long it is followed.
struct Asked {
    job: RestoreJob,
    wait: Duration,
}

/// Starts, follows, or goes on.
pub(crate) async fn run(function: &Function, event: &Event, deadline: Deadline) -> Result<RestoreAnswer, Failure> {
    carry_out(function, event, deadline).await.map_err(for_event)
}

async fn carry_out(function: &Function, event: &Event, deadline: Deadline) -> Result<RestoreAnswer, Failure> {
    let accepted = function.accept(event, |repository, _| asked(event, repository))?;
    let api = function.api(&accepted)?;
    let mut warnings = accepted.warnings(event);
    let Asked { job, wait } = &accepted.job;
    tracing::info!(repository = job.repository.as_str(), host = accepted.endpoint.host(), "begin a restore");
    let plan = plan_restore(&api, job, deadline).await?;
    plan.warnings.iter().for_each(|warning| warnings.add(said(warning)));
    let following = Following { wait: *wait, ..Following::default() };
    let report = apply_restore(&api, job, &plan, &following, deadline, &Silent).await?;
    if report.ended
        && let Some(failure) = report.complaint()
    {
        return Err(failure);
    }
    let answer = answer(&plan, report, warnings, event, &accepted);
    tracing::info!(snapshot = answer.snapshot, state = ?answer.state, "done");
    Ok(answer)
}

fn answer(
    plan: &RestorePlan,
    report: RestoreReport,
    warnings: Warnings,
    event: &Event,
    accepted: &Accepted<Asked>,
) -> RestoreAnswer {
    let truth = &report.truth;
    let on_conflict = event.text("OnConflict").ok().flatten().filter(|word| *word != CLOSE);
    let next = || {
        event.next(&[
            ("Endpoint", Some(accepted.endpoint.origin())),
            ("Region", Some(&accepted.region)),
            ("RepositoryName", Some(&plan.repository)),
            ("SnapshotName", Some(&plan.snapshot)),
            ("SlotTime", None),
            ("At", None),
            ("Policy", None),
            // What was to be closed is, and the global state is there: whoever follows asks for neither again.
            ("OnConflict", on_conflict),
            ("IncludeGlobalState", None),
            ("ReplaceTemplates", None),
        ])
    };
    RestoreAnswer {
        schema: 1,
        action: "restore",
        repository: plan.repository.clone(),
        snapshot: plan.snapshot.clone(),
        uuid: plan.uuid.clone(),
        outcome: report.outcome,
        state: if report.ended { State::Success } else { State::InProgress },
        shards: Shards { total: truth.expected, successful: truth.started, failed: 0 },
        started_at: plan.started_at,
        items: report.items,
        left_out: plan.left_out.iter().map(left_out).collect(),
        documents: report.documents,
        warnings: warnings.into_vec(),
        next: (!report.ended).then(next),
    }
}

fn left_out(out: &LeftOut) -> LeftOut {
    LeftOut { name: out.name.clone(), why: said(&out.why), hint: out.hint.as_deref().map(said) }
}

fn asked(event: &Event, repository: RepositoryName) -> Result<Asked, Failure> {
    let (choice, among) = choice(event, &repository)?;
    let job = RestoreJob { choice, among, request: request(event)?, repository };
    Ok(Asked { job, wait: Duration::from_secs(event.seconds("Wait")?) })
}

/// Which snapshot. What is not said is not guessed.
fn choice(event: &Event, repository: &RepositoryName) -> Result<(Choice, Among), Failure> {
    let at = event.text("At")?.map(time).transpose()?;
    let is_latest = event.text("SnapshotName")? == Some(LATEST);
    let is_doubled = is_latest && event.text("SlotTime")?.is_some();
    let named = if is_latest { None } else { naming::given(event, repository)? };
    let choice = match (named, at, is_latest) {
        (Some(name), None, _) => Choice::Named(name),
        (None, Some(time), false) => Choice::At(time),
        (None, None, true) if !is_doubled => Choice::Latest,
        (None, None, false) => {
            return Err(bad(
                "the event does not say which snapshot is to be restored",
                "add `SnapshotName` (a name, or latest), `SlotTime`, or `At`: the newest good one that began by then",
            ));
        }
        _ => {
            return Err(bad(
                "the event says in two ways which snapshot is to be restored",
                "keep one of `SnapshotName`, `SlotTime` and `At`",
            ));
        }
    };
    let policy = event.text("Policy")?.map(str::to_owned);
    if policy.is_some() && matches!(choice, Choice::Named(_)) {
        return Err(bad("`Policy` says which snapshot latest and `At` mean, and one is named", "keep one of them"));
    }
    Ok((choice, Among { policy, ..Among::default() }))
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|_| bad(format!("`At` {text:?} is not an RFC 3339 time"), "such as 2026-11-23T05:00:00Z"))
}

fn request(event: &Event) -> Result<Request, Failure> {
    let (excluded, indices): (Vec<String>, Vec<String>) =
        event.list("Indices")?.into_iter().partition(|name| name.starts_with('-'));
    let excluded: Vec<String> = excluded.iter().map(|name| name[1..].to_owned()).collect();
    let flag = |field: &str| event.flag(field).map(Option::unwrap_or_default);
    let on_conflict = on_conflict(event.text("OnConflict")?)?;
    Ok(Request {
        indices: patterns(&indices)?,
        exclude: patterns(&excluded)?,
        data_streams: patterns(&event.list("DataStreams")?)?,
        include_system: patterns(&event.list("IncludeSystem")?)?,
        rename: rename(event)?,
        on_conflict,
        settings: event.object("IndexSettings")?.cloned().unwrap_or_default(),
        drop_settings: event.list("IgnoreIndexSettings")?,
        aliases: flag("IncludeAliases")?,
        partial: flag("Partial")?,
        global_state: flag("IncludeGlobalState")?,
        replace_templates: flag("ReplaceTemplates")?,
        ignore_disk: flag("IgnoreDisk")?,
        // Nobody looks at the plan: what is open is closed only if the event says so.
        leave_incomplete: on_conflict != OnConflict::Close,
        state_once: true,
    })
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, Failure> {
    texts.iter().map(|text| Pattern::parse(text).map_err(|failure| failure.with_code(Code::BadEvent))).collect()
}

fn rename(event: &Event) -> Result<Option<Rename>, Failure> {
    match (event.text("RenamePrefix")?, event.text("RenamePattern")?, event.text("RenameReplacement")?) {
        (None, None, None) => Ok(None),
        (Some(prefix), None, None) => Rename::prefix(prefix).map(Some),
        (None, Some(pattern), Some(replacement)) => Rename::pattern(pattern, replacement).map(Some),
        _ => Err(bad(
            "the event does not say in one way how indices are renamed",
            "set `RenamePrefix`, or `RenamePattern` with `RenameReplacement`",
        )),
    }
}

fn on_conflict(word: Option<&str>) -> Result<OnConflict, Failure> {
    match word {
        None | Some("fail") => Ok(OnConflict::Fail),
        Some("skip") => Ok(OnConflict::Skip),
        Some("rename") => Ok(OnConflict::Rename),
        Some(CLOSE) => Ok(OnConflict::Close),
        Some(other) => Err(bad(format!("`OnConflict` {other:?} is unknown"), "it may be fail, skip, rename or close")),
    }
}

fn bad(cause: impl AsRef<str>, hint: &str) -> Failure {
    Failure::new(Code::BadEvent, cause, hint)
}

/// The command line's words for what an event has fields for, longer ones first.
const WORDS: &[(&str, &str)] = &[
    ("run the same command again", "send the same event again"),
    ("the same command again", "the same event again"),
    ("the same command", "the same event"),
    ("--rename-prefix", "`RenamePrefix`"),
    ("--rename-pattern", "`RenamePattern`"),
    ("--rename-replacement", "`RenameReplacement`"),
    ("--on-conflict", "`OnConflict`"),
    ("--replace-templates", "`ReplaceTemplates`"),
    ("--include-system", "`IncludeSystem`"),
    ("--global-state", "`IncludeGlobalState`"),
    ("--ignore-disk", "`IgnoreDisk`"),
    ("--drop-setting", "`IgnoreIndexSettings`"),
    ("--aliases", "`IncludeAliases`"),
    ("--partial", "`Partial`"),
    ("--indices", "`Indices`"),
    ("--set ", "`IndexSettings` "),
];

/// The text in an event's words.
fn said(text: &str) -> String {
    WORDS.iter().fold(text.to_owned(), |text, (flag, field)| text.replace(flag, field))
}

fn for_event(failure: Failure) -> Failure {
    let (cause, hint) = (said(&failure.cause), said(&failure.hint));
    failure.with_cause(cause).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str) -> Result<Asked, Failure> {
        asked(&Event::parse(event)?, RepositoryName::parse("nightly")?)
    }

    #[test]
    fn which_snapshot_is_said_in_one_way() {
        let time = || "2026-11-23T05:00:00Z".parse().unwrap();
        let named = |name| Choice::Named(snapkeep_core::naming::SnapshotName::parse(name).unwrap());
        for (event, expected) in [
            (r#""SnapshotName": "s""#, named("s")),
            (r#""SnapshotName": "latest""#, Choice::Latest),
            (r#""At": "2026-11-23T05:00:00Z", "Policy": "p""#, Choice::At(time())),
            (r#""SlotTime": "2026-11-23T05:00:00Z""#, named("nightly-20261123t050000z")),
        ] {
            let asked = read(&format!(r#"{{"Action": "restore", {event}}}"#)).unwrap();
            assert_eq!(asked.job.choice, expected, "{event}");
        }
        for wrong in ["\"Wait\": 1", r#""SnapshotName": "latest", "At": "2026-11-23T05:00:00Z""#] {
            let failure = read(&format!(r#"{{"Action": "restore", {wrong}}}"#)).err().unwrap();
            assert_eq!(failure.code, Code::BadEvent, "{wrong}: {failure}");
        }
    }

    #[test]
    fn what_is_asked_for_is_what_the_command_line_takes() {
        let event = r#"{"action": "restore", "SnapshotName": "latest", "Indices": "logs-*,-logs-debug", "OnConflict": "close",
            "RenamePrefix": "old-", "IndexSettings": {"index.number_of_replicas": 0}, "IgnoreIndexSettings": ["a"], "Partial": true}"#;
        let request = read(event).unwrap().job.request;
        let texts = |patterns: &[Pattern]| patterns.iter().map(|p| p.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(
            (texts(&request.indices), texts(&request.exclude)),
            (vec!["logs-*".into()], vec!["logs-debug".into()])
        );
        assert_eq!((request.on_conflict, request.partial, request.aliases), (OnConflict::Close, true, false));
        assert_eq!((request.settings["index.number_of_replicas"].as_u64(), request.drop_settings.len()), (Some(0), 1));
        assert!(request.rename.is_some());
    }

    #[test]
    fn a_failure_speaks_of_fields() {
        let failure = Failure::new(
            Code::RestoreConflict,
            "x",
            "rename (--on-conflict rename), or --partial; the same command again",
        );
        assert_eq!(for_event(failure).hint, "rename (`OnConflict` rename), or `Partial`; the same event again");
    }
}
