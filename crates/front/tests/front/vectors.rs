//! The verifier against AWS's published test vectors.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use snapkeep_front::Principal;
use snapkeep_front::clock::parse_amz_date;
use snapkeep_front::sigv4::{Rejection, SignedRequest, Verifier, canonical_path, canonical_request};

/// Signed before the token was added, which domains do not take.
const UNSIGNED_TOKEN: &str = "post-sts-header-after";

struct Vector {
    name: String,
    directory: PathBuf,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    context: Value,
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).replace("\r\n", "\n")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/aws-sigv4-vectors/v4")
}

/// The vectors that hold for services other than S3: those whose paths are normalised and which have a context.
fn vectors() -> Vec<Vector> {
    let mut found: Vec<Vector> =
        fs::read_dir(root()).unwrap().filter_map(|entry| vector(&entry.unwrap().path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn vector(directory: &Path) -> Option<Vector> {
    let context: Value = serde_json::from_str(&fs::read_to_string(directory.join("context.json")).ok()?).unwrap();
    if context["normalize"] == false {
        return None;
    }
    let request = read(&directory.join("header-signed-request.txt"));
    let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
    let mut lines = head.lines();
    let (method, rest) = lines.next()?.split_once(' ')?;
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match (line.strip_prefix(' '), headers.last_mut()) {
            // A value that goes on in the next line.
            (Some(more), Some((_, value))) => *value = format!("{value} {more}"),
            _ => headers.extend(line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()))),
        }
    }
    Some(Vector {
        name: directory.file_name()?.to_string_lossy().into_owned(),
        directory: directory.to_owned(),
        method: method.to_owned(),
        target: rest.rsplit_once(" HTTP/1.1")?.0.to_owned(),
        headers,
        body: body.to_owned(),
        context,
    })
}

impl Vector {
    fn request(&self) -> SignedRequest<'_> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        SignedRequest { method: &self.method, path, query, headers: &self.headers, body: self.body.as_bytes() }
    }

    fn now(&self) -> SystemTime {
        let time = self.context["timestamp"].as_str().unwrap();
        parse_amz_date(&time.replace(['-', ':'], "")).unwrap()
    }

    fn verify(&self) -> Result<(), Rejection> {
        let text = |key: &str| self.context[key].as_str().unwrap().to_owned();
        let credential = |key: &str| self.context["credentials"][key].as_str().map(str::to_owned);
        let (access, secret) = (credential("access_key_id").unwrap(), credential("secret_access_key").unwrap());
        let mut principal = Principal::new("arn:aws:iam::1:user/u", &access, &secret);
        principal.session_token = credential("token");
        let verifier = Verifier { region: text("region"), service: text("service") };
        verifier.verify(&self.request(), &[principal], self.now()).map(drop)
    }

    /// The names in `SignedHeaders`.
    fn signed_headers(&self) -> Vec<String> {
        let header = self.request().header("authorization").unwrap();
        let names = header.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
        names.split(';').map(str::to_owned).collect()
    }
}

#[test]
fn canonical_requests_are_those_of_aws() {
    let vectors = vectors();
    assert!(vectors.len() >= 30, "{}", vectors.len());
    for vector in &vectors {
        let ours = canonical_request(&vector.request(), &vector.signed_headers());
        assert_eq!(ours, read(&vector.directory.join("header-canonical-request.txt")).trim_end(), "{}", vector.name);
    }
}

#[test]
fn paths_that_were_encoded_before_are_encoded_once_more() {
    for name in ["double-encode-path", "double-url-encode"] {
        let directory = root().join(name);
        let request = read(&directory.join("request.txt"));
        let path = request.split(' ').nth(1).unwrap();
        let expected = read(&directory.join("header-canonical-request.txt"));
        assert_eq!(Some(canonical_path(path).as_str()), expected.lines().nth(1), "{name}");
    }
}

#[test]
fn signatures_of_aws_are_accepted() {
    for vector in vectors() {
        let expected = match vector.name.as_str() {
            UNSIGNED_TOKEN => Err(Rejection::NotSigned("x-amz-security-token".into())),
            _ => Ok(()),
        };
        assert_eq!(vector.verify(), expected, "{}", vector.name);
    }
}
