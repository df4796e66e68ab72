//! The verifier against requests that botocore signed.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use snapkeep_front::Principal;
use snapkeep_front::clock::parse_amz_date;
use snapkeep_front::sigv4::{Rejection, SignedRequest, Verifier};

const FIXTURE: &str = include_str!("../../../../fixtures/botocore/requests.json");

#[derive(Clone, Debug)]
struct Signed {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    token: Option<String>,
}

struct Fixture {
    verifier: Verifier,
    access: String,
    secret: String,
    now: SystemTime,
    requests: Vec<Signed>,
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

fn signed(value: &Value) -> Signed {
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned());
    Signed {
        name: text(value, "name"),
        method: text(value, "method"),
        path: text(value, "path"),
        query: text(value, "query"),
        headers: value["headers"].as_array().unwrap().iter().map(pair).collect(),
        body: text(value, "body"),
        token: value["session_token"].as_str().map(str::to_owned),
    }
}

fn fixture() -> Fixture {
    let document: Value = serde_json::from_str(FIXTURE).unwrap();
    Fixture {
        verifier: Verifier { region: text(&document, "region"), service: text(&document, "service") },
        access: text(&document, "access_key"),
        secret: text(&document, "secret_key"),
        now: parse_amz_date(&text(&document, "now")).unwrap(),
        requests: document["requests"].as_array().unwrap().iter().map(signed).collect(),
    }
}

impl Fixture {
    fn verify(&self, signed: &Signed) -> Result<(), Rejection> {
        self.verify_with(signed, &self.secret, self.now)
    }

    fn verify_with(&self, signed: &Signed, secret: &str, now: SystemTime) -> Result<(), Rejection> {
        let mut principal = Principal::new("arn:aws:iam::1:user/u", &self.access, secret);
        principal.session_token.clone_from(&signed.token);
        let request = SignedRequest {
            method: &signed.method,
            path: &signed.path,
            query: &signed.query,
            headers: &signed.headers,
            body: signed.body.as_bytes(),
        };
        self.verifier.verify(&request, &[principal], now).map(drop)
    }

    /// The request with one thing changed is refused for this reason.
    fn refused(&self, signed: &Signed, expected: &Rejection, change: impl FnOnce(&mut Signed)) {
        let mut changed = signed.clone();
        change(&mut changed);
        assert_eq!(self.verify(&changed).as_ref(), Err(expected), "{changed:?}");
    }
}

#[test]
fn every_request_is_accepted() {
    let fixture = fixture();
    assert!(fixture.requests.len() >= 40, "{}", fixture.requests.len());
    for signed in &fixture.requests {
        assert_eq!(fixture.verify(signed), Ok(()), "{}", signed.name);
    }
}

#[test]
fn every_request_is_refused_once_its_path_query_method_or_body_changes() {
    let fixture = fixture();
    for signed in &fixture.requests {
        fixture.refused(signed, &Rejection::Mismatch, |r| r.path.push('x'));
        fixture.refused(signed, &Rejection::Mismatch, |r| r.query.push_str("&x=1"));
        fixture.refused(signed, &Rejection::Mismatch, |r| r.body.push(' '));
        fixture.refused(signed, &Rejection::Mismatch, |r| r.method = "PATCH".into());
    }
}

#[test]
fn every_request_is_refused_once_a_signed_header_changes() {
    let fixture = fixture();
    for signed in &fixture.requests {
        let names: Vec<String> = signed.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        for (index, name) in names.iter().enumerate() {
            let covered = !["authorization", "user-agent", "content-length"].contains(&name.as_str())
                && !name.starts_with("x-amz-date")
                && !name.starts_with("x-amz-security-token");
            if covered {
                fixture.refused(signed, &Rejection::Mismatch, |r| r.headers[index].1.push('x'));
            }
        }
        let unsigned = Rejection::NotSigned("x-amz-new".into());
        fixture.refused(signed, &unsigned, |r| r.headers.push(("X-Amz-New".into(), "1".into())));
        fixture.refused(signed, &Rejection::Unsigned, |r| r.headers.retain(|(name, _)| name != "Authorization"));
    }
}

#[test]
fn every_request_is_refused_with_another_secret_key_or_token() {
    let fixture = fixture();
    for signed in &fixture.requests {
        let other = fixture.verify_with(signed, "another secret", fixture.now);
        assert_eq!(other, Err(Rejection::Mismatch), "{}", signed.name);
        fixture.refused(signed, &Rejection::UnknownKey, |r| replace(r, "Authorization", "AKIDEXAMPLE", "AKIDOTHER"));
        fixture.refused(signed, &Rejection::UnknownKey, |r| r.token = Some("another token".into()));
    }
}

#[test]
fn every_request_is_refused_at_another_time_or_place() {
    let fixture = fixture();
    for signed in &fixture.requests {
        let place = |from, to| move |r: &mut Signed| replace(r, "Authorization", from, to);
        fixture.refused(signed, &Rejection::WrongRegion, place("/eu-west-1/", "/us-east-1/"));
        fixture.refused(signed, &Rejection::WrongService("es".into()), place("/es/", "/aoss/"));
        let day = Rejection::WrongDate { scope: "20261122".into(), header: "20261123T001000Z".into() };
        fixture.refused(signed, &day, place("/20261123/", "/20261122/"));
        fixture.refused(signed, &Rejection::Mismatch, |r| replace(r, "X-Amz-Date", "001000", "001001"));
        for seconds in [301, 3600] {
            let shift = Duration::from_secs(seconds);
            let late = fixture.verify_with(signed, &fixture.secret, fixture.now + shift);
            assert!(matches!(late, Err(Rejection::Expired { .. })), "{}", signed.name);
            let early = fixture.verify_with(signed, &fixture.secret, fixture.now - shift);
            assert!(matches!(early, Err(Rejection::NotYetCurrent { .. })), "{}", signed.name);
        }
        let edge = Duration::from_mins(5);
        assert_eq!(fixture.verify_with(signed, &fixture.secret, fixture.now + edge), Ok(()), "{}", signed.name);
    }
}

fn replace(signed: &mut Signed, header: &str, from: &str, to: &str) {
    let (_, value) = signed.headers.iter_mut().find(|(name, _)| name == header).unwrap();
    *value = value.replace(from, to);
}
