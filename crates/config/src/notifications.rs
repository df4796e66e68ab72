//! `notifications`: who is told, of what, and how.

use crate::SecretSource;
use crate::fields::{Fields, text_of, wrong};
use crate::policies::texts;
use crate::yaml::Value;
use snapkeep_core::period::Period;
use snapkeep_core::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet};

/// Something that is worth a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A snapshot failed, or could not be taken.
    Failure,
    /// A snapshot ended without some of its shards.
    Partial,
    /// The newest good snapshot is too old.
    Stale,
    /// All is well again.
    Recovered,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 4] = [Self::Failure, Self::Partial, Self::Stale, Self::Recovered];

    /// Its word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Partial => "partial",
            Self::Stale => "stale",
            Self::Recovered => "recovered",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text).ok_or_else(|| {
            let hint = "it may be failure, partial, stale or recovered";
            Failure::new(Code::BadConfig, format!("{text:?} is nothing that is told"), hint)
        })
    }
}

/// The section `notifications`.
#[derive(Clone, Debug, Default)]
pub struct Notifications {
    /// How far apart runs are, where nothing is remembered from one to the next: needed in the Lambda.
    pub runs_every: Option<Period>,
    /// Channels by name.
    pub channels: BTreeMap<String, Channel>,
}

/// One entry under `notifications.channels`.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Where it leads.
    pub target: Target,
    /// What it is told of.
    pub on: BTreeSet<Topic>,
    /// The policies that it is told of; none are all.
    pub policies: BTreeSet<String>,
}

/// Where a channel leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// JSON by HTTP POST.
    Webhook {
        /// Where to.
        url: Address,
        /// What its bodies are signed with.
        secret: Option<SecretSource>,
    },
    /// A Slack incoming webhook.
    Slack {
        /// Its URL: whoever knows it can write to the channel.
        url: SecretSource,
    },
    /// An SNS topic.
    Sns {
        /// `arn:aws:sns:REGION:ACCOUNT:NAME`.
        topic_arn: String,
    },
    /// E-mail by SMTP; not from the Lambda.
    Email(Email),
}

impl Target {
    /// Its word in the file.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Sns { .. } => "sns",
            Self::Email(_) => "email",
        }
    }
}

/// A URL, or a reference to one that is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// As it stands in the file.
    Plain(String),
    /// Kept elsewhere.
    Secret(SecretSource),
}

/// How e-mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The server's name.
    pub host: String,
    /// Its port; else that of the way it is secured.
    pub port: Option<u16>,
    /// How the connection is secured.
    pub tls: MailTls,
    /// User name, if the server asks for one.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretSource>,
    /// Who it comes from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
}

/// How a connection to a mail server is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailTls {
    /// In the clear at first, then TLS, which must be had. Port 587.
    #[default]
    StartTls,
    /// TLS from the start. Port 465.
    Implicit,
    /// None: only to this machine. Port 25.
    None,
}

impl MailTls {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::StartTls, Self::Implicit, Self::None];

    /// Its word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
            Self::None => "none",
        }
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|tls| tls.as_str() == text).ok_or_else(|| {
            let hint = "it may be starttls, implicit or none";
            Failure::new(Code::BadConfig, format!("{text:?} is no way to secure a connection"), hint)
        })
    }
}

/// The kinds of channels, as the file calls them.
pub(crate) const KINDS: &[&str] = &["webhook", "slack", "sns", "email"];

impl Notifications {
    /// Reads the section; `policies` are the names that channels may keep to.
    pub(crate) fn read(mut fields: Fields, policies: &[&str]) -> Result<Self, Failure> {
        let runs_every = fields.checked("runs_every", Period::parse)?;
        let mut channels = BTreeMap::new();
        for (name, section) in fields.named_sections("channels")? {
            channels.insert(name.text, Channel::read(section, policies)?);
        }
        fields.finish()?;
        Ok(Self { runs_every, channels })
    }
}

impl Channel {
    /// Where its secrets are kept.
    pub fn secrets(&self) -> Vec<SecretSource> {
        self.clone().secrets_mut().into_iter().map(|source| source.clone()).collect()
    }

    /// The same, to be changed: a file's path depends on where the configuration is.
    pub fn secrets_mut(&mut self) -> Vec<&mut SecretSource> {
        let (one, other) = match &mut self.target {
            Target::Webhook { url: Address::Secret(url), secret } => (Some(url), secret.as_mut()),
            Target::Webhook { secret, .. } => (None, secret.as_mut()),
            Target::Slack { url } => (Some(url), None),
            Target::Email(email) => (email.password.as_mut(), None),
            Target::Sns { .. } => (None, None),
        };
        one.into_iter().chain(other).collect()
    }

