//! Asks before something is taken away.

use crate::session::Session;
use clap::Args;
use snapkeep_core::{Code, Failure};

/// The flag that answers the question beforehand.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Yes {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Goes on if the answer is yes. Where nobody can answer, `--yes` must have been given.
pub(crate) async fn confirm(session: &Session, yes: Yes, question: &str) -> Result<(), Failure> {
    if yes.yes {
        return Ok(());
    }
    if !session.printer.can_ask() {
        return Err(Failure::new(
            Code::BadEvent,
            "this takes something away and there is nobody to ask; nothing was done",
            "add --yes if that is what you want",
        ));
    }
    if session.printer.asks(question).await {
        return Ok(());
    }
    Err(Failure::new(Code::Interrupted, "the answer was no; nothing was done", "answer y, or add --yes, to go on"))
}
