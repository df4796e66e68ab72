//! Refused signatures: a clock that is wrong, a token that has ended.

use crate::support::{ACCESS, ARN, Server, answer, deadline, get, keeper, keys, put, signed};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, future};
use jiff::SignedDuration;
use snapkeep_front::{Action, Fault, Front, Principal};
use snapkeep_transport::{AwsCredentials, Client};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// What the front answered, in order.
fn statuses(front: &Front) -> Vec<Option<u16>> {
    front.requests().iter().map(|seen| seen.status_answered).collect()
}

/// Equal, but for the second that may have begun in between.
fn assert_about(found: Option<SignedDuration>, expected: i64) {
    let off = found.unwrap().as_secs() - expected;
    assert!(off.abs() <= 1, "{found:?} for {expected}");
}

#[tokio::test]
async fn a_wrong_clock_costs_one_more_signature_and_is_reported() {
    for minutes in [-20, -6, 6, 20] {
        let node = Server::content();
        let front = node.front().principal(keeper()).start().await.unwrap();
        front.set_clock_ahead(minutes * 60);
        let client = signed(&front.url(), keys());
        assert_eq!(client.skew(), None);
        assert_eq!(client.write(&put(), deadline()).await.unwrap().status, 200);
        assert_about(client.skew(), minutes * 60);
        assert_eq!(statuses(&front), [Some(403), Some(200)], "{minutes}");
        assert_eq!(node.got().len(), 1, "{minutes}");
        // The offset is remembered: no more is lost to it.
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
        assert_eq!(client.write(&put(), deadline()).await.unwrap().status, 200);
        assert_eq!(statuses(&front)[2..], [Some(200), Some(200)], "{minutes}");
        // A clock that is set right again is followed too.
        front.set_clock_ahead(0);
        assert_eq!(client.write(&put(), deadline()).await.unwrap().status, 200);
        assert_eq!(statuses(&front)[4..], [Some(403), Some(200)], "{minutes}");
        assert_about(client.skew(), 0);
    }
}

#[tokio::test]
async fn a_small_offset_is_reported_and_costs_nothing() {
    let node = Server::content();
    let front = node.front().principal(keeper()).start().await.unwrap();
    front.set_clock_ahead(200);
    let client = signed(&front.url(), keys());
    let answer = client.read(&get(), deadline()).await.unwrap();
    assert!(answer.date.is_some());
    assert_about(client.skew(), 200);
    assert_eq!(statuses(&front), [Some(200)]);
}

/// Without a `Date` the refusal's own words tell the server's time.
#[tokio::test]
async fn the_words_tell_the_time_where_no_header_does() {
    let words = |now: SystemTime| {
        let text = |time| snapkeep_front::clock::amz_date(time);
        let body = format!(
            r#"{{"message":"Signature expired: {} is now earlier than {} ({} - 5 min.)"}}"#,
            text(now - Duration::from_mins(20)),
            text(now - Duration::from_mins(5)),
            text(now)
        );
        answer(403, "", body.as_bytes())
    };
    let server = Server::start(move |_| words(SystemTime::now() + Duration::from_mins(20)));
    let client = signed(&server.url, keys());
    assert_eq!(client.write(&put(), deadline()).await.unwrap().status, 403);
    assert_about(client.skew(), 20 * 60);
    // One correction, and no more when that is refused as well.
    assert_eq!(server.got().len(), 2);
}

/// Hands out new credentials each time and makes them known to the front, good for `life`.
#[derive(Clone, Debug)]
struct Issuer {
    front: Arc<Front>,
    issued: Arc<AtomicU64>,
    life: Duration,
}

impl Issuer {
    fn new(front: Front, life: Duration) -> Self {
        Self { front: Arc::new(front), issued: Arc::default(), life }
    }

    fn client(&self) -> Client {
        signed(&self.front.url(), AwsCredentials::provided(self.clone()))
    }
}

