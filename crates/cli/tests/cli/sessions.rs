//! The sessions of docs/cli.md are real.
