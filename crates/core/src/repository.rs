//! A repository's settings, and how they differ from those found.

use crate::naming::RepositoryName;
use crate::{Code, Failure};
use serde_json::{Map, Value, json};

/// Settings that an event's `Settings` may not hold: the event has fields of its own for them.
const OWN_FIELDS: &[&str] = &["bucket", "region", "endpoint", "role_arn"];

/// Settings that would lead the node's S3 client elsewhere.
const DETOURS: &[&str] = &["protocol", "proxy"];

/// Settings that would put secrets into the cluster's state and into every answer that lists it.
const SECRETS: &[&str] = &["access_key", "secret_key", "session_token", "password"];

/// Where the service's own endpoint stands in for a region that is refused (AWS asks for that in `us-east-1`).
pub const GLOBAL_S3_ENDPOINT: &str = "s3.amazonaws.com";

/// The settings that a registration sends.
#[derive(Clone, Debug, PartialEq)]
pub enum RepositorySettings {
    /// A bucket that a managed service reaches through a role.
    S3(S3Settings),
    /// Any type with any settings, as the cluster's own documentation names them: `fs`, `gcs`, `azure`,
    /// `url`, and `s3` of a cluster that has its keys or its role itself.
    Other {
        /// The type.
        kind: String,
        /// Its settings.
        settings: Map<String, Value>,
    },
}

/// The settings of a bucket that a managed service reaches through a role.
#[derive(Clone, Debug, PartialEq)]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The role that the service assumes to reach the bucket.
    pub role_arn: String,
    /// `base_path` and whatever else the event sets.
    pub further: Map<String, Value>,
}

/// One setting that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting's key, or `type`.
    pub key: String,
    /// What is registered; `None` if nothing is.
    pub found: Option<String>,
    /// What was asked for.
    pub wanted: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let found = self.found.as_deref().unwrap_or("nothing");
        write!(f, "{}: registered is {found}, asked for is {}", self.key, self.wanted)
    }
}

impl RepositorySettings {
    /// Any type with any settings, as long as these are plain values and hold no secrets: every listing
    /// of the repository would show them.
    pub fn other(kind: &str, settings: Map<String, Value>) -> Result<Self, Failure> {
        let is_type = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !is_type {
            let hint = "the cluster's plugins say which types there are: fs, s3, gcs, azure, url, hdfs";
            return Err(Failure::new(Code::BadEvent, format!("{kind:?} is not a repository's type"), hint));
        }
        for (key, value) in &settings {
            check_plain(key, value)?;
        }
        Ok(Self::Other { kind: kind.to_owned(), settings })
    }

    /// The body of the registration.
    pub fn body(&self) -> Value {
        match self {
            Self::S3(s3) => s3.body(),
            Self::Other { kind, settings } => json!({"type": kind, "settings": settings}),
        }
    }

    /// What to try once if the region is refused, and what that is: for a managed service's bucket only.
    pub fn without_region(&self) -> Option<(Value, &str)> {
        match self {
            Self::S3(s3) => Some((s3.body_with_global_endpoint(), &s3.region)),
            Self::Other { .. } => None,
        }
    }

    /// How a registered repository differs, by the keys that we would send, compared as strings.
    pub fn differences(&self, found_type: &str, found: &Map<String, Value>) -> Vec<Difference> {
        let (kind, settings) = match self {
            Self::S3(s3) => return s3.differences(found_type, found),
            Self::Other { kind, settings } => (kind, settings),
        };
        let found_kind = Some(found_type.to_owned());
        let of_type = ("type".to_owned(), found_kind, kind.clone());
        let of_settings = settings.iter().map(|(key, value)| (key.clone(), found.get(key).map(text), text(value)));
        std::iter::once(of_type)
            .chain(of_settings)
            .filter(|(_, found, wanted)| found.as_ref() != Some(wanted))
            .map(|(key, found, wanted)| Difference { key, found, wanted })
            .collect()
    }
}

