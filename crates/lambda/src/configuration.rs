//! `SNAPKEEP_CONFIG`: the policies, their clusters and secrets. Read anew for every run, so that a change holds at once.

use crate::aws::Aws;
use crate::environment::Environment;
use snapkeep_cluster::SnapshotApi;
use snapkeep_config::{AuthKind, Cluster, Config, SecretSource};
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Auth, AwsCredentials, Client, ClientCertificate, Deadline, Settings};

/// A configuration and what opens its clusters.
pub(crate) struct Configuration<'e> {
    pub(crate) config: Config,
    environment: &'e Environment,
    aws: Aws<'e>,
}

impl<'e> Configuration<'e> {
    /// Reads what `SNAPKEEP_CONFIG` holds or names.
    pub(crate) async fn read(environment: &'e Environment, deadline: Deadline) -> Result<Self, Failure> {
        let Some(named) = &environment.config else {
            let hint = "set SNAPKEEP_CONFIG to a path, s3://bucket/key, ssm:/name, or to the YAML itself";
            return Err(bad("policies are to be run, and SNAPKEEP_CONFIG is not set", hint));
        };
        let aws = Aws::new(environment, deadline);
        let text = text(named, &aws).await?;
        let config = Config::parse(&text).map_err(|failure| {
            let cause = format!("SNAPKEEP_CONFIG: {}", failure.cause);
            failure.with_cause(cause)
        })?;
        Ok(Self { config, environment, aws })
    }

    /// The API of one of its clusters. Its endpoint is the operator's: no list of allowed ones applies.
    pub(crate) async fn connect(&self, name: &str) -> Result<SnapshotApi, Failure> {
        let of_it = |failure: Failure| {
            let cause = format!("cluster {name}: {}", failure.cause);
            failure.with_cause(cause)
        };
        self.client(self.config.cluster(name)?).await.map(SnapshotApi::new).map_err(of_it)
    }

    async fn client(&self, cluster: &Cluster) -> Result<Client, Failure> {
        if cluster.endpoint.is_serverless() {
            let cause = format!("{} is a serverless collection's, which has no snapshot API", cluster.endpoint);
            return Err(Failure::new(Code::Unsupported, cause, "the service keeps its own backups of collections"));
        }
        let pair = cluster.client_certificate.clone().zip(cluster.client_key.clone());
        let settings = Settings {
            ca_file: cluster.ca_file.clone().or_else(|| self.environment.ca_file.clone()),
            client_certificate: pair
                .map(|(certificate_file, key_file)| ClientCertificate { certificate_file, key_file }),
            ..Settings::default()
        };
        Client::new(cluster.endpoint.clone(), self.auth(cluster).await?, settings)
    }

    async fn auth(&self, cluster: &Cluster) -> Result<Auth, Failure> {
        Ok(match cluster.auth_kind()?.0 {
            AuthKind::SigV4 => {
                Auth::SigV4 { region: self.region(cluster)?, credentials: self.credentials(cluster).await? }
            }
            AuthKind::Basic => Auth::Basic {
                username: cluster.username.clone().ok_or_else(|| bad("there is no user name", "add `username`"))?,
                password: self.secret("password", cluster.password.as_ref(), "SNAPKEEP_PASSWORD").await?,
            },
            AuthKind::ApiKey => {
                Auth::ApiKey(self.secret("api_key", cluster.api_key.as_ref(), "SNAPKEEP_API_KEY").await?)
            }
            AuthKind::Bearer => Auth::Bearer(self.secret("token", cluster.token.as_ref(), "SNAPKEEP_TOKEN").await?),
            AuthKind::None => Auth::None,
        })
    }

    async fn credentials(&self, cluster: &Cluster) -> Result<AwsCredentials, Failure> {
        if cluster.profile.is_some() || cluster.web_identity.is_some() {
            let cause = "`profile` and `web_identity` are for machines and pods: the function has its execution role";
            let hint = "leave it out, or name a role to take on with `assume_role`";
            return Err(Failure::new(Code::Unsupported, cause, hint));
        }
        match &cluster.assume_role {
            Some(role) => self.aws.role(role).await,
            None => Ok(self.environment.aws()),
        }
    }

    fn region(&self, cluster: &Cluster) -> Result<String, Failure> {
        let given = cluster.region.as_deref().or_else(|| cluster.endpoint.amazon_region());
        let region = given.or_else(|| self.environment.aws_region());
        region.map(str::to_owned).ok_or_else(|| bad("signing needs a region", "add `region` to the cluster"))
    }

    /// The secret that a field refers to, or, where it refers to none, the variable's.
    async fn secret(&self, field: &str, source: Option<&SecretSource>, variable: &str) -> Result<Secret, Failure> {
        let usual = SecretSource::Env(variable.to_owned());
        let text = self.open(field, source.unwrap_or(&usual)).await?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.contains(char::is_control) {
            return Err(bad(&format!("{field} is empty or has more than one line"), "see what it refers to"));
        }
        Ok(Secret::new(text))
    }

    async fn open(&self, field: &str, source: &SecretSource) -> Result<String, Failure> {
        match source {
            SecretSource::Env(name) => self.environment.variable(name).map(str::to_owned).ok_or_else(|| {
                bad(&format!("{field} is to be in {name}, which is not set"), &format!("set {name} for the function"))
            }),
            SecretSource::File(path) => std::fs::read_to_string(path).map_err(|error| {
                let cause = format!("{field} cannot be read from {}: {error}", path.display());
                bad(&cause, "name a file of the function's image or layer")
            }),
            SecretSource::SecretsManager(id) => self.aws.secret(id).await,
            SecretSource::Ssm(name) => self.aws.parameter(name).await,
            SecretSource::Command { program, .. } => Err(Failure::new(
                Code::Unsupported,
                format!("{field} is what {program} prints, and the function runs no programs"),
                "refer to it as {secretsmanager: ARN}, {ssm: NAME}, {env: NAME} or {file: PATH}",
            )),
        }
    }
}

async fn text(named: &str, aws: &Aws<'_>) -> Result<String, Failure> {
    if named.contains('\n') {
        return Ok(named.to_owned());
    }
    let named = named.trim();
    if let Some(place) = named.strip_prefix("s3://") {
        let place = place.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
        let (bucket, key) =
            place.ok_or_else(|| bad(&format!("SNAPKEEP_CONFIG is {named}"), "write it as s3://bucket/key"))?;
        return aws.object(bucket, key).await;
    }
    if let Some(name) = named.strip_prefix("ssm:") {
        return aws.parameter(name).await;
    }
    std::fs::read_to_string(named).map_err(|error| {
        let hint = "it is a path in the function's image or layer, s3://bucket/key, ssm:/name, or the YAML itself, of more than one line";
        bad(&format!("SNAPKEEP_CONFIG={named}: {error}"), hint)
    })
}

fn bad(cause: &str, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}