impl ProvideCredentials for Issuer {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        let (key, secret, token) = (format!("ASIA{number}"), format!("secret-{number}"), format!("token-{number}"));
        let end = self.front.now() + self.life;
        self.front.add_principal(Principal::new(ARN, &key, &secret).session_token(&token).expires_at(end));
        // The client is not told of the end: only the front's refusal says it.
        future::ProvideCredentials::ready(Ok(Credentials::new(key, secret, Some(token), None, "test")))
    }
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_and_the_write_has_one_effect() {
    let node = Server::content();
    let issuer = Issuer::new(node.front().start().await.unwrap(), Duration::from_secs(3));
    let client = issuer.client();
    for round in 1..=3 {
        assert_eq!(client.write(&put(), deadline()).await.unwrap().status, 200);
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
        assert_eq!(issuer.issued.load(Ordering::SeqCst), round);
        issuer.front.set_clock_ahead(i64::try_from(round).unwrap() * 4);
    }
    let puts = node.got().iter().filter(|got| got.line.starts_with("PUT")).count();
    assert_eq!(puts, 3);
    let refused = statuses(&issuer.front).iter().filter(|status| **status == Some(403)).count();
    assert_eq!(refused, 2);
}

/// The token ends while requests wait for a throttled front: each try is signed anew.
#[tokio::test]
async fn a_token_that_ends_between_tries_does_not_end_the_read() {
    let node = Server::content();
    let issuer = Issuer::new(node.front().start().await.unwrap(), Duration::from_secs(3));
    let client = issuer.client();
    assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
    let slow = issuer.front.inject(Fault::on("GET", "/**").nth(1).then(Action::status(429, "{}")));
    issuer.front.expire("ASIA1");
    assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
    assert_eq!(issuer.front.injected(slow), 1);
    assert_eq!(statuses(&issuer.front), [Some(200), Some(403), Some(429), Some(200)]);
}

#[tokio::test]
async fn a_clock_and_a_token_are_mended_in_one_go() {
    let node = Server::content();
    let issuer = Issuer::new(node.front().start().await.unwrap(), Duration::from_secs(3));
    let client = issuer.client();
    assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
    issuer.front.set_clock_ahead(20 * 60);
    assert_eq!(client.write(&put(), deadline()).await.unwrap().status, 200);
    assert_eq!(statuses(&issuer.front), [Some(200), Some(403), Some(403), Some(200)]);
    assert_eq!(node.got().len(), 2);
}

/// Nothing better is at hand: the refusal stands after one request.
#[tokio::test]
async fn the_same_credentials_are_not_sent_twice() {
    let node = Server::content();
    let front = node.front().principal(keeper().expires_at(SystemTime::UNIX_EPOCH)).start().await.unwrap();
    let fixed = signed(&front.url(), keys());
    assert_eq!(fixed.write(&put(), deadline()).await.unwrap().status, 403);
    let same = Credentials::new(ACCESS, crate::support::SECRET, None, None, "test");
    let provided = signed(&front.url(), AwsCredentials::provided(same));
    assert_eq!(provided.read(&get(), deadline()).await.unwrap().status, 403);
    assert_eq!((front.requests().len(), node.got().len()), (2, 0));
}

/// New credentials that are refused as well: the second refusal stands.
#[tokio::test]
async fn renewal_is_tried_once() {
    let node = Server::content();
    let issuer = Issuer::new(node.front().start().await.unwrap(), Duration::ZERO);
    assert_eq!(issuer.client().write(&put(), deadline()).await.unwrap().status, 403);
    assert_eq!((issuer.issued.load(Ordering::SeqCst), node.got().len()), (2, 0));
}

/// What the second try was signed with does not come back to the caller either.
#[tokio::test]
async fn resolved_secrets_are_scrubbed() {
    let body = r#"{"message":"The security token included in the request is expired: token-2 secret-2"}"#;
    let server = Server::start(|_| answer(403, "", body.as_bytes()));
    let elsewhere = Server::content();
    let issuer = Issuer::new(elsewhere.front().start().await.unwrap(), Duration::ZERO);
    let client = signed(&server.url, AwsCredentials::provided(issuer));
    let shown = client.write(&put(), deadline()).await.unwrap();
    let text = String::from_utf8_lossy(&shown.body);
    assert!(text.contains("***") && !text.contains("secret-2"), "{text}");
    assert_eq!(server.got().len(), 2);
}