fn check_plain(key: &str, value: &Value) -> Result<(), Failure> {
    let lower = key.to_lowercase();
    let wrong = |why: &str, hint: &str| {
        Err(Failure::new(Code::BadEvent, format!("the repository's setting {key:?} {why}"), hint))
    };
    if SECRETS.iter().any(|secret| lower.ends_with(secret)) {
        return wrong("is a secret", "put secrets into the nodes' keystore; settings show in every listing");
    }
    let is_plain = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    if key.is_empty() || !is_plain {
        return wrong("has no plain value", "each setting is a string, a number or true/false");
    }
    Ok(())
}

/// Repositories whose names start with `cs-` are the managed service's own: they are read, never written.
pub fn refuse_reserved(repository: &RepositoryName) -> Result<(), Failure> {
    if !repository.is_reserved() {
        return Ok(());
    }
    Err(Failure::new(
        Code::BadEvent,
        format!("repository {repository} is the managed service's own: its name starts with `cs-`"),
        "it can be listed and looked at; use a repository of your own for everything else",
    ))
}

impl S3Settings {
    /// The body of the registration: exactly the article's, then what is set beyond it.
    pub fn body(&self) -> Value {
        self.body_with("region", &self.region)
    }

    /// The body with the global endpoint in the region's place.
    pub fn body_with_global_endpoint(&self) -> Value {
        self.body_with("endpoint", GLOBAL_S3_ENDPOINT)
    }

    fn body_with(&self, place_key: &str, place: &str) -> Value {
        let mut settings = Map::new();
        settings.insert("bucket".into(), json!(self.bucket));
        settings.insert(place_key.into(), json!(place));
        settings.insert("role_arn".into(), json!(self.role_arn));
        settings.extend(self.further.clone());
        json!({"type": "s3", "settings": settings})
    }

    /// How a registered repository differs, by the keys that we would send, compared as strings:
    /// servers store every setting as text and add some of their own.
    pub fn differences(&self, found_type: &str, found: &Map<String, Value>) -> Vec<Difference> {
        let mut differences = Vec::new();
        if found_type != "s3" {
            differences.push(Difference { key: "type".into(), found: Some(found_type.into()), wanted: "s3".into() });
        }
        let endpoint_stands_in =
            !found.contains_key("region") && found.get("endpoint").map(text).as_deref() == Some(GLOBAL_S3_ENDPOINT);
        let mut compare = |key: &str, wanted: String| {
            let found = found.get(key).map(text);
            if found.as_ref() != Some(&wanted) {
                differences.push(Difference { key: key.into(), found, wanted });
            }
        };
        compare("bucket", self.bucket.clone());
        if !endpoint_stands_in {
            compare("region", self.region.clone());
        }
        compare("role_arn", self.role_arn.clone());
        for (key, value) in &self.further {
            compare(key, text(value));
        }
        differences
    }
}

/// Whether a registered repository is what the registration `body` asked for, and not merely something like it.
pub fn is_registered(body: &Value, found_type: &str, found: &Map<String, Value>) -> bool {
    let sent = body.get("settings").and_then(Value::as_object);
    body.get("type").and_then(Value::as_str) == Some(found_type)
        && sent.is_some_and(|sent| sent.iter().all(|(key, value)| found.get(key).map(text) == Some(text(value))))
}

/// A setting's value as servers store it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An S3 bucket's name: today's rules and the older, laxer ones of long-lived buckets.
pub fn check_bucket(name: &str) -> Result<(), Failure> {
    let fits = (3..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..");
    if fits {
        return Ok(());
    }
    let hint = if name.contains("://") || name.starts_with("arn:") {
        "give the bare name of the bucket, without s3:// or arn:aws:s3:::"
    } else {
        "a bucket's name has 3 to 63 lower-case letters, digits, `-` and `.`"
    };
    Err(Failure::new(Code::BadEvent, format!("`S3Bucket` {name:?} is not a bucket's name"), hint))
}

/// `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`.
pub fn check_role_arn(arn: &str) -> Result<(), Failure> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts[..], ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws")
            && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
            && resource.strip_prefix("role/").is_some_and(is_role_path));
    if fits {
        return Ok(());
    }
    let hint = "give the snapshot role's ARN: arn:aws:iam::123456789012:role/NAME";
    Err(Failure::new(Code::BadEvent, format!("`RoleArn` {arn:?} is not an IAM role's ARN"), hint))
}

