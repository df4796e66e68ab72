//! From a blob's bytes to values, within caps.
//!
//! - [`envelope`]: magic, codec, footer and CRC32 of a `.dat` blob
//! - [`expand`]: DEFLATE and zstd
//! - [`smile`], [`json`]: to whatever implements [`serde::Deserialize`]

mod cursor;
pub mod envelope;
pub mod expand;
pub mod json;
pub mod smile;
mod tree;

pub use envelope::{Body, Codec};
pub(crate) use tree::{Binary, Tree};

/// Bytes that a compressed body may expand to. The servers hold such a body in memory as a whole, and so do we.
pub const MAX_EXPANDED: usize = 256 << 20;
/// Values, keys of objects included, in one body.
pub const MAX_VALUES: usize = 16 << 20;
/// Objects and arrays within one another; the servers' JSON parsers stop at 1,000, their mappings at 20.
pub const MAX_DEPTH: usize = 256;
