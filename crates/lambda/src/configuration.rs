//! `SNAPKEEP_CONFIG`: the policies, their clusters and secrets. Read anew for every run, so that a change holds at once.

use crate::environment::Environment;
use snapkeep_cluster::SnapshotApi;
use snapkeep_config::{AuthKind, Cluster, Config, ConfigPlace, SecretSource};
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Auth, AwsCredentials, Caller, Client, ClientCertificate, Deadline, Services, Settings};

/// A configuration and what opens its clusters.
pub(crate) struct Configuration<'e> {
    pub(crate) config: Config,
    environment: &'e Environment,
    aws: Services<'e>,
}

impl<'e> Configuration<'e> {
    /// Reads what `SNAPKEEP_CONFIG` holds or names.
    pub(crate) async fn read(environment: &'e Environment, deadline: Deadline) -> Result<Self, Failure> {
        let Some(value) = &environment.config else {
            let hint = "set SNAPKEEP_CONFIG to a path, s3://bucket/key, ssm:/name, or to the YAML itself";
            return Err(bad("policies are to be run, and SNAPKEEP_CONFIG is not set", hint));
        };
        let aws = Services::new(environment, deadline);
        let place = ConfigPlace::of(value)?;
        let name = place.name();
        let config = Config::parse(&text(place, &name, aws).await?).map_err(|failure| {
            let cause = format!("{name}: {}", failure.cause);
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
        cluster.endpoint.check_has_snapshots()?;
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
            Some(role) => {
                self.aws.role(&role.role_arn, role.external_id.as_deref(), role.session_name.as_deref()).await
            }
            None => Ok(self.environment.credentials()),
        }
    }

    fn region(&self, cluster: &Cluster) -> Result<String, Failure> {
        let given = cluster.region.as_deref().or_else(|| cluster.endpoint.amazon_region());
        let region = given.or_else(|| self.environment.region());
        region.map(str::to_owned).ok_or_else(|| bad("signing needs a region", "add `region` to the cluster"))
    }

    /// The secret that a field refers to, or, where it refers to none, the variable's.
    async fn secret(&self, field: &str, source: Option<&SecretSource>, variable: &str) -> Result<Secret, Failure> {
        let usual = SecretSource::Env(variable.to_owned());
        let source = source.unwrap_or(&usual);
        source.secret(field, &self.open(field, source).await?)
    }

    /// What is kept there.
    pub(crate) async fn open(&self, field: &str, source: &SecretSource) -> Result<String, Failure> {
        match source {
            SecretSource::Env(name) => self.environment.variable(name).map(str::to_owned).ok_or_else(|| {
                bad(&format!("{field} is to be in {name}, which is not set"), &format!("set {name} for the function"))
            }),
            SecretSource::File(path) => std::fs::read_to_string(path).map_err(|error| {
                let cause = format!("{field} cannot be read from {}: {error}", path.display());
                bad(&cause, "name a file of the function's image or layer")
            }),
            SecretSource::SecretsManager(id) => self.aws.secret(id, &format!("{field}, {},", source.described())).await,
            SecretSource::Ssm(name) => self.aws.parameter(name, &format!("{field}, {},", source.described())).await,
            SecretSource::Command { program, .. } => Err(Failure::new(
                Code::Unsupported,
                format!("{field} is what {program} prints, and the function runs no programs"),
                "refer to it as {secretsmanager: ARN}, {ssm: NAME}, {env: NAME} or {file: PATH}",
            )),
        }
    }
}

async fn text(place: ConfigPlace, name: &str, aws: Services<'_>) -> Result<String, Failure> {
    match place {
        ConfigPlace::Text(text) => Ok(text),
        ConfigPlace::Object { bucket, key } => aws.object(&bucket, &key, name).await,
        ConfigPlace::Parameter(parameter) => aws.parameter(&parameter, name).await,
        ConfigPlace::File(path) => std::fs::read_to_string(path).map_err(|error| {
            let hint = "it is a path in the function's image or layer, s3://bucket/key, ssm:/name, or the YAML itself";
            bad(&format!("{name}: {error}"), hint)
        }),
    }
}

fn bad(cause: &str, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}
