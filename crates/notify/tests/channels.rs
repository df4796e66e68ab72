//! Channels, against receivers on this machine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use jiff::Timestamp;
use snapkeep_config::{Channel as Configured, Config, Topic};
use snapkeep_core::drill::Outcome;
use snapkeep_core::plan::{Attempt, Facts};
use snapkeep_core::policy::Policy;
use snapkeep_core::secret::Secret;
use snapkeep_core::snapshot::State;
use snapkeep_core::{Code, Failure};
use snapkeep_engine::LastDrill;
use snapkeep_notify::{Channel, Delivery, Look, Memory, Notice, Post, Sending, Sns, Way, send, tell};
use snapkeep_testbed::Receiver;
use snapkeep_transport::{AwsCredentials, Caller, Deadline};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn channel(way: Result<impl Way + 'static, Failure>) -> Channel<'static> {
    let text = "notifications: {channels: {ops: {kind: slack, url: {env: A}}}}\n";
    let configured: Configured = Config::parse(text).unwrap().notifications.channels.remove("ops").unwrap();
    Channel::new("ops", &configured, way.map(|way| Box::new(way) as Box<dyn Way>))
}

fn webhook(url: &str, key: Option<&str>) -> Channel<'static> {
    channel(Post::webhook(&Secret::new(url), key.map(Secret::new), None))
}

