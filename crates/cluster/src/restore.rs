//! `_restore`, and opening and closing of the indices that stand in its way.

use crate::api::{SnapshotApi, Unanswered, Written, acknowledged};
use crate::indices::{InRepository, State};
use serde::Deserialize;
use serde_json::Value;
use snapkeep_core::naming::{RepositoryName, SnapshotName, encode_segment};
use snapkeep_transport::{Call, Deadline, Method};
use std::collections::BTreeMap;

/// Largest answer that is read, in bytes: some 100,000 indices.
const STATES_CAP: usize = 32 << 20;

#[derive(Debug, Default, Deserialize)]
struct OfIndex {
    state: String,
}

/// That the restore was accepted, or, where there was nothing to copy, what it has come to.
fn has_begun(answer: &Value) -> Option<()> {
    (answer["accepted"] == true || answer["snapshot"]["shards"].is_object()).then_some(())
}

impl SnapshotApi {
    /// `POST _snapshot/{repository}/{snapshot}/_restore`, which returns once the restore has begun. The server refuses
    /// it as a whole if one of its indices cannot be restored.
    pub async fn restore(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        body: &Value,
        deadline: Deadline,
    ) -> Written {
        let path =
            format!("/_snapshot/{}/{}/_restore?wait_for_completion=false", repository.segment(), snapshot.segment());
        let call = Call::new(Method::POST, path).json(body.to_string());
        self.write(&call, has_begun, deadline).await
    }

    /// `POST {index}/_close`. Closing one that is closed changes nothing.
    pub async fn close_index(&self, index: &str, deadline: Deadline) -> Written {
        self.write(&Call::new(Method::POST, format!("/{}/_close", encode_segment(index))), acknowledged, deadline).await
    }

    /// `POST {index}/_open`. Opening one that is open changes nothing.
    pub async fn open_index(&self, index: &str, deadline: Deadline) -> Written {
        self.write(&Call::new(Method::POST, format!("/{}/_open", encode_segment(index))), acknowledged, deadline).await
    }

    /// All indices by name, and whether each is closed.
    pub async fn closed_indices(&self, deadline: Deadline) -> Result<BTreeMap<String, bool>, Unanswered> {
        let call =
            Call::new(Method::GET, "/_cluster/state/metadata?filter_path=metadata.indices.*.state").cap(STATES_CAP);
        let found = self.find::<State<OfIndex>>(&call, |_| false, deadline).await?.unwrap_or_default();
        Ok(found.metadata.indices.into_iter().map(|(name, index)| (name, index.state == "close")).collect())
    }

    /// Whether that snapshot is being restored, to whatever indices.
    pub async fn is_restoring(
        &self,
        repository: &RepositoryName,
        snapshot: &SnapshotName,
        deadline: Deadline,
    ) -> Result<bool, Unanswered> {
        let is_it = |at: &InRepository| at.repository == repository.as_str() && at.snapshot == snapshot.as_str();
        Ok(self.restoring(deadline).await?.iter().any(is_it))
    }
}
