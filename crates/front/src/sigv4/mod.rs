//! A verifier of AWS Signature Version 4 (header form), written from AWS's description and sharing nothing with the signer.
//!
//! It is stricter than some services: every `x-amz-*` header must be signed, and a query string must have been signed in
//! its strictly encoded form.

mod authorization;
mod canonical;
mod rejection;

use std::time::{Duration, SystemTime};

pub use authorization::{Authorization, Scope, signature, string_to_sign};
pub(crate) use canonical::decode;
pub use canonical::{SignedRequest, canonical_path, canonical_query, canonical_request, hex, sha256_hex};
pub use rejection::Rejection;

use crate::clock::parse_amz_date;
use crate::principal::Principal;

/// How far the clock of a caller may be off.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// Checks signatures against one region and one service.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// The region that credentials must be scoped to.
    pub region: String,
    /// The service that credentials must be scoped to.
    pub service: String,
}

impl Verifier {
    /// The caller whose key signed `request`, or why AWS would refuse it.
    pub fn verify<'p>(
        &self,
        request: &SignedRequest<'_>,
        principals: &'p [Principal],
        now: SystemTime,
    ) -> Result<&'p Principal, Rejection> {
        let (authorization, amz_date) = read(request)?;
        let mut known = principals.iter().filter(|p| p.access_key == authorization.access_key);
        let principal = known.next().ok_or(Rejection::UnknownKey)?;
        check_token(request, principal, now)?;
        check_signed(request, &authorization)?;
        self.check_scope(&authorization.scope, amz_date)?;
        check_date(amz_date, now)?;
        check_payload(request)?;
        if !authorization::matches(request, &principal.secret_key, amz_date, &authorization) {
            return Err(Rejection::Mismatch);
        }
        Ok(principal)
    }

    fn check_scope(&self, scope: &Scope, amz_date: &str) -> Result<(), Rejection> {
        if scope.region != self.region {
            return Err(Rejection::WrongRegion);
        }
        if scope.service != self.service {
            return Err(Rejection::WrongService(self.service.clone()));
        }
        if scope.terminator != "aws4_request" {
            return Err(Rejection::WrongTerminator(scope.terminator.clone()));
        }
        if !amz_date.starts_with(&scope.date) || scope.date.len() != 8 {
            return Err(Rejection::WrongDate { scope: scope.date.clone(), header: amz_date.to_owned() });
        }
        Ok(())
    }
}

fn read<'r>(request: &SignedRequest<'r>) -> Result<(Authorization, &'r str), Rejection> {
    let header = request.header("authorization").filter(|value| value.starts_with("AWS4-"));
    let header = header.ok_or(Rejection::Unsigned)?;
    let algorithm = header.split_whitespace().next().unwrap_or_default();
    if algorithm != authorization::ALGORITHM {
        return Err(Rejection::Incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")));
    }
    let date = request.header("x-amz-date");
    let parsed = authorization::parse(header);
    match (parsed, date) {
        (Ok(authorization), Some(date)) => Ok((authorization, date)),
        (Err(missing), _) => Err(Rejection::Incomplete(missing)),
        (Ok(_), None) => Err(Rejection::Incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned(),
        )),
    }
}

fn check_token(request: &SignedRequest<'_>, principal: &Principal, now: SystemTime) -> Result<(), Rejection> {
    if request.header("x-amz-security-token") != principal.session_token.as_deref() {
        return Err(Rejection::UnknownKey);
    }
    if principal.expires_at.is_some_and(|end| end <= now) {
        return Err(Rejection::ExpiredToken);
    }
    Ok(())
}

fn check_signed(request: &SignedRequest<'_>, authorization: &Authorization) -> Result<(), Rejection> {
    let sent = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let needed = sent.filter(|name| name.starts_with("x-amz-")).chain(["host".to_owned()]);
    for name in needed {
        if !authorization.signed_headers.contains(&name) {
            return Err(Rejection::NotSigned(name));
        }
    }
    Ok(())
}

fn check_date(amz_date: &str, now: SystemTime) -> Result<(), Rejection> {
    let Some(signed) = parse_amz_date(amz_date) else {
        return Err(Rejection::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{amz_date}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )));
    };
    if signed + TOLERANCE < now {
        return Err(Rejection::Expired { signed, now });
    }
    if signed > now + TOLERANCE {
        return Err(Rejection::NotYetCurrent { signed, now });
    }
    Ok(())
}

fn check_payload(request: &SignedRequest<'_>) -> Result<(), Rejection> {
    match request.header("x-amz-content-sha256") {
        Some(claimed) if claimed != sha256_hex(request.body) => Err(Rejection::Mismatch),
        _ => Ok(()),
    }
}
