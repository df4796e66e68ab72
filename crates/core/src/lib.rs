//! snapkeep-core
