//! What the operator sets: limits on events, identity, authorities.

use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Auth, AwsCredentials, Caller};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The function's environment variables, read once.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `SNAPKEEP_ALLOWED_ENDPOINTS`: exact hosts beside Amazon's own domains.
    pub allowed_endpoints: Vec<String>,
    /// `SNAPKEEP_ALLOWED_ROLE_ARNS`; `None` allows any.
    pub allowed_roles: Option<Vec<String>>,
    /// `SNAPKEEP_ALLOWED_BUCKETS`; `None` allows any.
    pub allowed_buckets: Option<Vec<String>>,
    /// `SNAPKEEP_ENDPOINT`: for events that name none.
    pub endpoint: Option<String>,
    /// `SNAPKEEP_REPOSITORY`: for events that name none.
    pub repository: Option<String>,
    /// `SNAPKEEP_REGION`: for events that name none.
    pub region: Option<String>,
    /// `SNAPKEEP_CA_FILE`: further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// `SNAPKEEP_CONFIG`, as it stands: a path, `s3://…`, `ssm:…`, or the YAML itself.
    pub config: Option<String>,
    identity: Identity,
    /// What signs without the article's keys, if it is not the function's role.
    chain: Option<fn() -> AwsCredentials>,
    variables: Variables,
}

/// All of the environment: a configuration may refer to any of it.
#[derive(Clone, Default)]
struct Variables(BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}

/// `SNAPKEEP_AUTH` and what belongs to it, not yet checked.
#[derive(Clone, Debug, Default)]
struct Identity {
    auth: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    api_key: Option<Secret>,
    token: Option<Secret>,
    access_key: Option<String>,
    secret_key: Option<Secret>,
    session_token: Option<Secret>,
}

impl Environment {
    /// Reads the variables; empty ones count as unset.
    pub fn of(variables: BTreeMap<String, String>) -> Self {
        let get = |key: &str| variables.get(key);
        let text = |key: &str| get(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let secret = |key: &str| text(key).map(Secret::new);
        // A list that is set but empty allows nothing: it must not fall open.
        let list = |key: &str| get(key).map(|value| split(value));
        Self {
            allowed_endpoints: list("SNAPKEEP_ALLOWED_ENDPOINTS").unwrap_or_default(),
            allowed_roles: list("SNAPKEEP_ALLOWED_ROLE_ARNS"),
            allowed_buckets: list("SNAPKEEP_ALLOWED_BUCKETS"),
            endpoint: text("SNAPKEEP_ENDPOINT"),
            repository: text("SNAPKEEP_REPOSITORY"),
            region: text("SNAPKEEP_REGION"),
            ca_file: text("SNAPKEEP_CA_FILE").map(PathBuf::from),
            config: get("SNAPKEEP_CONFIG").filter(|value| !value.trim().is_empty()).cloned(),
            chain: None,
            identity: Identity {
                auth: text("SNAPKEEP_AUTH"),
                username: text("SNAPKEEP_USERNAME"),
                password: secret("SNAPKEEP_PASSWORD"),
                api_key: secret("SNAPKEEP_API_KEY"),
                token: secret("SNAPKEEP_TOKEN"),
                access_key: text("ACCESS_KEY"),
                secret_key: secret("SECRET_KEY"),
                session_token: secret("SESSION_TOKEN"),
            },
            variables: Variables(variables),
        }
    }

    /// Refuses a role that is not in the operator's list.
    pub fn check_role(&self, role_arn: &str) -> Result<(), Failure> {
        check_listed(
            self.allowed_roles.as_deref(),
            role_arn,
            Code::RoleNotAllowed,
            "`RoleArn`",
            "SNAPKEEP_ALLOWED_ROLE_ARNS",
        )
    }

    /// Refuses a bucket that is not in the operator's list.
    pub fn check_bucket(&self, bucket: &str) -> Result<(), Failure> {
        check_listed(
            self.allowed_buckets.as_deref(),
            bucket,
            Code::BucketNotAllowed,
            "`S3Bucket`",
            "SNAPKEEP_ALLOWED_BUCKETS",
        )
    }

    /// Passwords, keys and tokens that are sent as they are go to hosts that the operator named, not
    /// to just any of Amazon's domains: a signature is of use to its own host only, a password anywhere.
    pub fn check_identity(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        let sends_secret = matches!(self.identity.auth.as_deref(), Some("basic" | "api-key" | "bearer"));
        if endpoint.is_listed() || !sends_secret {
            return Ok(());
        }
        let hint =
            format!("add exactly `{}` to SNAPKEEP_ALLOWED_ENDPOINTS, or use SNAPKEEP_AUTH=sigv4", endpoint.host());
        let cause = "a password, key or token is only sent to a listed endpoint";
        Err(Failure::new(Code::EndpointNotAllowed, cause, hint))
    }

    /// The identity that requests are sent with; `region` is what signatures are scoped to.
    pub fn auth(&self, region: &str) -> Result<Auth, Failure> {
        self.identity.auth(region, || self.credentials())
    }

    /// Whether this is the function itself, whose standard output is its log.
    pub(crate) fn is_lambda(&self) -> bool {
        self.chain.is_none()
    }

    /// The same outside Lambda: without the article's keys, `chain` signs.
    #[must_use]
    pub fn outside_lambda(self, chain: fn() -> AwsCredentials) -> Self {
        Self { chain: Some(chain), ..self }
    }
}

impl Caller for Environment {
    /// The article's keys if they are set, else the execution role's. `SESSION_TOKEN` belongs to the former;
    /// `AWS_SESSION_TOKEN` belongs to the role and is never paired with them.
    fn credentials(&self) -> AwsCredentials {
        match (self.identity.keys(), self.chain) {
            (Some(keys), _) => keys,
            (None, Some(chain)) => chain(),
            (None, None) => AwsCredentials::of_function(|name| self.variable(name)),
        }
    }

