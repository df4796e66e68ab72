//! Who we are to the cluster: which way to authenticate, and with what.

use super::secret;
use crate::process::Process;
use snapkeep_config::{AuthKind, Cluster, SecretSource};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Auth, AwsCredentials};

/// The identity itself.
pub(crate) async fn auth(kind: AuthKind, cluster: &Cluster, process: &Process) -> Result<Auth, Failure> {
    let open = async |field: &str, source: &Option<SecretSource>, variable: &str| match source {
        Some(source) => {
            is_for(cluster, source, process)?;
            secret::open(field, source, process).await
        }
        None => Err(bad(
            &format!("authentication is {}, but there is no {field}", kind.as_str()),
            &format!("set {variable}, or refer to it in the configuration"),
        )),
    };
    match kind {
        AuthKind::SigV4 => Ok(Auth::SigV4 { credentials: aws(cluster), region: region(cluster, process)? }),
        AuthKind::Basic => Ok(Auth::Basic {
            password: open("password", &cluster.password, "SNAPKEEP_PASSWORD").await?,
            username: cluster.username.clone().ok_or_else(|| {
                bad("authentication is basic, but there is no user name", "give --username or set SNAPKEEP_USERNAME")
            })?,
        }),
        AuthKind::ApiKey => Ok(Auth::ApiKey(open("API key", &cluster.api_key, "SNAPKEEP_API_KEY").await?)),
        AuthKind::Bearer => Ok(Auth::Bearer(open("token", &cluster.token, "SNAPKEEP_TOKEN").await?)),
        AuthKind::None => Ok(Auth::None),
    }
}

/// Where `SNAPKEEP_ENDPOINT` is set, the secrets beside it are that cluster's and are sent to no other.
fn is_for(cluster: &Cluster, source: &SecretSource, process: &Process) -> Result<(), Failure> {
    const OF_ENVIRONMENT: [&str; 3] = ["SNAPKEEP_PASSWORD", "SNAPKEEP_API_KEY", "SNAPKEEP_TOKEN"];
    let SecretSource::Env(name) = source else { return Ok(()) };
    let owner = process.variable("SNAPKEEP_ENDPOINT").filter(|_| OF_ENVIRONMENT.contains(&name.as_str()));
    let is_other = |text: &&str| Endpoint::trusted(text).ok().as_ref() != Some(&cluster.endpoint);
    match owner.filter(is_other) {
        None => Ok(()),
        Some(_) => Err(bad(
            &format!("{name} belongs to the cluster of SNAPKEEP_ENDPOINT and is not sent to {}", cluster.endpoint),
            "unset SNAPKEEP_ENDPOINT if it is meant for this one, or refer to another variable in the configuration",
        )),
    }
}

/// Whose signature requests bear.
pub(super) fn aws(cluster: &Cluster) -> AwsCredentials {
    let base = match &cluster.profile {
        Some(profile) => AwsCredentials::profile(profile),
        None => AwsCredentials::default_chain(),
    };
    if let Some(identity) = &cluster.web_identity {
        let session = identity.session_name.clone();
        return AwsCredentials::web_identity(&identity.token_file, &identity.role_arn, session);
    }
    match &cluster.assume_role {
        Some(role) => {
            let (external_id, session) = (role.external_id.clone(), role.session_name.clone());
            AwsCredentials::assume_role(Box::new(base), &role.role_arn, external_id, session)
        }
        None => base,
    }
}

/// The region that signatures are scoped to.
fn region(cluster: &Cluster, process: &Process) -> Result<String, Failure> {
    let given = cluster.region.as_deref().or_else(|| cluster.endpoint.amazon_region());
    given.or_else(|| process.aws_region()).map(str::to_owned).ok_or_else(|| {
        bad("signing needs a region, and the endpoint's name does not tell it", "give --region or set SNAPKEEP_REGION")
    })
}

fn bad(cause: &str, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}
