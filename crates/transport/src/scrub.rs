//! Our secrets taken out of what came back.

use crate::Answer;
use serde_json::Value;
use snapkeep_core::secret::Secret;

/// A refusal may repeat parts of the request: our secrets are taken out before anyone reads it. JSON
/// is read first, because it can spell one text in many ways.
pub(crate) fn scrubbed(answer: Answer, secrets: &[Secret]) -> Answer {
    if answer.status < 300 || secrets.is_empty() {
        return answer;
    }
    let scrub = |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| secret.scrub(&text));
    let body = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(json) => scrub_json(json, &scrub).to_string(),
        Err(_) => scrub(&String::from_utf8_lossy(&answer.body)),
    };
    Answer { body: body.into(), ..answer }
}

fn scrub_json(value: Value, scrub: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(scrub(&text)),
        Value::Array(values) => values.into_iter().map(|value| scrub_json(value, scrub)).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (scrub(&key), scrub_json(value, scrub))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_however_they_are_spelt() {
        let secret = Secret::new("canary/secret+key==");
        for body in [
            r#"{"reason":"canary/secret+key=="}"#,
            r#"{"reason":"canary\/secret\u002bkey\u003d="}"#,
            r#"["\u0063anary/secret+key=="]"#,
            "plain canary/secret+key== text",
        ] {
            let clean = scrubbed(Answer::new(400, body.as_bytes()), std::slice::from_ref(&secret));
            let text = String::from_utf8(clean.body.to_vec()).unwrap();
            assert!(!text.contains("anary") && text.contains("***"), "{text}");
        }
    }
}
