//! Where a configuration is, as a variable's value says it.

use snapkeep_core::repository::check_bucket;
use snapkeep_core::{Code, Failure};
use std::path::PathBuf;

/// The variable, for messages.
const VARIABLE: &str = "SNAPKEEP_CONFIG";

/// What `SNAPKEEP_CONFIG` holds or names. The value may be the configuration itself and hold what somebody should not have
/// written there: nothing but a plain path or a plain name of AWS's is ever repeated ([`ConfigPlace::name`]).
#[derive(Clone, PartialEq, Eq)]
pub enum ConfigPlace {
    /// The YAML itself, of one line or more.
    Text(String),
    /// A file.
    File(PathBuf),
    /// An object of S3: `s3://bucket/key`.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// A parameter of Systems Manager's store: `ssm:/name` or `ssm:ARN`.
    Parameter(String),
}

impl ConfigPlace {
    /// Reads the value: YAML if it has more than one line, starts with `{` or has a key (`clusters: …`); else `s3://…`, `ssm:…` or a
    /// path.
    pub fn of(value: &str) -> Result<Self, Failure> {
        let trimmed = value.trim();
        let is_one_line = !trimmed.contains(['\n', '\r']);
        let after = |scheme| trimmed.strip_prefix(scheme).filter(|_| is_one_line);
        if let Some(place) = after("s3://") {
            return object(place);
        }
        match after("ssm:") {
            Some("") => Err(unclear("names no parameter", "write it as ssm:/name")),
            Some(name) if !name.starts_with(' ') => Ok(Self::Parameter(name.to_owned())),
            _ if trimmed.is_empty() => Err(unclear("is empty", "unset it, or name a configuration")),
            _ if !is_one_line || has_key(trimmed) => Ok(Self::Text(value.to_owned())),
            _ => Ok(Self::File(trimmed.into())),
        }
    }

    /// What it is called in messages. It is repeated only if it cannot be but what it seems to be.
    pub fn name(&self) -> String {
        let (named, what) = match self {
            Self::Text(_) => return VARIABLE.to_owned(),
            Self::File(path) => {
                let text = path.to_string_lossy().into_owned();
                (looks_like_a_path(&text).then_some(text), "file")
            }
            Self::Object { bucket, key } => (is_plain(key).then(|| format!("s3://{bucket}/{key}")), "object"),
            Self::Parameter(name) => {
                let is_name = name.starts_with(['/', 'a']) && is_plain(&name.replace(':', ""));
                (is_name.then(|| format!("ssm:{name}")), "parameter")
            }
        };
        named.map_or_else(|| format!("the {what} that {VARIABLE} names"), |named| format!("{VARIABLE}={named}"))
    }
}

impl std::fmt::Debug for ConfigPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

fn object(place: &str) -> Result<ConfigPlace, Failure> {
    let parts = place.split_once('/').filter(|(bucket, key)| check_bucket(bucket).is_ok() && !key.is_empty());
    let (bucket, key) = parts.ok_or_else(|| unclear("names no object of S3", "write it as s3://bucket/key"))?;
    Ok(ConfigPlace::Object { bucket: bucket.to_owned(), key: key.to_owned() })
}

/// Whether it is one line of YAML: no path looks like that.
fn has_key(line: &str) -> bool {
    line.starts_with(['{', '#']) || line.contains(": ") || line.ends_with(':')
}

/// Letters that stand in names; base64 and `user:password` have others.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "/._-~@".contains(c))
}

/// A word alone may be a password that was set by mistake; what has a slash at its start, or YAML's ending, is a file's name.
fn looks_like_a_path(text: &str) -> bool {
    let is_rooted = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start));
    let is_yaml = [".yaml", ".yml", ".json"].iter().any(|end| text.ends_with(end));
    is_plain(text) && (is_rooted || is_yaml)
}

