//! Nothing secret leaves: not in a log, an answer or an error, whatever goes wrong. Row 38.

use crate::stage::{Stage, principal};
use serde_json::json;
use snapkeep_front::{Action, Fault, FaultId, Front};
use snapkeep_testbed::{Invoke, Outcome};

const SECRET: &str = "canary-secret-key-1/2+3";
const TOKEN: &str = "canary-session-token-4/5+6";
const ROLE_SECRET: &str = "canary-role-secret-7";
const ROLE_TOKEN: &str = "canary-role-token-8";

fn arranged(front: snapkeep_front::Builder) -> snapkeep_front::Builder {
    front.principal(snapkeep_front::Principal::new(crate::stage::CALLER, "AKIDCANARY", SECRET).session_token(TOKEN))
}

async fn stage() -> Stage {
    let mut stage = Stage::with(arranged).await;
    for (name, value) in [
        ("ACCESS_KEY", "AKIDCANARY"),
        ("SECRET_KEY", SECRET),
        ("SESSION_TOKEN", TOKEN),
        ("AWS_SECRET_ACCESS_KEY", ROLE_SECRET),
        ("AWS_SESSION_TOKEN", ROLE_TOKEN),
        ("AWS_ACCESS_KEY_ID", "ASIACANARY"),
        ("SNAPKEEP_PASSWORD", "canary-password-9"),
        ("AWS_LAMBDA_LOG_LEVEL", "trace"),
    ] {
        stage.set(name, value);
    }
    stage
}

/// A refusal that repeats what it was sent, as some servers do in their debug modes.
fn echo(front: &Front, status: u16) -> FaultId {
    let body = json!({"error": {"type": "x", "reason": format!("you sent {SECRET} and {TOKEN}")}, "message": format!("{SECRET} {TOKEN}")});
    // JSON can spell one text in many ways: half of the echoes are escaped.
    let escaped = body.to_string().replacen('/', r"\/", 1).replacen('+', r"\u002b", 1);
    front.inject(Fault::on("PUT", "/_snapshot/*/*").always().then(Action::status(status, &escaped)))
}

fn assert_clean(what: &str, text: &str) {
    assert!(!text.contains("canary"), "{what} holds a secret: {text}");
}

#[tokio::test]
async fn row_38_logs_answers_and_errors_hold_no_secret() {
    for status in [None, Some(400), Some(403), Some(500), Some(503)] {
        let stage = stage().await;
        let echo = status.map(|status| echo(&stage.front, status));
        let process = stage.start();
        let outcome = stage.deliver(&stage.event(), Invoke::default()).await;
        assert!(echo.is_none_or(|echo| stage.front.injected(echo) > 0));
        assert_eq!(stage.snapshots().await.len(), usize::from(status.is_none()));
        let is_answer = matches!(&outcome, Outcome::Response(_));
        assert_eq!(is_answer, status.is_none(), "{outcome:?}");
        assert_clean("the outcome", &format!("{outcome:?}"));
        let logs = process.logs();
        assert!(logs.contains("\"request_id\""), "there are logs, with the request id: {logs}");
        assert_clean("the log", &logs);
        for line in logs.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        }
        assert!(stage.front.requests().iter().all(|seen| seen.signed_by.is_some()), "the keys were used");
    }
}

/// The function says once, in its log, that long-lived keys are not the best way.
#[tokio::test]
async fn the_log_recommends_the_execution_role() {
    let stage = Stage::with(|front| front.principal(principal())).await;
    let process = stage.start();
    stage.deliver(&stage.event_with(&json!({"Action": "register"})), Invoke::default()).await.expect_response();
    stage.deliver(&stage.event_with(&json!({"Action": "register"})), Invoke::default()).await.expect_response();
    let logs = process.logs();
    assert_eq!(logs.matches("execution role").count(), 1, "{logs}");
}
