//! What was observed. Nothing here judges.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use snapkeep_cluster::{Health, Refusal, Registered};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::repository::RepositorySettings;
use snapkeep_iam::{Decision, DomainArn, Operation, Stored};
use std::collections::BTreeMap;

/// A fact, or why there is none.
pub type Seen<T> = Result<T, Unseen>;

/// Why something was not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The right that is missing; `None` where no right would help.
    pub right: Option<Right>,
    /// What stood in the way, in one sentence.
    pub why: String,
}

/// A right that would let the caller see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// IAM's, such as `iam:GetRole`.
    Iam(&'static str),
    /// Fine-grained access control's, such as `cluster:monitor/health`.
    Mapped(String),
}

impl Unseen {
    /// Nothing that could be asked, or no use in asking.
    pub fn because(why: impl Into<String>) -> Self {
        Self { right: None, why: why.into() }
    }

    /// The caller may not ask.
    pub fn without(right: &'static str) -> Self {
        Self { right: Some(Right::Iam(right)), why: format!("the caller may not {right}") }
    }
}

/// Something that is there or not, where both are facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It is there.
    There(T),
    /// There is nothing of that name.
    Missing,
    /// It is refused, which says nothing about whether it is there.
    Refused,
}

/// What is examined: what the configuration and the flags say.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The cluster's endpoint.
    pub endpoint: Endpoint,
    /// Whether requests are signed for IAM. Without it nothing of AWS's is asked about.
    pub is_signed: bool,
    /// The region that requests are signed for, where one is named.
    pub region: Option<String>,
    /// The domain behind the endpoint, where that can be told.
    pub domain: Option<DomainArn>,
    /// The repository's name, if one is named.
    pub repository: Option<RepositoryName>,
    /// What is to be done there.
    pub operations: Vec<Operation>,
    /// The repository, if it is in a bucket that a role reaches.
    pub stored: Option<Stored>,
    /// The settings that it is to be registered with, where they are known.
    pub wanted: Option<RepositorySettings>,
}

/// Everything that was observed.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What is examined.
    pub subject: Subject,
    /// The time at which all this was seen, by our clock.
    pub now: Timestamp,
    /// Who AWS says that we are, or how it refuses us.
    pub identity: Seen<Result<Identity, Rejected>>,
    /// What the endpoint did with a request.
    pub reach: Reach,
    /// The service's clock minus ours, where it was told.
    pub skew: Option<SignedDuration>,
    /// The domain, as the service describes it.
    pub domain: Seen<Found<Domain>>,
    /// The cluster's health.
    pub health: Seen<Health>,
    /// Disk and memory.
    pub load: Seen<Load>,
    /// What is blocked.
    pub blocks: Seen<Blocks>,
    /// What the cluster lets us do.
    pub access: Access,
    /// What the caller's own policies are.
    pub caller: Seen<Caller>,
    /// The snapshot role.
    pub role: Seen<Found<Role>>,
    /// The bucket.
    pub bucket: Seen<Found<Bucket>>,
    /// The key that encrypts the bucket; only asked for if there is one.
    pub key: Seen<Key>,
    /// The repository.
    pub repository: Repository,
    /// Indices that are not hot.
    pub tiers: Seen<Tiers>,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: String,
    /// The ARN of the user or of the role's session.
    pub arn: String,
}

impl Identity {
    /// The ARN by which policies, and fine-grained access control, know us: of a session, its role's. The role's path is not
    /// in a session's ARN, so that of a role beneath a path differs.
    pub fn principal(&self) -> String {
        let of_session = self.arn.split_once(":assumed-role/");
        let role = of_session.and_then(|(start, rest)| Some((start, rest.split('/').next()?)));
        role.map_or_else(
            || self.arn.clone(),
            |(start, role)| format!("{}:role/{role}", start.replacen(":sts:", ":iam:", 1)),
        )
    }
}

/// How AWS refuses us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// There is nothing to sign with.
    NoCredentials(String),
    /// The keys or the token have expired.
    Expired,
    /// The access key is not known.
    UnknownKey,
    /// The secret does not fit the access key.
    WrongSecret,
    /// The role that is taken on first does not let us.
    RoleRefused(String),
    /// The signature's time is too far off.
    Clock,
}

/// What an endpoint did with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A cluster, or the service before it, answered; maybe with a refusal.
    Answered,
    /// It is a serverless collection's.
    Serverless,
    /// There is no such name in DNS.
    NoSuchName(String),
    /// No connection came about.
    NoConnection {
        /// What happened.
        cause: String,
    },
    /// The certificate is not trusted, or not that host's.
    Untrusted(String),
    /// Something else answered.
    NoCluster(String),
}

/// A domain, as `es:DescribeDomain` tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Its ARN.
    pub arn: String,
    /// Its hosts, without a scheme: the public one, those in a VPC, its custom one.
    pub hosts: Vec<String>,
    /// `OpenSearch_2.19`, `Elasticsearch_7.10`.
    pub engine: String,
    /// Where it is in its life.
    pub life: Life,
    /// Whether a change is being made, a blue/green deployment or an upgrade: what the service calls it.
    pub change: Option<String>,
    /// Whether it is in a VPC.
    pub in_vpc: bool,
    /// Whether fine-grained access control is on.
    pub fine_grained: bool,
    /// Its access policy.
    pub access_policy: Option<Value>,
}

