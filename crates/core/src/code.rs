//! The one table of codes: exit status, Lambda `errorType`, `error[code]` and the docs page.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $name:literal $exit:literal $meaning:literal;)*) => {
        /// Why something did not succeed. Stable: scripts and alarms rely on the names and numbers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the docs page.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The code's name, as in `errorType` and `error[name]`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name),* }
            }

            /// The exit status of a command that ends with this code.
            pub const fn exit(self) -> u8 {
                match self { $(Code::$variant => $exit),* }
            }

            /// One sentence for the docs page.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning),* }
            }
        }
    };
}

codes! {
    BadEvent "bad_event" 2 "The event (or the arguments) cannot be understood, or nobody can be asked; nothing was changed.";
    BadConfig "bad_config" 2 "The configuration or the environment is wrong; nothing was sent.";
    EndpointNotAllowed "endpoint_not_allowed" 12 "The event names an endpoint that the operator has not allowed; nothing was sent.";
    RoleNotAllowed "role_not_allowed" 12 "The event names a role that is not in the operator's list; nothing was sent.";
    BucketNotAllowed "bucket_not_allowed" 12 "The event names a bucket that is not in the operator's list; nothing was sent.";
    AccessDenied "access_denied" 12 "The cluster refused the caller: IAM, fine-grained access control or the snapshot role's trust.";
    PassRoleDenied "pass_role_denied" 12 "The caller may not pass the snapshot role to the service.";
    SignatureRejected "signature_rejected" 12 "The request's signature was refused: secret, region, service, token or clock.";
    RepositoryMissing "repository_missing" 10 "The repository is not registered on this cluster.";
    RepositoryConflict "repository_conflict" 1 "The repository is registered with other settings, or another cluster writes to it; nothing was changed.";
    RepositoryVerificationFailed "repository_verification_failed" 1 "The cluster cannot use the bucket as a repository.";
    SnapshotMissing "snapshot_missing" 10 "The snapshot does not exist.";
    SnapshotRunning "snapshot_running" 11 "Another snapshot or deletion runs, so that ours could not begin.";
    SnapshotPartial "snapshot_partial" 3 "The snapshot ended without some of its shards: it is not a good backup.";
    SnapshotFailed "snapshot_failed" 1 "The snapshot failed or could not be begun.";
    SnapshotConflict "snapshot_conflict" 1 "A snapshot of that name exists and is not the one asked for; nothing was changed.";
    RestoreConflict "restore_conflict" 1 "Something stands in the way of a restore, or there is no room for it; nothing was changed.";
    RestoreIncomplete "restore_incomplete" 3 "The restore ended without some of its shards.";
    OutcomeUnknown "outcome_unknown" 15 "A write's answer was lost and could not be looked up: it may or may not have taken effect.";
    PlanStale "plan_stale" 13 "What the plan rests on has changed; the step was not taken.";
    DamageFound "damage_found" 14 "The repository is damaged.";
    Inconclusive "inconclusive" 15 "The repository changed while it was read: no verdict.";
    ClusterUnavailable "cluster_unavailable" 1 "The cluster cannot be reached or does not answer usefully.";
    HookFailed "hook_failed" 1 "The command that runs before a run failed; nothing was sent to any cluster.";
    OutputFailed "output_failed" 1 "The result cannot be written to standard output. What was asked for is done, unless the error says that nothing was.";
    Unsupported "unsupported" 2 "This version of the tool or of the cluster cannot do that.";
    Interrupted "interrupted" 130 "Interrupted by the operator.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract, written out by hand: a change here breaks somebody's script.
    #[test]
    fn names_and_exits_are_the_contract() {
        let contract = "bad_event 2 bad_config 2 endpoint_not_allowed 12 role_not_allowed 12 bucket_not_allowed 12 \
            access_denied 12 pass_role_denied 12 signature_rejected 12 repository_missing 10 repository_conflict 1 \
            repository_verification_failed 1 snapshot_missing 10 snapshot_running 11 snapshot_partial 3 \
            snapshot_failed 1 snapshot_conflict 1 restore_conflict 1 restore_incomplete 3 outcome_unknown 15 plan_stale 13 \
            damage_found 14 inconclusive 15 cluster_unavailable 1 hook_failed 1 output_failed 1 unsupported 2 interrupted 130";
        let table: Vec<String> = Code::ALL.iter().map(|code| format!("{code} {}", code.exit())).collect();
        assert_eq!(table.join(" "), contract);
    }
}
