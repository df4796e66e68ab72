//! Reads the shapes of answers, tolerantly: fields come and go between versions.

use crate::Registered;
use jiff::Timestamp;
use serde_json::{Map, Value};
use snapkeep_core::failure::one_line;
use snapkeep_core::snapshot::{Shards, Snapshot, State};

/// Most failures of shards that are kept from one snapshot.
const FAILURES_KEPT: usize = 5;

/// `GET _snapshot/{repository}`: `{name: {type, settings}}`.
pub(crate) fn repository(body: &Value, name: &str) -> Option<Registered> {
    let found = body.get(name)?;
    let settings = found.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    Some(Registered { kind: found.get("type")?.as_str()?.to_owned(), settings })
}

/// The first error that a list holds in a repository's place: in `responses[].error` (Elasticsearch
/// 7.0 to 7.14) or in the `failures` map (later).
pub(crate) fn error_inside(body: &Value) -> Option<&Value> {
    let responses = body.get("responses").and_then(Value::as_array);
    let nested = responses.into_iter().flatten().find_map(|response| response.get("error"));
    nested.or_else(|| body.get("failures")?.as_object()?.values().next())
}

/// `GET _snapshot/{repository}/{snapshot}`: `snapshots[]`, flat or nested under `responses[]`.
pub(crate) fn snapshots(body: &Value) -> Option<Vec<Snapshot>> {
    let lists: Vec<&Value> = match (body.get("snapshots"), body.get("responses").and_then(Value::as_array)) {
        (Some(flat), _) => vec![flat],
        (None, Some(responses)) => responses.iter().filter_map(|response| response.get("snapshots")).collect(),
        (None, None) => return None,
    };
    let mut found = Vec::new();
    for list in lists {
        for entry in list.as_array()? {
            found.push(snapshot(entry)?);
        }
    }
    Some(found)
}

fn snapshot(entry: &Value) -> Option<Snapshot> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let state = text("state").and_then(State::read);
    // While it runs, some versions say 0 shards of 0, for not yet counted.
    let counted = |shards: &Shards| shards.total > 0 || state != Some(State::InProgress);
    Some(Snapshot {
        name: text("snapshot")?.to_owned(),
        uuid: text("uuid").map(str::to_owned),
        state,
        started_at: millis(entry, "start_time_in_millis"),
        ended_at: millis(entry, "end_time_in_millis"),
        shards: entry.get("shards").and_then(shards).filter(counted),
        failures: failures(entry.get("failures"), text("reason")),
        metadata: entry.get("metadata").and_then(Value::as_object).cloned(),
    })
}

/// Zero stands for "not yet".
fn millis(entry: &Value, key: &str) -> Option<Timestamp> {
    let millis = entry.get(key)?.as_i64().filter(|&millis| millis > 0)?;
    Timestamp::from_millisecond(millis).ok()
}

fn shards(value: &Value) -> Option<Shards> {
    let count = |key: &str| value.get(key).and_then(Value::as_u64);
    Some(Shards { total: count("total")?, successful: count("successful")?, failed: count("failed")? })
}

fn failures(list: Option<&Value>, reason: Option<&str>) -> Vec<String> {
    let shard = |failure: &Map<String, Value>| {
        let index = failure.get("index").and_then(Value::as_str).unwrap_or("?");
        let number = failure.get("shard_id").map_or_else(|| "?".to_owned(), Value::to_string);
        let why = failure.get("reason").and_then(Value::as_str).unwrap_or("no reason given");
        one_line(&format!("[{index}][{number}] {why}"), 200)
    };
    let of_shards = list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).map(shard);
    reason.map(|reason| one_line(reason, 200)).into_iter().chain(of_shards).take(FAILURES_KEPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn flat_and_nested_lists_are_read_alike() {
        let entry = json!({"snapshot": "a", "uuid": "u", "state": "PARTIAL", "start_time_in_millis": 1000,
            "end_time_in_millis": 0, "shards": {"total": 3, "failed": 1, "successful": 2},
            "failures": [{"index": "i", "shard_id": 0, "reason": "no\nnode"}], "metadata": {"k": "v"}});
        let flat = snapshots(&json!({"snapshots": [entry]})).unwrap();
        assert_eq!(flat, snapshots(&json!({"responses": [{"repository": "r", "snapshots": [entry]}]})).unwrap());
        assert_eq!(flat[0].state, Some(State::Partial));
        assert_eq!(flat[0].started_at.unwrap().as_second(), 1);
        assert_eq!(flat[0].ended_at, None);
        assert_eq!(flat[0].shards, Some(Shards { total: 3, successful: 2, failed: 1 }));
        assert_eq!(flat[0].failures, ["[i][0] no node"]);
    }

    #[test]
    fn an_error_in_a_repositorys_place_is_found() {
        let error = json!({"type": "repository_missing_exception", "reason": "[r] missing"});
        assert_eq!(error_inside(&json!({"responses": [{"repository": "r", "error": error}]})), Some(&error));
        assert_eq!(error_inside(&json!({"snapshots": [], "failures": {"r": error}})), Some(&error));
        for fine in [
            json!({"snapshots": []}),
            json!({"responses": [{"snapshots": []}]}),
            json!({"snapshots": [], "failures": {}}),
        ] {
            assert_eq!(error_inside(&fine), None, "{fine}");
        }
    }

    #[test]
    fn what_is_not_a_list_is_not_an_empty_one() {
        for body in [json!({}), json!([]), json!({"snapshots": {}}), json!({"snapshots": [{"uuid": "u"}]}), json!("x")]
        {
            assert_eq!(snapshots(&body), None, "{body}");
        }
        assert_eq!(snapshots(&json!({"snapshots": []})), Some(vec![]));
    }

    #[test]
    fn shards_that_are_not_counted_yet_are_none() {
        let of = |state: &str| {
            let shards = json!({"total": 0, "failed": 0, "successful": 0});
            snapshots(&json!({"snapshots": [{"snapshot": "a", "state": state, "shards": shards}]})).unwrap()[0].shards
        };
        assert_eq!(of("IN_PROGRESS"), None);
        assert_eq!(of("SUCCESS"), Some(Shards::default()));
    }

    #[test]
    fn an_unknown_state_is_none_and_missing_fields_are_none() {
        let found = snapshots(&json!({"snapshots": [{"snapshot": "a", "state": "GLORIOUS"}]})).unwrap();
        assert_eq!((found[0].state, found[0].shards, found[0].started_at), (None, None, None));
    }
}
