//! Metrics, all from one table: [`TABLE`].
//!
//! - [`Registry`]: the values; [`Registry::observe`] takes a run in
//! - [`Registry::prometheus`]: as Prometheus' text, for a scrape or for a file that `node_exporter`'s textfile collector reads
//! - [`emf`]: a run's values as `CloudWatch`'s embedded metric format, for the Lambda's log
//!
//! docs/metrics.md is the table for people; the alert rules and the dashboard under deploy/ are tested against it.

mod emf;
mod registry;
mod table;

pub use emf::{NAMESPACE, emf};
pub use registry::{Configured, Registry};
pub use table::{Kind, Metric, TABLE, metric};

#[cfg(test)]
mod tests;
