//! Stands for the services of AWS's that may hold a configuration or a secret, or give a role: Systems Manager, Secrets
//! Manager and STS, at one address. Signatures are verified as AWS does.

use crate::Principal;
use crate::sigv4::{SignedRequest, Verifier};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What the services know.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The region that signatures are for.
    pub region: String,
    /// Who may ask, for anything.
    pub callers: Vec<Principal>,
    /// Systems Manager's parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// Secrets Manager's secrets, by id.
    pub secrets: BTreeMap<String, String>,
    /// STS's roles, by ARN: access key, secret key and session token of their sessions.
    pub roles: BTreeMap<String, [String; 3]>,
}

/// The services, until the process ends.
#[derive(Clone, Debug)]
pub struct Services {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Services {
    /// Listens on this machine; answers one request after the other, over plain HTTP.
    pub fn start(known: Known) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let services = Self { url: format!("http://{}", listener.local_addr()?), asked: Arc::default() };
        let asked = Arc::clone(&services.asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().filter_map(Result::ok) {
                let Some(request) = Request::read(&stream) else { continue };
                let (status, answer) = known.answer(&request, &asked);
                let length = answer.len();
                let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
                let _ = stream.write_all((head + &answer).as_bytes());
            }
        });
        Ok(services)
    }

    /// What `AWS_ENDPOINT_URL` may name.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was asked with a good signature, in its order: the target header, or for STS the query.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Known {
    fn answer(&self, request: &Request, asked: &Mutex<Vec<String>>) -> (u16, String) {
        let signed = request.signed();
        let target = signed.header("x-amz-target").unwrap_or_default().to_owned();
        let (service, what) = match target.split_once('.') {
            Some(("AmazonSSM", _)) => ("ssm", target.as_str()),
            Some(_) => ("secretsmanager", target.as_str()),
            None => ("sts", request.query.as_str()),
        };
        let verifier = Verifier { region: self.region.clone(), service: service.to_owned() };
        if verifier.verify(&signed, &self.callers, SystemTime::now()).is_err() {
            return (400, json!({"__type": "AccessDeniedException"}).to_string());
        }
        asked.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match target.as_str() {
            "AmazonSSM.GetParameter" if body["WithDecryption"] == true => found(
                self.parameters.get(body["Name"].as_str().unwrap_or_default()),
                "ParameterNotFound",
                |value| json!({"Parameter": {"Name": body["Name"], "Value": value}}),
            ),
            "secretsmanager.GetSecretValue" => found(
                self.secrets.get(body["SecretId"].as_str().unwrap_or_default()),
                "ResourceNotFoundException",
                |value| json!({"SecretString": value}),
            ),
            "" => self.session(&request.query),
            _ => (400, json!({"__type": "ValidationException"}).to_string()),
        }
    }

    /// A session of the role that the query names.
    fn session(&self, query: &str) -> (u16, String) {
        let named = |arn: &str| query.contains(&format!("RoleArn={}", arn.replace(':', "%3A").replace('/', "%2F")));
        let Some((_, [key, secret, token])) = self.roles.iter().find(|(arn, _)| named(arn)) else {
            return (403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>".to_owned());
        };
        let keys = format!(
            "<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
        );
        let result = format!("<AssumeRoleResult><Credentials>{keys}</Credentials></AssumeRoleResult>");
        (200, format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>"))
    }
}

fn found(value: Option<&String>, missing: &str, answer: impl Fn(&str) -> Value) -> (u16, String) {
    match value {
        Some(value) => (200, answer(value).to_string()),
        None => (400, json!({ "__type": missing }).to_string()),
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first).ok().filter(|&read| read > 0)?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let mut words = first.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self { method, path: path.to_owned(), query: query.to_owned(), headers, body })
    }

    fn signed(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }
}
