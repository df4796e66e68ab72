//! A repository as it is to be registered.

use crate::fields::Fields;
use serde_json::{Map, Value};
use snapkeep_core::repository::{check_bucket, check_region, check_role_arn};
use snapkeep_core::{Code, Failure};

/// One entry under `repositories`; `repo register NAME` uses what its flags leave open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repository {
    /// `s3`, `fs`, …; `s3` if absent.
    pub kind: Option<String>,
    /// The bucket's name.
    pub bucket: Option<String>,
    /// The bucket's region.
    pub region: Option<String>,
    /// The role that the service assumes to reach the bucket.
    pub role_arn: Option<String>,
    /// The folder in the bucket.
    pub base_path: Option<String>,
    /// Whether this cluster may only read it.
    pub readonly: Option<bool>,
    /// Further settings, sent as they are.
    pub settings: Map<String, Value>,
}

impl Repository {
    pub(crate) fn read(mut fields: Fields) -> Result<Self, Failure> {
        let same = |text: &str| text.to_owned();
        let repository = Self {
            kind: fields.text("type")?,
            bucket: fields.checked("bucket", |text| check_bucket(text).map(|()| same(text)))?,
            region: fields.checked("region", |text| check_region("region", text).map(|()| same(text)))?,
            role_arn: fields.checked("role_arn", |text| check_role_arn(text).map(|()| same(text)))?,
            base_path: fields.checked("base_path", |text| check_base_path(text).map(|()| same(text)))?,
            readonly: fields.flag("readonly")?,
            settings: fields.plain_values("settings")?,
        };
        let twice = repository.set_twice().map(|key| fields.wrong(&format!("sets `{key}` twice, also in `settings`")));
        fields.finish()?;
        twice.map_or(Ok(repository), Err)
    }

    /// A key that stands beside `settings` and in it.
    fn set_twice(&self) -> Option<&'static str> {
        let own = [
            ("bucket", self.bucket.is_some()),
            ("region", self.region.is_some()),
            ("role_arn", self.role_arn.is_some()),
            ("base_path", self.base_path.is_some()),
            ("readonly", self.readonly.is_some()),
        ];
        own.into_iter().find(|(key, given)| *given && self.settings.contains_key(*key)).map(|(key, _)| key)
    }
}

/// A folder in a bucket: not empty, no slash at an end.
fn check_base_path(text: &str) -> Result<(), Failure> {
    if text.starts_with('/') || text.ends_with('/') {
        let cause = format!("`base_path` {text:?} has a slash at an end");
        return Err(Failure::new(Code::BadConfig, cause, "write it as folder/subfolder"));
    }
    Ok(())
}
