//! AWS Signature Version 4 in the `Authorization` header.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign as sigv4,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use std::time::SystemTime;

/// Why a request could not be signed. Holds no part of the request and no secret.
#[derive(Debug)]
pub struct SigningError(String);

impl std::fmt::Display for SigningError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the request cannot be signed: {}", self.0)
    }
}

impl std::error::Error for SigningError {}

/// Signs `request` as it stands: every header that it has, its path (encoded once more, as every
/// service but S3 expects), its query and its body. Adds `x-amz-date`, `authorization`, for
/// temporary credentials `x-amz-security-token`, and for S3 `x-amz-content-sha256`.
pub fn sign(
    request: &mut http::Request<Bytes>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    time: SystemTime,
) -> Result<(), SigningError> {
    let identity: Identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(settings(service))
        .build()
        .map_err(|error| SigningError(error.to_string()))?
        .into();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| {
            Ok((name.as_str(), value.to_str().map_err(|_| SigningError(format!("{name} is not text")))?))
        })
        .collect::<Result<Vec<_>, SigningError>>()?;
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.uri().to_string(),
        headers.into_iter(),
        SignableBody::Bytes(request.body()),
    )
    .map_err(|error| SigningError(error.to_string()))?;
    let (instructions, _) = sigv4(signable, &parameters).map_err(|error| SigningError(error.to_string()))?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

/// S3 takes paths as they are and wants the body's checksum in a header.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}
