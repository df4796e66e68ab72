//! snapkeep-testbed
