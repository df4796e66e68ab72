//! The canonical form of a request, from AWS's description of Signature Version 4 for services other than S3.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// What a signature is computed over, as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// The path before `?`, still encoded.
    pub path: &'a str,
    /// What follows `?`, still encoded; empty if there is none.
    pub query: &'a str,
    /// Every header, in the order it was sent.
    pub headers: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> SignedRequest<'a> {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes of lower- or upper-case hex.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| byte_of(pair[0], pair[1])).collect()
}

fn byte_of(high: u8, low: u8) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(value(high)? * 16 + value(low)?)
}

/// Hex of the SHA-256 of `bytes`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn encode(bytes: &[u8], keep_slash: bool) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, &byte| {
        let kept = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (keep_slash && byte == b'/');
        if kept {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// Decodes a part of a query; what is not an escape stands for itself, a plus for a space.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = match bytes.get(at..at + 3) {
            Some([b'%', high, low]) => byte_of(*high, *low),
            _ => None,
        };
        out.push(escaped.unwrap_or(if bytes[at] == b'+' { b' ' } else { bytes[at] }));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

/// Removes empty, `.` and `..` segments, keeping a last `/`.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let last = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{last}", kept.join("/"))
}

/// The canonical path: normalised, then the path as sent encoded once more.
pub fn canonical_path(path: &str) -> String {
    encode(remove_dot_segments(path).as_bytes(), true)
}

/// The canonical query: names and values decoded (a bare `+` is a space), encoded strictly, sorted.
pub fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs.map(canonical_pair).collect();
    pairs.sort();
    let joined: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

fn canonical_pair(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (encode(&decode(name), false), encode(&decode(value), false))
}

/// One line of the canonical headers: values of one name joined by commas in the order sent, runs of spaces made one.
fn canonical_header(request: &SignedRequest<'_>, name: &str) -> String {
    let values = request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let values: Vec<String> = values.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    format!("{name}:{}\n", values.join(","))
}

/// The canonical request over the headers named in `signed` (lower case, sorted).
pub fn canonical_request(request: &SignedRequest<'_>, signed: &[String]) -> String {
    let headers: String = signed.iter().map(|name| canonical_header(request, name)).collect();
    [
        request.method,
        &canonical_path(request.path),
        &canonical_query(request.query),
        &headers,
        &signed.join(";"),
        &sha256_hex(request.body),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_once_more() {
        assert_eq!(canonical_path("/a%2Cb/,*"), "/a%252Cb/%2C%2A");
        assert_eq!(canonical_path("//a/./b/../c/"), "/a/c/");
        assert_eq!(canonical_path("/../.."), "/");
        assert_eq!(canonical_path(""), "/");
        assert_eq!(canonical_path("/~u-v_w.x"), "/~u-v_w.x");
    }

    #[test]
    fn a_query_is_decoded_encoded_and_sorted() {
        assert_eq!(canonical_query("b=2&a=*&a=%2C&c"), "a=%2A&a=%2C&b=2&c=");
        assert_eq!(canonical_query("p=a+b&q=%zz"), "p=a%20b&q=%25zz");
        assert_eq!(canonical_query(""), "");
    }

    #[test]
    fn hex_goes_both_ways() {
        assert_eq!(unhex(&hex(b"\x00\xffaz")), Some(b"\x00\xffaz".to_vec()));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }
}
