//! Buckets, by S3, and their keys, by KMS. Buckets are addressed by path.

use super::aws::{Asking, No, escaped, maybe};
use super::xml;
use crate::{Bucket, BucketKey, ExpiryRule, Found, Key, Seen, Unseen, Versioning};
use serde_json::{Value, json};
use snapkeep_iam::Stored;
use snapkeep_transport::{Call, Method, Service};

/// The region whose answer to `GetBucketLocation` leaves the element empty.
const FIRST_REGION: &str = "us-east-1";

/// The bucket, as far as the caller may look at it.
pub(super) async fn bucket(asking: Asking<'_>, stored: &Stored) -> Seen<Found<Bucket>> {
    let name = stored.bucket.as_str();
    let Found::There(region) = place(location(asking, stored).await)? else { return Ok(Found::Missing) };
    let asking = Asking { region: region.as_deref().unwrap_or(&stored.region), ..asking };
    Ok(Found::There(Bucket {
        is_own: is_own(asking, stored).await,
        rules: rules(asking, name).await,
        versioning: versioning(asking, name).await,
        object_lock: object_lock(asking, name).await,
        encryption: encryption(asking, name).await,
        policy: policy(asking, name).await,
        blocks_public: blocks_public(asking, name).await,
        region,
    }))
}

async fn about(asking: Asking<'_>, bucket: &str, what: &str) -> Result<String, No> {
    asking.text(Service::S3, &Call::new(Method::GET, format!("/{}?{what}", escaped(bucket)))).await
}

async fn location(asking: Asking<'_>, stored: &Stored) -> Result<String, No> {
    let asking = Asking { region: &stored.region, ..asking };
    let body = about(asking, &stored.bucket, "location=").await?;
    Ok(match xml::first(&body, "LocationConstraint") {
        None | Some("") => FIRST_REGION.to_owned(),
        // The oldest buckets of eu-west-1 say so.
        Some("EU") => "eu-west-1".to_owned(),
        Some(region) => region.to_owned(),
    })
}

/// What the question for its place tells of a bucket: whether it is there, and, if so, its region or why that is not told.
fn place(answer: Result<String, No>) -> Seen<Found<Seen<String>>> {
    const RIGHT: &str = "s3:GetBucketLocation";
    match answer {
        Ok(region) => Ok(Found::There(Ok(region))),
        Err(no) if no.is(&["NoSuchBucket"]) => Ok(Found::Missing),
        // Whoever may not ask for the place is told of a wrong one all the same: only of a bucket that is there.
        Err(no) if no.is_denied() || no.is(&["PermanentRedirect"]) || elsewhere(&no).is_some() => {
            Ok(Found::There(elsewhere(&no).ok_or_else(|| no.unseen(RIGHT))))
        }
        Err(no) => Err(no.unseen(RIGHT)),
    }
}

/// The region that a refusal names.
fn elsewhere(no: &No) -> Option<String> {
    let No::Refused { body, .. } = no else { return None };
    xml::first(body, "Region").filter(|region| !region.is_empty()).map(str::to_owned)
}

/// S3 compares the owner with the one that is expected.
async fn is_own(asking: Asking<'_>, stored: &Stored) -> Seen<bool> {
    let account = stored.role_arn.split(':').nth(4).unwrap_or_default().to_owned();
    let path = format!("/{}?location=", escaped(&stored.bucket));
    let plain = asking.text(Service::S3, &Call::new(Method::GET, &path)).await;
    plain.map_err(|no| no.unseen("s3:GetBucketLocation"))?;
    let call = Call::new(Method::GET, &path).header("x-amz-expected-bucket-owner", account);
    match asking.text(Service::S3, &call).await {
        Ok(_) => Ok(true),
        Err(no) if no.is_denied() => Ok(false),
        Err(no) => Err(no.unseen("s3:GetBucketLocation")),
    }
}

