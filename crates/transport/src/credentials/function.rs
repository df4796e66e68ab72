//! Credentials that a container's own address hands out: functions whose start is a copy of an earlier one, or that run on
//! instances of their own, get no keys in their environment.

use super::source::{Fetching, Source};
use crate::{Auth, Call, Client, Deadline, Method, Settings};
use aws_credential_types::Credentials;
use jiff::Timestamp;
use serde_json::Value;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use std::time::{Duration, SystemTime};

/// It is on this machine: whoever does not answer by then will not.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address, and what it asks for.
#[derive(Debug)]
pub(super) struct Container {
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`: HTTPS, or plain HTTP on this machine.
    pub(super) url: Option<String>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub(super) token: Option<Secret>,
}

impl Source for Container {
    fn fetch<'a>(&'a self, _: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            let url = self.url.as_deref().ok_or(
                "the environment holds neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor an address that hands credentials out",
            )?;
            let given = self.ask(url).await.map_err(|why| format!("AWS_CONTAINER_CREDENTIALS_FULL_URI: {why}"))?;
            read(&given).ok_or_else(|| "AWS_CONTAINER_CREDENTIALS_FULL_URI: the answer holds no credentials".to_owned())
        })
    }
}

impl Container {
    async fn ask(&self, url: &str) -> Result<Value, String> {
        let (origin, path) = split(url).ok_or("it is no address")?;
        let endpoint = Endpoint::trusted(origin).map_err(|failure| failure.cause)?;
        let client = Client::new(endpoint, Auth::None, Settings::default()).map_err(|failure| failure.cause)?;
        let call = Call::new(Method::GET, path);
        let call = match &self.token {
            Some(token) => call.header("authorization", token.expose().to_owned()),
            None => call,
        };
        let answer = client.read(&call, Deadline::after(PATIENCE)).await.map_err(|lost| lost.cause().to_owned())?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON".to_owned()),
            status => Err(format!("status {status}")),
        }
    }
}

/// `scheme://host[:port]` and the rest.
fn split(url: &str) -> Option<(&str, &str)> {
    let host = url.find("://")? + 3;
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    Some((&url[..path], if path == url.len() { "/" } else { &url[path..] }))
}

fn read(given: &Value) -> Option<Credentials> {
    let text = |key: &str| given[key].as_str().map(str::to_owned);
    let end = text("Expiration").and_then(|end| Some(SystemTime::from(end.parse::<Timestamp>().ok()?)));
    Some(Credentials::new(text("AccessKeyId")?, text("SecretAccessKey")?, text("Token"), end, "container"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AwsCredentials;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    const GIVEN: &str =
        r#"{"AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-23T06:00:00Z"}"#;

    /// Answers one request, if it bears the token.
    fn once(token: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/credentials?x=1", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let lines: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let is_ours = lines[0] == "GET /v1/credentials?x=1 HTTP/1.1"
                && lines.iter().any(|line| line.eq_ignore_ascii_case(&format!("authorization: {token}")));
            let (status, body) = if is_ours { (200, GIVEN) } else { (403, "") };
            let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        });
        url
    }

    async fn found(variables: &[(&str, &str)]) -> Result<Credentials, String> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        AwsCredentials::of_function(get).resolve("eu-west-1", SystemTime::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn keys_of_the_environment_come_first_then_the_address() {
        let url = once("canary-token");
        let address = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-token"),
        ];
        let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s"), address[0]];
        assert_eq!(found(&keys).await.unwrap().access_key_id(), "AKID");
        let handed_out = found(&address).await.unwrap();
        assert_eq!((handed_out.access_key_id(), handed_out.session_token()), ("ASIA1", Some("t")));
        assert_eq!(handed_out.expiry(), Some(SystemTime::from("2026-11-23T06:00:00Z".parse::<Timestamp>().unwrap())));
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_said_without_the_token() {
        let refusing = once("another");
        for (url, part) in
            [(refusing.as_str(), "status 403"), ("http://169.254.170.2/v2", "plain HTTP"), ("nowhere", "no address")]
        {
            let variables =
                [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-token")];
            let error = found(&variables).await.unwrap_err();
            assert!(error.contains(part) && !error.contains("canary"), "{error}");
        }
        assert!(found(&[]).await.unwrap_err().contains("AWS_ACCESS_KEY_ID"));
    }
}
