//! Registrations as the caller sends them and as the node can use them.
//!
//! The node's S3 client has its own endpoint and keys, so nothing of `role_arn`, `region` and `endpoint` may reach it. What was
//! registered is kept whole, under one key that the node does not know, in the node's own repository settings: any front on
//! that node reads it back.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::wire::Response;

/// The inert key.
pub(crate) const KEPT: &str = "front_registered";
/// What the node's S3 client must not see.
const HIDDEN: [&str; 3] = ["role_arn", "region", "endpoint"];

/// How the node stores what is registered as `s3`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    /// Settings that the node needs besides, such as `path_style_access`.
    pub(crate) extra: Vec<(String, String)>,
    /// For nodes without an S3 client: directory below which each bucket is a directory.
    pub(crate) directory: Option<String>,
}

/// A registration of type `s3`.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    settings: Map<String, Value>,
}

impl Registration {
    /// From a request's body, if it is one.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        if body.get("type")?.as_str()? != "s3" {
            return None;
        }
        let settings = body.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self { settings })
    }

    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        self.settings.get(key).and_then(Value::as_str).filter(|value| !value.is_empty())
    }

    /// As nodes show it: every value a string.
    fn shown(&self) -> Value {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let settings: Map<String, Value> =
            self.settings.iter().map(|(key, value)| (key.clone(), Value::String(text(value)))).collect();
        json!({ "type": "s3", "settings": settings })
    }
}

impl Mapping {
    /// The body that the node gets.
    pub(crate) fn to_node(&self, registration: &Registration) -> Bytes {
        let mut settings = registration.settings.clone();
        settings.retain(|key, _| !HIDDEN.contains(&key.as_str()));
        let kind = if let Some(directory) = &self.directory {
            let mut part = |key: &str| settings.remove(key).and_then(|value| value.as_str().map(str::to_owned));
            let parts = [part("bucket"), part("base_path")].map(Option::unwrap_or_default);
            let location = format!("{directory}/{}/{}", parts[0], parts[1]);
            settings.insert("location".to_owned(), json!(location.trim_end_matches('/')));
            "fs"
        } else {
            "s3"
        };
        for (key, value) in &self.extra {
            settings.insert(key.clone(), json!(value));
        }
        settings.insert(KEPT.to_owned(), json!(registration.shown().to_string()));
        Bytes::from(json!({ "type": kind, "settings": settings }).to_string())
    }
}

/// Makes an answer to `GET /_snapshot…` show what was registered.
pub(crate) fn from_node(response: &mut Response) {
    let Ok(Value::Object(mut repositories)) = serde_json::from_slice(&response.body) else { return };
    let mut changed = false;
    for repository in repositories.values_mut() {
        let Some(mut shown) = kept(repository) else { continue };
        // The node may add keys of its own beside type and settings, such as a uuid.
        for (key, value) in repository.as_object().into_iter().flatten() {
            if key != "type" && key != "settings" {
                shown[key.as_str()] = value.clone();
            }
        }
        *repository = shown;
        changed = true;
    }
    if changed {
        response.body = Bytes::from(Value::Object(repositories).to_string());
    }
}

fn kept(repository: &Value) -> Option<Value> {
    let text = repository.get("settings")?.get(KEPT)?.as_str()?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &str = r#"{"type":"s3","settings":{"bucket":"b","region":"eu-west-1","base_path":"p/q",
        "role_arn":"arn:aws:iam::123456789012:role/snapshots","compress":true}}"#;

    fn registration() -> Registration {
        Registration::parse(ARTICLE.as_bytes()).unwrap()
    }

    fn round(mapping: &Mapping) -> (Value, Value) {
        let sent: Value = serde_json::from_slice(&mapping.to_node(&registration())).unwrap();
        let mut answer = Response::new(200, "application/json", json!({ "r": sent }).to_string());
        from_node(&mut answer);
        (sent, serde_json::from_slice(&answer.body).unwrap())
    }

    fn article_shown() -> Value {
        let mut shown: Value = serde_json::from_str(ARTICLE).unwrap();
        shown["settings"]["compress"] = json!("true");
        json!({ "r": shown })
    }

    #[test]
    fn the_nodes_client_sees_nothing_of_role_region_and_endpoint() {
        let (sent, shown) = round(&Mapping { extra: vec![("client".into(), "x".into())], directory: None });
        let keys: Vec<&String> = sent["settings"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["base_path", "bucket", "client", "compress", KEPT]);
        assert_eq!(sent["settings"]["base_path"], "p/q");
        assert_eq!(shown, article_shown());
    }

    #[test]
    fn a_node_without_s3_gets_a_directory() {
        let (sent, shown) = round(&Mapping { extra: Vec::new(), directory: Some("/repos".into()) });
        assert_eq!((&sent["type"], &sent["settings"]["location"]), (&json!("fs"), &json!("/repos/b/p/q")));
        assert_eq!(sent["settings"].get("bucket"), None);
        assert_eq!(shown, article_shown());
    }

    #[test]
    fn other_registrations_are_not_ours() {
        assert!(Registration::parse(br#"{"type":"fs","settings":{}}"#).is_none());
        assert!(Registration::parse(b"not json").is_none());
        let body = r#"{"a":{"type":"fs","settings":{"location":"x"}}}"#;
        let mut answer = Response::new(200, "application/json", body);
        from_node(&mut answer);
        assert_eq!(answer.body, body);
    }
}
