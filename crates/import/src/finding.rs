//! What has no equal, or only a near one.

use serde::Serialize;
use std::fmt;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It has no equal.
    NotImported,
    /// Its policy does something near.
    Differs,
}

/// One thing that is not the same with us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where it stands: `action 2, filter 3 (period)`, `daily-policy: notification`.
    #[serde(rename = "where")]
    pub at: String,
    /// What it is.
    pub what: String,
    /// What became of it.
    pub effect: Effect,
    /// Why.
    pub why: String,
    /// What to do instead.
    pub instead: String,
}

impl Finding {
    pub(crate) fn new(at: &str, what: &str, effect: Effect, why: &str, instead: &str) -> Self {
        let owned = |text: &str| text.to_owned();
        Self { at: owned(at), what: owned(what), effect, why: owned(why), instead: owned(instead) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::NotImported => "not imported",
            Effect::Differs => "differs",
        };
        write!(f, "{effect}: {}: {}: {}; {}", self.at, self.what, self.why, self.instead)
    }
}
