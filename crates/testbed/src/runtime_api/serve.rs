//! The requests of the protocol.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::state::{Shared, Taken};
use super::{FUNCTION_ARN, Outcome};

/// Lambda's limit for a synchronous answer.
const LARGEST: usize = 6 * 1024 * 1024;

type Reply = Response<Full<Bytes>>;

pub(super) async fn answer(shared: &Arc<Shared>, slot: usize, request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    match (&head.method, parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(shared, slot).await,
        (&Method::POST, ["init", "error"]) => {
            shared.init_error(slot, init_error(&head.headers, &read(body).await));
            accepted()
        }
        (&Method::POST, ["invocation", id, "response"]) => {
            let body = read(body).await;
            if body.len() > LARGEST {
                return too_large(shared, slot, id, body.len());
            }
            finish(shared, slot, id, Outcome::Response(parse(&body)))
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let (error_type, error_message, raw) = error_parts(&head.headers, &read(body).await);
            finish(shared, slot, id, Outcome::Error { error_type, error_message, raw })
        }
        _ => status(StatusCode::NOT_FOUND, &json!({ "errorType": "NotFound", "errorMessage": head.uri.path() })),
    }
}

async fn next(shared: &Arc<Shared>, slot: usize) -> Reply {
    let Some(Taken { request_id, event, deadline_ms, trace_id }) = shared.next(slot).await else {
        let message = "the previous invocation has neither a response nor an error";
        return refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", message);
    };
    let mut response = Response::new(Full::from(event));
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", request_id),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", FUNCTION_ARN.to_owned()),
        ("lambda-runtime-trace-id", trace_id),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn finish(shared: &Shared, slot: usize, id: &str, outcome: Outcome) -> Reply {
    if shared.finish(slot, id, outcome) {
        return accepted();
    }
    refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn too_large(shared: &Shared, slot: usize, id: &str, size: usize) -> Reply {
    let error_type = "Function.ResponseSizeTooLarge".to_owned();
    let error_message =
        format!("Response payload size ({size} bytes) exceeded maximum allowed payload size ({LARGEST} bytes).");
    let raw = json!({ "errorType": error_type, "errorMessage": error_message });
    shared.finish(slot, id, Outcome::Error { error_type, error_message, raw });
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "Exceeded maximum allowed payload size")
}

fn init_error(headers: &HeaderMap, body: &Bytes) -> Outcome {
    let (error_type, error_message, raw) = error_parts(headers, body);
    Outcome::InitError { error_type, error_message, raw }
}

fn error_parts(headers: &HeaderMap, body: &Bytes) -> (String, String, Value) {
    let raw = parse(body);
    let text = |name: &str| raw[name].as_str().map(str::to_owned);
    let header = || Some(headers.get("lambda-runtime-function-error-type")?.to_str().ok()?.to_owned());
    let error_type = text("errorType").or_else(header).unwrap_or_default();
    let error_message = text("errorMessage").unwrap_or_default();
    (error_type, error_message, raw)
}

async fn read(body: Incoming) -> Bytes {
    body.collect().await.map(Collected::to_bytes).unwrap_or_default()
}

fn parse(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn accepted() -> Reply {
    status(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn refuse(code: StatusCode, error_type: &str, message: &str) -> Reply {
    status(code, &json!({ "errorType": error_type, "errorMessage": message }))
}

fn status(code: StatusCode, body: &Value) -> Reply {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
