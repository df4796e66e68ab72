//! Who we are to the cluster.

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::tls;
use aws_types::region::Region;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use snapkeep_core::secret::Secret;
use tokio::sync::OnceCell;

/// How requests say who sends them.
#[derive(Debug)]
pub enum Auth {
    /// AWS Signature Version 4 for service `es`.
    SigV4 {
        /// Whose signature.
        credentials: AwsCredentials,
        /// The region that it is scoped to.
        region: String,
    },
    /// HTTP basic.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// `Authorization: ApiKey …`: the encoded form, as the create-API-key API gives it.
    ApiKey(Secret),
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// Nothing.
    None,
}

impl Auth {
    /// The `Authorization` header of those kinds that need no signature.
    pub(crate) fn header(&self) -> Option<String> {
        match self {
            Self::SigV4 { .. } | Self::None => None,
            Self::Basic { username, password } => Some(format!("Basic {}", basic(username, password).expose())),
            Self::ApiKey(key) => Some(format!("ApiKey {}", key.expose())),
            Self::Bearer(token) => Some(format!("Bearer {}", token.expose())),
        }
    }

    /// Every secret text in it, for scrubbing what is shown.
    pub fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::SigV4 { credentials: AwsCredentials::Fixed(fixed), .. } => secrets_of(fixed),
            Self::SigV4 { .. } | Self::None => Vec::new(),
            Self::Basic { username, password } => vec![password.clone(), basic(username, password)],
            Self::ApiKey(secret) | Self::Bearer(secret) => vec![secret.clone()],
        }
    }
}

/// The secret parts of AWS credentials.
pub(crate) fn secrets_of(credentials: &Credentials) -> Vec<Secret> {
    let token = credentials.session_token().map(Secret::new);
    token.into_iter().chain([Secret::new(credentials.secret_access_key())]).collect()
}

fn basic(username: &str, password: &Secret) -> Secret {
    Secret::new(BASE64_STANDARD.encode(format!("{username}:{}", password.expose())))
}

/// Where AWS credentials come from.
#[derive(Debug)]
pub enum AwsCredentials {
    /// Given ones. (`Credentials` shows no secret in `Debug`.)
    Fixed(Credentials),
    /// The default chain: environment, profile, web identity, container, instance.
    DefaultChain(OnceCell<DefaultCredentialsChain>),
}

impl AwsCredentials {
    /// Given keys.
    pub fn fixed(access_key: &str, secret_key: &Secret, session_token: Option<&Secret>) -> Self {
        let token = session_token.map(|token| token.expose().to_owned());
        Self::Fixed(Credentials::new(access_key, secret_key.expose(), token, None, "given"))
    }

    /// The default chain, set up at first use.
    pub fn default_chain() -> Self {
        Self::DefaultChain(OnceCell::new())
    }

    /// Credentials for the next request: asked for each time, because temporary ones expire.
    pub(crate) async fn resolve(&self, region: &str) -> Result<Credentials, String> {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::DefaultChain(cell) => {
                // The chain's first link, which is all that Lambda needs: the rest sets up an HTTP client.
                if let Ok(found) = EnvironmentVariableCredentialsProvider::new().provide_credentials().await {
                    return Ok(found);
                }
                let chain = cell.get_or_init(|| chain(region)).await;
                chain.provide_credentials().await.map_err(|error| with_sources(&error))
            }
        }
    }
}

async fn chain(region: &str) -> DefaultCredentialsChain {
    let region = Region::new(region.to_owned());
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let config = ProviderConfig::default().with_http_client(https).with_region(Some(region.clone()));
    DefaultCredentialsChain::builder().configure(config).region(region).build().await
}

/// An error and what lies behind it, in one line.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let secret = Secret::new("canary-secret-1");
        for auth in [
            Auth::SigV4 { credentials: AwsCredentials::fixed("AKID", &secret, Some(&secret)), region: "r".into() },
            Auth::Basic { username: "u".into(), password: secret.clone() },
            Auth::ApiKey(secret.clone()),
            Auth::Bearer(secret.clone()),
        ] {
            let shown = format!("{auth:?}");
            assert!(!shown.contains("canary"), "{shown}");
            assert!(auth.secrets().iter().any(|s| s == &secret));
        }
    }

    #[test]
    fn headers_of_the_unsigned_kinds() {
        let secret = Secret::new("pass:word");
        let basic = Auth::Basic { username: "user".into(), password: secret.clone() };
        assert_eq!(basic.header().unwrap(), "Basic dXNlcjpwYXNzOndvcmQ=");
        assert_eq!(Auth::ApiKey(secret.clone()).header().unwrap(), "ApiKey pass:word");
        assert_eq!(Auth::Bearer(secret).header().unwrap(), "Bearer pass:word");
        assert_eq!(Auth::None.header(), None);
    }
}
