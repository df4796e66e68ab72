//! Notifications by e-mail, over SMTP.
//!
//! - [`Mail`]: a channel's way: one message for each notice, sent once; TLS unless the server is this machine
//!
//! A crate of its own: the Lambda tells by SNS, and its binary holds no mail client.

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use snapkeep_config::{Email, MailTls};
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use snapkeep_notify::{Notice, PATIENCE, Sending, Way};
use snapkeep_transport::Deadline;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Time for each answer of the server's.
const ANSWER: Duration = Duration::from_secs(10);

/// Where mail goes and by which server.
pub struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).field("to", &self.to.len()).finish_non_exhaustive()
    }
}

impl Mail {
    /// As the configuration has it, with its password opened; `ca_file` names further certificate authorities.
    pub fn new(email: &Email, password: Option<&Secret>, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let mailbox = |text: &String| {
            text.parse::<Mailbox>().map_err(|error| bad(&format!("{text:?} is no mail address: {error}")))
        };
        let (tls, port) = match email.tls {
            MailTls::StartTls => (Tls::Required(parameters(&email.host, ca_file)?), 587),
            MailTls::Implicit => (Tls::Wrapper(parameters(&email.host, ca_file)?), 465),
            MailTls::None => (Tls::None, 25),
        };
        let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&email.host)
            .port(email.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(ANSWER));
        let server = match email.username.as_ref().zip(password) {
            Some((name, password)) => server.credentials(Credentials::new(name.clone(), password.expose().to_owned())),
            None => server,
        };
        Ok(Self {
            server: server.build(),
            host: email.host.clone(),
            from: mailbox(&email.from)?,
            to: email.to.iter().map(mailbox).collect::<Result<_, _>>()?,
        })
    }

    fn message(&self, notice: &Notice) -> Result<Message, Failure> {
        let message = Message::builder().from(self.from.clone()).subject(notice.subject());
        let message = self.to.iter().cloned().fold(message, lettre::message::MessageBuilder::to);
        message
            .header(ContentType::TEXT_PLAIN)
            .body(notice.text() + "\n")
            .map_err(|error| bad(&format!("the mail cannot be written: {error}")))
    }
}

impl Way for Mail {
    fn send<'a>(&'a self, notice: &'a Notice, _deadline: Deadline) -> Sending<'a> {
        Box::pin(async move {
            let message = self.message(notice)?;
            // Once: whether a server whose answer was lost has taken the mail is not to be told.
            self.server.send(message).await.map(|_| ()).map_err(|error| {
                let cause = format!("mail server {} did not take the mail: {error}", self.host);
                let hint = format!(
                    "see that it can be reached from here within {} s, takes mail of that sender, and that user and password are right",
                    PATIENCE.as_secs()
                );
                Failure::new(Code::ClusterUnavailable, cause, hint)
            })
        })
    }
}

fn parameters(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, Failure> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).map_err(|error| bad(&format!("{}: {error}", path.display())))?;
        let authority = Certificate::from_pem(&pem).map_err(|error| bad(&format!("{}: {error}", path.display())))?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build().map_err(|error| bad(&format!("TLS cannot be set up: {error}")))
}

fn bad(cause: &str) -> Failure {
    Failure::new(Code::BadConfig, cause, "mend the channel in the configuration: docs/notifications.md")
}

#[cfg(test)]
mod tests;
