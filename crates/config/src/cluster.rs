//! A cluster: where it is and who we are to it.

use crate::SecretSource;
use crate::fields::Fields;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::repository::{check_region, check_role_arn};
use snapkeep_core::{Code, Failure};
use std::path::PathBuf;

/// How requests say who sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// AWS Signature Version 4.
    SigV4,
    /// HTTP basic.
    Basic,
    /// An API key.
    ApiKey,
    /// A bearer token.
    Bearer,
    /// Nothing.
    None,
}

impl AuthKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::SigV4, Self::Basic, Self::ApiKey, Self::Bearer, Self::None];

    /// Its word in files, flags and environment.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SigV4 => "sigv4",
            Self::Basic => "basic",
            Self::ApiKey => "api-key",
            Self::Bearer => "bearer",
            Self::None => "none",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            Failure::new(
                Code::BadConfig,
                format!("`auth` {text:?} is not a way to authenticate"),
                "it may be sigv4, basic, api-key, bearer or none",
            )
        })
    }
}

/// A role to assume before requests are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role.
    pub role_arn: String,
    /// The id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// What the session is called in `CloudTrail`.
    pub session_name: Option<String>,
}

/// A role that a token of another identity provider gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    /// The file that holds the token.
    pub token_file: PathBuf,
    /// The role.
    pub role_arn: String,
    /// What the session is called in `CloudTrail`.
    pub session_name: Option<String>,
}

/// One entry under `clusters`.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The region that signatures are scoped to.
    pub region: Option<String>,
    /// How requests say who sends them; else it follows from the endpoint and from what is given.
    pub auth: Option<AuthKind>,
    /// User name for `basic`.
    pub username: Option<String>,
    /// Password for `basic`.
    pub password: Option<SecretSource>,
    /// Key for `api-key`.
    pub api_key: Option<SecretSource>,
    /// Token for `bearer`.
    pub token: Option<SecretSource>,
    /// AWS profile.
    pub profile: Option<String>,
    /// A role to assume.
    pub assume_role: Option<AssumeRole>,
    /// A role by web identity.
    pub web_identity: Option<WebIdentity>,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Our certificate for mutual TLS, PEM.
    pub client_certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key: Option<PathBuf>,
    /// The repository that commands use if none is named.
    pub repository: Option<RepositoryName>,
}

impl Cluster {
    pub(crate) fn read(mut fields: Fields) -> Result<Self, Failure> {
        let cluster = Self {
            region: fields.checked("region", |text| check_region("region", text).map(|()| text.to_owned()))?,
            auth: fields.checked("auth", AuthKind::parse)?,
            username: fields.text("username")?,
            password: secret(&mut fields, "password")?,
            api_key: secret(&mut fields, "api_key")?,
            token: secret(&mut fields, "token")?,
            profile: fields.text("profile")?,
            assume_role: fields.section("assume_role")?.map(assume_role).transpose()?,
            web_identity: fields.section("web_identity")?.map(web_identity).transpose()?,
            ca_file: fields.text("ca_file")?.map(PathBuf::from),
            client_certificate: fields.text("client_certificate")?.map(PathBuf::from),
            client_key: fields.text("client_key")?.map(PathBuf::from),
            repository: fields.checked("repository", RepositoryName::parse)?,
            endpoint: fields.required("endpoint", Endpoint::trusted)?,
        };
        let complaint = cluster.inconsistency().map(|what| fields.wrong(what));
        fields.finish()?;
        complaint.map_or(Ok(cluster), Err)
    }

    /// How requests say who sends them, as given or as it follows, and why it is that one.
    pub fn auth_kind(&self) -> Result<(AuthKind, &'static str), Failure> {
        if let Some(kind) = self.auth {
            return Ok((kind, "as given"));
        }
        if self.endpoint.amazon_region().is_some() {
            return Ok((AuthKind::SigV4, "an Amazon domain"));
        }
        if self.profile.is_some() || self.assume_role.is_some() || self.web_identity.is_some() {
            return Ok((AuthKind::SigV4, "AWS credentials are named"));
        }
        let given = [
            (AuthKind::Basic, self.password.is_some(), "there is a password"),
            (AuthKind::ApiKey, self.api_key.is_some(), "there is an API key"),
            (AuthKind::Bearer, self.token.is_some(), "there is a token"),
        ];
        let mut given = given.into_iter().filter(|(_, is_given, _)| *is_given);
        match (given.next(), given.next()) {
            (None, _) => Ok((AuthKind::None, "there is no secret")),
            (Some((kind, _, why)), None) => Ok((kind, why)),
            (Some(_), Some(_)) => Err(Failure::new(
                Code::BadConfig,
                "more than one secret is given",
                "say which one to use with --auth or `auth`",
            )),
        }
    }

    /// Settings that contradict each other.
    fn inconsistency(&self) -> Option<&'static str> {
        let half_a_pair = self.client_certificate.is_some() != self.client_key.is_some();
        match self.auth {
            _ if half_a_pair => Some("must have both `client_certificate` and `client_key`, or neither"),
            _ if self.assume_role.is_some() && self.web_identity.is_some() => {
                Some("has both `assume_role` and `web_identity`: keep one")
            }
            Some(AuthKind::Basic) if self.username.is_none() => Some("has `auth: basic` but no `username`"),
            _ => None,
        }
    }
}

fn secret(fields: &mut Fields, key: &'static str) -> Result<Option<SecretSource>, Failure> {
    let path = fields.path_of(key);
    fields.take(key).map(|node| SecretSource::read(&path, node)).transpose()
}

fn role_arn(fields: &mut Fields) -> Result<String, Failure> {
    let hint = "give the role's ARN: arn:aws:iam::123456789012:role/NAME";
    fields.required("role_arn", |text| {
        check_role_arn(text).map(|()| text.to_owned()).map_err(|failure| failure.with_hint(hint))
    })
}

fn assume_role(mut fields: Fields) -> Result<AssumeRole, Failure> {
    let role = AssumeRole {
        external_id: fields.text("external_id")?,
        session_name: fields.text("session_name")?,
        role_arn: role_arn(&mut fields)?,
    };
    fields.finish().map(|()| role)
}

fn web_identity(mut fields: Fields) -> Result<WebIdentity, Failure> {
    let session_name = fields.text("session_name")?;
    let token_file = fields.text("token_file")?.map(PathBuf::from);
    let role_arn = role_arn(&mut fields)?;
    // Only one key can be asked for last.
    let token_file = token_file.ok_or_else(|| fields.wrong("lacks `token_file`"))?;
    let identity = WebIdentity { token_file, role_arn, session_name };
    fields.finish().map(|()| identity)
}