    /// The region of the function itself.
    fn region(&self) -> Option<&str> {
        let of_aws = || ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| self.variable(name));
        of_aws().or(self.region.as_deref())
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn ca_file(&self) -> Option<PathBuf> {
        self.ca_file.clone()
    }
}

impl Identity {
    fn auth(&self, region: &str, aws: impl Fn() -> AwsCredentials) -> Result<Auth, Failure> {
        self.check_pair()?;
        match self.auth.as_deref().unwrap_or("sigv4") {
            "sigv4" => Ok(Auth::SigV4 { credentials: aws(), region: region.to_owned() }),
            "basic" => Ok(Auth::Basic {
                username: needed(self.username.as_ref(), "basic", "SNAPKEEP_USERNAME")?,
                password: needed(self.password.as_ref(), "basic", "SNAPKEEP_PASSWORD")?,
            }),
            "api-key" => Ok(Auth::ApiKey(needed(self.api_key.as_ref(), "api-key", "SNAPKEEP_API_KEY")?)),
            "bearer" => Ok(Auth::Bearer(needed(self.token.as_ref(), "bearer", "SNAPKEEP_TOKEN")?)),
            "none" => Ok(Auth::None),
            other => Err(bad_config(
                format!("SNAPKEEP_AUTH is {other:?}"),
                "it may be sigv4 (the default), basic, api-key, bearer or none",
            )),
        }
    }

    /// One of the article's keys without the other is a mistake, whatever identity is used.
    fn check_pair(&self) -> Result<(), Failure> {
        match (&self.access_key, &self.secret_key) {
            (Some(_), None) => Err(incomplete("ACCESS_KEY", "SECRET_KEY")),
            (None, Some(_)) => Err(incomplete("SECRET_KEY", "ACCESS_KEY")),
            (None, None) if self.session_token.is_some() => {
                Err(incomplete("SESSION_TOKEN", "ACCESS_KEY and SECRET_KEY"))
            }
            _ => Ok(()),
        }
    }

