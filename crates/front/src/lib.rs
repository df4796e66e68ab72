//! A proxy in process that stands for an Amazon OpenSearch domain's endpoint in front of a real node, and injects faults.
//!
//! [`Front`] verifies each request's Signature Version 4 with code of its own, answers as AWS does when something is wrong,
//! requires `role_arn` on S3 registrations and maps them to the node's own S3 client. [`Fault`] rules say which requests go
//! wrong and how; each counts what it did. [`Sink`] is a listener that must stay untouched, [`TestCa`] a certificate authority.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use snapkeep_front::{Action, Fault, Front, Principal, TestCa};
//!
//! let front = Front::builder("http://127.0.0.1:9200")
//!     .region("eu-west-1")
//!     .principal(Principal::new("arn:aws:iam::123456789012:user/keeper", "AKIDEXAMPLE", "secret"))
//!     .pass_role(&["arn:aws:iam::123456789012:role/snapshots"])
//!     .tls(&TestCa::new()?)
//!     .start()
//!     .await?;
//! let lost = front.inject(Fault::on("PUT", "/_snapshot/*/*").first(1).then(Action::ForwardThenDrop));
//! // … the code under test creates a snapshot through `front.url()` …
//! assert_eq!(front.injected(lost), 1);
//! # Ok(())
//! # }
//! ```

mod answers;
mod builder;
pub mod clock;
mod domain;
mod fault;
mod front;
mod gate;
mod glob;
mod mapping;
mod oversize;
mod principal;
mod proxy;
mod seen;
mod serve;
pub mod services;
mod shift;
pub mod sigv4;
mod sink;
mod snapshot_path;
mod tls;
mod upstream;
mod wire;

pub use answers::{DenialWording, RegionRefusal, TrustError};
pub use builder::Builder;
pub use fault::{Action, Fault, FaultId, Pattern, Which};
pub use front::Front;
pub use gate::Gate;
pub use principal::{Principal, Rights};
pub use seen::Seen;
pub use sink::Sink;
pub use tls::{Identity, ServerCert, TestCa};
