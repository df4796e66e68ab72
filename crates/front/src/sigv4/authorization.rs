//! Reading the `Authorization` header and building what it signs.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::canonical::{SignedRequest, canonical_request, sha256_hex, unhex};

/// The only scheme a domain takes.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Date, region and service that a signature is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `yyyymmdd`.
    pub date: String,
    /// `eu-west-1`.
    pub region: String,
    /// `es`.
    pub service: String,
    /// `aws4_request`, if the caller got it right.
    pub terminator: String,
}

/// A parsed `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Whose key signed.
    pub access_key: String,
    /// What it is good for.
    pub scope: Scope,
    /// Lower-case names, sorted.
    pub signed_headers: Vec<String>,
    /// Hex, as sent.
    pub signature: String,
}

/// The parameters that a header lacks, in the words AWS uses.
pub(super) fn parse(header: &str) -> Result<Authorization, String> {
    let parameters = header.trim_start_matches(ALGORITHM).trim();
    let find = |name: &str| {
        let mut parts = parameters.split(|c: char| c == ',' || c.is_whitespace());
        parts.find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let found = [find("Credential"), find("Signature"), find("SignedHeaders")];
    if let [Some(credential), Some(signature), Some(signed)] = found {
        return assemble(credential, signature, signed);
    }
    let names = ["Credential", "Signature", "SignedHeaders"];
    let missing = names.iter().zip(found).filter(|(_, value)| value.is_none());
    let lines: Vec<String> =
        missing.map(|(name, _)| format!("Authorization header requires '{name}' parameter.")).collect();
    Err(lines.join(" "))
}

fn assemble(credential: &str, signature: &str, signed: &str) -> Result<Authorization, String> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key, date, region, service, terminator] = parts[..] else {
        return Err(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'."
        ));
    };
    let mut signed_headers: Vec<String> = signed.split(';').map(str::to_ascii_lowercase).collect();
    signed_headers.sort();
    let text = str::to_owned;
    let scope = Scope { date: text(date), region: text(region), service: text(service), terminator: text(terminator) };
    Ok(Authorization { access_key: text(access_key), scope, signed_headers, signature: text(signature) })
}

/// The string to sign.
pub fn string_to_sign(scope: &Scope, amz_date: &str, canonical: &str) -> String {
    let Scope { date, region, service, terminator } = scope;
    let hash = sha256_hex(canonical.as_bytes());
    format!("{ALGORITHM}\n{amz_date}\n{date}/{region}/{service}/{terminator}\n{hash}")
}

fn keyed(key: &[u8], text: &str) -> Hmac<Sha256> {
    // HMAC takes a key of any length, so there is no error to pass on.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
    mac.update(text.as_bytes());
    mac
}

fn signing(secret: &str, scope: &Scope, text: &str) -> Hmac<Sha256> {
    let parts = [&scope.date, &scope.region, &scope.service, &scope.terminator];
    let key = parts
        .into_iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| keyed(&key, part).finalize().into_bytes().to_vec());
    keyed(&key, text)
}

/// The signature, in hex, that `secret` gives to a request.
pub fn signature(
    request: &SignedRequest<'_>,
    secret: &str,
    scope: &Scope,
    amz_date: &str,
    signed_headers: &[String],
) -> String {
    let text = string_to_sign(scope, amz_date, &canonical_request(request, signed_headers));
    super::canonical::hex(&signing(secret, scope, &text).finalize().into_bytes())
}

/// Whether the signature in `authorization` is the one `secret` gives; takes the same time wherever they differ.
pub(super) fn matches(
    request: &SignedRequest<'_>,
    secret: &str,
    amz_date: &str,
    authorization: &Authorization,
) -> bool {
    let canonical = canonical_request(request, &authorization.signed_headers);
    let text = string_to_sign(&authorization.scope, amz_date, &canonical);
    let Some(given) = unhex(&authorization.signature) else { return false };
    signing(secret, &authorization.scope, &text).verify_slice(&given).is_ok()
}
