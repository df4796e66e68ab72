//! snapkeep, the command line.
fn main() {}
