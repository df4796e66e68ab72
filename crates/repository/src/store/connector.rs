//! HTTP for the object stores: our TLS, every request counted, and the storage class brought along.
//!
//! A listing's answer says each object's storage class, which the store's own types drop. The way through is the entity
//! tag, which we have no use for: in answers to listings it is replaced by the class. Nothing has to be remembered, so that
//! memory stays the same however many objects there are.
//!
//! Keys that the store's own types cannot hold (folder markers, which end with a slash, empty and `.` and `..` parts) are taken
//! out of listings and counted: nothing of a repository's is called so, and one of them would end the whole listing.

use super::meter::{Meter, Request};
use super::{AZURE_ARCHIVE, THAWED};
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
        let (plain, strange) = plain(text);
        self.meter.add_strange(strange);
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(plain)))
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

/// The answer with each object's class in the place of its entity tag (objects in the normal class have none), without the
/// objects and folders that are none of a repository's; and how many those are.
fn plain(answer: &str) -> (String, u64) {
    let (text, objects) =
        each(answer, "<Contents>", "</Contents>", |object| is_plain(object, "Key", false).then(|| with_class(object)));
    let (text, folders) = each(&text, "<CommonPrefixes>", "</CommonPrefixes>", |folder| {
        is_plain(folder, "Prefix", true).then(|| folder.to_owned())
    });
    let (text, _) = each(&text, "<Blob>", "</Blob>", |blob| Some(with_tier(blob)));
    (text, objects + folders)
}

/// The same of Azure's listings: of its tiers only one must be thawed before it is read.
fn with_tier(blob: &str) -> String {
    match (blob.contains("<AccessTier>Archive</AccessTier>"), between(blob, "<Etag>", "</Etag>")) {
        (true, Some((before, _, after))) => format!("{before}<Etag>{AZURE_ARCHIVE}</Etag>{after}"),
        _ => blob.to_owned(),
    }
}

/// Changes or takes out each such element; and how many were taken out.
fn each(answer: &str, begin: &str, end: &str, change: impl Fn(&str) -> Option<String>) -> (String, u64) {
    let (mut text, mut gone) = (String::with_capacity(answer.len()), 0);
    let mut rest = answer;
    while let Some((before, element, after)) = between(rest, begin, end) {
        text.push_str(before);
        match change(element) {
            Some(changed) => [begin, &changed, end].into_iter().for_each(|part| text.push_str(part)),
            None => gone += 1,
        }
        rest = after;
    }
    (text + rest, gone)
}

/// Whether a key, or a folder's prefix, which ends with a slash, is a path as stores keep blobs under.
fn is_plain(element: &str, name: &str, is_folder: bool) -> bool {
    let Some((_, key, _)) = between(element, &format!("<{name}>"), &format!("</{name}>")) else { return true };
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_ascii_control());
    // Control characters are escaped by their numbers.
    let is_escaped = key.match_indices("&#").any(|(at, _)| {
        let number = key[at + 2..].split(';').next().unwrap_or_default();
        let number = number.strip_prefix(['x', 'X']).map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16));
        number.is_ok_and(|number| number < 32 || number == 127)
    });
    let key = if is_folder { key.strip_suffix('/').unwrap_or(key) } else { key };
    !is_escaped && key.split('/').all(is_plain)
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
        assert_eq!(plain(&answer), (expected.to_owned(), 0));
    }

    #[test]
    fn azures_archive_takes_the_tags_place() {
        let blob = |name: &str, tag: &str, tier: &str| {
            format!(
                "<Blob><Name>{name}</Name><Properties><Etag>{tag}</Etag><Content-Length>3</Content-Length>\
                <AccessTier>{tier}</AccessTier></Properties></Blob>"
            )
        };
        let answer = |archived: &str| {
            let blobs = blob("a", "0x8D1", "Hot") + &blob("b", archived, "Archive") + &blob("c", "0x8D3", "Cool");
            format!("<EnumerationResults><Blobs>{blobs}</Blobs></EnumerationResults>")
        };
        assert_eq!(plain(&answer("0x8D2")), (answer(AZURE_ARCHIVE), 0));
    }

    #[test]
    fn keys_of_nobody_are_left_out_and_counted() {
        let folder = |prefix: &str| format!("<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>");
        let good = ["base/index-1", "base/indices/a/0/__x", "a&amp;b", "a&#38;b", "..a/b..", "ü"];
        let bad = ["base/", "base//x", "/x", "base/./x", "base/../x", "..", "a&#10;b", "a&#xA;b", "a\nb", ""];
        for (keys, strange) in [(&good[..], 0), (&bad, 1)] {
            for key in keys {
                let (text, count) = plain(&object(key, None));
                assert_eq!((count, text.is_empty()), (strange, strange == 1), "{key:?}");
            }
        }
        for (prefix, strange) in [("base/indices/", 0), ("base//", 1), ("base/../", 1), ("/", 1), ("base/./", 1)] {
            assert_eq!(plain(&folder(prefix)).1, strange, "{prefix}");
        }
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
        fn whatever_comes_ends(text in "(<Contents>|</Contents>|<ETag>|</ETag>|<StorageClass>|</StorageClass>|<Blob>|</Blob>|<Etag>|</Etag>|x){0,30}") {
            let _ = plain(&text);
        }
    }
}
