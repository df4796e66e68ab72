//! The policies by which a cluster takes snapshots itself: Snapshot Management's of OpenSearch, SLM's of Elasticsearch.

use crate::api::{SnapshotApi, Unanswered, whole};
use crate::{Flavour, Kind, Product, Refusal, Version};
use serde_json::{Value, json};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Call, Deadline, Method};

/// Policies of one page.
const PAGE: usize = 100;

/// The first versions that have them.
const SM_SINCE: Version = Version::new(2, 1, 0);
const SLM_SINCE: Version = Version::new(7, 4, 0);

impl SnapshotApi {
    /// All of them, in the shape of `GET _plugins/_sm/policies` or `GET _slm/policy`. `unsupported` where the cluster has
    /// neither: both are plugins (or licensed modules) that a distribution may lack.
    pub async fn lifecycle_policies(&self, deadline: Deadline) -> Result<Value, Failure> {
        let product = self.product(deadline).await.map_err(|unanswered| unanswered.failure())?;
        let (is_old, found) = match product.flavour {
            Flavour::OpenSearch => (product.version < SM_SINCE, self.all_of_sm(deadline).await),
            Flavour::Elasticsearch => (product.version < SLM_SINCE, self.all_of_slm(deadline).await),
        };
        match found {
            Ok(found) => Ok(found),
            Err(Unanswered::Refused(refusal)) if is_old || is_unknown(&refusal) => Err(lacking(&product)),
            Err(unanswered) => Err(unanswered.failure()),
        }
    }

    async fn all_of_slm(&self, deadline: Deadline) -> Result<Value, Unanswered> {
        self.get("/_slm/policy", deadline).await
    }

    /// It answers in pages, of 20 if nothing is said.
    async fn all_of_sm(&self, deadline: Deadline) -> Result<Value, Unanswered> {
        let mut policies: Vec<Value> = Vec::new();
        loop {
            let path = format!("/_plugins/_sm/policies?from={}&size={PAGE}", policies.len());
            let answer = self.client.read(&Call::new(Method::GET, &path), deadline).await.map_err(Unanswered::Lost)?;
            // Its index is made with the first policy.
            if answer.status == 404 && has_no_policies_yet(&answer.body) {
                return Ok(json!({"policies": [], "total_policies": 0}));
            }
            let page: Value = whole(&answer)?;
            let found = page["policies"].as_array().cloned().unwrap_or_default();
            let is_last = found.len() < PAGE;
            policies.extend(found);
            if is_last {
                return Ok(json!({"total_policies": policies.len(), "policies": policies}));
            }
        }
    }
}

fn has_no_policies_yet(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_lowercase().contains("config index")
}

/// What servers say of paths that they do not know, each version in its own way.
fn is_unknown(refusal: &Refusal) -> bool {
    matches!(refusal.status, 400 | 404 | 405) && matches!(refusal.kind, Kind::Unsupported | Kind::Invalid)
}

fn lacking(product: &Product) -> Failure {
    let (what, since) = match product.flavour {
        Flavour::OpenSearch => ("Snapshot Management (plugin index-management)", SM_SINCE),
        Flavour::Elasticsearch => ("SLM (module of the default distribution)", SLM_SINCE),
    };
    Failure::new(
        Code::Unsupported,
        format!("this {} {} has no {what}, so that there are no policies to import", product.flavour, product.version),
        format!(
            "it needs {} {since} or later with it; a file may be imported from anywhere: snapkeep policy import FILE",
            product.flavour
        ),
    )
}
