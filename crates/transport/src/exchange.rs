//! One request on the wire, and what comes back of it.

use crate::date::http_date;
use crate::guard::AddressRefused;
use crate::{Answer, Lost};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{AsHeaderName, CONTENT_ENCODING, DATE, RETRY_AFTER};
use jiff::Timestamp;
use rustls::AlertDescription;
use snapkeep_core::failure::with_sources;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// How the cause begins where a server does not take our certificate.
pub(crate) const HANDSHAKE: &str = "the endpoint refused us at the TLS handshake";

/// Sends `request` and reads the whole answer. `clock` is ours, for dates without one of the server's
/// beside them; `on_date` gets the server's as soon as it is there.
pub(crate) async fn exchange(
    http: &reqwest::Client,
    request: reqwest::Request,
    cap: usize,
    clock: fn() -> SystemTime,
    on_date: impl FnOnce(Timestamp),
) -> Result<Answer, Lost> {
    let response = http.execute(request).await.map_err(lost)?;
    let status = response.status().as_u16();
    let date = text(response.headers(), DATE).and_then(http_date);
    if let Some(date) = date {
        on_date(date);
    }
    refuse_unreadable(status, response.headers())?;
    let now = date.or_else(|| Timestamp::try_from(clock()).ok());
    let retry_after = text(response.headers(), RETRY_AFTER).and_then(|text| retry_after(text, now?));
    Ok(Answer { status, body: body(response, cap).await?, retry_after, date })
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Seconds or a date (RFC 9110, 10.2.3); one that has passed asks for no wait.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(Duration::try_from(http_date(text)?.duration_since(now)).unwrap_or_default())
}

fn refuse_unreadable(status: u16, headers: &HeaderMap) -> Result<(), Lost> {
    if (300..400).contains(&status) {
        let cause = format!("the endpoint answered with a redirect ({status}), which is not followed");
        return Err(Lost::Unreadable(cause));
    }
    let encoding = headers.get(CONTENT_ENCODING).map(|encoding| encoding.to_str().unwrap_or("unknown"));
    if let Some(encoding) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let cause = format!("the answer ({status}) is compressed ({encoding}), which was not asked for");
        return Err(Lost::Unreadable(cause));
    }
    Ok(())
}

async fn body(mut response: reqwest::Response, cap: usize) -> Result<Bytes, Lost> {
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > cap {
            return Err(Lost::Unreadable(format!("the answer ({status}) is larger than {cap} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What reqwest's error means for the request's effect.
fn lost(error: reqwest::Error) -> Lost {
    let error = error.without_url();
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = source {
        if let Some(refused) = current.downcast_ref::<AddressRefused>() {
            return Lost::AddressRefused(refused.to_string());
        }
        if let Some(alert) = tls_alert(current) {
            return Lost::NotSent(format!("{HANDSHAKE}: {alert}"));
        }
        source = current.source();
    }
    let cause = with_sources(&error);
    if error.is_connect() || error.is_builder() { Lost::NotSent(cause) } else { Lost::Cut(cause) }
}

/// A server's word on our certificate. With TLS 1.3 it comes when our side of the handshake is over and the
/// request is under way, but the server has not looked at that: it is still in its own.
fn tls_alert(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let found = inner.and_then(|inner| inner.downcast_ref()).or_else(|| error.downcast_ref());
    let Some(rustls::Error::AlertReceived(alert)) = found else { return None };
    match alert {
        AlertDescription::CertificateRequired => Some("it asks for a client certificate"),
        AlertDescription::AccessDenied => Some("the client certificate opens nothing there"),
        AlertDescription::UnknownCA => Some("the client certificate is of an authority that it does not know"),
        AlertDescription::CertificateExpired => Some("the client certificate has expired"),
        AlertDescription::CertificateRevoked => Some("the client certificate was revoked"),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError => Some("it does not accept the client certificate"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        let seconds = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(seconds(" 7 "), Some(7));
        assert_eq!(seconds("Mon, 23 Nov 2026 00:01:30 GMT"), Some(90));
        assert_eq!(seconds("Sun, 22 Nov 2026 23:59:00 GMT"), Some(0));
        for nonsense in ["", "-1", "1.5", "soon", "99999999999999999999999"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }
}
