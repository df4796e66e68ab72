//! How a task ends when it does not succeed.

use std::fmt;

/// A message for the person at the terminal, and the process's exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One line, with what to do about it where that is known.
    pub(crate) message: String,
    /// 2 when somebody has to install or correct something first, else 1.
    pub(crate) exit: u8,
}

/// A task's result.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// The task went wrong.
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), exit: 1 }
    }

    /// Somebody has to act first.
    pub(crate) fn operator(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), exit: 2 }
    }

    /// For `map_err`: says what was being done.
    pub(crate) fn during<E: fmt::Display>(action: impl fmt::Display) -> impl FnOnce(E) -> Self {
        let action = action.to_string();
        move |error| Self::new(format!("{action}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<snapkeep_testbed::Error> for Failure {
    fn from(error: snapkeep_testbed::Error) -> Self {
        Self { exit: if error.needs_operator() { 2 } else { 1 }, message: error.to_string() }
    }
}
