//! The endpoints.

use crate::{Kind, Refusal, read};
use serde_json::{Map, Value};
use snapkeep_core::naming::{RepositoryName, RequestMark, SnapshotName};
use snapkeep_core::snapshot::Snapshot;
use snapkeep_transport::{Answer, Call, Client, Deadline, Lost, Method};

/// Largest list that is read, in bytes: some 100,000 names.
const LIST_CAP: usize = 32 << 20;

/// Longest path that lists names, in bytes: servers refuse a request line over 4,096.
const PATH_LIMIT: usize = 3_000;

/// A repository as it is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// `s3`, `fs`, …
    pub kind: String,
    /// Its settings, as the server stores them.
    pub settings: Map<String, Value>,
}

/// Why a read gave nothing.
#[derive(Clone, Debug)]
pub enum Unanswered {
    /// The server said no.
    Refused(Refusal),
    /// No whole answer came.
    Lost(Lost),
    /// A 2xx that is not what it should be.
    Malformed {
        /// Its status.
        status: u16,
        /// What is wrong with it.
        what: String,
    },
}

/// How a write ended, as far as it is known.
#[derive(Clone, Debug)]
pub enum Written {
    /// The server said that it did it.
    Done,
    /// The server refused it.
    Refused(Refusal),
    /// No whole answer came.
    Lost(Lost),
}

/// The snapshot API of one cluster.
#[derive(Debug)]
pub struct SnapshotApi {
    client: Client,
}

impl SnapshotApi {
    /// The API behind `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// `GET _snapshot/{repository}`; `None` if it is not registered.
    pub async fn repository(
        &self,
        name: &RepositoryName,
        deadline: Deadline,
    ) -> Result<Option<Registered>, Unanswered> {
        let call = Call::new(Method::GET, format!("/_snapshot/{}", name.segment()));
        match self.read(&call, deadline).await? {
            None => Ok(None),
            Some((status, body)) => read::repository(&body, name.as_str()).map(Some).ok_or_else(|| {
                Unanswered::Malformed { status, what: format!("it does not describe repository {name}") }
            }),
        }
    }

    /// `PUT _snapshot/{repository}`: registers and verifies.
    pub async fn register(&self, name: &RepositoryName, body: &Value, deadline: Deadline) -> Written {
        let call = Call::new(Method::PUT, format!("/_snapshot/{}", name.segment())).json(body.to_string());
        self.write(&call, |answer| answer["acknowledged"] == true, deadline).await
    }

    /// `POST _snapshot/{repository}/_verify`.
    pub async fn verify(&self, name: &RepositoryName, deadline: Deadline) -> Written {
        let call = Call::new(Method::POST, format!("/_snapshot/{}/_verify", name.segment()));
        self.write(&call, |answer| answer["nodes"].is_object(), deadline).await
    }

    /// `PUT _snapshot/{repository}/{snapshot}`, which returns once the snapshot has begun:
    /// `wait_for_completion` would outlast every proxy and load balancer on the way.
    pub async fn create(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        body: Option<&Value>,
        deadline: Deadline,
    ) -> Written {
        let mut call = Call::new(Method::PUT, format!("/_snapshot/{}/{}", repository.segment(), snapshot.segment()));
        if let Some(body) = body {
            call = call.json(body.to_string());
        }
        self.write(&call, |answer| answer["accepted"] == true, deadline).await
    }

    /// `GET _snapshot/{repository}/{snapshot}`; `None` if there is none of that name.
    pub async fn snapshot(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        deadline: Deadline,
    ) -> Result<Option<Snapshot>, Unanswered> {
        let path = format!("/_snapshot/{}/{}", repository.segment(), snapshot.segment());
        let found = self.snapshots(path, deadline).await?;
        Ok(found.into_iter().find(|entry| entry.name == snapshot.as_str()))
    }

    /// Names and states of the snapshots whose name ends in `mark`.
    pub async fn marked(
        &self,
        repository: &RepositoryName,
        mark: &RequestMark,
        deadline: Deadline,
    ) -> Result<Vec<Snapshot>, Unanswered> {
        let path = format!("/_snapshot/{}/*-{}?verbose=false", repository.segment(), mark.as_str());
        let found = self.snapshots(path, deadline).await?;
        Ok(found.into_iter().filter(|entry| mark.marks(&entry.name)).collect())
    }

