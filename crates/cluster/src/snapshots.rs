//! `_snapshot/{repository}/{snapshot}`: create, clone, delete, and what is known of one.

use crate::Kind;
use crate::api::{SnapshotApi, Unanswered, Written, acknowledged};
use crate::lists::no_list;
use crate::paths::list;
use crate::status::{self, Statuses};
use serde_json::{Value, json};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::snapshot::{Details, Progress, Snapshot};
use snapkeep_transport::{Call, Deadline, Method};

/// Largest answer about one snapshot that is read, in bytes: it names every index and every failed shard,
/// `_status` every shard.
const ONE_CAP: usize = 64 << 20;

impl SnapshotApi {
    /// `PUT _snapshot/{repository}/{snapshot}`, which returns once the snapshot has begun:
    /// `wait_for_completion` would outlast every proxy and load balancer on the way.
    pub async fn create(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        body: Option<&Value>,
        deadline: Deadline,
    ) -> Written {
        let mut call = Call::new(Method::PUT, path(repository, snapshot));
        if let Some(body) = body {
            call = call.json(body.to_string());
        }
        self.write(&call, |answer| (answer["accepted"] == true).then_some(()), deadline).await
    }

    /// `PUT _snapshot/{repository}/{source}/_clone/{target}`: a second snapshot of the same files. No
    /// indices means all. The answer comes when the clone is complete. See
    /// [`Feature::Clone`](crate::Feature::Clone).
    pub async fn clone_snapshot(
        &self,
        repository: &RepositoryName,
        source: &SnapshotName,
        target: &SnapshotName,
        indices: &[String],
        deadline: Deadline,
    ) -> Written {
        let indices = if indices.is_empty() { "*".to_owned() } else { indices.join(",") };
        let call = Call::new(Method::PUT, format!("{}/_clone/{}", path(repository, source), target.segment()));
        self.write(&call.json(json!({ "indices": indices }).to_string()), acknowledged, deadline).await
    }

    /// `DELETE _snapshot/{repository}/{snapshots}`, in one request: cut the names by
    /// [`batches`](crate::batches) before. If one is missing, the server refuses all of them. One that
    /// runs is aborted. No names: nothing is sent, since the path would be the repository's own.
    pub async fn delete(&self, repository: &RepositoryName, names: &[SnapshotName], deadline: Deadline) -> Written {
        if names.is_empty() {
            return Written::Done(());
        }
        let call = Call::new(Method::DELETE, format!("/_snapshot/{}/{}", repository.segment(), list(names)));
        self.write(&call, acknowledged, deadline).await
    }

    /// `GET _snapshot/{repository}/{snapshot}`; `None` if there is none of that name.
    pub async fn snapshot(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        deadline: Deadline,
    ) -> Result<Option<Snapshot>, Unanswered> {
        let found = self.listed(path(repository, snapshot), deadline).await?;
        Ok(found.into_iter().find(|entry| entry.name == snapshot.as_str()))
    }

    /// The same with all that the server tells; `None` if there is none of that name.
    pub async fn full(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        deadline: Deadline,
    ) -> Result<Option<Details>, Unanswered> {
        let call = Call::new(Method::GET, path(repository, snapshot)).cap(ONE_CAP);
        let Some(found) = self.listing::<Details>(&call, deadline).await? else { return Ok(None) };
        let entries = found.into_entries().ok_or_else(no_list)?;
        Ok(entries.into_iter().find(|entry| entry.snapshot.name == snapshot.as_str()))
    }

    /// `GET _snapshot/{repository}/{snapshot}/_status`: how far it is; `None` if there is none of that
    /// name. Of one that has ended the server reads a file for each shard: slow on large ones.
    pub async fn progress(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        deadline: Deadline,
    ) -> Result<Option<Progress>, Unanswered> {
        let call = Call::new(Method::GET, format!("{}/_status", path(repository, snapshot))).cap(ONE_CAP);
        let is_missing = |kind| kind == Kind::SnapshotMissing;
        let found = self.find::<Statuses>(&call, is_missing, deadline).await?;
        Ok(found.and_then(|found| status::progress(found, snapshot.as_str())))
    }
}

fn path(repository: &RepositoryName, snapshot: &SnapshotName) -> String {
    format!("/_snapshot/{}/{}", repository.segment(), snapshot.segment())
}
