//! Who we are to the cluster.

use crate::AwsCredentials;
use aws_credential_types::Credentials;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use snapkeep_core::secret::Secret;

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
