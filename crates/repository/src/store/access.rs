//! Why a blob could not be had. Only what a server says that it has not is missing.

use super::cloud::NO_KEYS;
use serde::Serialize;
use snapkeep_core::failure::{one_line, with_sources};
use snapkeep_core::{Code, Failure};
use std::fmt;

/// Longest part of a server's message that is repeated, in characters.
const SAID: usize = 300;

/// Why a blob, or a listing, could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "access", rename_all = "snake_case")]
pub enum Access {
    /// It is not there.
    Missing,
    /// The bucket, or the folder, is not there.
    NoStore {
        /// What was said.
        why: String,
    },
    /// Reading it is not allowed to us: nothing is known about the blob.
    Denied {
        /// What was said.
        why: String,
    },
    /// The key that it is encrypted with is disabled, gone, or not for us.
    KeyDenied {
        /// What was said.
        why: String,
    },
    /// It lies in a storage class that must be thawed before it can be read.
    Archived {
        /// Such as `GLACIER`.
        class: String,
    },
    /// The store had no time for us, however often it was asked.
    Throttled {
        /// What was said.
        why: String,
    },
    /// Anything else: no connection, an answer that cannot be understood, an error of the file system.
    Other {
        /// What happened.
        why: String,
    },
}

/// What an object store's error answer says.
struct Said<'a> {
    status: Option<u16>,
    code: &'a str,
    message: &'a str,
    class: &'a str,
}

impl Access {
    /// Reads an object store's error.
    pub(super) fn of_cloud(error: &object_store::Error) -> Self {
        let text = with_sources(error);
        let status = match error {
            object_store::Error::NotFound { .. } => Some(404),
            object_store::Error::PermissionDenied { .. } => Some(403),
            object_store::Error::Unauthenticated { .. } => Some(401),
            _ => status_in(&text),
        };
        let said = Said {
            status,
            code: tag(&text, "Code"),
            message: tag(&text, "Message"),
            class: tag(&text, "StorageClass"),
        };
        Self::of_words(&said, &text)
    }

    fn of_words(said: &Said<'_>, text: &str) -> Self {
        let why = said.words(text);
        match (said.code, said.status) {
            ("InvalidObjectState" | "BlobArchived", _) => {
                Self::Archived { class: if said.class.is_empty() { "an archive" } else { said.class }.to_owned() }
            }
            ("NoSuchBucket" | "ContainerNotFound", _) => Self::NoStore { why },
            (code, _) if code.starts_with("KMS.") || said.message.to_ascii_lowercase().contains("kms") => {
                Self::KeyDenied { why }
            }
            ("SlowDown" | "ServiceUnavailable" | "RequestLimitExceeded" | "Throttling" | "ThrottlingException", _)
            | (_, Some(429 | 503)) => Self::Throttled { why },
            (code, _) if is_denial(code) => Self::Denied { why },
            (_, Some(401 | 403)) => Self::Denied { why },
            ("NoSuchKey" | "NoSuchVersion" | "BlobNotFound" | "", Some(404)) => Self::Missing,
            _ => Self::Other { why },
        }
    }

    /// Reads an error of the file system.
    pub(super) fn of_files(path: &str, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Self::Missing,
            std::io::ErrorKind::PermissionDenied => Self::Denied { why: format!("/{path}: {error}") },
            _ => Self::Other { why: format!("/{path}: {error}") },
        }
    }

    /// Whether what we may do, rather than the blob, is the matter.
    pub fn is_lost_access(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::KeyDenied { .. })
    }

    /// Whether asking again at once brings nothing: we are not let in, the blob is frozen, or it was asked for often enough.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Missing | Self::Other { .. })
    }

    /// The failure of a command that cannot go on without `what`.
    pub fn failure(&self, what: &str) -> Failure {
        let cause = format!("{what}: {self}");
        match self {
            Self::Missing | Self::NoStore { .. } => {
                Failure::new(Code::RepositoryMissing, cause, "check the place: bucket, folder, region and endpoint")
            }
            Self::Denied { why } if why.contains(NO_KEYS) => Failure::new(
                Code::AccessDenied,
                cause,
                "name a profile with --profile, a role with --assume-role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
            Self::Denied { .. } => Failure::new(
                Code::AccessDenied,
                cause,
                "access is lost, the blobs may well be there: s3:ListBucket on the bucket and s3:GetObject on its objects are needed",
            ),
            Self::KeyDenied { .. } => Failure::new(
                Code::AccessDenied,
                cause,
                "access to the key is lost, the blobs may well be there: allow kms:Decrypt, or enable the key again",
            ),
            Self::Archived { class } => Failure::new(
                Code::Unsupported,
                cause,
                format!(
                    "thaw it first (aws s3api restore-object), or copy it out of {class}; `verify` lists what else lies there"
                ),
            ),
            Self::Throttled { .. } => {
                Failure::new(Code::ClusterUnavailable, cause, "run it again later, or with a lower --limit-rate")
            }
            Self::Other { .. } => {
                Failure::new(Code::ClusterUnavailable, cause, "check region, endpoint and network; then run it again")
            }
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::NoStore { why } => write!(f, "there is no such place: {why}"),
            Self::Denied { why } => write!(f, "access lost: {why}"),
            Self::KeyDenied { why } => write!(f, "access to its key lost: {why}"),
            Self::Archived { class } => write!(f, "it lies in {class}"),
            Self::Throttled { why } => write!(f, "the store is too busy: {why}"),
            Self::Other { why } => f.write_str(why),
        }
    }
}

