//! snapkeep-transport
