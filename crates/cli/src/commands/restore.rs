//! `restore`: a plan, a question, then the plan and nothing else, followed to what truly serves.

mod arguments;

pub(crate) use arguments::{Moment, Restore};

use crate::choose;
use crate::confirm::confirm;
use crate::output::progress::Reporter;
use crate::output::views::{RestorePlanView, RestoredView};
use crate::output::{Format, Printer, human};
use crate::session::{Session, Target};
use crate::words::said;
use snapkeep_core::restore::{Action, RestorePlan};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::{Event, Observer, RestoreJob, RestoreReport, apply_restore, plan_restore};

/// Plans, asks, restores, follows.
pub(crate) async fn run(arguments: Restore, session: &Session) -> Result<(), Failure> {
    let deadline = if arguments.waits() { session.patient_deadline() } else { session.deadline() };
    // What is wrong with the arguments is said before anything is asked.
    let request = arguments.request()?;
    let (choice, among) = arguments.choice()?;
    let target = session.connect().await?;
    let repository = choose::repository(&target, session, session.deadline()).await?;
    let job = RestoreJob { repository, choice, among, request };
    let plan = plan_restore(&target.api, &job, session.deadline()).await?;
    let complaint = plan.complaint();
    if arguments.dry_run || complaint.is_some() || plan.is_done() {
        let outcome = complaint.map_or(Ok(()), Err);
        return session.printer.show_plan(&RestorePlanView(&plan), session.now_of(&target.api)).and(outcome);
    }
    if session.printer.format() == Format::Text {
        session.printer.show_plan(&RestorePlanView(&plan), session.now_of(&target.api))?;
    }
    ask(&arguments, &plan, session).await?;
    session.goes_on(format!(
        "run the same command again with {} for the snapshot: what has come back is left alone, and what is on its way followed",
        plan.snapshot
    ));
    let watching = Watching::new(&session.printer);
    let report = apply_restore(&target.api, &job, &plan, &arguments.following(), deadline, &watching).await?;
    drop(watching);
    show(&arguments, &plan, &report, session, &target)
}

fn show(
    arguments: &Restore,
    plan: &RestorePlan,
    report: &RestoreReport,
    session: &Session,
    target: &Target,
) -> Result<(), Failure> {
    // Whoever does not wait does not expect the end.
    let complaint = report.complaint().filter(|_| arguments.waits() || report.ended);
    let outcome = complaint.map_or(Ok(()), Err);
    session.printer.show_with(&RestoredView { plan, report }, session.now_of(&target.api), outcome)
}

async fn ask(arguments: &Restore, plan: &RestorePlan, session: &Session) -> Result<(), Failure> {
    let Some(what) = words(plan) else { return Ok(()) };
    let question = format!("Restore {what}?");
    confirm(session, arguments.yes, &question).await.map_err(unasked)
}

/// That there is nobody to ask, in a restore's words.
pub(super) fn unasked(failure: Failure) -> Failure {
    match failure.code {
        Code::BadEvent => {
            failure.with_cause("a restore is to be looked at first, and there is nobody to ask; nothing was done")
        }
        _ => failure,
    }
}

/// What a plan restores, for a question; `None` if nothing.
pub(super) fn words(plan: &RestorePlan) -> Option<String> {
    let sent = plan.sent().count();
    let closes = plan.sent().filter(|item| item.action.closes()).count();
    let and = if closes > 0 {
        format!(", replacing the content of {}", human::count(closes, "index"))
    } else {
        String::new()
    };
    let things = match (sent, plan.sends_state()) {
        (0, false) => return None,
        (0, true) => "the global state".to_owned(),
        (_, false) => human::count(sent, "index"),
        (_, true) => format!("{} and the global state", human::count(sent, "index")),
    };
    Some(format!("{things} of snapshot {} from repository {}{and}", plan.snapshot, plan.repository))
}

/// Says of a restore what others say of a snapshot.
pub(super) struct Watching<'a> {
    reporter: Reporter<'a>,
    printer: &'a Printer,
}

impl<'a> Watching<'a> {
    pub(super) fn new(printer: &'a Printer) -> Self {
        Self { reporter: Reporter::new(printer), printer }
    }
}

impl Observer for Watching<'_> {
    fn notice(&self, event: &Event<'_>) {
        match event {
            Event::Begun { snapshot, .. } => {
                self.printer.has_begun();
                self.printer.note(&format!("the restore of snapshot {snapshot} has begun"));
            }
            Event::Stalled { since, diagnosis, .. } => {
                let since = human::span(*since);
                self.printer.warning(&format!("the restore has not moved for {since}: {}", said(diagnosis)));
            }
            other => self.reporter.notice(other),
        }
    }
}

/// What is done about an item, as a word of the plan.
pub(crate) fn word(action: Action) -> &'static str {
    match action {
        Action::Restore => "restore",
        Action::Close => "close",
        Action::Again => "again",
        Action::Follow => "follow",
        Action::Done => "done",
        Action::Skip => "skip",
        Action::Blocked => "blocked",
    }
}
