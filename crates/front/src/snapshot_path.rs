//! What a path below `_snapshot` is about, and the name of its action in the security plugin.

use crate::sigv4::decode;

/// A path cut into its segments, none of them empty.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

/// The action that fine-grained access control checks, for paths below `_snapshot`.
pub(crate) fn action(method: &str, path: &str) -> Option<&'static str> {
    match (method, segments(path).as_slice()) {
        ("GET" | "HEAD", ["_snapshot"]) => Some("cluster:admin/repository/get"),
        (_, ["_snapshot", rest @ ..]) => Some(below(method, rest)),
        _ => None,
    }
}

fn below(method: &str, rest: &[&str]) -> &'static str {
    match (method, rest) {
        (_, [.., "_status"]) => "cluster:admin/snapshot/status",
        (_, [_, "_verify"]) => "cluster:admin/repository/verify",
        (_, [_, "_cleanup"]) => "cluster:admin/repository/_cleanup",
        (_, [_, _, "_restore"]) => "cluster:admin/snapshot/restore",
        (_, [_, _, "_clone", ..]) => "cluster:admin/snapshot/clone",
        ("GET" | "HEAD", [_]) => "cluster:admin/repository/get",
        ("DELETE", [_]) => "cluster:admin/repository/delete",
        (_, [] | [_]) => "cluster:admin/repository/put",
        ("GET" | "HEAD", _) => "cluster:admin/snapshot/get",
        ("DELETE", _) => "cluster:admin/snapshot/delete",
        _ => "cluster:admin/snapshot/create",
    }
}

/// The repository that this request registers.
pub(crate) fn registers<'p>(method: &str, path: &'p str) -> Option<&'p str> {
    match (method, segments(path).as_slice()) {
        ("PUT" | "POST", ["_snapshot", repository]) => Some(repository),
        _ => None,
    }
}

/// Whether this request reads registrations.
pub(crate) fn reads_registrations(method: &str, path: &str) -> bool {
    method == "GET" && matches!(segments(path).as_slice(), ["_snapshot"] | ["_snapshot", _])
}

/// Whether this request would change a repository that belongs to the service. Restoring from one is allowed.
pub(crate) fn changes_service_repository(method: &str, path: &str) -> bool {
    let segments = segments(path);
    let ["_snapshot", repository, rest @ ..] = segments.as_slice() else { return false };
    let restore = matches!(rest, [_, "_restore"]);
    decode(repository).starts_with(b"cs-") && matches!(method, "PUT" | "POST" | "DELETE") && !restore
}

/// Whether a domain offers this path only with a scope.
pub(crate) fn needs_scope(method: &str, path: &str) -> bool {
    method == "GET" && matches!(segments(path).as_slice(), ["_recovery"] | ["_snapshot", "_status"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_named_as_the_security_plugin_names_them() {
        let table = [
            ("GET", "/_snapshot", "repository/get"),
            ("GET", "/_snapshot/r", "repository/get"),
            ("PUT", "/_snapshot/r", "repository/put"),
            ("POST", "/_snapshot/r", "repository/put"),
            ("DELETE", "/_snapshot/r", "repository/delete"),
            ("POST", "/_snapshot/r/_verify", "repository/verify"),
            ("POST", "/_snapshot/r/_cleanup", "repository/_cleanup"),
            ("GET", "/_snapshot/r/s", "snapshot/get"),
            ("GET", "/_snapshot/r/s/_status", "snapshot/status"),
            ("GET", "/_snapshot/_status", "snapshot/status"),
            ("PUT", "/_snapshot/r/s", "snapshot/create"),
            ("DELETE", "/_snapshot/r/s", "snapshot/delete"),
            ("POST", "/_snapshot/r/s/_restore", "snapshot/restore"),
            ("PUT", "/_snapshot/r/s/_clone/t", "snapshot/clone"),
        ];
        for (method, path, name) in table {
            assert_eq!(action(method, path), Some(format!("cluster:admin/{name}").as_str()), "{method} {path}");
        }
        assert_eq!(action("GET", "/_cluster/health"), None);
    }

    #[test]
    fn the_services_repositories_are_read_only_but_restore() {
        assert!(changes_service_repository("PUT", "/_snapshot/cs-automated/x"));
        assert!(changes_service_repository("DELETE", "/_snapshot/cs-automated-enc/x"));
        assert!(changes_service_repository("PUT", "/_snapshot/cs-mine"));
        assert!(changes_service_repository("PUT", "/_snapshot/%63s%2Dautomated/x"));
        assert!(!changes_service_repository("GET", "/_snapshot/cs-automated/_all"));
        assert!(!changes_service_repository("POST", "/_snapshot/cs-automated/x/_restore"));
        assert!(!changes_service_repository("PUT", "/_snapshot/mine/cs-x"));
    }

    #[test]
    fn two_paths_need_a_scope() {
        assert!(needs_scope("GET", "/_recovery"));
        assert!(needs_scope("GET", "/_snapshot/_status/"));
        assert!(!needs_scope("GET", "/index/_recovery"));
        assert!(!needs_scope("GET", "/_snapshot/r/s/_status"));
    }
}
