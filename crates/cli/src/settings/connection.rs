//! A cluster that can be called.

use super::identity;
use crate::args::Globals;
use crate::process::Process;
use snapkeep_cluster::SnapshotApi;
use snapkeep_config::Cluster;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Auth, Client, ClientCertificate};

/// Endpoint, identity and TLS.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where the cluster is.
    pub(crate) endpoint: Endpoint,
    /// Its region, where it is known.
    pub(crate) region: Option<String>,
    auth: Auth,
    transport: snapkeep_transport::Settings,
}

impl Connection {
    /// Decides how to authenticate and opens the one secret that this needs.
    pub(super) async fn resolve(
        cluster: Cluster,
        process: &Process,
        origins: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        cluster.endpoint.check_has_snapshots()?;
        let (kind, why) = cluster.auth_kind()?;
        origins.push(format!("authentication: {} ({why})", kind.as_str()));
        let auth = identity::auth(kind, &cluster, process).await?;
        let region = match &auth {
            Auth::SigV4 { region, .. } => Some(region.clone()),
            _ => cluster.region.or_else(|| cluster.endpoint.amazon_region().map(str::to_owned)),
        };
        let certificate = cluster.client_certificate.zip(cluster.client_key);
        let transport = snapkeep_transport::Settings {
            ca_file: cluster.ca_file,
            client_certificate: certificate
                .map(|(certificate_file, key_file)| ClientCertificate { certificate_file, key_file }),
            ..snapkeep_transport::Settings::default()
        };
        Ok(Self { endpoint: cluster.endpoint, region, auth, transport })
    }

    /// The cluster's API.
    pub(crate) fn into_api(self) -> Result<SnapshotApi, Failure> {
        Client::new(self.endpoint, self.auth, self.transport).map(SnapshotApi::new)
    }

    /// Complains about flags for another way to authenticate: whoever gave them believes that they count.
    pub(super) fn uses(&self, globals: &Globals) -> Result<(), Failure> {
        let is_signed = matches!(self.auth, Auth::SigV4 { .. });
        let given = [
            ("--username", globals.username.is_some(), matches!(self.auth, Auth::Basic { .. }), "basic"),
            ("--profile", globals.profile.is_some(), is_signed, "sigv4"),
            ("--assume-role", globals.assume_role.is_some(), is_signed, "sigv4"),
        ];
        let unused = given.into_iter().find(|(_, is_given, is_used, _)| *is_given && !is_used);
        unused.map_or(Ok(()), |(flag, _, _, auth)| {
            let cause = format!("{flag} is for authentication {auth}, but another one is used");
            let hint = format!("leave {flag} out, or add --auth {auth}; -v says which one is used and why");
            Err(Failure::new(Code::BadConfig, cause, hint))
        })
    }

    /// What the identity is called.
    #[cfg(test)]
    pub(super) fn auth(&self) -> &Auth {
        &self.auth
    }
}
