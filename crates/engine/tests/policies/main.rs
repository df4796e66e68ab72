//! Policies against real nodes, through a front that shifts their times, loses answers and writes down every request.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod at_once;
mod behind;
mod clocks;
mod closed;
mod conditions;
mod forty_days;
mod hidden;
mod in_batches;
mod index_gone;
mod killed;
mod names;
mod one_at_a_time;
mod out_of_sight;
mod places;
mod stale;
mod unreachable;
mod vanishing;
mod waiting;
mod world;