async fn rules(asking: Asking<'_>, bucket: &str) -> Seen<Vec<ExpiryRule>> {
    let answer = about(asking, bucket, "lifecycle=").await;
    let body = maybe(answer, &["NoSuchLifecycleConfiguration"], "s3:GetLifecycleConfiguration")?;
    Ok(body.map(|body| xml::all(&body, "Rule").into_iter().map(rule).collect()).unwrap_or_default())
}

/// Rules that are not in force do nothing. Those for earlier versions and for unfinished uploads do no harm.
fn rule(text: &str) -> ExpiryRule {
    let part = |name| xml::first(text, name).map(xml::plain).unwrap_or_default();
    if xml::first(text, "Status") != Some("Enabled") {
        return ExpiryRule { id: part("ID"), prefix: part("Prefix"), ..ExpiryRule::default() };
    }
    let expires = xml::first(text, "Expiration").and_then(when);
    let moves = xml::all(text, "Transition").into_iter().filter_map(|found| xml::first(found, "StorageClass"));
    let is_narrowed =
        ["Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan"].iter().any(|name| xml::first(text, name).is_some());
    ExpiryRule {
        id: part("ID"),
        prefix: part("Prefix"),
        is_narrowed,
        expires,
        moves_to: moves.map(str::to_owned).collect(),
    }
}

/// `ExpiredObjectDeleteMarker` alone deletes nothing that anybody needs.
fn when(expiration: &str) -> Option<String> {
    let days = xml::first(expiration, "Days").map(|days| format!("after {days} days"));
    days.or_else(|| xml::first(expiration, "Date").map(|date| format!("on {date}")))
}

async fn versioning(asking: Asking<'_>, bucket: &str) -> Seen<Versioning> {
    let body = about(asking, bucket, "versioning=").await.map_err(|no| no.unseen("s3:GetBucketVersioning"))?;
    Ok(match xml::first(&body, "Status") {
        Some("Enabled") => Versioning::On,
        Some("Suspended") => Versioning::Suspended,
        _ => Versioning::Off,
    })
}

async fn object_lock(asking: Asking<'_>, bucket: &str) -> Seen<Option<u32>> {
    let answer = about(asking, bucket, "object-lock=").await;
    let body = maybe(answer, &["ObjectLockConfigurationNotFound"], "s3:GetBucketObjectLockConfiguration")?;
    Ok(body.filter(|body| body.contains("<ObjectLockEnabled>Enabled")).map(|body| {
        let number = |name| xml::first(&body, name).and_then(|text| text.parse::<u32>().ok());
        number("Days").or_else(|| number("Years").map(|years| years.saturating_mul(365))).unwrap_or_default()
    }))
}

async fn encryption(asking: Asking<'_>, bucket: &str) -> Seen<BucketKey> {
    let answer = about(asking, bucket, "encryption=").await;
    let body = maybe(answer, &["ServerSideEncryptionConfigurationNotFound"], "s3:GetEncryptionConfiguration")?;
    let body = body.unwrap_or_default();
    if !xml::first(&body, "SSEAlgorithm").is_some_and(|how| how.starts_with("aws:kms")) {
        return Ok(BucketKey::Managed);
    }
    Ok(match xml::first(&body, "KMSMasterKeyID") {
        Some(key) if !key.is_empty() && !key.ends_with("alias/aws/s3") => BucketKey::Named(key.to_owned()),
        _ => BucketKey::OfAccount,
    })
}

async fn policy(asking: Asking<'_>, bucket: &str) -> Seen<Option<Value>> {
    let answer = about(asking, bucket, "policy=").await;
    let Some(body) = maybe(answer, &["NoSuchBucketPolicy"], "s3:GetBucketPolicy")? else { return Ok(None) };
    serde_json::from_str(&body)
        .map(Some)
        .map_err(|error| Unseen::because(format!("the bucket's policy is no JSON: {error}")))
}

async fn blocks_public(asking: Asking<'_>, bucket: &str) -> Seen<bool> {
    let answer = about(asking, bucket, "publicAccessBlock=").await;
    let body = maybe(answer, &["NoSuchPublicAccessBlockConfiguration"], "s3:GetBucketPublicAccessBlock")?;
    let parts = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
    Ok(body.is_some_and(|body| parts.iter().all(|name| xml::first(&body, name) == Some("true"))))
}

