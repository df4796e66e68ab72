//! Flags that say which snapshots are meant; `list` and `delete` have them.

use crate::args::{Pair, Span};
use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use snapkeep_core::Failure;
use snapkeep_core::select::{Filter, Glob};
use snapkeep_core::snapshot::State;

/// Which snapshots are meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Select {
    /// Only these states
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<Word>,
    /// Only those that began longer ago, such as 30d
    #[arg(long, value_name = "SPAN")]
    older_than: Option<Span>,
    /// Only those that began more recently, such as 24h
    #[arg(long, value_name = "SPAN")]
    newer_than: Option<Span>,
    /// Only names that match, such as 'nightly-*'; `*` is any text, `?` one character
    #[arg(long = "match", value_name = "GLOB")]
    globs: Vec<String>,
    /// Only those with this metadata; `a.b` reaches into objects
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<Pair>,
}

/// A snapshot's state as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Word {
    Success,
    Partial,
    Failed,
    #[value(alias = "in_progress", alias = "running")]
    InProgress,
}

impl Select {
    /// The filter.
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        let signed =
            |span: &Option<Span>| span.map(|span| SignedDuration::try_from(span.0).unwrap_or(SignedDuration::MAX));
        Ok(Filter {
            states: self.state.iter().map(|word| word.state()).collect(),
            older_than: signed(&self.older_than),
            newer_than: signed(&self.newer_than),
            globs: self.globs.iter().map(|glob| Glob::parse(glob)).collect::<Result<_, _>>()?,
            metadata: self.metadata.iter().map(|pair| (pair.key.clone(), Some(pair.value.clone()))).collect(),
        })
    }
}

impl Word {
    fn state(self) -> State {
        match self {
            Self::Success => State::Success,
            Self::Partial => State::Partial,
            Self::Failed => State::Failed,
            Self::InProgress => State::InProgress,
        }
    }
}
