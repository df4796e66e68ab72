//! A snapshot's metadata, kept small: a listing may hold a hundred thousand of them.

use crate::ownership::{HOLD_KEY, METADATA_KEY};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A snapshot's metadata as compact JSON, and what policies ask of it, which is read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    text: Box<str>,
    mark: Option<StoredMark>,
    is_marked: bool,
    is_held: bool,
}

/// A policy's mark that this program understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMark {
    pub(crate) policy: Box<str>,
    pub(crate) slot: Timestamp,
    pub(crate) confirmed: bool,
}

impl Metadata {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.to_map().remove(key)
    }

    /// All of it.
    pub fn to_map(&self) -> Map<String, Value> {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Whether a policy's mark is in it, of whatever version.
    pub fn is_marked(&self) -> bool {
        self.is_marked
    }

    /// Whether it puts the snapshot under a legal hold.
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    pub(crate) fn mark(&self) -> Option<&StoredMark> {
        self.mark.as_ref()
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        let (mark, is_marked, is_held) = (read_mark(&map), map.contains_key(METADATA_KEY), map.contains_key(HOLD_KEY));
        Self { text: Value::Object(map).to_string().into_boxed_str(), mark, is_marked, is_held }
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

fn read_mark(map: &Map<String, Value>) -> Option<StoredMark> {
    let ours = map.get(METADATA_KEY)?;
    if ours.get("v")?.as_u64()? != 1 {
        return None;
    }
    let slot = ours.get("slot")?.as_str()?.parse().ok()?;
    let confirmed = ours.get("retention").and_then(Value::as_str) == Some("confirmed");
    Some(StoredMark { policy: ours.get("policy")?.as_str()?.into(), slot, confirmed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_what_it_was_made_of() {
        let map = json!({"b": [1, {"ä": "\n\""}], "a": null, "n": 1.5, "snapkeep_hold": "case 7"});
        let map = map.as_object().unwrap().clone();
        let metadata = Metadata::from(map.clone());
        assert_eq!((metadata.to_map(), metadata.get("n"), metadata.get("c")), (map.clone(), Some(json!(1.5)), None));
        assert_eq!(serde_json::to_value(&metadata).unwrap(), Value::Object(map));
        assert!(metadata.is_held() && !metadata.is_marked());
        // What a node of 100,000 holds: beside the text, a few words.
        assert!(size_of::<Metadata>() <= 64, "{}", size_of::<Metadata>());
    }
}
