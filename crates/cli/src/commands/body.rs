//! The create API's body.

use crate::args::Pair;
use serde_json::{Map, Value, json};
use snapkeep_core::{Code, Failure};

/// Largest metadata that servers take, in bytes of JSON.
const METADATA_LIMIT: usize = 1024;

/// The body; `None` if nothing is asked for, so that the server's defaults hold.
pub(crate) fn of(
    indices: &[String],
    global_state: Option<bool>,
    partial: bool,
    ignore_unavailable: bool,
    metadata: &[Pair],
) -> Result<Option<Map<String, Value>>, Failure> {
    let mut body = Map::new();
    if !indices.is_empty() {
        body.insert("indices".into(), json!(indices));
    }
    if let Some(global_state) = global_state {
        body.insert("include_global_state".into(), json!(global_state));
    }
    for (key, _) in
        [("partial", partial), ("ignore_unavailable", ignore_unavailable)].into_iter().filter(|(_, set)| *set)
    {
        body.insert(key.into(), json!(true));
    }
    if !metadata.is_empty() {
        body.insert("metadata".into(), json!(checked(metadata)?));
    }
    Ok((!body.is_empty()).then_some(body))
}

fn checked(pairs: &[Pair]) -> Result<Map<String, Value>, Failure> {
    let bad = |cause: &str, hint: &str| Err(Failure::new(Code::BadEvent, cause, hint));
    let mut metadata = Map::new();
    for Pair { key, value } in pairs {
        if key == "snapkeep" {
            return bad("--metadata holds the key snapkeep, which marks snapshots of policies", "choose another key");
        }
        if metadata.insert(key.clone(), json!(value)).is_some() {
            return bad(&format!("--metadata holds {key} twice"), "keep one of them");
        }
    }
    if json!(metadata).to_string().len() >= METADATA_LIMIT {
        return bad("the metadata is 1,024 bytes or more, which servers refuse", "make it shorter");
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(texts: &[&str]) -> Vec<Pair> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_not_asked_for_is_not_sent() {
        assert_eq!(of(&[], None, false, false, &[]).unwrap(), None);
        let indices = ["a".to_owned(), "-b".to_owned()];
        let body = of(&indices, Some(false), true, true, &pairs(&["k=v=w", "n=1"])).unwrap().unwrap();
        let expected = json!({"indices": ["a", "-b"], "include_global_state": false, "partial": true,
            "ignore_unavailable": true, "metadata": {"k": "v=w", "n": "1"}});
        assert_eq!(Value::Object(body), expected);
    }

    #[test]
    fn metadata_is_small_and_not_ours() {
        let long = format!("k={}", "x".repeat(1024));
        for bad in [vec!["snapkeep=x"], vec!["a=1", "a=2"], vec![long.as_str()]] {
            assert_eq!(of(&[], None, false, false, &pairs(&bad)).unwrap_err().code, Code::BadEvent, "{bad:?}");
        }
    }
}
