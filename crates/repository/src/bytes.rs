//! From a blob's bytes to values.
