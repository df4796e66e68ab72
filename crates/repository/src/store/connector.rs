//! HTTP for the object stores: our TLS, every request counted, and the storage class brought along.
//!
//! A listing's answer says each object's storage class, which the store's own types drop. The way through is the entity
//! tag, which we have no use for: in answers to listings it is replaced by the class. Nothing has to be remembered, so that
//! memory stays the same however many objects there are.

use super::THAWED;
use super::meter::{Meter, Request};
use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use std::sync::Arc;

/// Makes the clients that watch.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) client: reqwest::Client,
    pub(super) meter: Arc<Meter>,
}

/// A client that watches.
#[derive(Debug)]
struct Watching {
    client: reqwest::Client,
    meter: Arc<Meter>,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let (client, meter) = (self.client.clone(), Arc::clone(&self.meter));
        Ok(HttpClient::new(Watching { client, meter }))
    }
}

#[async_trait]
impl HttpService for Watching {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let kind = kind(&request);
        self.meter.add(kind);
        let answer = self.client.call(request).await?;
        if answer.status().is_server_error() || answer.status() == http::StatusCode::TOO_MANY_REQUESTS {
            self.meter.add_retry();
        }
        if kind == Request::Head && answer.status().is_success() {
            return Ok(with_thawing(answer));
        }
        if kind != Request::List || !answer.status().is_success() {
            return Ok(answer);
        }
        let (mut parts, body) = answer.into_parts();
        let body = body.bytes().await?;
        let text = std::str::from_utf8(&body).map_err(|error| HttpError::new(HttpErrorKind::Decode, error))?;
        parts.headers.remove(http::header::CONTENT_LENGTH);
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(with_classes(text))))
    }
}

/// Of an object that was asked for by its name, that it has been thawed takes its tag's place too.
fn with_thawing(answer: HttpResponse) -> HttpResponse {
    let (mut parts, body) = answer.into_parts();
    if parts.headers.get("x-amz-restore").is_some_and(|restore| is_restored(restore.as_bytes())) {
        parts.headers.insert(http::header::ETAG, http::HeaderValue::from_static(THAWED));
    }
    HttpResponse::from_parts(parts, body)
}

/// `ongoing-request="false", expiry-date="…"` is a copy that can be read until then; while it is `true` there is none.
fn is_restored(header: &[u8]) -> bool {
    header.starts_with(b"ongoing-request=\"false\"")
}

fn kind(request: &HttpRequest) -> Request {
    let query = request.uri().query().unwrap_or_default();
    // `prefix=` stands in the listings of S3, Google and Azure alike, `list-type` in S3's of a whole bucket too.
    let lists =
        query.split('&').any(|pair| ["list-type=", "prefix=", "comp=list"].iter().any(|key| pair.starts_with(key)));
    match request.method().as_str() {
        "HEAD" => Request::Head,
        _ if lists => Request::List,
        _ => Request::Get,
    }
}

/// The answer with each object's class in the place of its entity tag; objects in the normal class have none.
fn with_classes(answer: &str) -> String {
    const BEGIN: &str = "<Contents>";
    const END: &str = "</Contents>";
    let mut text = String::with_capacity(answer.len());
    let mut rest = answer;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let Some((object, after)) = after.split_once(END) else { break };
        text.push_str(before);
        text.push_str(BEGIN);
        text.push_str(&with_class(object));
        text.push_str(END);
        rest = after;
    }
    text + rest
}

/// Keys are escaped, so that no key looks like an element.
fn with_class(object: &str) -> String {
    let class = between(object, "<StorageClass>", "</StorageClass>").map(|(_, class, _)| class);
    let bare = match between(object, "<ETag>", "</ETag>") {
        Some((before, _, after)) => format!("{before}{after}"),
        None => object.to_owned(),
    };
    match class.filter(|class| !class.is_empty() && *class != "STANDARD") {
        Some(class) => format!("{bare}<ETag>{class}</ETag>"),
        None => bare,
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(from)?;
    let (inner, after) = rest.split_once(to)?;
    Some((before, inner, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object(key: &str, class: Option<&str>) -> String {
        let class = class.map(|class| format!("<StorageClass>{class}</StorageClass>")).unwrap_or_default();
        format!("<Contents><Key>{key}</Key><ETag>&quot;abc&quot;</ETag><Size>3</Size>{class}</Contents>")
    }

    #[test]
    fn the_class_takes_the_tags_place() {
        let answer = format!(
            "<ListBucketResult><Name>b</Name>{}{}{}<CommonPrefixes/></ListBucketResult>",
            object("a", Some("GLACIER")),
            object("b", Some("STANDARD")),
            object("c", None)
        );
        let expected = "<ListBucketResult><Name>b</Name>\
            <Contents><Key>a</Key><Size>3</Size><StorageClass>GLACIER</StorageClass><ETag>GLACIER</ETag></Contents>\
            <Contents><Key>b</Key><Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>\
            <Contents><Key>c</Key><Size>3</Size></Contents><CommonPrefixes/></ListBucketResult>";
        assert_eq!(with_classes(&answer), expected);
    }

    #[test]
    fn what_is_thawed_is_told_by_its_own_headers() {
        let answer = |headers: &[(&str, &str)]| {
            let answer =
                headers.iter().fold(http::Response::builder(), |answer, (name, value)| answer.header(*name, *value));
            let answer = with_thawing(answer.body(HttpResponseBody::from(String::new())).unwrap());
            answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned())
        };
        let (tag, class) = (("etag", "\"abc\""), ("x-amz-storage-class", "GLACIER"));
        let restore = |text| ("x-amz-restore", text);
        assert_eq!(answer(&[tag]).unwrap(), "\"abc\"");
        assert_eq!(answer(&[tag, class]).unwrap(), "\"abc\"");
        assert_eq!(answer(&[tag, class, restore("ongoing-request=\"true\"")]).unwrap(), "\"abc\"");
        let thawed = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2029 00:00:00 GMT\"";
        assert_eq!(answer(&[tag, class, restore(thawed)]).unwrap(), THAWED);
    }

    proptest! {
        #[test]
        fn whatever_comes_ends(text in "(<Contents>|</Contents>|<ETag>|</ETag>|<StorageClass>|</StorageClass>|x){0,30}") {
            let _ = with_classes(&text);
        }
    }
}
