//! What a check says.

use crate::Right;
use serde::Serialize;
use serde_json::Value;
use snapkeep_core::Code;
use snapkeep_iam::{Document, Statement};

macro_rules! checks {
    ($($variant:ident $topic:ident $name:literal $about:literal;)*) => {
        /// A check. Its name is stable: scripts rely on it. The order is that in which they are made, so that a cause stands
        /// before its effects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $(#[doc = $about] $variant,)*
        }

        impl Check {
            /// Every check, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What it is about.
            pub const fn topic(self) -> Topic {
                match self { $(Self::$variant => Topic::$topic),* }
            }

            /// One sentence for the docs page.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),* }
            }
        }
    };
}

checks! {
    Serverless Endpoint "serverless" "The endpoint is a domain's, not a serverless collection's.";
    Clock Endpoint "clock" "This machine's clock and the service's agree.";
    Credentials Credentials "credentials" "There are credentials, and AWS accepts them.";
    Reach Endpoint "endpoint" "The endpoint's name resolves, its certificate is trusted, and a cluster answers.";
    DomainState Domain "domain" "The domain exists, is whole, and this is its endpoint.";
    Health Domain "health" "The cluster is green.";
    Blocks Domain "blocks" "Nothing in the cluster is blocked.";
    Disk Domain "disk" "There is room on the disks.";
    Memory Domain "memory" "There is room in memory.";
    Requests Access "requests" "IAM lets the caller's requests in.";
    PassRole Access "pass_role" "The caller may pass the snapshot role.";
    Mapping Access "mapping" "Fine-grained access control lets the caller manage snapshots.";
    Look Access "look" "The cluster lets the caller look at the repository.";
    Unsigned Access "unsigned" "Nobody gets in without an identity.";
    RoleExists Role "role" "The snapshot role exists.";
    RoleTrust Role "role_trust" "The service, and nobody else, may take the role on for this domain.";
    RolePermissions Role "role_permissions" "The role may do in the bucket what snapshots need.";
    BucketExists Bucket "bucket" "The bucket exists.";
    BucketRegion Bucket "bucket_region" "The bucket is in the region that the repository names.";
    BucketPolicy Bucket "bucket_policy" "The bucket's own policy lets the role in.";
    BucketKey Bucket "bucket_key" "The bucket's key is in use, and the role may use it.";
    Lifecycle Bucket "lifecycle" "No lifecycle rule deletes the repository's files.";
    StorageClass Bucket "storage_class" "No lifecycle rule moves the repository's files to where they cannot be read.";
    ObjectLock Bucket "object_lock" "Object Lock does not keep what snapshots delete.";
    Versioning Bucket "versioning" "Deleted files can be brought back, for a time.";
    PublicAccess Bucket "public_access" "The bucket is closed to the public.";
    Registered Repository "registered" "The repository is registered as it should be.";
    Verified Repository "verified" "Every node can use the repository.";
    Writer Repository "writer" "Nobody else writes the repository.";
    Age Repository "age" "Each policy has a good snapshot that is young enough.";
    Tiers Indices "tiers" "Indices that are warm or cold are dealt with.";
}

impl Serialize for Check {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What checks are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Who we are.
    Credentials,
    /// Where the cluster is.
    Endpoint,
    /// How the domain is.
    Domain,
    /// What we may do.
    Access,
    /// The snapshot role.
    Role,
    /// The bucket and its key.
    Bucket,
    /// The repository.
    Repository,
    /// Warm and cold indices.
    Indices,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All is well.
    Ok,
    /// What it needs could not be seen.
    Unchecked,
    /// Snapshots work, but something is not as it should be.
    Warning,
    /// Snapshots fail, or are lost.
    Failed,
}

