//! The failures of the crates below speak an event's words, because the Lambda shows them too. Here they are said in the
//! command line's.

use snapkeep_core::Failure;

/// An event's words and ours.
const WORDS: &[(&str, &str)] = &[
    (
        "register it first: Action `register`, or `backup`, which registers and creates",
        "register it first: snapkeep repo register NAME; `snapkeep repo list` shows those that there are",
    ),
    ("Action `list` shows", "`snapkeep list` shows"),
    ("`list` shows", "`snapkeep list` shows"),
    ("`abort` ends it", "`snapkeep abort NAME` ends it"),
    ("set `Replace` to true if these settings are to replace it", "add --replace if these settings are to replace it"),
    ("choose another `RepositoryName`", "choose another repository name"),
    ("choose another `SnapshotName`", "choose another name"),
    ("make it a template such as", "give a --template such as"),
    ("leave `SnapshotName` out", "leave the name out"),
    ("the same event with the same request id or `SlotTime` adopts it", "`snapkeep show` tells whether it is there"),
    (
        "send the event again in some minutes; with a retry of the same event the name stays the same",
        "run the command again in some minutes; `snapkeep status` shows what runs",
    ),
    ("send the event again: a registration", "run the command again: a registration"),
    ("the event may be sent again", "then run the command again"),
    ("the event holds", "the command line holds"),
    (
        "give the function an execution role, or check the variables that hold the credentials",
        "name a --profile, sign in (aws sso login), or set the variables that hold the credentials",
    ),
    ("give the function more time: 60 seconds are enough for most", "allow more time with --timeout"),
    (
        "and for a VPC domain that the function is in its VPC and the security groups let port 443 pass",
        "and for a VPC domain that this machine reaches its VPC and the security groups let port 443 pass",
    ),
    (
        "check ACCESS_KEY and SECRET_KEY, or leave both out and use the execution role",
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the --profile",
    ),
    (
        "ACCESS_KEY of a temporary credential needs its SESSION_TOKEN",
        "a temporary credential needs its AWS_SESSION_TOKEN",
    ),
    ("use SNAPKEEP_AUTH=sigv4", "use --auth sigv4"),
    ("name its authority in SNAPKEEP_CA_FILE", "name its authority with --ca-file"),
    ("check SNAPKEEP_CA_FILE", "check --ca-file"),
    ("es:ESHttpGet lets snapkeep look", "es:ESHttpGet lets it look"),
    ("see `Settings`, `BasePath` and `RoleArn`", "see --setting, --base-path and --role-arn"),
    ("use `S3Bucket`, `BucketRegion` and `RoleArn`", "use --bucket, --bucket-region and --role-arn"),
    ("<RoleArn>", "<role ARN>"),
    ("`RoleArn`", "--role-arn"),
    ("`S3Bucket`", "--bucket"),
    ("`BucketRegion`", "--bucket-region"),
    ("`BasePath`", "--base-path"),
    ("`Settings`", "--setting"),
    ("`Region`", "--region"),
    ("`Endpoint`", "the endpoint"),
    ("`Metadata`", "--metadata"),
    ("`Indices`", "--indices"),
    ("`RepositoryName`", "the repository's name"),
    ("`SnapshotName`", "the snapshot's name"),
];

/// The failure in the command line's words.
pub(crate) fn for_operator(failure: Failure) -> Failure {
    let (cause, hint) = (said(&failure.cause), said(&failure.hint));
    failure.with_cause(cause).with_hint(hint)
}

/// The text in the command line's words.
pub(crate) fn said(text: &str) -> String {
    WORDS.iter().fold(text.to_owned(), |text, (event, ours)| {
        // A phrase of ours may hold the event's: it is said once.
        if text.contains(ours) { text } else { text.replace(event, ours) }
    })
}
