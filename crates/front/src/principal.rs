//! Who may call, and what each caller may do.

use std::fmt;
use std::time::SystemTime;

/// A caller that the domain knows.
#[derive(Clone)]
pub struct Principal {
    /// As AWS names it in refusals.
    pub arn: String,
    /// The access key id.
    pub access_key: String,
    /// The secret that its signatures are made with.
    pub secret_key: String,
    /// Temporary credentials: the token that must come with each request.
    pub session_token: Option<String>,
    /// Temporary credentials: when they end.
    pub expires_at: Option<SystemTime>,
    /// What it may do.
    pub rights: Rights,
}

impl Principal {
    /// A caller with permanent credentials and every right.
    pub fn new(arn: &str, access_key: &str, secret_key: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            session_token: None,
            expires_at: None,
            rights: Rights::all(),
        }
    }

    /// The token that must come with each request.
    #[must_use]
    pub fn session_token(mut self, token: &str) -> Self {
        self.session_token = Some(token.to_owned());
        self
    }

    /// When the credentials end, by the front's clock.
    #[must_use]
    pub fn expires_at(mut self, end: SystemTime) -> Self {
        self.expires_at = Some(end);
        self
    }

    /// What it may do.
    #[must_use]
    pub fn rights(mut self, rights: Rights) -> Self {
        self.rights = rights;
        self
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("arn", &self.arn).field("rights", &self.rights).finish_non_exhaustive()
    }
}

/// IAM actions and the role in fine-grained access control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// IAM actions such as `es:ESHttpPut`.
    pub actions: Vec<String>,
    /// Whether the caller is mapped to `manage_snapshots`.
    pub manage_snapshots: bool,
    /// As the security plugin shows them in refusals.
    pub backend_roles: Vec<String>,
}

const ACTIONS: [&str; 5] = ["es:ESHttpGet", "es:ESHttpPut", "es:ESHttpPost", "es:ESHttpDelete", "es:ESHttpHead"];

impl Rights {
    /// Everything.
    pub fn all() -> Self {
        Self::only(&ACTIONS)
    }

    /// Only these IAM actions; `es:` may be left out.
    pub fn only(actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| full(action)).collect();
        Self { actions, manage_snapshots: true, backend_roles: Vec::new() }
    }

    /// Takes one IAM action away.
    #[must_use]
    pub fn without(mut self, action: &str) -> Self {
        let action = full(action);
        self.actions.retain(|kept| *kept != action);
        self
    }

    /// Not mapped to `manage_snapshots`: the security plugin refuses everything below `_snapshot`.
    #[must_use]
    pub fn without_manage_snapshots(mut self) -> Self {
        self.manage_snapshots = false;
        self
    }

    /// Backend roles as the security plugin shows them in refusals.
    #[must_use]
    pub fn backend_roles(mut self, roles: &[&str]) -> Self {
        self.backend_roles = roles.iter().map(|&role| role.to_owned()).collect();
        self
    }

    pub(crate) fn allow(&self, action: &str) -> bool {
        self.actions.iter().any(|allowed| allowed == action)
    }
}

impl Default for Rights {
    fn default() -> Self {
        Self::all()
    }
}

fn full(action: &str) -> String {
    if action.starts_with("es:") { action.to_owned() } else { format!("es:{action}") }
}