fn unclear(what: &str, hint: &str) -> Failure {
    Failure::new(Code::BadConfig, format!("{VARIABLE} {what}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn each_form_is_known_by_its_looks() {
        let object = |bucket: &str, key: &str| ConfigPlace::Object { bucket: bucket.into(), key: key.into() };
        for (value, expected, name) in [
            (
                "/etc/snapkeep.yaml",
                ConfigPlace::File("/etc/snapkeep.yaml".into()),
                "SNAPKEEP_CONFIG=/etc/snapkeep.yaml",
            ),
            (" own.yaml\n", ConfigPlace::File("own.yaml".into()), "SNAPKEEP_CONFIG=own.yaml"),
            ("hunter2", ConfigPlace::File("hunter2".into()), "the file that SNAPKEEP_CONFIG names"),
            ("/a b", ConfigPlace::File("/a b".into()), "the file that SNAPKEEP_CONFIG names"),
            ("s3://own/a/b.yaml", object("own", "a/b.yaml"), "SNAPKEEP_CONFIG=s3://own/a/b.yaml"),
            ("s3://own/a: b", object("own", "a: b"), "the object that SNAPKEEP_CONFIG names"),
            ("ssm:/a/b", ConfigPlace::Parameter("/a/b".into()), "SNAPKEEP_CONFIG=ssm:/a/b"),
            (
                "ssm:arn:aws:ssm:eu-west-1:123456789012:parameter/a",
                ConfigPlace::Parameter("arn:aws:ssm:eu-west-1:123456789012:parameter/a".into()),
                "SNAPKEEP_CONFIG=ssm:arn:aws:ssm:eu-west-1:123456789012:parameter/a",
            ),
            ("ssm:what=ever", ConfigPlace::Parameter("what=ever".into()), "the parameter that SNAPKEEP_CONFIG names"),
        ] {
            let place = ConfigPlace::of(value).unwrap();
            assert!(place == expected && place.name() == name, "{value}: {place:?}");
        }
        for value in [
            "{policies: {}}",
            "{clusters:{a:{endpoint:b}}}",
            "clusters: {a: {endpoint: 'https://a.example'}}",
            "clusters:",
            "# nothing yet",
            "a: 1\nb: 2",
            "clusters:\r\n  a: {}\r\n",
        ] {
            assert!(ConfigPlace::of(value).unwrap() == ConfigPlace::Text(value.to_owned()), "{value}");
        }
        for value in ["", " \n", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "s3://AKID:canary@b/k", "ssm:"] {
            let failure = ConfigPlace::of(value).unwrap_err();
            assert!(failure.code == Code::BadConfig && !failure.to_string().contains("canary"), "{failure}");
        }
    }

    #[test]
    fn yaml_of_one_line_is_read_as_any_other() {
        let text = "{clusters: {a: {endpoint: 'https://a.example'}}}";
        assert!(ConfigPlace::of(text).unwrap() == ConfigPlace::Text(text.into()));
        assert_eq!(Config::parse(text).unwrap().clusters.len(), 1);
    }

    /// Whatever is wrong with it: a value that may be a secret stands in no complaint.
    #[test]
    fn what_is_refused_repeats_no_secret() {
        for value in [
            "canary",
            "canary\ncanary",
            "{clusters: {a: {endpoint: 'https://a.example', password: canary}}}",
            "{clusters: {a: {endpoint: 'https://a.example', password: canary",
            "clusters: {a: {endpoint: 'https://user:canary@a.example'}}",
            "clusters: {a: {endpoint: 'https://a.example', token: [canary]}}",
            "clusters: {a: {endpoint: 'https://a.example', token: \"canary}}",
            "password: canary",
            "{password: canary}",
            "clusters: canary",
        ] {
            let place = ConfigPlace::of(value).unwrap();
            assert!(!format!("{place:?}").contains("canary"), "{place:?}");
            if let ConfigPlace::Text(text) = place {
                let failure = Config::parse(&text).unwrap_err();
                assert!(!format!("{failure:?}").contains("canary"), "{value}: {failure:?}");
                let complaints = Config::complaints(&text);
                assert!(!format!("{complaints:?}").contains("canary"), "{value}: {complaints:?}");
            }
        }
    }
}