    fn read(mut fields: Fields, policies: &[&str]) -> Result<Self, Failure> {
        let on = topics(&mut fields)?;
        let policies = of_policies(&mut fields, policies)?;
        let parts = Parts::read(&mut fields)?;
        let place = fields.wrong("");
        let kind = fields.required("kind", |text| {
            KINDS.iter().find(|kind| **kind == text).copied().ok_or_else(|| {
                Failure::new(
                    Code::BadConfig,
                    format!("{text:?} is no kind of channel"),
                    "it may be webhook, slack, sns or email",
                )
            })
        })?;
        fields.finish()?;
        let target = parts.target(kind).map_err(|what| {
            let (path, at) = place.cause.split_once("  ").unwrap_or((&place.cause, ""));
            Failure::new(
                Code::BadConfig,
                format!("{path} {what} {at}"),
                "docs/notifications.md says what each kind holds",
            )
        })?;
        Ok(Self { target, on, policies })
    }
}

fn topics(fields: &mut Fields) -> Result<BTreeSet<Topic>, Failure> {
    let named = texts(fields, "on")?;
    if named.is_empty() {
        return Ok(Topic::ALL.into());
    }
    let read = |(path, text, at): (String, String, _)| {
        Topic::parse(&text).map_err(|failure| wrong(&path, at, &failure.cause).with_hint(&failure.hint))
    };
    named.into_iter().map(read).collect()
}

fn of_policies(fields: &mut Fields, known: &[&str]) -> Result<BTreeSet<String>, Failure> {
    let read = |(path, text, at): (String, String, _)| {
        if known.contains(&text.as_str()) {
            return Ok(text);
        }
        let failure = wrong(&path, at, &format!("names no policy of this file: {text:?}"));
        Err(failure.with_hint(format!("it has these: {}", known.join(", "))))
    };
    texts(fields, "policies")?.into_iter().map(read).collect()
}

/// All that a channel of some kind may hold.
struct Parts {
    url: Option<Address>,
    secret: Option<SecretSource>,
    topic_arn: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    tls: Option<MailTls>,
    username: Option<String>,
    password: Option<SecretSource>,
    from: Option<String>,
    to: Vec<String>,
}

impl Parts {
    fn read(fields: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            url: address(fields)?,
            secret: secret(fields, "secret")?,
            topic_arn: fields.checked("topic_arn", |text| topic(text).map(|()| text.to_owned()))?,
            host: fields.text("host")?,
            port: port(fields)?,
            tls: fields.checked("tls", MailTls::parse)?,
            username: fields.text("username")?,
            password: secret(fields, "password")?,
            from: fields.text("from")?,
            to: texts(fields, "to")?.into_iter().map(|(_, text, _)| text).collect(),
        })
    }

    /// The target of that kind, or what is wrong.
    fn target(self, kind: &str) -> Result<Target, String> {
        let given = [
            ("url", self.url.is_some(), "webhook slack"),
            ("secret", self.secret.is_some(), "webhook"),
            ("topic_arn", self.topic_arn.is_some(), "sns"),
            ("host", self.host.is_some(), "email"),
            ("port", self.port.is_some(), "email"),
            ("tls", self.tls.is_some(), "email"),
            ("username", self.username.is_some(), "email"),
            ("password", self.password.is_some(), "email"),
            ("from", self.from.is_some(), "email"),
            ("to", !self.to.is_empty(), "email"),
        ];
        let astray = given.iter().find(|(_, is_given, kinds)| *is_given && !kinds.split(' ').any(|one| one == kind));
        if let Some((key, ..)) = astray {
            return Err(format!("has `{key}`, which means nothing to kind {kind}"));
        }
        let lacks = |key: &str| format!("lacks `{key}`, which kind {kind} needs");
        match kind {
            "webhook" => Ok(Target::Webhook { url: self.url.ok_or_else(|| lacks("url"))?, secret: self.secret }),
            "slack" => match self.url {
                Some(Address::Secret(url)) => Ok(Target::Slack { url }),
                Some(Address::Plain(_)) => Err(
                    "holds Slack's URL itself, with which anybody can write there: refer to it, such as {env: NAME}"
                        .to_owned(),
                ),
                None => Err(lacks("url")),
            },
            "sns" => Ok(Target::Sns { topic_arn: self.topic_arn.ok_or_else(|| lacks("topic_arn"))? }),
            _ => self.email().map(Target::Email),
        }
    }

    fn email(self) -> Result<Email, String> {
        let lacks = |key: &str| format!("lacks `{key}`, which kind email needs");
        if self.username.is_some() != self.password.is_some() {
            return Err("must have both `username` and `password`, or neither".to_owned());
        }
        if self.to.is_empty() {
            return Err(lacks("to"));
        }
        let (host, tls) = (self.host.ok_or_else(|| lacks("host"))?, self.tls.unwrap_or_default());
        if tls == MailTls::None && !["localhost", "127.0.0.1", "::1"].contains(&host.as_str()) {
            return Err("has `tls: none`, which is for this machine only: mail would travel in the clear".to_owned());
        }
        let from = self.from.ok_or_else(|| lacks("from"))?;
        let (port, username, password, to) = (self.port, self.username, self.password, self.to);
        Ok(Email { host, port, tls, username, password, from, to })
    }
}