/// The newest `index-N` of the repository.
pub(super) async fn generation(asking: Asking<'_>, stored: &Stored) -> Seen<i64> {
    let start = stored.base_path.as_ref().map(|base| format!("{base}/")).unwrap_or_default();
    let what = format!("list-type=2&prefix={}", escaped(&format!("{start}index-")));
    let body = about(asking, &stored.bucket, &what).await.map_err(|no| no.unseen("s3:ListBucket"))?;
    let generations = xml::all(&body, "Key").into_iter().filter_map(|key| key.rsplit_once("index-")?.1.parse().ok());
    generations.max().ok_or_else(|| Unseen::because("the bucket holds no generation of the repository yet"))
}

/// The key of that id or ARN.
pub(super) async fn key(asking: Asking<'_>, id: &str) -> Seen<Key> {
    let told = asking.json(Service::KMS, "TrentService.DescribeKey", &json!({"KeyId": id})).await;
    let told = told.map_err(|no| no.unseen("kms:DescribeKey"))?;
    let part = |name: &str| told["KeyMetadata"][name].as_str().unwrap_or_default().to_owned();
    let fields = json!({"KeyId": id, "PolicyName": "default"});
    let policy = asking.json(Service::KMS, "TrentService.GetKeyPolicy", &fields).await;
    let policy = policy.map_err(|no| no.unseen("kms:GetKeyPolicy")).and_then(|answer| {
        let text = answer["Policy"].as_str().unwrap_or_default();
        serde_json::from_str(text).map_err(|error| Unseen::because(format!("the key's policy is no JSON: {error}")))
    });
    Ok(Key { arn: part("Arn"), state: part("KeyState"), policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, word: &str, body: &str) -> No {
        No::Refused { status, word: word.to_owned(), message: String::new(), body: body.to_owned() }
    }

    #[test]
    fn only_an_answer_about_a_bucket_tells_that_it_is_there() {
        let elsewhere = refused(400, "AuthorizationHeaderMalformed", "<Error><Region>eu-central-1</Region></Error>");
        assert_eq!(place(Err(elsewhere)), Ok(Found::There(Ok("eu-central-1".to_owned()))));
        assert_eq!(place(Err(refused(404, "NoSuchBucket", ""))), Ok(Found::Missing));
        let denied = place(Err(refused(403, "AccessDenied", "")));
        assert!(matches!(denied, Ok(Found::There(Err(Unseen { right: Some(_), .. })))), "{denied:?}");
        let moved = place(Err(refused(301, "PermanentRedirect", "")));
        assert!(matches!(moved, Ok(Found::There(Err(_)))), "{moved:?}");
        for no in [
            No::Lost("timed out".to_owned()),
            No::Unsigned("no provider".to_owned()),
            refused(503, "SlowDown", ""),
            refused(400, "ExpiredToken", ""),
        ] {
            let words = format!("{no:?}");
            assert!(place(Err(no)).is_err(), "{words}");
        }
    }

    #[test]
    fn rules_are_read_as_far_as_they_touch_current_objects() {
        let text = "<ID>a</ID><Filter><And><Prefix>x/</Prefix><Tag><Key>k</Key></Tag></And></Filter><Status>Enabled</Status>\
            <Expiration><Days>30</Days></Expiration><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>";
        let rule_of = rule(text);
        let expected = ExpiryRule {
            id: "a".into(),
            prefix: "x/".into(),
            is_narrowed: true,
            expires: Some("after 30 days".into()),
            moves_to: vec!["GLACIER".into()],
        };
        assert_eq!(rule_of, expected);
        let idle = rule("<ID>a</ID><Status>Disabled</Status><Expiration><Days>30</Days></Expiration>");
        assert_eq!(idle, ExpiryRule { id: "a".into(), ..ExpiryRule::default() });
        let harmless = "<ID>v</ID><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>\
            <Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
        assert_eq!(rule(harmless).expires, None);
    }
}
