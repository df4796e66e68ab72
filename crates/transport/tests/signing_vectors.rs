//! AWS's published SigV4 vectors through the very function that signs our requests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use aws_credential_types::Credentials;
use bytes::Bytes;
use serde_json::Value;
use snapkeep_transport::sign;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Vectors for what the `es` service does not ask of a signer, each with the reason.
const NOT_OURS: &[(&str, &str)] = &[
    ("unnormalized", "only S3 signs paths that are not normalized"),
    ("get-space-normalized", "the path is encoded once, as for S3"),
    ("get-utf8", "a raw UTF-8 path: ours are encoded before they are signed"),
    ("get-vanilla-utf8-query", "a raw UTF-8 query: ours has none"),
    ("post-sts-header-after", "the token is added after signing"),
    ("post-x-www-form-urlencoded", "the body's hash is signed as a header of its own, as for S3"),
    ("get-header-value-multiline", "HTTP forbids folded headers by now"),
];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/aws-sigv4-vectors/v4")
}

fn read(folder: &Path, file: &str) -> Option<String> {
    fs::read_to_string(folder.join(file)).ok()
}

/// The vectors' own notation: a request line, `Name:value` lines, an empty line, the body.
fn request(text: &str) -> http::Request<Bytes> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, path) = (first.next().unwrap(), first.next().unwrap());
    let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(':').unwrap()).collect();
    let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).unwrap().1;
    let mut builder = http::Request::builder().method(method).uri(format!("https://{host}{path}"));
    for (name, value) in headers {
        let is_added_by_signing = name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case("x-amz-date");
        if !is_added_by_signing {
            builder = builder.header(name, value.trim());
        }
    }
    builder.body(Bytes::from(body.to_owned())).unwrap()
}

fn context(folder: &Path) -> (Credentials, String, String, SystemTime) {
    let context = read(folder, "context.json").unwrap_or_default();
    let context: Value = serde_json::from_str(&context).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let keys = &context["credentials"];
    let key = |name: &str| text(&keys[name]).unwrap();
    let credentials =
        Credentials::new(key("access_key_id"), key("secret_access_key"), text(&keys["token"]), None, "vector");
    assert_eq!(context["timestamp"], "2015-08-30T12:36:00Z");
    // 2015-08-30T12:36:00Z
    let time = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
    (credentials, text(&context["region"]).unwrap(), text(&context["service"]).unwrap(), time)
}

fn is_ours(name: &str) -> bool {
    !NOT_OURS.iter().any(|(pattern, _)| name.contains(pattern))
}

#[test]
fn awss_vectors_come_out_as_published() {
    let mut checked = Vec::new();
    for entry in fs::read_dir(vectors()).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let (true, Some(expected)) = (is_ours(&name), read(&folder, "header-signature.txt")) else { continue };
        let mut request = request(&read(&folder, "request.txt").unwrap());
        let (credentials, region, service, time) = context(&folder);
        sign(&mut request, &credentials, &region, &service, time).unwrap();
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let signature = authorization.rsplit_once("Signature=").unwrap().1;
        assert_eq!(signature, expected.trim(), "{name}: {authorization}");
        checked.push(name);
    }
    checked.sort();
    assert!(checked.len() >= 20, "{} vectors: {checked:?}", checked.len());
    for name in [
        "get-vanilla",
        "post-vanilla",
        "get-vanilla-with-session-token",
        "get-vanilla-query-order-encoded",
        "get-slashes-normalized",
    ] {
        assert!(checked.iter().any(|found| found == name), "{name} was not checked: {checked:?}");
    }
}

#[test]
fn nothing_secret_is_in_a_signed_request_but_the_token_that_belongs_there() {
    let credentials = Credentials::new("AKID", "canary-secret", Some("the-token".into()), None, "test");
    let mut request = http::Request::builder().uri("https://h.example/_snapshot/a%2Cb").body(Bytes::new()).unwrap();
    sign(&mut request, &credentials, "eu-west-1", "es", SystemTime::now()).unwrap();
    assert!(!format!("{request:?}").contains("canary"));
    assert_eq!(request.headers()["x-amz-security-token"], "the-token");
}
