//! What must hold before anything is sent.

use snapkeep_cluster::{Feature, Product, SnapshotApi};
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;

pub(crate) use snapkeep_core::repository::refuse_reserved as reserved_stays;

/// The product, if it has the feature; `unsupported`, naming the version that has it, if not.
pub(crate) async fn needs(api: &SnapshotApi, feature: Feature, deadline: Deadline) -> Result<Product, Failure> {
    let product = api.product(deadline).await.map_err(|unanswered| unanswered.failure())?;
    if product.has(feature) {
        return Ok(product);
    }
    let hint = feature.since(product.flavour).map_or_else(
        || format!("{} has it in no version", product.flavour),
        |since| format!("{} has it from version {since} on", product.flavour),
    );
    Err(Failure::new(Code::Unsupported, format!("{product} does not have {feature}"), hint))
}
