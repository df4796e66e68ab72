//! The switch in front of the store.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use s3s::service::S3Service;
use tokio::sync::watch;

use super::{Counts, Mode};

/// The store and its buckets' switches.
pub(super) struct Gate {
    store: S3Service,
    root: PathBuf,
    buckets: Mutex<HashMap<String, Arc<Bucket>>>,
}

/// One bucket's switch and counters.
struct Bucket {
    mode: watch::Sender<Mode>,
    counts: Mutex<Counts>,
}

/// What the gate decided about a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Refuse,
}

/// Where a request's object goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
    /// It is about no object's content.
    Neither,
}

impl Direction {
    fn of(method: &Method, uri: &Uri, key: &str) -> Self {
        if is_upload(method, uri) {
            Self::Up
        } else if method == Method::GET && !key.is_empty() {
            Self::Down
        } else {
            Self::Neither
        }
    }
}

impl Gate {
    /// `root` is the directory that holds the store's buckets.
    pub(super) fn new(store: S3Service, root: PathBuf) -> Self {
        Self { store, root, buckets: Mutex::default() }
    }

    pub(super) fn place(&self, bucket: &str) -> PathBuf {
        self.root.join(bucket)
    }

    pub(super) fn set_mode(&self, bucket: &str, mode: Mode) {
        self.bucket(bucket).mode.send_replace(mode);
    }

    pub(super) fn counts(&self, bucket: &str) -> Counts {
        self.bucket(bucket).counts().clone()
    }

    /// Counts, holds or refuses the request, or lets the store answer it.
    pub(super) async fn serve(&self, request: Request<Incoming>) -> Response<s3s::Body> {
        let (bucket, key) = bucket_and_key(request.uri());
        if !bucket.is_empty() {
            let switch = self.bucket(&bucket);
            if switch.admit(request.method(), request.uri(), &key).await == Verdict::Refuse {
                // Read what the client still sends: closing on it would look like a broken connection, not like a 403.
                let _ = request.into_body().collect().await;
                return error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied");
            }
            // The store would create it along with the first object.
            if !key.is_empty() && !self.place(&bucket).is_dir() {
                let _ = request.into_body().collect().await;
                return error(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist");
            }
        }
        self.store.call(request.map(s3s::Body::from)).await.unwrap_or_else(|failure| {
            error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &format!("{failure:?}"))
        })
    }

    fn bucket(&self, name: &str) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(buckets.entry(name.to_owned()).or_insert_with(|| Arc::new(Bucket::new())))
    }
}

impl Bucket {
    fn new() -> Self {
        Self { mode: watch::Sender::new(Mode::Normal), counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn admit(&self, method: &Method, uri: &Uri, key: &str) -> Verdict {
        *self.counts().methods.entry(method.to_string()).or_default() += 1;
        self.wait_while_held(Direction::of(method, uri, key), key).await;
        let verdict = self.judge(method);
        if verdict == Verdict::Refuse {
            self.counts().refused += 1;
        }
        verdict
    }

    async fn wait_while_held(&self, direction: Direction, key: &str) {
        let mut mode = self.mode.subscribe();
        let holds = |mode: &Mode| match (mode, direction) {
            (Mode::Hold(keys), Direction::Up) | (Mode::HoldDownloads(keys), Direction::Down) => keys.matches(key),
            _ => false,
        };
        if !holds(&mode.borrow_and_update()) {
            return;
        }
        let _holding = Holding::begin(self);
        let _ = mode.wait_for(|mode| !holds(mode)).await;
    }

    /// Judges by the mode as it is now, and uses up one refusal of `ReadOnlyFor`.
    fn judge(&self, method: &Method) -> Verdict {
        let mut verdict = Verdict::Pass;
        self.mode.send_if_modified(|mode| {
            let changes = [Method::PUT, Method::POST, Method::DELETE].contains(method);
            match mode {
                Mode::Denied => verdict = Verdict::Refuse,
                Mode::ReadOnly if changes => verdict = Verdict::Refuse,
                Mode::ReadOnlyFor { puts } if *puts > 0 && method == Method::PUT => {
                    *puts -= 1;
                    verdict = Verdict::Refuse;
                    return true;
                }
                _ => {}
            }
            false
        });
        verdict
    }
}

/// Counts a held request down again even when its client gives up.
struct Holding<'a>(&'a Bucket);

impl<'a> Holding<'a> {
    fn begin(bucket: &'a Bucket) -> Self {
        let mut counts = bucket.counts();
        counts.held += 1;
        counts.holding += 1;
        Self(bucket)
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.0.counts().holding -= 1;
    }
}

/// A PUT, or the POST that begins an upload in parts.
fn is_upload(method: &Method, uri: &Uri) -> bool {
    let begins =
        || uri.query().is_some_and(|query| query.split('&').any(|part| part == "uploads" || part == "uploads="));
    method == Method::PUT || (method == Method::POST && begins())
}

/// The two parts of a path-style address, the key decoded.
fn bucket_and_key(uri: &Uri) -> (String, String) {
    let path = uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (decode(bucket), decode(key))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = if first == b'%' { tail.first_chunk().copied().and_then(hex_byte) } else { None };
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_byte(digits: [u8; 2]) -> Option<u8> {
    let digit = |d: u8| char::from(d).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<s3s::Body> {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>TESTBED0000000000</RequestId><HostId>testbed</HostId></Error>"
    );
    let mut response = Response::new(s3s::Body::from(xml));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |uri: &'static str| bucket_and_key(&Uri::from_static(uri));
        assert_eq!(parts("/b/a/c%2Bd%20e?x=1"), ("b".into(), "a/c+d e".into()));
        assert_eq!(parts("/b?delete"), ("b".into(), String::new()));
        assert_eq!(parts("/b/50%"), ("b".into(), "50%".into()));
        assert_eq!(parts("/"), (String::new(), String::new()));
    }

    #[test]
    fn uploads_are_told_from_deletes() {
        let is = |method, uri: &'static str| is_upload(&method, &Uri::from_static(uri));
        assert!(is(Method::PUT, "/b/k?partNumber=1&uploadId=x") && is(Method::POST, "/b/k?uploads"));
        assert!(!is(Method::POST, "/b?delete") && !is(Method::POST, "/b/k?uploadId=x") && !is(Method::GET, "/b/k"));
    }

    #[test]
    fn only_an_objects_content_goes_down() {
        let of = |method, uri: &'static str, key| Direction::of(&method, &Uri::from_static(uri), key);
        assert_eq!(of(Method::GET, "/b/k", "k"), Direction::Down);
        assert_eq!(of(Method::PUT, "/b/k", "k"), Direction::Up);
        assert_eq!(of(Method::GET, "/b?list-type=2", ""), Direction::Neither);
        assert_eq!(of(Method::HEAD, "/b/k", "k"), Direction::Neither);
    }

    #[test]
    fn a_bounded_refusal_is_used_up() {
        let bucket = Bucket::new();
        bucket.mode.send_replace(Mode::ReadOnlyFor { puts: 2 });
        let put = || bucket.judge(&Method::PUT);
        assert_eq!(bucket.judge(&Method::GET), Verdict::Pass);
        assert_eq!([put(), put(), put()], [Verdict::Refuse, Verdict::Refuse, Verdict::Pass]);
    }
}
