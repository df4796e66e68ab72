//! Other times in answers: a cluster whose clock is not its machine's, and snapshots that it took days ago.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::snapshot_path::segments;
use crate::wire::{Request, Response};

/// How far times are shifted. Nothing is shifted until somebody says so.
#[derive(Debug, Default)]
pub(crate) struct Shifts {
    /// Milliseconds that the cluster's clock is ahead of its machine's.
    clock: Option<i64>,
    /// Milliseconds that were added when each snapshot began, by repository and name.
    snapshots: HashMap<(String, String), i64>,
}

impl Shifts {
    pub(crate) fn set_clock(&mut self, ahead_millis: i64) {
        self.clock = Some(ahead_millis);
    }

    pub(crate) fn set_snapshot(&mut self, repository: &str, snapshot: &str, millis: i64) {
        self.snapshots.insert((repository.to_owned(), snapshot.to_owned()), millis);
    }

    /// A snapshot that begins now keeps its shift, whatever the clock says later. Noted when the request goes on: its
    /// answer may be lost.
    pub(crate) fn note(&mut self, request: &Request) {
        let Some(clock) = self.clock else { return };
        if let ("PUT" | "POST", ["_snapshot", repository, snapshot]) =
            (request.method.as_str(), segments(request.path()).as_slice())
        {
            self.snapshots.entry(((*repository).to_owned(), (*snapshot).to_owned())).or_insert(clock);
        }
    }

    /// A name is free again.
    pub(crate) fn forget(&mut self, request: &Request) {
        if let ("DELETE", ["_snapshot", repository, names]) =
            (request.method.as_str(), segments(request.path()).as_slice())
        {
            for name in names.split(',') {
                self.snapshots.remove(&((*repository).to_owned(), name.to_owned()));
            }
        }
    }

    /// Shifts the times of an answer.
    pub(crate) fn apply(&self, request: &Request, response: &mut Response) {
        let segments = segments(request.path());
        let repository = match segments.as_slice() {
            ["_cluster", "stats"] if self.clock.is_some() => None,
            ["_snapshot", repository, _, ..] if request.method == "GET" && !self.snapshots.is_empty() => {
                Some(*repository)
            }
            _ => return,
        };
        let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else { return };
        match repository {
            None => add(&mut body, "timestamp", self.clock.unwrap_or_default()),
            Some(repository) => self.snapshots_of(repository, &mut body),
        }
        response.body = body.to_string().into();
    }

    /// Lists are flat, or nested by repository.
    fn snapshots_of(&self, repository: &str, body: &mut Value) {
        if let Some(responses) = body.get_mut("responses").and_then(Value::as_array_mut) {
            for response in responses {
                self.snapshots_of(repository, response);
            }
        }
        for snapshot in body.get_mut("snapshots").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = snapshot["snapshot"].as_str().unwrap_or_default().to_owned();
            let Some(millis) = self.snapshots.get(&(repository.to_owned(), name)) else { continue };
            add(snapshot, "start_time_in_millis", *millis);
            add(snapshot, "end_time_in_millis", *millis);
            if let Some(stats) = snapshot.get_mut("stats") {
                add(stats, "start_time_in_millis", *millis);
            }
            // The same moments as texts: better none than others.
            for text in ["start_time", "end_time"] {
                snapshot.as_object_mut().map(|snapshot| snapshot.remove(text));
            }
        }
    }
}

/// Adds to a time; 0 stands for none.
fn add(object: &mut Value, key: &str, millis: i64) {
    if let Some(time) = object.get(key).and_then(Value::as_i64).filter(|time| *time > 0) {
        object[key] = json!(time + millis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn request(method: &str, target: &str) -> Request {
        let (method, target) = (method.to_owned(), target.to_owned());
        Request { method, target, headers: Vec::new(), body: Bytes::new(), keep_alive: true }
    }

    fn answered(shifts: &Shifts, target: &str, body: &Value) -> Value {
        let mut response = Response::new(200, "application/json", body.to_string());
        shifts.apply(&request("GET", target), &mut response);
        serde_json::from_slice(&response.body).unwrap()
    }

    #[test]
    fn a_snapshot_keeps_the_shift_that_it_began_with() {
        let mut shifts = Shifts::default();
        let stats = json!({"timestamp": 1000});
        assert_eq!(answered(&shifts, "/_cluster/stats", &stats), stats);
        shifts.set_clock(10);
        shifts.note(&request("PUT", "/_snapshot/r/a"));
        shifts.set_clock(-500);
        shifts.note(&request("PUT", "/_snapshot/r/a"));
        assert_eq!(answered(&shifts, "/_cluster/stats?x", &stats), json!({"timestamp": 500}));
        let list = json!({"snapshots": [
            {"snapshot": "a", "start_time": "then", "start_time_in_millis": 100, "end_time_in_millis": 0},
            {"snapshot": "b", "start_time_in_millis": 100},
        ]});
        let expected = json!({"snapshots": [
            {"snapshot": "a", "start_time_in_millis": 110, "end_time_in_millis": 0},
            {"snapshot": "b", "start_time_in_millis": 100},
        ]});
        assert_eq!(answered(&shifts, "/_snapshot/r/_all", &list), expected);
        assert_eq!(answered(&shifts, "/_snapshot/other/_all", &list), list);
        let nested = json!({"responses": [list.clone()]});
        assert_eq!(answered(&shifts, "/_snapshot/r/_all", &nested), json!({"responses": [expected]}));
        shifts.forget(&request("DELETE", "/_snapshot/r/z,a"));
        assert_eq!(answered(&shifts, "/_snapshot/r/_all", &list), list);
    }
}
