//! snapkeep-front
