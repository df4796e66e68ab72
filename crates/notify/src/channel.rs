//! Channels: where messages go, and how. Each is one bounded attempt with a few repetitions; the message's id tells
//! whoever gets it twice.

use crate::Notice;
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::{Digest, Sha256};
use snapkeep_config::Topic;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::{Auth, Call, Caller, Client, Deadline, Lost, Method, Pace, Services, Settings};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use url::Url;

/// Time for one message on one channel, with its repetitions: a receiver that hangs holds up nobody for longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time for one try.
const TRY: Duration = Duration::from_secs(8);

/// Tries of one message.
const TRIES: u32 = 3;

/// The header with the signature of a webhook's body: `sha256=` and 64 hexadecimal digits, as GitHub's webhooks have it.
const SIGNATURE: &str = "x-snapkeep-signature-256";

/// A message that is under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A way to send messages.
pub trait Way: Send + Sync {
    /// Sends one message until `deadline`. Its failure is the operator's to read: nothing secret is in it.
    fn send<'a>(&'a self, notice: &'a Notice, deadline: Deadline) -> Sending<'a>;
}

/// A channel of the configuration, with its secrets opened.
pub struct Channel<'w> {
    /// Its name.
    pub name: String,
    /// What it is told of.
    pub on: BTreeSet<Topic>,
    /// The policies that it is told of; none are all.
    pub policies: BTreeSet<String>,
    /// How it is reached; or why it cannot be.
    pub way: Result<Box<dyn Way + 'w>, Failure>,
}

impl fmt::Debug for Channel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).field("on", &self.on).finish_non_exhaustive()
    }
}

impl<'w> Channel<'w> {
    /// The channel of that name as the configuration has it, reached by `way`.
    pub fn new(name: &str, channel: &snapkeep_config::Channel, way: Result<Box<dyn Way + 'w>, Failure>) -> Self {
        Self { name: name.to_owned(), on: channel.on.clone(), policies: channel.policies.clone(), way }
    }

    /// Whether it is to be told.
    pub fn wants(&self, notice: &Notice) -> bool {
        let is_its_policy = notice.policy.as_ref().is_none_or(|name| self.is_told_of(name));
        is_its_policy && notice.topic.is_none_or(|topic| self.on.contains(&topic))
    }

    /// Whether it is told of that policy.
    pub fn is_told_of(&self, policy: &str) -> bool {
        self.policies.is_empty() || self.policies.contains(policy)
    }
}

/// What an HTTP channel sends.
#[derive(Clone, Debug)]
enum Body {
    /// The notice as JSON, signed if there is a key.
    Json(Option<Secret>),
    /// Slack's `{"text": …}`.
    Slack,
}

/// JSON by HTTP POST. No redirects are followed and no proxy is used; plain HTTP only to this machine.
#[derive(Debug)]
pub struct Post {
    client: Client,
    path: Secret,
    body: Body,
}

impl Post {
    /// A webhook at `url`, whose bodies are signed with `key`.
    pub fn webhook(url: &Secret, key: Option<Secret>, ca_file: Option<PathBuf>) -> Result<Self, Failure> {
        Self::to(url, Body::Json(key), ca_file)
    }

    /// A Slack incoming webhook.
    pub fn slack(url: &Secret, ca_file: Option<PathBuf>) -> Result<Self, Failure> {
        Self::to(url, Body::Slack, ca_file)
    }

    fn to(url: &Secret, body: Body, ca_file: Option<PathBuf>) -> Result<Self, Failure> {
        // What the URL holds beyond its host can be a secret: it stands in no message.
        let unusable = |why: &str| {
            let hint = "it is https://host[:port]/path; plain HTTP goes to this machine only";
            Failure::new(Code::BadConfig, format!("its `url` cannot be used: {why}"), hint)
        };
        let url = Url::parse(url.expose().trim()).map_err(|error| unusable(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("it holds a user name or password"));
        }
        let origin = url.origin().ascii_serialization();
        let endpoint = Endpoint::trusted(&origin).map_err(|failure| unusable(&failure.cause))?;
        let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let pace = Pace { attempts: TRIES, ..Pace::default() };
        let client = Client::new(endpoint, Auth::None, Settings { ca_file, pace, ..Settings::default() })?;
        Ok(Self { client, path: Secret::new(path), body })
    }

