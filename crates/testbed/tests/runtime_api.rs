//! The runtime API as functions see it. The functions are this very test program, started as a process of its own.

// The lint's exception for tests does not reach what stands beside them.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use snapkeep_testbed::{Function, Invoke, LambdaProcess, Outcome, RuntimeApi, eventually};

/// One HTTP exchange, without anything of the crate under test: status, head, body.
fn exchange(address: &str, method: &str, path: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}"
    );
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// Not a test when `FUNCTION` is set: then this process is a function that does what each event says.
#[test]
fn function() {
    if std::env::var_os("FUNCTION").is_none() {
        return;
    }
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    if std::env::var_os("FAIL_INIT").is_some() {
        exchange(&api, "POST", "init/error", r#"{"errorType":"Init.Bad","errorMessage":"no configuration"}"#);
        std::process::exit(1);
    }
    loop {
        let (_, head, event) = exchange(&api, "GET", "invocation/next", "");
        let id = header(&head, "lambda-runtime-aws-request-id").to_owned();
        let event: Value = serde_json::from_str(&event).unwrap();
        let answer =
            |what: &str, body: Value| exchange(&api, "POST", &format!("invocation/{id}/{what}"), &body.to_string());
        match event["do"].as_str().unwrap() {
            "echo" => answer("response", json!({ "id": id, "event": event, "pid": std::process::id() })),
            "fail" => answer("error", json!({ "errorType": "bad_event", "errorMessage": "it says fail" })),
            "env" => answer("response", std::env::vars().map(|(name, value)| (name, json!(value))).collect()),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            _ => {
                let _ = writeln!(std::io::stderr(), "last words");
                std::process::exit(7);
            }
        };
    }
}

fn this_program() -> Function {
    let program = Function::new(std::env::current_exe().unwrap());
    program.arg("--exact").arg("function").arg("--nocapture").env("FUNCTION", "1")
}

#[tokio::test]
async fn an_answer_and_an_error_come_back() {
    let api = RuntimeApi::start().unwrap();
    let process = LambdaProcess::start(&api, &this_program()).unwrap();
    let answer = api.invoke(json!({ "do": "echo" }), Invoke::with_id("id-1")).await.expect_response();
    assert_eq!(answer["id"], "id-1");
    assert_eq!(answer["pid"], process.pid());
    let error = api.invoke(json!({ "do": "fail" }), Invoke::default()).await.expect_error();
    assert_eq!(error, ("bad_event".to_owned(), "it says fail".to_owned()));
    assert!(process.is_running() && process.start_duration().is_some());
    assert!(process.peak_memory().unwrap() > 100_000);
    let all = api.deliveries();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|delivery| delivery.slot == Some(process.slot()) && delivery.duration().is_some()));
    assert_ne!(all[1].request_id, all[0].request_id);
}

#[tokio::test]
async fn the_environment_is_lambdas_and_nothing_else() {
    let api = RuntimeApi::start().unwrap();
    let _process = LambdaProcess::start(&api, &this_program().env("AWS_REGION", "eu-west-1")).unwrap();
    let seen = api.invoke(json!({ "do": "env" }), Invoke::default()).await.expect_response();
    assert_eq!(seen["AWS_REGION"], "eu-west-1");
    assert_eq!(seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert!(seen.get("HOME").is_none() && seen.get("CARGO_MANIFEST_DIR").is_none(), "{seen}");
}

#[tokio::test]
async fn one_id_can_be_delivered_twice_at_once() {
    let api = RuntimeApi::start().unwrap();
    let both =
        [LambdaProcess::start(&api, &this_program()).unwrap(), LambdaProcess::start(&api, &this_program()).unwrap()];
    eventually("both ask", async || both.iter().all(|process| process.start_duration().is_some()).then_some(())).await;
    let hang = Invoke::with_id("same").deadline(Duration::from_secs(2));
    let (one, two) = tokio::join!(
        api.invoke(json!({ "do": "hang" }), hang),
        api.invoke(json!({ "do": "echo" }), Invoke::with_id("same")),
    );
    assert_eq!(one, Outcome::DeadlineExceeded);
    assert_eq!(two.expect_response()["id"], "same");
    let slots: Vec<_> = api.deliveries().iter().map(|delivery| delivery.slot).collect();
    assert_ne!(slots[0], slots[1]);
    let running: Vec<bool> = both.iter().map(LambdaProcess::is_running).collect();
    assert_eq!(running.iter().filter(|running| **running).count(), 1, "only the one that hung is killed");
}

#[tokio::test]
async fn a_process_that_ends_ends_its_invocation_and_those_that_wait() {
    let api = RuntimeApi::start().unwrap();
    let process = LambdaProcess::start(&api, &this_program()).unwrap();
    let (first, second) = tokio::join!(
        api.invoke(json!({ "do": "exit" }), Invoke::default()),
        api.invoke(json!({ "do": "echo" }), Invoke::default()),
    );
    for outcome in [first, second] {
        let Outcome::Exited { status } = outcome else { panic!("{outcome:?}") };
        assert_eq!(status.code(), Some(7));
    }
    assert!(process.stop().contains("last words"));
}

#[tokio::test]
async fn a_process_that_cannot_start_says_why() {
    let api = RuntimeApi::start().unwrap();
    let _process = LambdaProcess::start(&api, &this_program().env("FAIL_INIT", "1")).unwrap();
    let outcome = api.invoke(json!({ "do": "echo" }), Invoke::default()).await;
    let Outcome::InitError { error_type, error_message, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((error_type.as_str(), error_message.as_str()), ("Init.Bad", "no configuration"));
}

/// Another thread asks, as a function would, while this one invokes.
#[tokio::test]
async fn the_protocol_is_exact() {
    let api = RuntimeApi::start().unwrap();
    let address = api.address();
    let function = std::thread::spawn(move || {
        let (status, head, event) = exchange(&address, "GET", "invocation/next", "");
        assert_eq!((status, event.as_str()), (200, r#"{"a":1}"#));
        assert_eq!(header(&head, "lambda-runtime-aws-request-id"), "id-9");
        assert!(header(&head, "lambda-runtime-deadline-ms").parse::<u64>().unwrap() > 1_700_000_000_000);
        assert!(header(&head, "lambda-runtime-invoked-function-arn").starts_with("arn:aws:lambda:"));
        assert!(header(&head, "lambda-runtime-trace-id").starts_with("root="));
        let post = |path: &str, body: &str| exchange(&address, "POST", path, body).0;
        assert_eq!(exchange(&address, "GET", "invocation/next", "").0, 403);
        assert_eq!(post("invocation/other/response", "1"), 400);
        assert_eq!(post("invocation/id-9/response", "\"done\""), 202);
        assert_eq!(post("invocation/id-9/response", "\"again\""), 400);
        assert_eq!(exchange(&address, "GET", "nothing", "").0, 404);
        let (_, head, _) = exchange(&address, "GET", "invocation/next", "");
        let id = header(&head, "lambda-runtime-aws-request-id").to_owned();
        assert_eq!(post(&format!("invocation/{id}/response"), &"x".repeat(6 * 1024 * 1024 + 1)), 413);
    });
    assert_eq!(api.invoke(r#"{"a":1}"#, Invoke::with_id("id-9")).await, Outcome::Response(json!("done")));
    let (error_type, _) = api.invoke("{}", Invoke::default()).await.expect_error();
    assert_eq!(error_type, "Function.ResponseSizeTooLarge");
    function.join().unwrap();
}
