//! The file's JSON Schema, made from the tables below. A test holds the tables to what is read: each section's keys are
//! those that a complaint about an unknown one lists.

use crate::AuthKind;
use crate::notifications::KINDS;
use serde_json::{Map, Value, json};

/// One key of a section.
struct Field {
    key: &'static str,
    kind: Kind,
    what: &'static str,
}

/// What stands under a key.
enum Kind {
    Text,
    Flag,
    /// A whole number, from the first to the largest that is taken.
    Whole(u32),
    /// A whole number or `all`.
    Count,
    /// A length of time.
    Period,
    /// A length of time or one of these words.
    PeriodOr(&'static [&'static str]),
    Words(&'static [&'static str]),
    /// One of these words or several.
    WordsOf(&'static [&'static str]),
    Auth,
    /// One text or several.
    Texts,
    /// Several texts.
    List,
    /// A reference to a secret.
    Secret,
    /// A text, or a reference to one that is a secret.
    TextOrSecret,
    /// A section.
    One(&'static Section),
    /// Sections with names of the writer's own.
    Named(&'static Section),
    /// Plain values with names of the writer's own.
    Plain,
    /// Texts, or a section.
    TextsOr(&'static Section),
    /// Texts and sections.
    Mixed(&'static Section),
    /// One section or several.
    Sections(&'static Section),
    /// A number of documents.
    Documents,
}

/// A section: its keys, and those that must be there.
struct Section {
    fields: &'static [Field],
    required: &'static [&'static str],
}

const fn field(key: &'static str, kind: Kind, what: &'static str) -> Field {
    Field { key, kind, what }
}

use Kind::{
    Auth, Count, Documents, Flag, List, Mixed, Named, One, Period, PeriodOr, Plain, Secret, Sections, Text,
    TextOrSecret, Texts, TextsOr, Whole, Words, WordsOf,
};

#[rustfmt::skip]
const FILE: Section = Section { required: &[], fields: &[
    field("default_cluster", Text, "The cluster of commands and policies that name none"),
    field("clusters", Named(&CLUSTER), "Clusters by name: where they are and who we are to them"),
    field("repositories", Named(&REPOSITORY), "Repositories by name, as `repo register` registers them"),
    field("policies", Named(&POLICY), "Policies by name: what is taken, when, and what stays"),
    field("notifications", One(&NOTIFICATIONS), "Who is told, of what, and how"),
    field("hooks", One(&HOOKS), "Commands around a run; not in the Lambda"),
] };

#[rustfmt::skip]
const CLUSTER: Section = Section { required: &["endpoint"], fields: &[
    field("endpoint", Text, "https://host[:port]"),
    field("region", Text, "The region that signatures are scoped to; an Amazon endpoint's name tells it"),
    field("auth", Auth, "How requests say who sends them; else what fits the endpoint and the secrets given"),
    field("username", Text, "User name for basic"),
    field("password", Secret, "Password for basic"),
    field("api_key", Secret, "Key for api-key"),
    field("token", Secret, "Token for bearer"),
    field("profile", Text, "AWS profile to take credentials from"),
    field("assume_role", One(&ASSUME_ROLE), "A role to assume before signing"),
    field("web_identity", One(&WEB_IDENTITY), "A role that another identity provider's token gives"),
    field("ca_file", Text, "Further certificate authorities (PEM)"),
    field("client_certificate", Text, "Our certificate for mutual TLS (PEM)"),
    field("client_key", Text, "Its key (PEM)"),
    field("repository", Text, "The repository of commands that name none"),
] };

#[rustfmt::skip]
const ASSUME_ROLE: Section = Section { required: &["role_arn"], fields: &[
    field("role_arn", Text, "arn:aws:iam::123456789012:role/NAME"),
    field("external_id", Text, "The id that the role's trust policy asks for"),
    field("session_name", Text, "What the session is called in CloudTrail"),
] };

#[rustfmt::skip]
const WEB_IDENTITY: Section = Section { required: &["role_arn", "token_file"], fields: &[
    field("role_arn", Text, "arn:aws:iam::123456789012:role/NAME"),
    field("token_file", Text, "The file that holds the token"),
    field("session_name", Text, "What the session is called in CloudTrail"),
] };

#[rustfmt::skip]
const SECRET: Section = Section { required: &[], fields: &[
    field("env", Text, "An environment variable"),
    field("file", Text, "A file's content, less the line's end"),
    field("command", Texts, "A program and its arguments: what it prints, less the line's end"),
    field("secretsmanager", Text, "A secret of AWS Secrets Manager, by ARN or name; in the Lambda"),
    field("ssm", Text, "A parameter of AWS Systems Manager's store; in the Lambda"),
] };

#[rustfmt::skip]
const REPOSITORY: Section = Section { required: &[], fields: &[
    field("type", Text, "s3 (the default), fs, …"),
    field("bucket", Text, "The bucket's bare name"),
    field("region", Text, "The bucket's region"),
    field("role_arn", Text, "The role that the service assumes to reach the bucket"),
    field("base_path", Text, "The folder in the bucket"),
    field("readonly", Flag, "Whether the cluster may only read it"),
    field("settings", Plain, "Further settings, sent as they are"),
] };

#[rustfmt::skip]
const POLICY: Section = Section { required: &["repository"], fields: &[
    field("clusters", Texts, "Clusters of this file [default: default_cluster, or the only one]"),
    field("repository", Text, "The repository, as each of these clusters has it registered"),
    field("schedule", Text, "5-field cron in the time zone, or `every 6h`; without one nothing is taken"),
    field("timezone", Text, "IANA name [default: UTC]"),
    field("prefix", Text, "What the snapshots' names begin with [default: the policy's name]"),
    field("indices", TextsOr(&SELECTION), "What its snapshots hold [default: everything that is not hidden]"),
    field("metadata", Plain, "Stored in each snapshot, beside the policy's mark"),
    field("partial", Flag, "Whether shards that are not there may be left out [default: false]"),
    field("include_global_state", Flag, "Whether the cluster's state goes in [default: false]"),
    field("keep", One(&KEEP), "What stays; without it nothing is deleted"),
    field("limits", One(&LIMITS), "What a run may not exceed"),
    field("stale_after", Period, "Stale when the newest SUCCESS is older [default: two slots without one]"),
    field("first_delete", Words(&["confirm", "allow"]), "Whether it may delete before a plan was applied with --yes [default: confirm]"),
    field("adopt", Mixed(&ADOPT), "Foreign snapshots that its retention takes: wildcards and date formats"),
    field("drill", One(&DRILL), "How restoring its snapshots is practised; without it, it is not"),
] };

#[rustfmt::skip]
const SELECTION: Section = Section { required: &[], fields: &[
    field("include", Texts, "Patterns of indices and data streams"),
    field("exclude", Texts, "Patterns that stay out, whatever else selects them"),
    field("aliases", Texts, "Patterns of aliases: each index behind one"),
    field("data_streams", Texts, "Patterns of data streams only"),
    field("older_than", Period, "Only indices created at least so long ago"),
    field("newer_than", Period, "Only indices created at most so long ago"),
    field("hidden", Flag, "Whether patterns without a leading dot select hidden indices [default: false]"),
] };

#[rustfmt::skip]
const KEEP: Section = Section { required: &[], fields: &[
    field("last", Count, "The newest"),
    field("hourly", Count, "The newest of each of the latest hours that have any"),
    field("daily", Count, "The newest of each of the latest days that have any"),
    field("weekly", Count, "The newest of each of the latest weeks that have any"),
    field("monthly", Count, "The newest of each of the latest months that have any"),
    field("quarterly", Count, "The newest of each of the latest quarters that have any"),
    field("yearly", Count, "The newest of each of the latest years that have any"),
    field("within", Period, "All that began at most so long before the newest SUCCESS"),
    field("max_age", Period, "What began longer ago goes"),
    field("max_count", Whole(u32::MAX), "Of SUCCESS, only so many may stay"),
    field("min_count", Whole(u32::MAX), "So many of the newest SUCCESS always stay [default: 1]"),
    field("failed", PeriodOr(&["superseded", "always"]), "How long FAILED ones stay once a newer SUCCESS exists [default: superseded]"),
    field("partial", PeriodOr(&["superseded", "always"]), "How long PARTIAL ones stay once a newer SUCCESS exists [default: superseded]"),
] };

#[rustfmt::skip]
const LIMITS: Section = Section { required: &[], fields: &[
    field("start_window", Period, "A slot's snapshot begins at most so long after it [default: until the next slot]"),
    field("max_duration", Period, "A snapshot that runs longer is reported"),
    field("max_deletes_per_run", Whole(u32::MAX), "Most deletions of one run [default: 100]"),
    field("max_attempts", Whole(u32::MAX), "Most attempts at one slot [default: 3]"),
] };

#[rustfmt::skip]
const ADOPT: Section = Section { required: &[], fields: &[
    field("name", Text, "A wildcard that begins with literal text, such as manual-*"),
    field("date", Text, "A date format, such as dd-MM-yyyy-h-mm-ss; either this or `name`"),
    field("matches", Texts, "Only those in whose names each of these regular expressions is found"),
    field("except", Texts, "None of those in whose names one of these is found"),
    field("states", Texts, "Only those in these states: SUCCESS, FAILED, PARTIAL"),
    field("from", Text, "Only those that began then or later: 2026-11-23T00:00:00Z"),
    field("to", Text, "Only those that began before then"),
] };

#[rustfmt::skip]
const DRILL: Section = Section { required: &[], fields: &[
    field("schedule", Text, "5-field cron in the time zone, or `every 7d`; without one a drill is run when asked for"),
    field("cluster", Text, "The cluster that is restored to [default: the one that took the snapshot]"),
    field("indices", Texts, "Patterns of the snapshot's indices and data streams [default: all but systems']"),
    field("sample", Whole(u32::MAX), "Most indices of one drill; those not drilled for longest come first [default: as many as fit]"),
    field("max_size", Text, "Most that one drill restores, such as 20gb [default: 50gb]"),
    field("max_duration", Period, "A drill that takes longer has failed [default: 1h]"),
    field("checks", Sections(&CHECK), "What must hold of what came back, beside that every shard serves"),
] };

#[rustfmt::skip]
const CHECK: Section = Section { required: &["index"], fields: &[
    field("index", Text, "Pattern of the snapshot's indices and data streams, each counted for itself"),
    field("query", Text, "Which documents are counted: a query string, or a query's JSON [default: all]"),
    field("at_least", Documents, "At least so many [default: 1, without at_most]"),
    field("at_most", Documents, "At most so many"),
] };

#[rustfmt::skip]
const NOTIFICATIONS: Section = Section { required: &[], fields: &[
    field("runs_every", Period, "How far apart runs are, where nothing is remembered between them: needed in the Lambda"),
    field("channels", Named(&CHANNEL), "Channels by name"),
] };

#[rustfmt::skip]
const CHANNEL: Section = Section { required: &["kind"], fields: &[
    field("kind", Words(KINDS), "webhook, slack, sns or email"),
    field("on", WordsOf(&["failure", "partial", "stale", "recovered"]), "What it is told of [default: all of these]"),
    field("policies", Texts, "The policies that it is told of [default: all]"),
    field("url", TextOrSecret, "webhook: where to, or a reference to it; slack: a reference to it"),
    field("secret", Secret, "webhook: what bodies are signed with (HMAC-SHA256)"),
    field("topic_arn", Text, "sns: arn:aws:sns:REGION:ACCOUNT:NAME"),
    field("host", Text, "email: the server"),
    field("port", Whole(u16::MAX as u32), "email: its port [default: 587, 465 or 25, by `tls`]"),
    field("tls", Words(&["starttls", "implicit", "none"]), "email: how the connection is secured; none only to this machine [default: starttls]"),
    field("username", Text, "email: user name, if the server asks for one"),
    field("password", Secret, "email: its password"),
    field("from", Text, "email: the sender"),
    field("to", Texts, "email: who gets it"),
] };

#[rustfmt::skip]
const HOOKS: Section = Section { required: &[], fields: &[
    field("before", One(&HOOK), "Before anything is sent; if it fails, nothing is"),
    field("after", One(&HOOK), "After a run in which nothing failed"),
    field("failed", One(&HOOK), "After a run in which something failed"),
    field("finally", One(&HOOK), "At the end of each run"),
] };

#[rustfmt::skip]
const HOOK: Section = Section { required: &[], fields: &[
    field("command", List, "A program and its arguments; no shell is involved"),
    field("shell", Text, "A line for sh, instead"),
    field("timeout", Period, "Time that it has [default: 5min]"),
] };

/// The file's JSON Schema (draft 2020-12), for editors that complete and check it.
pub fn schema() -> Value {
    let mut schema = of_section(&FILE);
    let head = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("snapkeep.yaml")),
        ("description", json!("Clusters, repositories and policies of snapkeep")),
    ];
    if let Value::Object(map) = &mut schema {
        map.extend(head.map(|(key, value)| (key.to_owned(), value)));
    }
    schema
}

fn of_section(section: &Section) -> Value {
    let properties: Map<String, Value> =
        section.fields.iter().map(|field| (field.key.to_owned(), of_field(field))).collect();
    let mut schema = json!({"type": ["object", "null"], "additionalProperties": false, "properties": properties});
    if !section.required.is_empty() {
        schema["required"] = json!(section.required);
        schema["type"] = json!("object");
    }
    schema
}

fn of_field(field: &Field) -> Value {
    let mut schema = of_kind(&field.kind);
    schema["description"] = json!(field.what);
    // A key without a value counts as absent, but not where it must be there.
    match schema.get("type").cloned() {
        Some(Value::String(one)) => schema["type"] = json!([one, "null"]),
        None if schema.get("enum").is_none() => {
            if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
                choices.push(json!({"type": "null"}));
            }
        }
        _ => {}
    }
    schema
}

