//! Who we are, by STS.

use super::aws::{Asking, No};
use super::xml;
use crate::{Identity, Rejected, Seen};
use snapkeep_transport::Service;

pub(super) async fn identity(asking: Asking<'_>) -> Seen<Result<Identity, Rejected>> {
    match asking.query(Service::STS, "2011-06-15", &[("Action", "GetCallerIdentity")]).await {
        Ok(body) => {
            let part = |name| xml::first(&body, name).unwrap_or_default().to_owned();
            Ok(Ok(Identity { account: part("Account"), arn: part("Arn") }))
        }
        Err(no) => rejected(&no).map(Err).ok_or_else(|| no.unseen("sts:GetCallerIdentity")),
    }
}

/// How AWS refuses us; `None` where it does not.
fn rejected(no: &No) -> Option<Rejected> {
    let (word, message) = match no {
        // The role that is taken on first is asked for before anything is signed.
        No::Unsigned(why) if why.contains("AssumeRole") || why.contains("AccessDenied") => {
            return Some(Rejected::RoleRefused(why.clone()));
        }
        No::Unsigned(why) => return Some(Rejected::NoCredentials(why.clone())),
        No::Lost(_) => return None,
        No::Refused { word, message, .. } => (word.as_str(), message.as_str()),
    };
    match word {
        "ExpiredToken" | "ExpiredTokenException" => Some(Rejected::Expired),
        "InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClientException" => Some(Rejected::UnknownKey),
        "RequestExpired" | "RequestTimeTooSkewed" => Some(Rejected::Clock),
        "SignatureDoesNotMatch" if message.contains("expired") || message.contains("not yet current") => {
            Some(Rejected::Clock)
        }
        "SignatureDoesNotMatch" => Some(Rejected::WrongSecret),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let refused = |word: &str, message: &str| No::Refused {
            status: 403,
            word: word.to_owned(),
            message: message.to_owned(),
            body: String::new(),
        };
        for (no, expected) in [
            (refused("ExpiredToken", ""), Some(Rejected::Expired)),
            (refused("InvalidClientTokenId", ""), Some(Rejected::UnknownKey)),
            (refused("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"), Some(Rejected::Clock)),
            (refused("SignatureDoesNotMatch", "The request signature we calculated"), Some(Rejected::WrongSecret)),
            (refused("Throttling", ""), None),
            (No::Lost("cut".to_owned()), None),
        ] {
            assert_eq!(rejected(&no), expected, "{no:?}");
        }
    }
}
