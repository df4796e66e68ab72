//! Refusals as the nine nodes say them, word for word.

use snapkeep_cluster::{Kind, Refusal};
use snapkeep_core::Code;
use snapkeep_transport::Answer;

#[rustfmt::skip]
const BODIES: &[(&str, u16, &str, Kind)] = &[
    ("remove or change while a snapshot runs: OpenSearch, Elasticsearch 7.10", 500, r#"{"error":{"root_cause":[{"type":"illegal_state_exception","reason":"trying to modify or unregister repository that is currently used"}],"type":"illegal_state_exception","reason":"trying to modify or unregister repository that is currently used"},"status":500}"#, Kind::RepositoryInUse),
    ("the same: 5.6, 6.8", 500, r#"{"error":{"root_cause":[{"type":"illegal_state_exception","reason":"trying to modify or unregister repository that is currently used "}],"type":"illegal_state_exception","reason":"trying to modify or unregister repository that is currently used "},"status":500}"#, Kind::RepositoryInUse),
    ("the same: 7.17", 500, r#"{"error":{"root_cause":[{"type":"illegal_state_exception","reason":"trying to modify or unregister repository [slow] that is currently used (snapshot is in progress)"}],"type":"illegal_state_exception","reason":"trying to modify or unregister repository [slow] that is currently used (snapshot is in progress)"},"status":500}"#, Kind::RepositoryInUse),
    ("the same: 8.19, 9.2", 409, r#"{"error":{"root_cause":[{"type":"repository_conflict_exception","reason":"[slow] trying to modify or unregister repository that is currently used (snapshot is in progress)"}],"type":"repository_conflict_exception","reason":"[slow] trying to modify or unregister repository that is currently used (snapshot is in progress)"},"status":409}"#, Kind::RepositoryInUse),
    ("clean up while a snapshot runs: 7.10, 7.17, OpenSearch", 500, r#"{"error":{"root_cause":[{"type":"illegal_state_exception","reason":"Cannot cleanup [slow] - a snapshot is currently running in [SnapshotsInProgress[s1,s2]]"}],"type":"illegal_state_exception","reason":"Cannot cleanup [slow] - a snapshot is currently running in [SnapshotsInProgress[s1,s2]]"},"status":500}"#, Kind::Busy),
    ("the same: 8.19, 9.2", 500, r#"{"error":{"root_cause":[{"type":"illegal_state_exception","reason":"Cannot cleanup [slow] - a snapshot is currently running in [SnapshotsInProgress[entries=[s1,s2],nodeIdsForRemoval=[]]]"}],"type":"illegal_state_exception","reason":"Cannot cleanup [slow] - a snapshot is currently running in [SnapshotsInProgress[entries=[s1,s2],nodeIdsForRemoval=[]]]"},"status":500}"#, Kind::Busy),
    ("create while another runs: 6.8", 503, r#"{"error":{"root_cause":[{"type":"concurrent_snapshot_execution_exception","reason":"[slow:s2]  a snapshot is already running"}],"type":"concurrent_snapshot_execution_exception","reason":"[slow:s2]  a snapshot is already running"},"status":503}"#, Kind::Busy),
    ("create while another runs: 5.6", 503, r#"{"error":{"root_cause":[{"type":"concurrent_snapshot_execution_exception","reason":"[slow:s2] a snapshot is already running"}],"type":"concurrent_snapshot_execution_exception","reason":"[slow:s2] a snapshot is already running"},"status":503}"#, Kind::Busy),
    ("create in a readonly repository: all", 500, r#"{"error":{"root_cause":[{"type":"repository_exception","reason":"[ro] cannot create snapshot in a readonly repository"}],"type":"repository_exception","reason":"[ro] cannot create snapshot in a readonly repository"},"status":500}"#, Kind::ReadOnly),
    ("delete from one: up to 7.17, OpenSearch", 500, r#"{"error":{"root_cause":[{"type":"repository_exception","reason":"[ro] cannot delete snapshot from a readonly repository"}],"type":"repository_exception","reason":"[ro] cannot delete snapshot from a readonly repository"},"status":500}"#, Kind::ReadOnly),
    ("clean up one: up to 7.17, OpenSearch", 500, r#"{"error":{"root_cause":[{"type":"repository_exception","reason":"[ro] cannot run cleanup on readonly repository"}],"type":"repository_exception","reason":"[ro] cannot run cleanup on readonly repository"},"status":500}"#, Kind::ReadOnly),
    ("delete from or clean up one: 8.19, 9.2", 500, r#"{"error":{"root_cause":[{"type":"repository_exception","reason":"[ro] repository is readonly"}],"type":"repository_exception","reason":"[ro] repository is readonly"},"status":500}"#, Kind::ReadOnly),
    ("clean up: 5.6, 6.8", 400, r#"{"error":{"root_cause":[{"type":"invalid_snapshot_name_exception","reason":"[p1:_cleanup] Invalid snapshot name [_cleanup], must not start with '_'"}],"type":"invalid_snapshot_name_exception","reason":"[p1:_cleanup] Invalid snapshot name [_cleanup], must not start with '_'"},"status":400}"#, Kind::Unsupported),
    ("clone: 6.8", 400, r#"{"error":"no handler found for uri [/_snapshot/p1/one/_clone/copy] and method [PUT]"}"#, Kind::Unsupported),
    ("clone: 5.6", 400, "No handler found for uri [/_snapshot/p1/one/_clone/copy] and method [PUT]", Kind::Unsupported),
    ("GET /: these builds of 8.19 and 9.2", 405, r#"{"error":"Incorrect HTTP method for uri [/] and method [GET], allowed: [DELETE]","status":405}"#, Kind::Unsupported),
    ("pages: all without them", 400, r#"{"error":{"root_cause":[{"type":"illegal_argument_exception","reason":"request [/_snapshot/p1/_all] contains unrecognized parameters: [order], [size], [sort]"}],"type":"illegal_argument_exception","reason":"request [/_snapshot/p1/_all] contains unrecognized parameters: [order], [size], [sort]"},"status":400}"#, Kind::Unsupported),
    ("restore with storage_type: Elasticsearch, OpenSearch 1.3", 400, r#"{"error":{"root_cause":[{"type":"illegal_argument_exception","reason":"Unknown parameter storage_type"}],"type":"illegal_argument_exception","reason":"Unknown parameter storage_type"},"status":400}"#, Kind::Unsupported),
    ("clone what is not there: all that clone", 404, r#"{"error":{"root_cause":[{"type":"snapshot_missing_exception","reason":"[p1:nosuch] is missing"}],"type":"snapshot_missing_exception","reason":"[p1:nosuch] is missing"},"status":404}"#, Kind::SnapshotMissing),
    ("clone to a taken name: up to 7.17, OpenSearch", 400, r#"{"error":{"root_cause":[{"type":"invalid_snapshot_name_exception","reason":"[p1:two] Invalid snapshot name [two], snapshot with the same name already exists"}],"type":"invalid_snapshot_name_exception","reason":"[p1:two] Invalid snapshot name [two], snapshot with the same name already exists"},"status":400}"#, Kind::NameTaken),
    ("clone to a taken name: 8.19, 9.2", 400, r#"{"error":{"root_cause":[{"type":"snapshot_name_already_in_use_exception","reason":"[p1:two] Invalid snapshot name [two], snapshot with the same name already exists"}],"type":"snapshot_name_already_in_use_exception","reason":"[p1:two] Invalid snapshot name [two], snapshot with the same name already exists"},"status":400}"#, Kind::NameTaken),
    ("create a name that runs: 7.10 to 7.17, OpenSearch", 400, r#"{"error":{"root_cause":[{"type":"invalid_snapshot_name_exception","reason":"[slow:s1] Invalid snapshot name [s1], snapshot with the same name is already in-progress"}],"type":"invalid_snapshot_name_exception","reason":"[slow:s1] Invalid snapshot name [s1], snapshot with the same name is already in-progress"},"status":400}"#, Kind::NameTaken),
    ("delete several, one missing: where a list is one name", 404, r#"{"error":{"root_cause":[{"type":"snapshot_missing_exception","reason":"[p1:one,two,nosuch] is missing"}],"type":"snapshot_missing_exception","reason":"[p1:one,two,nosuch] is missing"},"status":404}"#, Kind::SnapshotMissing),
    ("a repository of an unknown type: all", 500, r#"{"error":{"root_cause":[{"type":"repository_exception","reason":"[bad] repository type [nosuchtype] does not exist"}],"type":"repository_exception","reason":"[bad] repository type [nosuchtype] does not exist"},"status":500}"#, Kind::ServerError),
    ("clone an index that is not in it", 404, r#"{"error":{"root_cause":[{"type":"index_not_found_exception","reason":"no such index [no-such]","index":"no-such","index_uuid":"_na_"}],"type":"index_not_found_exception","reason":"no such index [no-such]","index":"no-such","index_uuid":"_na_"},"status":404}"#, Kind::Invalid),
];

#[test]
fn what_the_nodes_say_is_understood() {
    for (what, status, body, kind) in BODIES {
        let refusal = Refusal::of(&Answer::new(*status, *body));
        assert_eq!(refusal.kind, *kind, "{what}");
        assert!(!refusal.reason.contains("without a reason"), "{what}: {}", refusal.reason);
    }
}

/// A hint is read behind a Lambda as well as on a command line.
#[test]
fn hints_are_for_both_front_ends() {
    for (what, status, body, _) in BODIES {
        let failure = Refusal::of(&Answer::new(*status, *body)).failure();
        for word in ["event", "Action `", "the function"] {
            assert!(!failure.hint.contains(word), "{what}: {}", failure.hint);
        }
        assert!(!failure.hint.is_empty(), "{what}");
    }
    let unsupported = Refusal::of(&Answer::new(400, "No handler found for uri [/x] and method [PUT]"));
    assert_eq!(unsupported.failure().code, Code::Unsupported);
}
