//! How long work is shown: the library says what happens, the caller decides how it looks.

/// Receives what the testbed is doing. Calls come from any thread.
pub trait Progress: Send + Sync {
    /// One line about a step that begins or has ended.
    fn say(&self, line: &str);

    /// `done` of `total` bytes of `what` have arrived. Called a few times per second.
    fn bytes(&self, what: &str, done: u64, total: u64) {
        let _ = (what, done, total);
    }
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn say(&self, _line: &str) {}
}

/// Writes each line to standard error, for tests run by hand and tools without a terminal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

impl Progress for Stderr {
    fn say(&self, line: &str) {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "testbed: {line}");
    }
}