    fn call(&self, notice: &Notice) -> Call {
        let call = Call::new(Method::POST, self.path.expose()).secret().timeout(TRY).cap(64 << 10);
        match &self.body {
            Body::Slack => call.json(json!({"text": slack(notice)}).to_string()),
            Body::Json(key) => {
                let body = serde_json::to_string(notice).unwrap_or_default();
                let call = match key {
                    Some(key) => call.header(SIGNATURE, signature(key, body.as_bytes())),
                    None => call,
                };
                call.header("x-snapkeep-event", notice.event).json(body)
            }
        }
    }
}

impl Way for Post {
    fn send<'a>(&'a self, notice: &'a Notice, deadline: Deadline) -> Sending<'a> {
        Box::pin(async move {
            // Sent again where it may not have arrived: a message twice is better than none, and its id tells.
            match self.client.read(&self.call(notice), deadline).await {
                Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
                Ok(answer) => Err(Failure::new(
                    Code::ClusterUnavailable,
                    format!("the receiver answered with status {}", answer.status),
                    "see that the URL is right and that the receiver takes what is sent",
                )
                .with_status(answer.status)),
                Err(lost) => Err(unsent(&lost)),
            }
        })
    }
}

fn unsent(lost: &Lost) -> Failure {
    let hint = lost.hint().map_or("see that the receiver can be reached from here", |hint| hint);
    Failure::new(Code::ClusterUnavailable, format!("the receiver gave no answer: {}", lost.cause()), hint)
}

/// An SNS topic, called as `caller`.
pub struct Sns<'c> {
    caller: &'c dyn Caller,
    topic_arn: String,
}

impl fmt::Debug for Sns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sns({})", self.topic_arn)
    }
}

impl<'c> Sns<'c> {
    /// The topic of that ARN.
    pub fn new(caller: &'c dyn Caller, topic_arn: &str) -> Self {
        Self { caller, topic_arn: topic_arn.to_owned() }
    }
}

impl Way for Sns<'_> {
    fn send<'a>(&'a self, notice: &'a Notice, deadline: Deadline) -> Sending<'a> {
        Box::pin(async move {
            let services = Services::new(self.caller, deadline);
            services.publish(&self.topic_arn, &notice.subject(), &notice.text(), &digest(&notice.id)).await
        })
    }
}

/// 64 hexadecimal digits that stand for an id.
fn digest(id: &str) -> String {
    hex(&Sha256::digest(id))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// `sha256=` and the HMAC of `body` in hexadecimal digits.
fn signature(key: &Secret, body: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return String::new() };
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// Slack's own three characters are escaped: nothing in a message becomes a link or a mention.
fn slack(notice: &Notice) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let sign = match notice.topic {
        Some(Topic::Recovered) => ":white_check_mark: ",
        Some(Topic::Failure) => ":x: ",
        Some(Topic::Partial | Topic::Stale) => ":warning: ",
        None => "",
    };
    let text = escaped(&notice.text());
    let (head, rest) = text.split_once('\n').map_or((text.as_str(), ""), |(head, rest)| (head, rest));
    format!("{sign}*snapkeep {}*: {head}\n{rest}", notice.event).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_hmac_sha256() {
        // RFC 4231, test case 2.
        let made = signature(&Secret::new("Jefe"), b"what do ya want for nothing?");
        assert_eq!(made, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn slack_shows_text_and_nothing_else() {
        let notice = Notice { summary: "<!channel> & <https://x>".into(), ..Notice::test(jiff::Timestamp::UNIX_EPOCH) };
        assert_eq!(slack(&notice), "*snapkeep test*: &lt;!channel&gt; &amp; &lt;https://x&gt;");
    }

    #[test]
    fn an_unusable_url_is_not_repeated() {
        for url in ["http://hooks.example/canary", "https://user:canary@hooks.example/x", "canary", "ftp://a/canary"] {
            let failure = Post::slack(&Secret::new(url), None).unwrap_err();
            assert_eq!(failure.code, Code::BadConfig, "{url}");
            assert!(!format!("{failure} {}", failure.hint).contains("canary"), "{failure}");
        }
    }
}
