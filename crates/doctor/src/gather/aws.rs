//! One question to AWS, and what its answer is: a body, a refusal with its word, or nothing.

use super::xml;
use crate::{Seen, Unseen};
use serde_json::Value;
use snapkeep_transport::{Answer, Call, Lost, Method, Service, Services};

/// An answer that is no yes.
#[derive(Debug)]
pub(super) enum No {
    /// The service said so: its status, its word for it, and its message.
    Refused {
        /// HTTP status.
        status: u16,
        /// `AccessDenied`, `NoSuchEntity`, …
        word: String,
        /// In the service's own words.
        message: String,
        /// The whole body.
        body: String,
    },
    /// There are no credentials.
    Unsigned(String),
    /// No answer came.
    Lost(String),
}

impl No {
    /// Whether the service says that the caller may not ask.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { status, word, .. } if *status == 403 || word.contains("AccessDenied") || word.contains("NotAuthorized"))
    }

    /// Whether the service's word is one of these.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        matches!(self, Self::Refused { word, .. } if words.iter().any(|known| word.contains(known)))
    }

    /// As a fact that could not be had for want of `right`.
    pub(super) fn unseen(&self, right: &'static str) -> Unseen {
        match self {
            no if no.is_denied() => Unseen::without(right),
            Self::Refused { status, word, .. } => {
                Unseen::because(format!("{right} was answered with {word} ({status})"))
            }
            Self::Unsigned(why) => Unseen::because(format!("there are no credentials to ask with: {why}")),
            Self::Lost(why) => Unseen::because(format!("{right} got no answer: {why}")),
        }
    }
}

/// Whom questions are asked of, and where.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) services: Services<'a>,
    pub(super) region: &'a str,
}

impl Asking<'_> {
    /// The body of a yes.
    pub(super) async fn text(self, service: &'static Service, call: &Call) -> Result<String, No> {
        let answer =
            self.services.answer(service, self.region, call).await.map_err(|failure| No::Lost(failure.cause))?;
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(body(&answer)),
            Ok(answer) => Err(refused(&answer)),
            Err(Lost::NoCredentials(why)) => Err(No::Unsigned(why)),
            Err(lost) => Err(No::Lost(lost.cause().to_owned())),
        }
    }

    /// A question in IAM's or STS's way: an action and its fields.
    pub(super) async fn query(
        self,
        service: &'static Service,
        version: &str,
        fields: &[(&str, &str)],
    ) -> Result<String, No> {
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
        let call = Call::new(Method::GET, format!("/?Version={version}&{}", fields.join("&")));
        self.text(service, &call).await
    }

    /// A question in KMS's way.
    pub(super) async fn json(
        self,
        service: &'static Service,
        target: &'static str,
        fields: &Value,
    ) -> Result<Value, No> {
        let call = Call::new(Method::POST, "/").json(fields.to_string());
        let call = call.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", target);
        let text = self.text(service, &call).await?;
        serde_json::from_str(&text).map_err(|error| No::Lost(format!("the answer is no JSON: {error}")))
    }
}

fn body(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn refused(answer: &Answer) -> No {
    let body = body(answer);
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let of_json = |key: &str| json[key].as_str().map(str::to_owned);
    let of_xml = |name: &str| xml::first(&body, name).map(xml::plain);
    let word = of_xml("Code").or_else(|| of_json("__type")).or_else(|| of_json("code")).unwrap_or_default();
    let word = word.rsplit('#').next().unwrap_or_default().to_owned();
    let message = of_xml("Message").or_else(|| of_json("message")).or_else(|| of_json("Message")).unwrap_or_default();
    No::Refused { status: answer.status, word, message, body }
}

/// Each byte beyond the unreserved ones percent-encoded.
pub(super) fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// What was there, nothing, or why that is not known.
pub(super) fn maybe<T>(answer: Result<T, No>, missing: &[&str], right: &'static str) -> Seen<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(no) if no.is(missing) => Ok(None),
        Err(no) => Err(no.unseen(right)),
    }
}
