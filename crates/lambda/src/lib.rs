//! snapkeep-lambda
