//! `list`: a repository's snapshots.

use super::select::Select;
use crate::choose;
use crate::output::{human, views};
use crate::session::Session;
use clap::{Args, ValueEnum};
use snapkeep_core::Failure;
use snapkeep_core::select::Sort;
use snapkeep_engine::{Inventory, Query, Warnings, inventory};

/// List a repository's snapshots, newest first
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  snapkeep list -r nightly
  snapkeep list --state failed,partial --newer-than 7d
  snapkeep list --match 'nightly-*' --sort size --sizes --limit 10"
)]
pub(crate) struct List {
    #[command(flatten)]
    select: Select,
    /// Order: newest, longest, largest and worst first
    #[arg(long, value_name = "BY", default_value = "started")]
    sort: Order,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// At most so many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// With sizes, also where each needs a request of its own
    #[arg(long)]
    sizes: bool,
}

/// [`Sort`] as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    Started,
    Name,
    State,
    Duration,
    Size,
    Indices,
    Shards,
}

impl From<Order> for Sort {
    fn from(order: Order) -> Self {
        match order {
            Order::Started => Self::Started,
            Order::Name => Self::Name,
            Order::State => Self::State,
            Order::Duration => Self::Duration,
            Order::Size => Self::Size,
            Order::Indices => Self::Indices,
            Order::Shards => Self::Shards,
        }
    }
}

/// Lists.
pub(crate) async fn run(arguments: List, session: &Session) -> Result<(), Failure> {
    let query = Query {
        filter: arguments.select.filter()?,
        sort: arguments.sort.into(),
        reverse: arguments.reverse,
        limit: arguments.limit,
        with_sizes: arguments.sizes || arguments.sort == Order::Size,
    };
    let deadline = session.deadline();
    let target = session.connect().await?;
    let repository = choose::repository(&target, session, deadline).await?;
    let now =
        if query.filter.is_about_age() { session.server_time(&target.api, deadline).await? } else { session.now() };
    let found = inventory(&target.api, &repository, &query, now, deadline, &mut Warnings::default()).await?;
    if let Some(note) = note(&found) {
        session.printer.note(&note);
    }
    session.printer.show(&views::List(found), session.now_of(&target.api))
}

/// What the table does not show.
fn note(found: &Inventory) -> Option<String> {
    let all = human::count(found.total, "snapshot");
    match (found.total, found.matching, found.snapshots.len()) {
        (0, ..) => Some(format!("repository {} holds no snapshots", found.repository)),
        (_, 0, _) => Some(format!("none of {all} matches")),
        (total, matching, shown) if shown < matching && matching == total => Some(format!("{shown} of {all}")),
        (total, matching, shown) if shown < matching => Some(format!("{shown} of {matching} that match, of {total}")),
        (total, matching, _) if matching < total => Some(format!("{matching} of {all}")),
        _ => None,
    }
}
