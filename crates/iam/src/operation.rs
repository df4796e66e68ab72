//! What somebody wants to do, and the requests that it sends to a domain.

use crate::document::Statement;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use std::collections::BTreeSet;
use std::str::FromStr;

/// What somebody wants to do. Each adds statements to those of [`Self::Backup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Registers repositories, takes snapshots, looks at them.
    Backup,
    /// Deletes snapshots, and frees what they held.
    Retention,
    /// Restores snapshots, and follows that.
    Restore,
    /// Restores snapshots for practice, keeps records of it, and removes what it has restored.
    Drill,
}

/// A kind of request: a statement's name, its action, and the paths that it is sent to.
struct Grant {
    sid: &'static str,
    action: &'static str,
    paths: &'static [&'static str],
}

/// Paths that are looked at; what they tell is about the cluster and its indices, never what documents hold. `REPOSITORY` stands for
/// each repository.
const LOOKS: Grant = Grant {
    sid: "LookAtSnapshots",
    action: "es:ESHttpGet",
    paths: &[
        "/",
        "/_nodes",
        "/_cluster/health",
        "/_cluster/stats",
        "/_cluster/settings",
        "/_cluster/state/customs",
        "/_all/_settings/*",
        "/_all/_alias",
        "/_data_stream",
        "/_cat/indices/_warm",
        "/_snapshot",
        "/_snapshot/REPOSITORY",
        "/_snapshot/REPOSITORY/*",
    ],
};

const BACKUP: [Grant; 2] = [
    Grant {
        sid: "RegisterAndCreate",
        action: "es:ESHttpPut",
        paths: &["/_snapshot/REPOSITORY", "/_snapshot/REPOSITORY/*"],
    },
    Grant { sid: "VerifyRepository", action: "es:ESHttpPost", paths: &["/_snapshot/REPOSITORY/_verify"] },
];

const RETENTION: [Grant; 2] = [
    Grant { sid: "DeleteSnapshots", action: "es:ESHttpDelete", paths: &["/_snapshot/REPOSITORY/*"] },
    Grant { sid: "CleanUpRepository", action: "es:ESHttpPost", paths: &["/_snapshot/REPOSITORY/_cleanup"] },
];

const RESTORE_SNAPSHOTS: Grant =
    Grant { sid: "RestoreSnapshots", action: "es:ESHttpPost", paths: &["/_snapshot/REPOSITORY/*/_restore"] };

/// Amazon refuses `/_recovery` of no index.
const FOLLOW_RESTORES: Grant = Grant {
    sid: "FollowRestores",
    action: "es:ESHttpGet",
    paths: &[
        "/_nodes/stats/fs",
        "/_template",
        "/_index_template",
        "/_cluster/state/metadata",
        "/_cluster/state/routing_table/*",
        "/_cluster/allocation/explain",
        "/*/_recovery",
        "/*/_stats/docs",
    ],
};

const RESTORE: [Grant; 3] = [
    RESTORE_SNAPSHOTS,
    // For `--on-conflict close`, and to open again what was closed in vain.
    Grant { sid: "CloseIndices", action: "es:ESHttpPost", paths: &["/*/_close", "/*/_open"] },
    FOLLOW_RESTORES,
];

/// A drill closes nothing. Its names are those of `snapkeep_core::drill`.
const DRILL: [Grant; 5] = [
    RESTORE_SNAPSHOTS,
    FOLLOW_RESTORES,
    Grant { sid: "RecordDrills", action: "es:ESHttpPut", paths: &["/.snapkeep-drills", "/.snapkeep-drills/*"] },
    Grant {
        sid: "LookAtDrills",
        action: "es:ESHttpGet",
        paths: &[
            "/.snapkeep-drills/_search",
            "/snapkeep-drill-*/_settings/*",
            "/snapkeep-drill-*/_count",
            "/_data_stream/snapkeep-drill-*",
        ],
    },
    Grant {
        sid: "RemoveDrills",
        action: "es:ESHttpDelete",
        paths: &["/snapkeep-drill-*", "/_data_stream/snapkeep-drill-*"],
    },
];

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::Backup, Self::Retention, Self::Restore, Self::Drill];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Retention => "retention",
            Self::Restore => "restore",
            Self::Drill => "drill",
        }
    }

    fn grants(self) -> &'static [Grant] {
        match self {
            Self::Backup => &BACKUP,
            Self::Retention => &RETENTION,
            Self::Restore => &RESTORE,
            Self::Drill => &DRILL,
        }
    }
}

impl FromStr for Operation {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == text).ok_or_else(|| {
            let hint = "it may be backup, retention, restore or drill";
            Failure::new(Code::BadEvent, format!("{text:?} is not an operation"), hint)
        })
    }
}

/// What may be sent to domains: each with the repositories that are used there.
pub(crate) fn statements(operations: &[Operation], domains: &[(String, Vec<RepositoryName>)]) -> Vec<Statement> {
    let of_operations = operations.iter().flat_map(|operation| operation.grants());
    let statement = |grant: &Grant| {
        let resources = domains.iter().flat_map(|(arn, repositories)| resources(grant, arn, repositories)).collect();
        Statement::allow(grant.sid, &[grant.action], resources)
    };
    let mut granted = BTreeSet::new();
    std::iter::once(&LOOKS)
        .chain(of_operations)
        // What two operations need stands once.
        .filter(|grant| granted.insert(grant.sid))
        .map(statement)
        .filter(|statement| !statement.resource.is_empty())
        .collect()
}

/// What IAM compares is the path as it is sent, behind the domain's ARN.
fn resources(grant: &Grant, arn: &str, repositories: &[RepositoryName]) -> Vec<String> {
    let of_path = |path: &&str| -> Vec<String> {
        if !path.contains("REPOSITORY") {
            return vec![format!("{arn}{path}")];
        }
        let named = |repository: &RepositoryName| format!("{arn}{}", path.replace("REPOSITORY", &repository.segment()));
        repositories.iter().map(named).collect()
    };
    grant.paths.iter().flat_map(of_path).collect()
}
