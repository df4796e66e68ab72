//! Who we are.

use crate::{Check, Facts, Finding, Mend, Rejected};
use snapkeep_core::Code;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if !facts.subject.is_signed {
        return Vec::new();
    }
    vec![match &facts.identity {
        Err(unseen) => Finding::unchecked(Check::Credentials, unseen),
        Ok(Ok(identity)) => Finding::ok(Check::Credentials, format!("requests are signed as {}", identity.arn)),
        Ok(Err(rejected)) => refused(rejected),
    }]
}

fn refused(rejected: &Rejected) -> Finding {
    let (code, says, mend) = match rejected {
        Rejected::NoCredentials(why) => (
            Code::BadConfig,
            format!("there are no credentials: {why}"),
            "set AWS_PROFILE or give --profile, or run where a role gives credentials",
        ),
        Rejected::Expired => (
            Code::SignatureRejected,
            "the credentials have expired".to_owned(),
            "sign in again, or get new ones; a role of the machine or the function renews them by itself",
        ),
        Rejected::UnknownKey => (
            Code::SignatureRejected,
            "AWS does not know the access key".to_owned(),
            "use a key that exists and is active; a temporary one needs its session token (AWS_SESSION_TOKEN) too",
        ),
        Rejected::WrongSecret => (
            Code::SignatureRejected,
            "the secret key does not belong to the access key".to_owned(),
            "copy both anew; a stray character in one of them is enough",
        ),
        Rejected::RoleRefused(why) => (
            Code::AccessDenied,
            format!("the role that is taken on first refuses: {why}"),
            "let that role's trust policy name the caller, with its external id if it asks for one, and the caller's own policy allow sts:AssumeRole on it",
        ),
        Rejected::Clock => (
            Code::SignatureRejected,
            "AWS refuses signatures of this machine's time".to_owned(),
            "set the clock: timedatectl set-ntp true",
        ),
    };
    Finding::failed(Check::Credentials, code, says, "no request can be signed, so the domain lets nothing in")
        .mend(Mend::advice(mend))
}