fn address(fields: &mut Fields) -> Result<Option<Address>, Failure> {
    let path = fields.path_of("url");
    let Some(node) = fields.take("url") else { return Ok(None) };
    if matches!(node.value, Value::Map(_)) {
        return SecretSource::read(&path, node).map(|source| Some(Address::Secret(source)));
    }
    Ok(Some(Address::Plain(text_of(&path, &node)?)))
}

fn secret(fields: &mut Fields, key: &'static str) -> Result<Option<SecretSource>, Failure> {
    let path = fields.path_of(key);
    fields.take(key).map(|node| SecretSource::read(&path, node)).transpose()
}

fn port(fields: &mut Fields) -> Result<Option<u16>, Failure> {
    let path = fields.path_of("port");
    let Some(node) = fields.take("port") else { return Ok(None) };
    let number = if let Value::Number(number) = &node.value { number.as_u64() } else { None };
    let port = number.and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    port.map(Some).ok_or_else(|| wrong(&path, node.at, "is not a port: 1 to 65535"))
}

/// `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
fn topic(text: &str) -> Result<(), Failure> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_arn = matches!(parts[..], ["arn", partition, "sns", region, account, name]
        if [partition, region, account, name].iter().all(|part| !part.is_empty()));
    if is_arn {
        return Ok(());
    }
    let hint = "give the topic's ARN: arn:aws:sns:REGION:ACCOUNT:NAME";
    Err(Failure::new(Code::BadConfig, format!("{text:?} is no topic's ARN"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn read(channel: &str) -> Result<Channel, Failure> {
        let text = format!(
            "clusters: {{c: {{endpoint: https://c}}}}\npolicies: {{p: {{repository: r}}}}\nnotifications:\n  channels:\n    ops: {channel}\n"
        );
        Ok(Config::parse(&text)?.notifications.channels.remove("ops").unwrap())
    }

    #[test]
    fn each_kind_is_read() {
        let webhook =
            read("{kind: webhook, url: https://a/b, secret: {env: KEY}, on: [stale, failure], policies: p}").unwrap();
        assert_eq!(webhook.on, [Topic::Failure, Topic::Stale].into());
        assert_eq!(webhook.policies, ["p".to_owned()].into());
        let Target::Webhook { url, secret } = webhook.target else { panic!() };
        assert_eq!((url, secret), (Address::Plain("https://a/b".into()), Some(SecretSource::Env("KEY".into()))));
        let slack = read("{kind: slack, url: {env: SLACK}}").unwrap();
        assert_eq!((slack.target, slack.on.len()), (Target::Slack { url: SecretSource::Env("SLACK".into()) }, 4));
        let sns = read("{kind: sns, topic_arn: 'arn:aws:sns:eu-west-1:123456789012:ops'}").unwrap();
        assert_eq!(sns.target.kind(), "sns");
        let Target::Email(email) =
            read("{kind: email, host: smtp.example, port: 2525, from: a@b.c, to: [d@e.f, g@h.i]}").unwrap().target
        else {
            panic!()
        };
        assert_eq!((email.port, email.tls, email.to.len()), (Some(2525), MailTls::StartTls, 2));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (channel, part) in [
            ("{url: https://a}", "lacks `kind`"),
            ("{kind: fax}", "no kind of channel"),
            ("{kind: webhook}", "lacks `url`"),
            ("{kind: webhook, url: https://a, topic_arn: 'arn:aws:sns:r:1:n'}", "means nothing to kind webhook"),
            ("{kind: slack, url: https://hooks.slack.com/x}", "holds Slack's URL itself"),
            ("{kind: webhook, url: https://a, secret: literal}", "holds the secret itself"),
            ("{kind: sns, topic_arn: ops}", "no topic's ARN"),
            ("{kind: email, host: h, from: a@b}", "lacks `to`"),
            ("{kind: email, host: h, from: a@b, to: c@d, tls: none}", "for this machine only"),
            ("{kind: email, host: h, from: a@b, to: c@d, username: u}", "both `username` and `password`"),
            ("{kind: email, host: h, from: a@b, to: c@d, port: 0}", "is not a port"),
            ("{kind: slack, url: {env: A}, on: [success]}", "nothing that is told"),
            ("{kind: slack, url: {env: A}, policies: [q]}", "names no policy of this file"),
            ("{kind: slack, url: {env: A}, colour: red}", "unknown key `colour`"),
        ] {
            let failure = read(channel).unwrap_err();
            assert!(failure.cause.contains(part) && failure.cause.contains("line 5"), "{channel}: {failure}");
        }
    }
}