fn notice() -> Notice {
    Notice::test("2026-11-23T01:30:00Z".parse().unwrap())
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

async fn deliver(channel: Channel<'_>) -> Delivery {
    send(&[channel], &[notice()], soon()).await.remove(0)
}

#[tokio::test]
async fn a_webhook_gets_signed_json() {
    let receiver = Receiver::start(&[204]);
    let delivery = deliver(webhook(&format!("{}/a/b?c=d", receiver.url()), Some("key"))).await;
    assert_eq!(delivery.failure, None);
    let [request] = &receiver.messages()[..] else { panic!() };
    assert_eq!(request.head[0], "POST /a/b?c=d HTTP/1.1");
    assert_eq!((request.header("content-type"), request.header("x-snapkeep-event")), ("application/json", "test"));
    let body = request.json();
    assert_eq!(
        (&body["schema"], &body["event"], &body["policy"]),
        (&1.into(), &"test".into(), &serde_json::Value::Null)
    );
    // Computed anew, by another program's rule: HMAC as RFC 2104 writes it.
    assert_eq!(request.header("x-snapkeep-signature-256"), format!("sha256={}", hmac(b"key", request.body.as_bytes())));
}

fn hmac(key: &[u8], body: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let pad = |with: u8| (0..64).map(|at| key.get(at).unwrap_or(&0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_told() {
    let receiver = Receiver::start(&[503, 200]);
    assert_eq!(deliver(webhook(&receiver.url(), None)).await.failure, None);
    let requests = receiver.messages();
    assert_eq!((requests.len(), &requests[0].body), (2, &requests[1].body));

    let receiver = Receiver::start(&[403]);
    let failure = deliver(webhook(&format!("{}/canary", receiver.url()), None)).await.failure.unwrap();
    assert_eq!(
        (failure.code, failure.http_status, receiver.messages().len()),
        (Code::ClusterUnavailable, Some(403), 1)
    );
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let receiver = Receiver::start(&[302]);
    let failure = deliver(webhook(&receiver.url(), None)).await.failure.unwrap();
    assert!(failure.cause.contains("302"), "{failure:?}");
    assert_eq!(receiver.messages().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody() {
    // It takes connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let channel = webhook(&format!("http://{}", silent.local_addr().unwrap()), None);
    let notices = [notice(), notice(), notice()];
    let deliveries = send(&[channel], &notices, Deadline::after(Duration::from_millis(300))).await;
    assert!(deliveries.iter().all(|delivery| delivery.failure.is_some()) && deliveries.len() == 3, "{deliveries:?}");
}

/// A way that has no end, and counts how often it was gone.
struct Endless(Arc<AtomicUsize>);

impl Way for Endless {
    fn send<'a>(&'a self, _: &'a Notice, _: Deadline) -> Sending<'a> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_a_run_of_many_policies_once() {
    let (policy, facts, now) = (policy(), bad(), "2026-11-23T01:10:00Z".parse().unwrap());
    let on = |cluster: &str| Look { cluster: cluster.into(), ..look_at(&policy, &facts, now) };
    let tries = Arc::new(AtomicUsize::new(0));
    let channels = [channel(Ok(Endless(Arc::clone(&tries))))];
    let (mut memory, time) = (Memory::default(), Deadline::after(Duration::from_millis(300)));
    let deliveries = tell(&channels, &["a", "b", "c"].map(on), &mut memory, now, time).await;
    assert!(deliveries.iter().all(|delivery| delivery.failure.is_some()) && deliveries.len() == 3, "{deliveries:?}");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    let receiver = Receiver::start(&[200]);
    tell(&[webhook(&receiver.url(), None)], &["a", "b", "c"].map(on), &mut memory, now, soon()).await;
    assert_eq!(receiver.events(), ["partial"; 3], "each is tried again by the next run");
}

/// One that answers may refuse this message only.
#[tokio::test]
async fn a_message_that_is_refused_holds_up_no_other() {
    let receiver = Receiver::start(&[400, 200]);
    let deliveries = send(&[webhook(&receiver.url(), None)], &[notice(), notice()], soon()).await;
    let failed: Vec<bool> = deliveries.iter().map(|delivery| delivery.failure.is_some()).collect();
    assert_eq!(failed, [true, false], "{deliveries:?}");
}

#[tokio::test]
async fn slack_gets_text() {
    let receiver = Receiver::start(&[200]);
    let slack = channel(Post::slack(&Secret::new(format!("{}/services/T/B/x", receiver.url())), None));
    assert_eq!(deliver(slack).await.failure, None);
    let body = receiver.messages()[0].json();
    assert!(body["text"].as_str().unwrap().starts_with("*snapkeep test*: a test"), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 1);
}

/// A caller whose SNS is on this machine.
struct Function(String);

impl Caller for Function {
    fn credentials(&self) -> AwsCredentials {
        AwsCredentials::fixed("AKID", &Secret::new("secret-of-akid"), None)
    }

    fn region(&self) -> Option<&str> {
        Some("us-east-1")
    }

    fn variable(&self, name: &str) -> Option<&str> {
        (name == "AWS_ENDPOINT_URL_SNS").then_some(&self.0)
    }

    fn ca_file(&self) -> Option<PathBuf> {
        None
    }
}

#[tokio::test]
async fn a_topic_gets_a_signed_publish_in_its_own_region() {
    let receiver = Receiver::start(&[200]);
    let function: &'static Function = Box::leak(Box::new(Function(receiver.url())));
    let topic = "arn:aws:sns:eu-west-1:123456789012:ops.fifo";
    assert_eq!(deliver(channel(Ok(Sns::new(function, topic)))).await.failure, None);
    let request = &receiver.messages()[0];
    let signature = request.header("authorization");
    assert!(
        signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID/") && signature.contains("/eu-west-1/sns/aws4_request")
    );
    let fields: Vec<&str> = request.body.split('&').collect();
    for field in [
        "Action=Publish",
        "TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Aops.fifo",
        "Subject=snapkeep%20test%3A%20a%20test%3A%20whoever%20reads%20this%20will%20be%20told%20when%20a%20snapshot%20fails",
        "MessageGroupId=snapkeep",
    ] {
        assert!(fields.contains(&field), "{field}: {fields:?}");
    }
    let receiver = Receiver::start(&[403]);
    let function: &'static Function = Box::leak(Box::new(Function(receiver.url())));
    let failure = deliver(channel(Ok(Sns::new(function, topic)))).await.failure.unwrap();
    assert_eq!(failure.code, Code::AccessDenied);
    assert!(failure.hint.contains("sns:Publish") && failure.cause.contains("cannot be published to"), "{failure:?}");
}

fn policy() -> Policy {
    let text = "clusters: {c: {endpoint: https://c}}\npolicies: {p: {repository: r, schedule: every 1h}}\n";
    Config::parse(text).unwrap().policies.remove("p").unwrap()
}

fn bad() -> Facts {
    let at = "2026-11-23T01:00:00Z".parse().unwrap();
    let attempt = Attempt { snapshot: "p-x".into(), state: State::Partial, started_at: at, ended_at: Some(at) };
    Facts { attempts: vec![attempt], ..Facts::default() }
}

/// The policy on cluster `c`, where nothing failed and nothing was drilled.
fn look_at<'a>(policy: &'a Policy, facts: &'a Facts, at: Timestamp) -> Look<'a> {
    let cluster = "c".into();
    Look { policy, cluster, facts: Some(facts), failures: vec![], drill: None, is_drill_unseen: false, at }
}

#[tokio::test]
async fn what_nobody_got_is_told_again_and_what_somebody_got_is_not() {
    let (policy, facts, now) = (policy(), bad(), "2026-11-23T01:10:00Z".parse().unwrap());
    let look = || look_at(&policy, &facts, now);
    let receiver = Receiver::start(&[403, 200]);
    let channels = [webhook(&receiver.url(), None)];
    let mut memory = Memory::default();
    for (turn, expected) in [Some(true), Some(false), None].into_iter().enumerate() {
        let deliveries = tell(&channels, &[look()], &mut memory, now, soon()).await;
        assert_eq!(deliveries.first().map(|delivery| delivery.failure.is_some()), expected, "{turn}: {deliveries:?}");
    }
    let body = receiver.messages()[1].json();
    assert_eq!(
        (&body["event"], &body["snapshot"], &body["id"]),
        (&"partial".into(), &"p-x".into(), &"partial:p@c/r:p-x".into())
    );
}

/// A way that refuses the first message of that event.
struct Deaf<'a>(&'a str, &'a AtomicUsize);

impl Way for Deaf<'_> {
    fn send<'a>(&'a self, notice: &'a Notice, _: Deadline) -> Sending<'a> {
        let is_deaf = notice.event == self.0 && self.1.fetch_add(1, Ordering::Relaxed) == 0;
        let failure = Failure::new(Code::ClusterUnavailable, "no", "look").with_status(500);
        Box::pin(async move { if is_deaf { Err(failure) } else { Ok(()) } })
    }
}

#[tokio::test]
async fn what_nobody_got_is_told_again_although_somebody_got_another_message() {
    let (policy, now) = (policy(), "2026-11-23T05:10:00Z".parse().unwrap());
    let mut facts = bad();
    let began = "2026-11-23T00:00:00Z".parse().unwrap();
    let good = Attempt { snapshot: "p-w".into(), state: State::Success, started_at: began, ended_at: Some(began) };
    facts.attempts.push(good);
    let drill = LastDrill {
        id: "0042".into(),
        policy: "p".into(),
        cluster: "c".into(),
        began_at: began,
        ended_at: began,
        outcome: Outcome::Failed,
        failure: Some(Failure::new(Code::RestoreIncomplete, "no", "look")),
        recovery_time_s: None,
        recovery_point_age_s: None,
    };
    let looks = [Look { drill: Some(&drill), ..look_at(&policy, &facts, now) }];
    for deaf_to in ["partial", "stale", "failure"] {
        let tries = AtomicUsize::new(0);
        let way = Ok(Box::new(Deaf(deaf_to, &tries)) as Box<dyn Way + '_>);
        let (on, policies) = (BTreeSet::from(Topic::ALL), BTreeSet::new());
        let channels = [Channel { name: "ops".into(), on, policies, way }];
        let (mut memory, mut delivered) = (Memory::default(), Vec::new());
        for _ in 0..3 {
            let deliveries = tell(&channels, &looks, &mut memory, now, soon()).await;
            let got = deliveries.iter().filter(|delivery| delivery.failure.is_none());
            delivered.push(got.map(|delivery| delivery.event).collect::<Vec<_>>());
        }
        let others: Vec<&str> = ["partial", "stale", "failure"].into_iter().filter(|event| *event != deaf_to).collect();
        assert_eq!(delivered, [others, vec![deaf_to], vec![]]);
    }
}

#[tokio::test]
async fn a_channel_is_told_of_what_it_wants_only() {
    let (policy, facts, now) = (policy(), bad(), "2026-11-23T01:10:00Z".parse().unwrap());
    let look = look_at(&policy, &facts, now);
    let receiver = Receiver::start(&[200]);
    let elsewhere = Channel { policies: BTreeSet::from(["other".to_owned()]), ..webhook(&receiver.url(), None) };
    let deaf = Channel { on: BTreeSet::from([Topic::Stale]), ..webhook(&receiver.url(), None) };
    let mut memory = Memory::default();
    assert_eq!(tell(&[elsewhere, deaf], &[look], &mut memory, now, soon()).await, []);
    assert_eq!(receiver.messages().len(), 0);
}
