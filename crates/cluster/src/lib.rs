//! snapkeep-cluster
