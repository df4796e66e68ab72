//! The failures of the crates below speak an event's words, because the Lambda shows them too. Here they are said in the
//! command line's.

use snapkeep_core::Failure;

/// An event's words and ours, longer ones first. Each is replaced wherever it stands.
const WORDS: &[(&str, &str)] = &[
    (
        "register the repository first (`register`), and check the spelling of its name",
        "`snapkeep repo register NAME` registers it; `snapkeep repo list` shows those that there are",
    ),
    (
        "register it first, or look at the names of those that are",
        "`snapkeep repo register NAME` registers it; `snapkeep repo list` shows those that there are",
    ),
    ("`list` shows", "`snapkeep list` shows"),
    ("`status` shows", "`snapkeep status` shows"),
    ("`show` tells", "`snapkeep show` tells"),
    ("`abort` ends it", "`snapkeep abort` ends it"),
    ("`delete` deletes it", "`snapkeep delete` deletes it"),
    (
        "or let these settings replace it (`Replace` true in an event, --replace)",
        "or let these settings replace it with --replace",
    ),
    ("make it a template such as", "give a --template such as"),
    ("the same event with the same request id or `SlotTime` adopts it", "`snapkeep show` tells whether it is there"),
    ("send the event again: a registration", "run the command again: a registration"),
    (
        "check the variables or the profile that hold the credentials, or run where a role gives them (in the function: its execution role)",
        "name a --profile, sign in, or check the variables that hold the credentials",
    ),
    ("allow more time: 60 seconds are enough for most", "allow more time with --timeout"),
    (
        "check ACCESS_KEY and SECRET_KEY, or leave both out so that the default credentials are used",
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a --profile",
    ),
    (
        "a loopback address passes if the operator named the host exactly (in the function: SNAPKEEP_ALLOWED_ENDPOINTS); link-local and metadata addresses never do",
        "link-local and metadata addresses are never called: check what the endpoint's name resolves to",
    ),
    ("use SNAPKEEP_AUTH=sigv4", "use --auth sigv4"),
    ("name its authority as the CA file (SNAPKEEP_CA_FILE)", "name its authority with --ca-file"),
    ("check SNAPKEEP_CA_FILE", "check --ca-file"),
    ("SNAPKEEP_CA_FILE or the configuration names it", "--ca-file or the configuration names it"),
    (
        "which S3 endpoint is used, and how, is not for an event to say",
        "put the S3 client's settings into the nodes' configuration",
    ),
    ("an earlier delivery of this event was not looked for", "a snapshot of the same name was not looked for"),
    ("this request has more than one snapshot", "this run has more than one snapshot"),
    ("choose another `SnapshotName`", "choose another name"),
    ("leave `SnapshotName` out", "leave the name out"),
    ("`SnapshotName`", "the snapshot's name"),
    ("`RepositoryName`", "the repository's name"),
    ("`RoleArn`", "--role-arn"),
    ("`S3Bucket`", "--bucket"),
    ("`BucketRegion`", "--bucket-region"),
    ("`BasePath`", "--base-path"),
    ("`Settings`", "--setting"),
    ("`Region`", "--region"),
    ("`Endpoint`", "the endpoint"),
    ("`Metadata`", "--metadata"),
    ("`Indices`", "--indices"),
];

/// The failure in the command line's words.
pub(crate) fn for_operator(failure: Failure) -> Failure {
    let (cause, hint) = (said(&failure.cause), said(&failure.hint));
    failure.with_cause(cause).with_hint(hint)
}

/// The text in the command line's words.
pub(crate) fn said(text: &str) -> String {
    WORDS.iter().fold(text.to_owned(), |text, (event, ours)| text.replace(event, ours))
}

/// Warnings of a result in the command line's words.
pub(crate) fn all_said(warnings: &[String]) -> Vec<String> {
    warnings.iter().map(|warning| said(warning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapkeep_cluster::{Kind, Refusal, Unanswered};
    use snapkeep_transport::Lost;

    /// Words that mean nothing to somebody at a terminal.
    const FOREIGN: &[&str] = &[
        "event",
        "function",
        "execution role",
        "`Region`",
        "`SnapshotName`",
        "Action `",
        "SNAPKEEP_ALLOWED",
        " ACCESS_KEY",
    ];

    #[test]
    fn every_refusal_speaks_to_somebody_at_a_terminal() {
        let kinds = [
            Kind::Unsigned,
            Kind::SignatureMismatch,
            Kind::WrongRegion,
            Kind::WrongService,
            Kind::ClockSkew,
            Kind::BadToken,
            Kind::ActionDenied,
            Kind::PassRoleDenied,
            Kind::PermissionMissing,
            Kind::RoleNotAssumable,
            Kind::Blocked,
            Kind::Denied,
            Kind::Throttled,
            Kind::RepositoryMissing,
            Kind::SnapshotMissing,
            Kind::NameTaken,
            Kind::Busy,
            Kind::RepositoryInUse,
            Kind::ReadOnly,
            Kind::WrittenElsewhere,
            Kind::Unsupported,
            Kind::VerificationFailed,
            Kind::RegionRefused,
            Kind::Gateway,
            Kind::ServerError,
            Kind::Invalid,
        ];
        let refusals = kinds.map(|kind| Refusal { status: 400, kind, reason: "why".into() }.failure());
        let why = || "why".to_owned();
        let lost = [
            Lost::NotSent(why()),
            Lost::NotSent("certificate".into()),
            Lost::OutOfTime,
            Lost::Cut(why()),
            Lost::Unreadable(why()),
            Lost::AddressRefused(why()),
            Lost::NoCredentials(why()),
        ];
        let lost = lost.map(|lost| Unanswered::Lost(lost).failure());
        for failure in refusals.into_iter().chain(lost) {
            let said = for_operator(failure);
            for word in FOREIGN {
                assert!(!said.hint.contains(word), "{said}: {}", said.hint);
                assert!(!said.cause.contains(word), "{said}");
            }
        }
    }

    #[test]
    fn warnings_speak_to_somebody_at_a_terminal() {
        let warnings = [
            "an earlier delivery of this event was not looked for: why",
            "this request has more than one snapshot: a, b; delete all but one",
        ];
        for said in all_said(&warnings.map(str::to_owned)) {
            assert!(!said.contains("event") && !said.contains("request has"), "{said}");
        }
    }

    #[test]
    fn what_is_said_once_stays() {
        for (event, _) in WORDS {
            assert_eq!(said(&said(event)), said(event), "{event}");
        }
    }
}