/// Where a domain is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// It has an endpoint.
    #[default]
    Active,
    /// It is being made, and has no endpoint yet.
    New,
    /// It is being deleted.
    Deleted,
}

/// Disk and memory of all nodes together, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Size of the disks.
    pub disk_total: u64,
    /// What is free of them.
    pub disk_free: u64,
    /// Largest heap.
    pub heap_max: u64,
    /// What is used of it.
    pub heap_used: u64,
}

/// What is blocked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Blocks of the whole cluster.
    pub cluster: Vec<String>,
}

/// What the cluster lets us do.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// The status of a request without any identity.
    pub unsigned: Seen<u16>,
    /// A look at the repository as who we are.
    pub look: Seen<Result<(), Refusal>>,
    /// Whom fine-grained access control takes us for.
    pub auth_info: Seen<AuthInfo>,
    /// The backend roles that `manage_snapshots` is mapped to.
    pub mapped: Seen<Vec<String>>,
}

/// Whom fine-grained access control takes us for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthInfo {
    /// The user's name: an ARN where requests are signed.
    pub user: String,
    /// What the identity brings along.
    pub backend_roles: Vec<String>,
    /// What that is mapped to.
    pub roles: Vec<String>,
}

/// What the caller may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The policies that hang on it, all of them.
    Documents(Vec<Value>),
    /// What IAM itself says to requests, with boundaries and the organisation's policies.
    Simulated(Vec<Simulated>),
}

/// What IAM says to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// The action.
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// What comes of it.
    pub decision: Decision,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Who may take it on.
    pub trust: Value,
    /// What it may do: every policy that hangs on it.
    pub policies: Seen<Vec<Value>>,
    /// Whether a boundary limits what it may do.
    pub has_boundary: bool,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its region.
    pub region: Seen<String>,
    /// Whether the role's account owns it.
    pub is_own: Seen<bool>,
    /// Rules by which S3 itself deletes or moves what is in it: all of them, also those that do neither.
    pub rules: Seen<Vec<ExpiryRule>>,
    /// Whether it keeps earlier versions.
    pub versioning: Seen<Versioning>,
    /// The days for which Object Lock keeps each version by default; `Some(0)`: without a default.
    pub object_lock: Seen<Option<u32>>,
    /// What encrypts it.
    pub encryption: Seen<BucketKey>,
    /// Its own policy.
    pub policy: Seen<Option<Value>>,
    /// Whether all public access is blocked.
    pub blocks_public: Seen<bool>,
}

/// Whether a bucket keeps earlier versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// It never did.
    Off,
    /// It does.
    On,
    /// It did.
    Suspended,
}

/// What encrypts a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketKey {
    /// S3's own keys.
    Managed,
    /// `aws/s3`, the account's own key for S3.
    OfAccount,
    /// A key of somebody's: an ARN or an id.
    Named(String),
}

/// A rule by which S3 deletes or moves objects, if it is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpiryRule {
    /// Its name.
    pub id: String,
    /// What the objects' keys begin with; empty for all.
    pub prefix: String,
    /// Whether it also asks for tags or sizes, so that it may fit none of ours.
    pub is_narrowed: bool,
    /// When current objects go: `after 30 days`.
    pub expires: Option<String>,
    /// The storage classes that current objects move to.
    pub moves_to: Vec<String>,
}

/// A key of KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, …
    pub state: String,
    /// Its own policy.
    pub policy: Seen<Value>,
}

/// The repository, as the cluster has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Repository {
    /// How it is registered, if it is.
    pub registered: Seen<Option<Registered>>,
    /// The nodes that can use it, or what the cluster says.
    pub verified: Seen<Result<Vec<String>, Refusal>>,
    /// How often it was written.
    pub generations: Seen<Generations>,
    /// The newest good snapshot of each policy that writes to it.
    pub ages: BTreeMap<String, Age>,
}

/// How often a repository was written: the `N` of `index-N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generations {
    /// By the cluster's state.
    pub known: i64,
    /// By the bucket.
    pub found: i64,
}

/// How old a policy's newest good snapshot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Age {
    /// When it began; nothing if there is none.
    pub last_good: Option<Timestamp>,
    /// Whether that is too long ago, or missing, by the policy's own rule.
    pub is_stale: bool,
}

/// Indices that are not hot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    /// Warm ones.
    pub warm: Vec<String>,
    /// Cold ones, which are no part of the cluster.
    pub cold: Seen<Vec<String>>,
}

/// Why nothing is seen of a domain that nobody names.
pub(crate) fn unnamed() -> Unseen {
    Unseen::because("the endpoint does not tell which domain it is: give --domain ARN")
}

/// A request is about one thing: what a statement's resource leaves open stands for some name.
pub(crate) fn concrete(resource: &str) -> String {
    resource.replace('*', "snapkeep-doctor")
}
