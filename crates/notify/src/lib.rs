//! Tells the operator: who is told of what, and when; metrics; commands around a run; a report to read.
//!
//! - [`Look`], [`decide`], [`Told`], [`Memory`], [`Beat`]: what is worth a message: a pure decision, once for each incident
//! - [`Notice`]: a message; [`Channel`], [`Post`], [`Sns`], [`Way`]: where it goes; [`tell`], [`tell_by`], [`send`]: sends it
//! - [`metrics`]: one table of metrics; the values of a run as Prometheus' text and as `CloudWatch`'s EMF
//! - [`hooks`]: commands of the operator's around a run
//! - [`markdown()`]: a run's report as Markdown
//!
//! A message that cannot be delivered never fails the run that it tells of: it is reported. E-mail is in a crate of its
//! own, so that the Lambda is without it.

mod channel;
pub mod hooks;
mod look;
mod markdown;
pub mod metrics;
mod notice;
mod send;
mod told;

pub use channel::{Channel, PATIENCE, Post, Sending, Sns, Way};
pub use look::Look;
pub use markdown::markdown;
pub use notice::Notice;
pub use send::{Delivery, due, send, tell, tell_by};
pub use told::{Beat, Before, Change, Memory, Told, decide};
