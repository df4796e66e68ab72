//! What came back, or what is known when nothing did.

use crate::credentials::SIGN_IN;
use crate::exchange::HANDSHAKE;
use bytes::Bytes;
use jiff::Timestamp;
use std::time::Duration;

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, at most as long as the call's cap.
    pub body: Bytes,
    /// `Retry-After`, from when the answer came; where it was sent as a date, by the server's clock.
    pub retry_after: Option<Duration>,
    /// `Date`: the server's clock, in whole seconds. (Amazon's front and most proxies send it, nodes do not.)
    pub date: Option<Timestamp>,
}

impl Answer {
    /// An answer without headers.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, body: body.into(), retry_after: None, date: None }
    }
}

/// No complete answer. Whether the request took effect is unknown, unless it was never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The request never left: name resolution, connection or TLS handshake failed.
    NotSent(String),
    /// The time was up before anything was sent.
    OutOfTime,
    /// It left, but no whole answer came back: cut connection, time-out.
    Cut(String),
    /// An answer came that is not read: larger than the cap, compressed, or a redirect.
    Unreadable(String),
    /// The host's name resolved only to addresses that are never called. Nothing was sent.
    AddressRefused(String),
    /// No credentials, or they could not be used to sign. Nothing was sent.
    NoCredentials(String),
}

impl Lost {
    /// What happened, in one sentence.
    pub fn cause(&self) -> &str {
        match self {
            Self::OutOfTime => "no time is left before the deadline",
            Self::NotSent(cause)
            | Self::Cut(cause)
            | Self::Unreadable(cause)
            | Self::AddressRefused(cause)
            | Self::NoCredentials(cause) => cause,
        }
    }

    /// What mends it, where that follows from the cause alone: profiles that sign in through a browser, a
    /// client certificate that is missing or not accepted.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoCredentials(cause) if cause.contains(SIGN_IN) => Some(
                "sign in with the AWS CLI, and name a profile that has `credential_process = aws configure \
                 export-credentials --profile NAME --format process`",
            ),
            Self::NotSent(cause) if cause.starts_with(HANDSHAKE) => {
                Some("give a client certificate, with its key, of an authority that the cluster trusts")
            }
            _ => None,
        }
    }

    /// Whether the request can have had no effect: it never left.
    pub fn is_unsent(&self) -> bool {
        !matches!(self, Self::Cut(_) | Self::Unreadable(_))
    }

    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Cut(_))
    }
}
