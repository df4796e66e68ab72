//! snapkeep-engine
