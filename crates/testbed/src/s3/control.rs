//! The port that takes orders. The table of them stands in the parent module's documentation.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::Object;
use super::gate::Gate;

type Answer = Result<Value, (StatusCode, String)>;

pub(super) async fn serve(gate: &Gate, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let (status, value) = match answer(gate, &head.method, head.uri.path(), &body) {
        Ok(value) => (StatusCode::OK, value),
        Err((status, reason)) => (status, json!({ "error": reason })),
    };
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = status;
    response
}

fn answer(gate: &Gate, method: &Method, path: &str, body: &[u8]) -> Answer {
    let unknown = || (StatusCode::NOT_FOUND, format!("no such order: {method} {path}"));
    let rest = path.strip_prefix("/buckets/").ok_or_else(unknown)?;
    let (bucket, what) = rest.split_once('/').unwrap_or((rest, ""));
    if !is_bucket_name(bucket) {
        return Err((StatusCode::BAD_REQUEST, format!("not a bucket's name: {bucket}")));
    }
    match (method.as_str(), what) {
        ("PUT", "") => create(&gate.place(bucket)),
        ("PUT", "mode") => {
            let mode = serde_json::from_slice(body).map_err(|e| (StatusCode::BAD_REQUEST, e.to_string()))?;
            gate.set_mode(bucket, mode);
            Ok(Value::Null)
        }
        ("GET", "counts") => Ok(json!(gate.counts(bucket))),
        ("GET", "objects") => list(&gate.place(bucket)),
        _ => Err(unknown()),
    }
}

/// S3's own rule, without its exceptions: 3 to 63 of lower-case letters, digits, `-` and `.`.
fn is_bucket_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (3..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with(['-', '.']) && !name.contains("..")
}

fn create(place: &Path) -> Answer {
    fs::create_dir_all(place)
        .map(|()| Value::Null)
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn list(place: &Path) -> Answer {
    let mut objects = Vec::new();
    collect(place, "", &mut objects).map_err(|error| (StatusCode::NOT_FOUND, error.to_string()))?;
    objects.sort();
    Ok(json!(objects))
}

fn collect(dir: &Path, prefix: &str, objects: &mut Vec<Object>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // What vanishes while we look was deleted, which is an answer too.
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            let _ = collect(&entry.path(), &format!("{key}/"), objects);
        } else {
            objects.push(Object { key, size: meta.len() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_buckets_reach_the_file_system() {
        assert!(is_bucket_name("bucket-1.a"));
        for bad in ["", "..", "a", "A-b", "-ab", "a..b", "a%2f", &"x".repeat(64)] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }
}
