//! A cluster that can be called.

use super::identity;
use crate::args::Globals;
use crate::process::Process;
use snapkeep_cluster::SnapshotApi;
use snapkeep_config::Cluster;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Auth, AwsCredentials, Caller, Client, ClientCertificate};
use std::path::PathBuf;
use std::time::SystemTime;

/// Endpoint, identity and TLS.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where the cluster is.
    pub(crate) endpoint: Endpoint,
    /// Its region, where it is known.
    pub(crate) region: Option<String>,
    auth: Auth,
    transport: snapkeep_transport::Settings,
    /// What it was resolved from: whose signature it is.
    cluster: Cluster,
}

/// AWS's own services, asked as who we are to the cluster.
pub(crate) struct Asker<'p> {
    process: &'p Process,
    cluster: Cluster,
    /// Resolved once for all questions; what cannot be resolved is said at each.
    resolved: Option<AwsCredentials>,
}

impl Caller for Asker<'_> {
    fn credentials(&self) -> AwsCredentials {
        match &self.resolved {
            Some(AwsCredentials::Fixed(found)) => AwsCredentials::Fixed(found.clone()),
            _ => identity::aws(&self.cluster),
        }
    }

    fn region(&self) -> Option<&str> {
        self.cluster.region.as_deref().or_else(|| self.cluster.endpoint.amazon_region())
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.process.variable(name)
    }

    fn ca_file(&self) -> Option<PathBuf> {
        self.cluster.ca_file.clone()
    }
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
        let whole = cluster.clone();
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
        Ok(Self { endpoint: cluster.endpoint, region, auth, transport, cluster: whole })
    }

    /// The cluster's API.
    pub(crate) fn into_api(self) -> Result<SnapshotApi, Failure> {
        Client::new(self.endpoint, self.auth, self.transport).map(SnapshotApi::new)
    }

    /// Whether requests are signed for IAM.
    pub(crate) fn is_signed(&self) -> bool {
        matches!(self.auth, Auth::SigV4 { .. })
    }

    /// The same endpoint without any identity.
    pub(crate) fn unsigned(&self) -> Result<Client, Failure> {
        Client::new(self.endpoint.clone(), Auth::None, self.transport.clone())
    }

    /// AWS's own services, asked as who we are to the cluster.
    pub(crate) async fn asker<'p>(&self, process: &'p Process) -> Asker<'p> {
        let region = self.region.as_deref().unwrap_or_default();
        let found = if self.is_signed() {
            identity::aws(&self.cluster).resolve(region, SystemTime::now()).await.ok()
        } else {
            None
        };
        Asker { process, cluster: self.cluster.clone(), resolved: found.map(AwsCredentials::Fixed) }
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
