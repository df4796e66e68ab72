//! `_snapshot/{repository}`: register, look, verify, clean up, remove.

use crate::Kind;
use crate::api::{Registered, SnapshotApi, Unanswered, Written, acknowledged};
use crate::read::Repositories;
use serde::Serialize;
use serde_json::Value;
use snapkeep_core::naming::RepositoryName;
use snapkeep_transport::{Call, Deadline, Method};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a cleanup may take: the server answers when it has listed and deleted every file in question.
const CLEANUP_TIME: Duration = Duration::from_hours(1);

/// What a cleanup freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Files that nothing referred to.
    pub blobs: u64,
    /// Their size.
    pub bytes: u64,
}

impl SnapshotApi {
    /// `GET _snapshot`: all repositories by name.
    pub async fn repositories(&self, deadline: Deadline) -> Result<BTreeMap<String, Registered>, Unanswered> {
        let found = self.get::<Repositories>("/_snapshot", deadline).await?;
        Ok(found.into_iter().map(|(name, repository)| (name, repository.into())).collect())
    }

    /// `GET _snapshot/{repository}`; `None` if it is not registered.
    pub async fn repository(
        &self,
        name: &RepositoryName,
        deadline: Deadline,
    ) -> Result<Option<Registered>, Unanswered> {
        let call = Call::new(Method::GET, path(name, ""));
        let is_missing = |kind| kind == Kind::RepositoryMissing;
        let Some(mut found) = self.find::<Repositories>(&call, is_missing, deadline).await? else { return Ok(None) };
        let what = || format!("it does not describe repository {name}");
        let found = found.remove(name.as_str()).ok_or_else(|| Unanswered::Malformed { status: 200, what: what() })?;
        Ok(Some(found.into()))
    }

    /// `PUT _snapshot/{repository}`: registers and verifies.
    pub async fn register(&self, name: &RepositoryName, body: &Value, deadline: Deadline) -> Written {
        let call = Call::new(Method::PUT, path(name, "")).json(body.to_string());
        self.write(&call, acknowledged, deadline).await
    }

    /// `POST _snapshot/{repository}/_verify`: the nodes that can use it, by name, else by id.
    pub async fn verify(&self, name: &RepositoryName, deadline: Deadline) -> Written<Vec<String>> {
        let call = Call::new(Method::POST, path(name, "/_verify"));
        self.write(&call, nodes, deadline).await
    }

    /// `DELETE _snapshot/{repository}`: forgets the registration; the snapshots stay where they are.
    pub async fn remove(&self, name: &RepositoryName, deadline: Deadline) -> Written {
        self.write(&Call::new(Method::DELETE, path(name, "")), acknowledged, deadline).await
    }

    /// `POST _snapshot/{repository}/_cleanup`: deletes files that no snapshot refers to. See
    /// [`Feature::Cleanup`](crate::Feature::Cleanup).
    pub async fn cleanup(&self, name: &RepositoryName, deadline: Deadline) -> Written<Cleaned> {
        let call = Call::new(Method::POST, path(name, "/_cleanup")).timeout(CLEANUP_TIME);
        self.write(&call, cleaned, deadline).await
    }
}

fn path(name: &RepositoryName, rest: &str) -> String {
    format!("/_snapshot/{}{rest}", name.segment())
}

fn nodes(body: &Value) -> Option<Vec<String>> {
    let nodes = body["nodes"].as_object()?;
    Some(nodes.iter().map(|(id, node)| node["name"].as_str().unwrap_or(id).to_owned()).collect())
}

fn cleaned(body: &Value) -> Option<Cleaned> {
    let results = &body["results"];
    Some(Cleaned { blobs: results["deleted_blobs"].as_u64()?, bytes: results["deleted_bytes"].as_u64()? })
}
