//! What is said of AWS, against moto's account, the front's domain and a real node. `cargo xtask test --deploy` brings what
//! these tests need; without it they say so and pass.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

mod account;
mod document;
mod documented;
mod examined;
