//! Why a signature is refused, in AWS's words.

use std::time::SystemTime;

use super::TOLERANCE;
use crate::clock::amz_date;

/// Why a request's signature is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No AWS signature at all: the caller is anonymous.
    Unsigned,
    /// The header lacks something; the text says what.
    Incomplete(String),
    /// No such access key, or not with this session token.
    UnknownKey,
    /// The session token has expired.
    ExpiredToken,
    /// This header must be signed and is not.
    NotSigned(String),
    /// The scope names another region.
    WrongRegion,
    /// The scope names another service than this one.
    WrongService(String),
    /// The scope ends in something else than `aws4_request`.
    WrongTerminator(String),
    /// The scope's day is not the request's.
    WrongDate {
        /// The day in the scope.
        scope: String,
        /// `X-Amz-Date`.
        header: String,
    },
    /// Signed too long ago.
    Expired {
        /// When it says it was signed.
        signed: SystemTime,
        /// The domain's time.
        now: SystemTime,
    },
    /// Signed in the future.
    NotYetCurrent {
        /// When it says it was signed.
        signed: SystemTime,
        /// The domain's time.
        now: SystemTime,
    },
    /// Another secret, or something was changed after signing.
    Mismatch,
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

impl Rejection {
    /// The sentence a domain answers with; empty for [`Rejection::Unsigned`], which is IAM's to answer.
    pub fn message(&self) -> String {
        match self {
            Self::Unsigned => String::new(),
            Self::Incomplete(text) => text.clone(),
            Self::UnknownKey => "The security token included in the request is invalid.".to_owned(),
            Self::ExpiredToken => "The security token included in the request is expired".to_owned(),
            Self::NotSigned(name) => format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."),
            Self::Mismatch => MISMATCH.to_owned(),
            Self::Expired { .. } | Self::NotYetCurrent { .. } => self.clock_message(),
            _ => self.scope_message(),
        }
    }

    // The trailing spaces are AWS's.
    fn scope_message(&self) -> String {
        match self {
            Self::WrongService(service) => format!("Credential should be scoped to correct service: '{service}'. "),
            Self::WrongTerminator(got) => {
                format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{got}'. ")
            }
            Self::WrongDate { scope, header } => format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != \
                 '{day}', from '{header}'. ",
                day = header.get(..8).unwrap_or(header),
            ),
            _ => "Credential should be scoped to a valid region. ".to_owned(),
        }
    }

    fn clock_message(&self) -> String {
        let minutes = TOLERANCE.as_secs() / 60;
        match *self {
            Self::Expired { signed, now } => format!(
                "Signature expired: {} is now earlier than {} ({} - {minutes} min.)",
                amz_date(signed),
                amz_date(now - TOLERANCE),
                amz_date(now),
            ),
            Self::NotYetCurrent { signed, now } => format!(
                "Signature not yet current: {} is still later than {} ({} + {minutes} min.)",
                amz_date(signed),
                amz_date(now + TOLERANCE),
                amz_date(now),
            ),
            _ => String::new(),
        }
    }
}