    /// Names and states of all snapshots: `verbose=false` reads one blob, whatever their number.
    pub async fn names(&self, repository: &RepositoryName, deadline: Deadline) -> Result<Vec<Snapshot>, Unanswered> {
        self.snapshots(format!("/_snapshot/{}/_all?verbose=false", repository.segment()), deadline).await
    }

    /// The snapshots that run in this repository.
    pub async fn running(&self, repository: &RepositoryName, deadline: Deadline) -> Result<Vec<Snapshot>, Unanswered> {
        self.snapshots(format!("/_snapshot/{}/_current", repository.segment()), deadline).await
    }

    /// Details of snapshots by name, in requests whose path stays short. Those that have vanished
    /// meanwhile are left out.
    pub async fn details(
        &self,
        repository: &RepositoryName,
        names: &[SnapshotName],
        deadline: Deadline,
    ) -> Result<Vec<Snapshot>, Unanswered> {
        let mut found = Vec::with_capacity(names.len());
        for segments in chunks(names) {
            let path = format!("/_snapshot/{}/{segments}?ignore_unavailable=true", repository.segment());
            found.extend(self.snapshots(path, deadline).await?);
        }
        Ok(found)
    }

    async fn snapshots(&self, path: String, deadline: Deadline) -> Result<Vec<Snapshot>, Unanswered> {
        let Some((status, body)) = self.read(&Call::new(Method::GET, path).cap(LIST_CAP), deadline).await? else {
            return Ok(Vec::new());
        };
        match read::error_inside(&body).map(Refusal::inside) {
            Some(refusal) if refusal.kind == Kind::SnapshotMissing => Ok(Vec::new()),
            Some(refusal) => Err(Unanswered::Refused(refusal)),
            None => read::snapshots(&body)
                .ok_or_else(|| Unanswered::Malformed { status, what: "it holds no list of snapshots".into() }),
        }
    }

    /// `None` if what was asked for does not exist. A missing repository is a refusal, unless it was
    /// itself what was asked for.
    async fn read(&self, call: &Call, deadline: Deadline) -> Result<Option<(u16, Value)>, Unanswered> {
        let answer = self.client.read(call, deadline).await.map_err(Unanswered::Lost)?;
        if (200..300).contains(&answer.status) {
            return match serde_json::from_slice(&answer.body) {
                Ok(body) => Ok(Some((answer.status, body))),
                Err(error) => Err(Unanswered::Malformed { status: answer.status, what: error.to_string() }),
            };
        }
        let refusal = Refusal::of(&answer);
        let is_missing = match refusal.kind {
            Kind::SnapshotMissing => true,
            Kind::RepositoryMissing => is_repository_path(call.path()),
            _ => false,
        };
        if is_missing { Ok(None) } else { Err(Unanswered::Refused(refusal)) }
    }

    async fn write(&self, call: &Call, is_yes: fn(&Value) -> bool, deadline: Deadline) -> Written {
        match self.client.write(call, deadline).await {
            Ok(answer) if (200..300).contains(&answer.status) => done(&answer, is_yes),
            Ok(answer) => Written::Refused(Refusal::of(&answer)),
            Err(lost) => Written::Lost(lost),
        }
    }
}

/// A 2xx counts only if it says yes in the server's own words: a login page, a cut answer or a change
/// that was not acknowledged in time is no promise.
fn done(answer: &Answer, is_yes: fn(&Value) -> bool) -> Written {
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(body) if is_yes(&body) => Written::Done,
        _ => Written::Lost(Lost::Cut(format!("the answer ({}) does not say that it was done", answer.status))),
    }
}

fn is_repository_path(path: &str) -> bool {
    path.trim_matches('/').split('/').count() == 2
}

/// Comma-separated names, each list at most [`PATH_LIMIT`] bytes long.
fn chunks(names: &[SnapshotName]) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for name in names {
        let segment = name.segment();
        match lists.last_mut() {
            Some(list) if list.len() + 1 + segment.len() <= PATH_LIMIT => {
                list.push(',');
                list.push_str(&segment);
            }
            _ => lists.push(segment),
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_in_short_paths_and_none_is_lost() {
        let names: Vec<SnapshotName> =
            (0..500).map(|n| SnapshotName::parse(&format!("snapshot-{n:0>40}")).unwrap()).collect();
        let lists = chunks(&names);
        assert!(lists.len() > 1 && lists.iter().all(|list| list.len() <= PATH_LIMIT));
        assert_eq!(lists.iter().flat_map(|list| list.split(',')).count(), 500);
        assert!(chunks(&[]).is_empty());
    }
}
