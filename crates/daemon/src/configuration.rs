//! Where the policies come from.

use snapkeep_core::Failure;
use snapkeep_core::policy::Policy;
use snapkeep_engine::policies::{Fleet, RunReport};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

/// A configuration that is being read.
pub type Reading<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Configuration>, Failure>> + Send + 'a>>;

/// Reads the configuration, at the start and whenever it is to be read anew.
pub trait Source: Send + Sync {
    /// What it is now; `bad_config` and its kin if it is not valid.
    fn read(&self) -> Reading<'_>;
}

/// Something that is done around a run.
pub type Around<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A valid configuration.
pub trait Configuration: Send + Sync {
    /// What it is called in messages, such as its path.
    fn name(&self) -> &str;

    /// All policies: whose a snapshot is depends on all.
    fn policies(&self) -> &BTreeMap<String, Policy>;

    /// Those that are run and shown; none are all.
    fn only(&self) -> &[String];

    /// The clusters of these policies (none: of all), each set up afresh when it is first asked for: an address that has
    /// moved is looked up again, and a secret that was changed is read again.
    fn fleet(&self, only: &[String]) -> Fleet<'static>;

    /// What has to be so before these policies are run; if it fails, they are not run.
    fn before<'a>(&'a self, _names: &'a [String]) -> Around<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    /// Hears of the end of a run of these, or why it was not begun.
    fn after<'a>(&'a self, _names: &'a [String], _end: Result<&'a RunReport, &'a Failure>) -> Around<'a, ()> {
        Box::pin(async {})
    }
}

impl dyn Configuration + '_ {
    /// The policies that are run and shown.
    pub(crate) fn meant(&self) -> impl Iterator<Item = &Policy> {
        self.policies().values().filter(|policy| self.only().is_empty() || self.only().contains(&policy.name))
    }
}
