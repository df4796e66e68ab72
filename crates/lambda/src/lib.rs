//! The AWS Lambda function: the event's contract, the operator's limits, one handler. The command
//! line runs the same handler.

mod configuration;
mod environment;
mod event;
mod function;
mod naming;
mod policies;
mod restore;
mod telling;

pub use environment::Environment;
pub use event::Event;
pub use function::{Answer, Function, Invocation};
pub use policies::{DrillAnswer, RunAnswer};
pub use restore::RestoreAnswer;
