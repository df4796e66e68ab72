//! What is wrong with a set-up on AWS: facts in, findings out, each with what it means and what mends it.
//!
//! - [`Facts`]: what was observed, and what could not be and for want of what
//! - [`gather`]: observes, by thin signed calls
//! - [`examine`]: every check over the facts, in order; pure
//! - [`Report`]: the findings, with the one diagnosis that explains the most first
//! - [`Finding`], [`Mend`]: what a check says, and the statement or command that mends it
//!
//! A check is a small function over facts and lives in the file of its topic under `checks`.

mod checks;
mod facts;
mod finding;
mod gather;
mod report;

pub use checks::examine;
pub use facts::{
    Access, Age, AuthInfo, Blocks, Bucket, BucketKey, Caller, Domain, ExpiryRule, Facts, Found, Generations, Identity,
    Key, Life, Load, Reach, Rejected, Repository, Right, Role, Seen, Simulated, Subject, Tiers, Unseen, Versioning,
};
pub use finding::{Check, Finding, Mend, Topic, Verdict};
pub use gather::{Sources, gather};
pub use report::Report;