    /// The article's keys if they are set.
    fn keys(&self) -> Option<AwsCredentials> {
        let (access_key, secret_key) = (self.access_key.as_ref()?, self.secret_key.as_ref()?);
        tracing::warn!(
            "ACCESS_KEY and SECRET_KEY are used: long-lived keys in the environment; remove them and \
             give the function's execution role the same rights"
        );
        Some(AwsCredentials::fixed(access_key, secret_key, self.session_token.as_ref()))
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn check_listed(list: Option<&[String]>, value: &str, code: Code, field: &str, variable: &str) -> Result<(), Failure> {
    match list {
        Some(list) if !list.iter().any(|entry| entry == value) => Err(Failure::new(
            code,
            format!("{field} {value} is not in the operator's list"),
            format!("if it is yours, add it to {variable}"),
        )),
        _ => Ok(()),
    }
}

fn needed<T: Clone>(value: Option<&T>, auth: &str, variable: &str) -> Result<T, Failure> {
    value.cloned().ok_or_else(|| {
        bad_config(format!("SNAPKEEP_AUTH is {auth}, but {variable} is not set"), &format!("set {variable}"))
    })
}

fn incomplete(set: &str, missing: &str) -> Failure {
    bad_config(
        format!("{set} is set, but not {missing}"),
        "set both ACCESS_KEY and SECRET_KEY, or neither and use the function's execution role",
    )
}

fn bad_config(cause: String, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&str, &str)]) -> Environment {
        Environment::of(set.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn auth(set: &[(&str, &str)]) -> Result<&'static str, Code> {
        match environment(set).auth("eu-west-1") {
            Ok(Auth::SigV4 { credentials: AwsCredentials::Fixed(_), .. }) => Ok("keys"),
            Ok(Auth::SigV4 { .. }) => Ok("chain"),
            Ok(Auth::Basic { .. }) => Ok("basic"),
            Ok(Auth::ApiKey(_)) => Ok("api-key"),
            Ok(Auth::Bearer(_)) => Ok("bearer"),
            Ok(Auth::None) => Ok("none"),
            Err(failure) => Err(failure.code),
        }
    }

    #[test]
    fn identity_follows_the_environment() {
        assert_eq!(auth(&[]), Ok("chain"));
        assert_eq!(auth(&[("ACCESS_KEY", ""), ("SECRET_KEY", " ")]), Ok("chain"));
        assert_eq!(auth(&[("ACCESS_KEY", "a"), ("SECRET_KEY", "s")]), Ok("keys"));
        for half in ["ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN"] {
            assert_eq!(auth(&[(half, "x")]), Err(Code::BadConfig), "{half}");
            assert_eq!(auth(&[(half, "x"), ("SNAPKEEP_AUTH", "none")]), Err(Code::BadConfig), "{half}");
        }
        assert_eq!(
            auth(&[("SNAPKEEP_AUTH", "basic"), ("SNAPKEEP_USERNAME", "u"), ("SNAPKEEP_PASSWORD", "p")]),
            Ok("basic")
        );
        assert_eq!(auth(&[("SNAPKEEP_AUTH", "basic"), ("SNAPKEEP_USERNAME", "u")]), Err(Code::BadConfig));
        assert_eq!(auth(&[("SNAPKEEP_AUTH", "api-key"), ("SNAPKEEP_API_KEY", "k")]), Ok("api-key"));
        assert_eq!(auth(&[("SNAPKEEP_AUTH", "bearer"), ("SNAPKEEP_TOKEN", "t")]), Ok("bearer"));
        assert_eq!(auth(&[("SNAPKEEP_AUTH", "none")]), Ok("none"));
        assert_eq!(auth(&[("SNAPKEEP_AUTH", "kerberos")]), Err(Code::BadConfig));
    }

    #[test]
    fn the_session_token_of_the_execution_role_is_never_paired_with_the_articles_keys() {
        let set = [("ACCESS_KEY", "a"), ("SECRET_KEY", "s"), ("AWS_SESSION_TOKEN", "role-token")];
        let Ok(Auth::SigV4 { credentials: AwsCredentials::Fixed(fixed), .. }) = environment(&set).auth("eu-west-1")
        else {
            panic!("keys expected")
        };
        assert_eq!(fixed.session_token(), None);
    }

    #[test]
    fn lists_are_exact_and_unset_lists_allow_any() {
        let open = environment(&[]);
        assert!(open.check_role("arn:any").is_ok() && open.check_bucket("any").is_ok());
        let closed =
            environment(&[("SNAPKEEP_ALLOWED_ROLE_ARNS", "arn:a, arn:b,"), ("SNAPKEEP_ALLOWED_BUCKETS", "one")]);
        assert!(closed.check_role("arn:b").is_ok() && closed.check_bucket("one").is_ok());
        let empty = environment(&[("SNAPKEEP_ALLOWED_ROLE_ARNS", ""), ("SNAPKEEP_ALLOWED_BUCKETS", "")]);
        assert_eq!(empty.check_role("arn:a").unwrap_err().code, Code::RoleNotAllowed);
        assert_eq!(empty.check_bucket("one").unwrap_err().code, Code::BucketNotAllowed);
        assert_eq!(closed.check_role("arn:ab").unwrap_err().code, Code::RoleNotAllowed);
        assert_eq!(closed.check_bucket("on").unwrap_err().code, Code::BucketNotAllowed);
    }

    #[test]
    fn a_password_goes_to_listed_hosts_only() {
        let amazon = Endpoint::admit("https://search-x.eu-west-1.es.amazonaws.com", "eu-west-1", &[]).unwrap();
        let own = Endpoint::admit("https://own.example", "eu-west-1", &["own.example".into()]).unwrap();
        for auth in ["basic", "api-key", "bearer"] {
            let environment = environment(&[("SNAPKEEP_AUTH", auth)]);
            assert_eq!(environment.check_identity(&amazon).unwrap_err().code, Code::EndpointNotAllowed, "{auth}");
            assert!(environment.check_identity(&own).is_ok(), "{auth}");
        }
        assert!(environment(&[]).check_identity(&amazon).is_ok());
    }
}
