//! Row 8 of the catalogue at this level: each throttled or failing status, before and after the server's
//! effect, for reads and for writes.

use crate::support::{Server, answer, deadline, get, keeper, keys, put, settings, signed};
use snapkeep_front::{Action, Fault};
use snapkeep_transport::{Deadline, Pace, Settings};
use std::time::Duration;

const HTML: &str = "<html><body><h1>Try later</h1></body></html>";
const THROTTLED: &str = r#"{"message":"Rate exceeded"}"#;

/// Status, body, and whether the node did its work before.
fn cases() -> Vec<(u16, &'static str, bool)> {
    let kinds = [429, 502, 503, 504].into_iter().flat_map(|status| [(status, HTML), (status, "{}"), (status, "")]);
    kinds.chain([(403, THROTTLED)]).flat_map(|(status, body)| [(status, body, false), (status, body, true)]).collect()
}

fn action(status: u16, body: &str, after: bool) -> Action {
    let (headers, body) = (Vec::new(), body.as_bytes().to_vec().into());
    if after {
        Action::ForwardThenStatus { code: status, headers, body }
    } else {
        Action::Status { code: status, headers, body }
    }
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_are_sent_once() {
    for (status, body, after) in cases() {
        let case = format!("{status} {body} after={after}");
        let node = Server::content();
        let front = node.front().principal(keeper()).start().await.unwrap();
        let client = signed(&front.url(), keys());
        let twice = front.inject(Fault::on("GET", "/**").first(2).then(action(status, body, after)));
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200, "{case}");
        assert_eq!((front.injected(twice), front.requests().len()), (2, 3), "{case}");
        let always = front.inject(Fault::on("*", "/**").always().then(action(status, body, after)));
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, status, "{case}");
        assert_eq!(front.injected(always), u64::from(settings().pace.attempts), "{case}");
        assert_eq!(client.write(&put(), deadline()).await.unwrap().status, status, "{case}");
        let puts = |line: &str| line.starts_with("PUT");
        assert_eq!(front.requests().iter().filter(|seen| puts(&seen.method)).count(), 1, "{case}");
        assert_eq!(node.got().iter().filter(|got| puts(&got.line)).count(), usize::from(after), "{case}");
    }
}

#[tokio::test]
async fn lost_answers_to_reads_are_asked_for_again_and_to_writes_not() {
    for action in [Action::DropBefore, Action::ForwardThenDrop, Action::CutAt(40)] {
        let node = Server::content();
        let front = node.front().principal(keeper()).start().await.unwrap();
        let client = signed(&front.url(), keys());
        let fault = front.inject(Fault::on("GET", "/**").first(3).then(action.clone()));
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200, "{action:?}");
        assert_eq!(front.injected(fault), 3, "{action:?}");
        front.inject(Fault::on("PUT", "/**").always().then(action.clone()));
        let lost = client.write(&put(), deadline()).await.unwrap_err();
        assert!(!lost.is_unsent(), "{action:?}: {lost:?}");
        assert_eq!(front.requests().iter().filter(|seen| seen.method == "PUT").count(), 1, "{action:?}");
    }
}

/// A wait that the server asks for and that does not fit before the deadline is not begun.
#[tokio::test]
async fn a_wait_beyond_the_deadline_ends_the_tries() {
    let far = http_date(3600);
    for value in ["3600".to_owned(), far] {
        let server = Server::start(move |_| answer(503, &format!("Retry-After: {value}\r\n"), b""));
        let pace = Pace { ceiling: Duration::from_secs(3600), ..settings().pace };
        let client =
            crate::support::client(&server.url, snapkeep_transport::Auth::None, Settings { pace, ..settings() });
        let answer = client.read(&get(), Deadline::after(Duration::from_mins(1))).await.unwrap();
        assert_eq!((answer.status, server.got().len()), (503, 1));
        assert!(answer.retry_after.is_some_and(|wait| wait > Duration::from_secs(3000)), "{answer:?}");
    }
}

/// The time in so many seconds, as HTTP writes it.
fn http_date(seconds: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap()
}

/// Waits in the past or of no length are no reason to stop.
#[tokio::test]
async fn a_wait_that_has_passed_is_short() {
    for value in ["0".to_owned(), http_date(-3600), "nonsense".to_owned()] {
        let server = Server::start(move |_| answer(429, &format!("Retry-After: {value}\r\n"), b""));
        let client = crate::support::client(&server.url, snapkeep_transport::Auth::None, settings());
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 429);
        assert_eq!(server.got().len(), settings().pace.attempts as usize);
    }
}