impl Said<'_> {
    /// Code and message, or what else there is.
    fn words(&self, text: &str) -> String {
        let words = match (self.code, self.message) {
            ("", _) => text.split("<?xml").next().unwrap_or(text).to_owned(),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        one_line(&words, SAID)
    }
}

/// S3's codes for callers that are not let in, whatever the status.
fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied"
            | "AllAccessDisabled"
            | "AccountProblem"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "RequestTimeTooSkewed"
    )
}

/// What stands in the first such element of an error's XML.
fn tag<'a>(text: &'a str, name: &str) -> &'a str {
    let between = |from: &str, to: &str| {
        let begin = text.find(from)? + from.len();
        let length = text.get(begin..)?.find(to)?;
        text.get(begin..begin + length)
    };
    between(&format!("<{name}>"), &format!("</{name}>")).unwrap_or_default()
}

/// The status in `status code: 503 Service Unavailable`.
fn status_in(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Access {
        let text =
            format!("Error performing GET http://x in 1ms - Server returned non-2xx status code: {status} X: {body}");
        let source = Box::<dyn std::error::Error + Send + Sync>::from(text);
        let path = "a".to_owned();
        Access::of_cloud(&match status {
            404 => object_store::Error::NotFound { path, source },
            403 => object_store::Error::PermissionDenied { path, source },
            401 => object_store::Error::Unauthenticated { path, source },
            _ => object_store::Error::Generic { store: "S3", source },
        })
    }

    fn xml(code: &str, message: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn without_keys_no_right_is_asked_for() {
        let source = format!("{NO_KEYS}: no profile, no role").into();
        let access = Access::of_cloud(&object_store::Error::Unauthenticated { path: String::new(), source });
        let failure = access.failure("s3://b");
        assert_eq!(failure.code, Code::AccessDenied);
        assert!(failure.hint.contains("--profile") && !failure.hint.contains("s3:"), "{failure}");
        assert!(of(403, &xml("AccessDenied", "x")).failure("s3://b").hint.contains("s3:ListBucket"));
    }

    #[test]
    fn what_went_wrong_is_told_apart() {
        let word = |access: &Access| serde_json::to_value(access).unwrap()["access"].as_str().unwrap().to_owned();
        for (status, code, message, expected) in [
            (404, "NoSuchKey", "The specified key does not exist.", "missing"),
            (404, "NoSuchBucket", "The specified bucket does not exist", "no_store"),
            (403, "AccessDenied", "Access Denied", "denied"),
            (403, "AllAccessDisabled", "All access to this object has been disabled", "denied"),
            (403, "SignatureDoesNotMatch", "x", "denied"),
            (403, "RequestTimeTooSkewed", "x", "denied"),
            (400, "ExpiredToken", "The provided token has expired.", "denied"),
            (403, "AccessDenied", "User: x is not authorized to perform: kms:Decrypt on y", "key_denied"),
            (403, "AccessDenied", "The ciphertext refers to a customer master key that ... KMS", "key_denied"),
            (400, "KMS.DisabledException", "arn:… is disabled.", "key_denied"),
            (400, "KMS.KMSInvalidStateException", "arn:… is pending deletion.", "key_denied"),
            (403, "InvalidObjectState", "The operation is not valid for the object's storage class", "archived"),
            // Azure's words.
            (404, "BlobNotFound", "The specified blob does not exist.", "missing"),
            (404, "ContainerNotFound", "The specified container does not exist.", "no_store"),
            (409, "BlobArchived", "This operation is not permitted on an archived blob.", "archived"),
            (503, "ServerBusy", "The server is busy.", "throttled"),
            (404, "NoSuchAccessPoint", "The specified accesspoint does not exist", "other"),
            (503, "SlowDown", "Please reduce your request rate.", "throttled"),
            (429, "", "", "throttled"),
            (500, "InternalError", "We encountered an internal error", "other"),
            (400, "AuthorizationHeaderMalformed", "expecting 'eu-west-1'", "other"),
        ] {
            let access = of(status, &xml(code, message));
            assert_eq!(word(&access), expected, "{status} {code}: {access}");
        }
        assert_eq!(word(&of(403, "")), "denied");
        assert_eq!(word(&of(404, "")), "missing");
        assert_eq!(word(&of(404, "<html>not here</html>")), "missing");
    }

    #[test]
    fn a_key_that_cannot_be_shown_is_not_repeated_at_length() {
        let Access::Denied { why } = of(403, &xml("AccessDenied", &"x".repeat(5_000))) else { panic!() };
        assert_eq!(why.chars().count(), SAID);
    }

    #[test]
    fn lost_access_ends_as_access_denied_and_says_that_the_blobs_may_be_there() {
        let failure = Access::Denied { why: "no".into() }.failure("index-3");
        assert_eq!((failure.code, failure.cause.as_str()), (Code::AccessDenied, "index-3: access lost: no"));
        assert!(failure.hint.contains("may well be there"));
    }
}