fn of_kind(kind: &Kind) -> Value {
    let text = || json!({"type": "string", "minLength": 1});
    let list = |items: Value| json!({"type": "array", "items": items});
    match kind {
        Text => text(),
        Flag => json!({"type": "boolean"}),
        Whole(most) => json!({"type": "integer", "minimum": 0, "maximum": most}),
        Count => json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": u32::MAX}, {"enum": ["all"]}]}),
        Period => period(),
        PeriodOr(words) => json!({"anyOf": [{"enum": words}, period()]}),
        Words(words) => json!({"enum": words}),
        WordsOf(words) => json!({"anyOf": [{"enum": words}, list(json!({"enum": words}))]}),
        List => json!({"type": "array", "items": text(), "minItems": 1}),
        Auth => json!({"enum": AuthKind::ALL.map(AuthKind::as_str)}),
        Texts => json!({"anyOf": [text(), list(text())]}),
        Secret => reference(),
        TextOrSecret => json!({"anyOf": [text(), reference()]}),
        One(section) => of_section(section),
        Named(section) => json!({"type": "object", "additionalProperties": of_section(section)}),
        Plain => json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}),
        TextsOr(section) => json!({"anyOf": [text(), list(text()), of_section(section)]}),
        Sections(section) => json!({"anyOf": [of_section(section), list(of_section(section))]}),
        Documents => json!({"type": "integer", "minimum": 0}),
        Mixed(section) => {
            let one = json!({"anyOf": [text(), of_section(section)]});
            json!({"anyOf": [text(), of_section(section), list(one)]})
        }
    }
}

/// A reference to a secret.
fn reference() -> Value {
    let mut secret = of_section(&SECRET);
    secret["type"] = json!("object");
    secret["minProperties"] = json!(1);
    secret["maxProperties"] = json!(1);
    secret["properties"]["command"] = of_kind(&List);
    secret
}

fn period() -> Value {
    json!({"type": "string", "pattern": "^([0-9]+(y|mo|w|d|h|min|s))+$"})
}

#[cfg(test)]
mod tests;