/// What mends something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Mend {
    /// A statement to add to a policy.
    Statement {
        /// Whose policy: an ARN, a bucket's name, or `caller`.
        attach_to: String,
        /// The statement, as IAM takes it.
        statement: Value,
    },
    /// A document that takes the place of the one that is there.
    Document {
        /// Whose: a role's trust.
        attach_to: String,
        /// The document.
        document: Value,
    },
    /// A command to run.
    Command {
        /// As it is typed.
        command: String,
    },
    /// What to do by hand.
    Advice {
        /// In one sentence.
        text: String,
    },
}

impl Mend {
    /// A statement for somebody's policy.
    pub(crate) fn statement(attach_to: &str, statement: &Statement) -> Self {
        Self::Statement { attach_to: attach_to.to_owned(), statement: json(statement) }
    }

    /// A document in the place of another.
    pub(crate) fn document(attach_to: &str, document: &Document) -> Self {
        Self::Document { attach_to: attach_to.to_owned(), document: json(document) }
    }

    /// A command.
    pub(crate) fn command(command: impl Into<String>) -> Self {
        Self::Command { command: command.into() }
    }

    /// What to do by hand.
    pub(crate) fn advice(text: impl Into<String>) -> Self {
        Self::Advice { text: text.into() }
    }
}

/// The security plugin's own group of permissions that holds this one.
fn of_group(permission: &str) -> &'static str {
    match permission {
        monitor if monitor.starts_with("cluster:monitor/") => " (the group `cluster_monitor` has it)",
        monitor if monitor.starts_with("indices:monitor/") => " (the group `indices_monitor` has it)",
        _ => "",
    }
}

/// Statements and documents are made of text only, which is always JSON.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl std::fmt::Display for Mend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Statement { attach_to, statement } => write!(f, "add to the policy of {attach_to}: {statement}"),
            Self::Document { attach_to, document } => write!(f, "let the trust policy of {attach_to} be: {document}"),
            Self::Command { command } => f.write_str(command),
            Self::Advice { text } => f.write_str(text),
        }
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// What it is about.
    pub topic: Topic,
    /// How it ended.
    pub verdict: Verdict,
    /// The code of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What was seen, in one sentence.
    pub says: String,
    /// What follows from it, in one sentence; nothing where all is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub means: String,
    /// What mends it, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mends: Vec<Mend>,
    /// The failed check that explains this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows_from: Option<Check>,
}

impl Finding {
    fn new(check: Check, verdict: Verdict, says: impl Into<String>) -> Self {
        let (topic, says) = (check.topic(), says.into());
        Self { check, topic, verdict, code: None, says, means: String::new(), mends: Vec::new(), follows_from: None }
    }

    /// All is well.
    pub(crate) fn ok(check: Check, says: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, says)
    }

    /// Not seen.
    pub(crate) fn unchecked(check: Check, unseen: &crate::Unseen) -> Self {
        let finding = Self::new(check, Verdict::Unchecked, &unseen.why);
        let Some(right) = &unseen.right else { return finding };
        finding.mend(Mend::advice(match right {
            Right::Iam(right) => format!("let the caller {right}, and ask again"),
            Right::Mapped(permission) => format!(
                "fine-grained access control: map the caller to a role that has {permission}{}, and ask again",
                of_group(permission)
            ),
        }))
    }

    /// Something is not as it should be.
    pub(crate) fn warning(check: Check, says: impl Into<String>, means: impl Into<String>) -> Self {
        Self { means: means.into(), ..Self::new(check, Verdict::Warning, says) }
    }

    /// Snapshots fail, or are lost.
    pub(crate) fn failed(check: Check, code: Code, says: impl Into<String>, means: impl Into<String>) -> Self {
        Self { code: Some(code), means: means.into(), ..Self::new(check, Verdict::Failed, says) }
    }

    /// With something that mends it.
    #[must_use]
    pub(crate) fn mend(mut self, mend: Mend) -> Self {
        self.mends.push(mend);
        self
    }

    /// With more that mends it.
    #[must_use]
    pub(crate) fn mends(mut self, mends: impl IntoIterator<Item = Mend>) -> Self {
        self.mends.extend(mends);
        self
    }
}