/// IAM's own character set for role names and paths.
fn is_role_path(path: &str) -> bool {
    !path.is_empty()
        && !path.ends_with('/')
        && path.len() <= 576
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b))
}

/// A region's name: lower-case words and a number, such as `eu-west-1` or `us-gov-east-1`.
pub fn check_region(field: &str, region: &str) -> Result<(), Failure> {
    let words: Vec<&str> = region.split('-').collect();
    let fits = match words.as_slice() {
        [first, middle @ .., last] if !middle.is_empty() => {
            let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
            is_word(first) && middle.iter().all(is_word) && !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    if fits && region.len() <= 32 {
        return Ok(());
    }
    Err(Failure::new(
        Code::BadEvent,
        format!("`{field}` {region:?} is not a region"),
        "give a region's code, such as eu-west-1",
    ))
}

/// An event's `Settings`: plain values under keys that are not ours and not secrets.
pub fn check_further(settings: &Map<String, Value>) -> Result<(), Failure> {
    for (key, value) in settings {
        let lower = key.to_lowercase();
        let parts: Vec<&str> = lower.split('.').collect();
        let last = parts.last().copied().unwrap_or_default();
        let plain = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
        let (wrong, hint) = if OWN_FIELDS.contains(&last) {
            ("may not hold", "use `S3Bucket`, `BucketRegion` and `RoleArn`; the endpoint follows from the region")
        } else if SECRETS.iter().any(|secret| lower.ends_with(secret)) {
            (
                "may not hold the secret",
                "the snapshot role gives access to the bucket; secrets would show in every listing",
            )
        } else if lower.starts_with("s3.client.") || parts.iter().any(|part| DETOURS.contains(part)) {
            ("may not hold", "which S3 endpoint is used, and how, is not for an event to say")
        } else if key.is_empty() || !plain {
            ("holds no plain value under", "each setting is a string, a number or true/false")
        } else {
            continue;
        };
        return Err(Failure::new(Code::BadEvent, format!("`Settings` {wrong} {key:?}"), hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> S3Settings {
        S3Settings {
            bucket: "backups".into(),
            region: "eu-west-1".into(),
            role_arn: "arn:aws:iam::123456789012:role/snapshots".into(),
            further: Map::new(),
        }
    }

    fn found(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_body_is_exactly_the_articles() {
        let expected = json!({"type": "s3", "settings": {"bucket": "backups", "region": "eu-west-1",
            "role_arn": "arn:aws:iam::123456789012:role/snapshots"}});
        assert_eq!(settings().body(), expected);
    }

    #[test]
    fn only_keys_that_we_send_count_and_as_strings() {
        let mut wanted = settings();
        wanted.further = found(&json!({"base_path": "b", "compress": true, "max_restore_bytes_per_sec": "20mb"}));
        let registered =
            found(&json!({"bucket": "backups", "region": "eu-west-1", "base_path": "b", "compress": "true",
            "role_arn": "arn:aws:iam::123456789012:role/snapshots", "max_restore_bytes_per_sec": "20mb", "uuid": "x"}));
        assert_eq!(wanted.differences("s3", &registered), vec![]);
        wanted.further.insert("base_path".into(), json!("c"));
        let shown: Vec<String> = wanted.differences("fs", &registered).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["type: registered is fs, asked for is s3", "base_path: registered is b, asked for is c"]);
    }

    #[test]
    fn the_global_endpoint_stands_in_for_the_region() {
        let registered = found(&json!({"bucket": "backups", "endpoint": "s3.amazonaws.com",
            "role_arn": "arn:aws:iam::123456789012:role/snapshots"}));
        assert_eq!(settings().differences("s3", &registered), vec![]);
        let elsewhere = found(&json!({"bucket": "backups", "endpoint": "s3.example.org",
            "role_arn": "arn:aws:iam::123456789012:role/snapshots"}));
        assert_eq!(
            settings().differences("s3", &elsewhere)[0].to_string(),
            "region: registered is nothing, asked for is eu-west-1"
        );
    }

    #[test]
    fn what_was_sent_is_told_from_what_is_as_good() {
        let wanted = settings();
        let by_region = found(&wanted.body()["settings"]);
        assert!(is_registered(&wanted.body(), "s3", &by_region));
        assert!(!is_registered(&wanted.body_with_global_endpoint(), "s3", &by_region));
        assert!(!is_registered(&wanted.body(), "fs", &by_region));
    }

    #[test]
    fn any_type_compares_only_what_is_sent() {
        let further = found(&json!({"location": "/backups", "compress": true, "readonly": false}));
        let wanted = RepositorySettings::other("fs", further).unwrap();
        let expected = json!({"type": "fs", "settings": {"location": "/backups", "compress": true, "readonly": false}});
        assert_eq!(wanted.body(), expected);
        assert_eq!(wanted.without_region(), None);
        let same = found(
            &json!({"location": "/backups", "compress": "true", "readonly": "false", "chunk_size": "1gb", "uuid": "x"}),
        );
        assert_eq!(wanted.differences("fs", &same), vec![]);
        let other = found(&json!({"location": "/elsewhere", "compress": "true"}));
        let shown: Vec<String> = wanted.differences("url", &other).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "type: registered is url, asked for is fs",
                "location: registered is /elsewhere, asked for is /backups",
                "readonly: registered is nothing, asked for is false",
            ]
        );
    }

    #[test]
    fn settings_are_plain_and_hold_no_secrets() {
        for (kind, settings) in [
            ("", json!({})),
            ("f s", json!({})),
            ("s3", json!({"secret_key": "x"})),
            ("s3", json!({"client.Access_Key": "x"})),
            ("fs", json!({"location": null})),
            ("fs", json!({"": "x"})),
            ("fs", json!({"a": {"b": "c"}})),
        ] {
            let refused = RepositorySettings::other(kind, found(&settings)).unwrap_err();
            assert_eq!(refused.code, Code::BadEvent, "{kind} {settings}");
        }
        let s3 = RepositorySettings::S3(settings());
        assert_eq!(s3.body(), settings().body());
        assert_eq!(s3.without_region(), Some((settings().body_with_global_endpoint(), "eu-west-1")));
        assert_eq!(s3.differences("s3", &found(&settings().body()["settings"])), vec![]);
        assert!(refuse_reserved(&RepositoryName::parse("cs-automated-enc").unwrap()).is_err());
        assert!(refuse_reserved(&RepositoryName::parse("backups").unwrap()).is_ok());
    }

    #[test]
    fn fields_are_checked() {
        for good in ["eu-west-1", "us-gov-east-1", "cn-north-1", "eusc-de-east-1"] {
            assert!(check_region("Region", good).is_ok(), "{good}");
        }
        for bad in
            ["", "eu-west", "EU-WEST-1", "eu west 1", "eu-west-1.evil.example", "-eu-1", "1", "eu--1", "eu-west-1/"]
        {
            assert!(check_region("Region", bad).is_err(), "{bad}");
        }
        for good in [
            "arn:aws:iam::123456789012:role/r",
            "arn:aws-cn:iam::123456789012:role/path/r",
            "arn:aws-us-gov:iam::123456789012:role/a+=,.@_-b",
        ] {
            assert!(check_role_arn(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "role",
            "arn:aws:iam::123:role/r",
            "arn:aws:iam::123456789012:user/r",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam:eu-west-1:123456789012:role/r",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(check_role_arn(bad).is_err(), "{bad}");
        }
        for good in ["abc", "my.bucket-1", "Legacy_Bucket"] {
            assert!(check_bucket(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "s3://bucket", "arn:aws:s3:::bucket", "a/b", "a..b", "-ab", "a b c"] {
            assert!(check_bucket(bad).is_err(), "{bad}");
        }
        for bad in [
            json!({"bucket": "b"}),
            json!({"Role_ARN": "r"}),
            json!({"endpoint": "e"}),
            json!({"secret_key": "x"}),
            json!({"s3.client.placeholder.endpoint": "e"}),
            json!({"x.region": "e"}),
            json!({"proxy.host": "e"}),
            json!({"protocol": "http"}),
            json!({"a": {}}),
            json!({"a": null}),
            json!({"": "x"}),
        ] {
            assert!(check_further(&found(&bad)).is_err(), "{bad}");
        }
        assert!(check_further(&found(&json!({"compress": true, "chunk_size": "1gb", "n": 1}))).is_ok());
    }
}
