use super::*;
use crate::{Config, yaml};
use std::collections::BTreeSet;

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/snapkeep.schema.json");

/// `SNAPKEEP_REGENERATE=1` writes it anew, to be read in the diff.
#[test]
fn the_published_schema_is_the_codes_own() {
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::write(PUBLISHED, &made).unwrap();
        return;
    }
    assert!(std::fs::read_to_string(PUBLISHED).unwrap_or_default() == made, "docs/snapkeep.schema.json differs");
}

/// A file with `key: 1` in each section, beside what the section must have.
fn with_key(path: &str, key: &str) -> String {
    let entry = match path {
        "" => return format!("{key}: 1\n"),
        "clusters.c" => format!("clusters: {{c: {{{key}: 1}}}}"),
        "clusters.c.password" => format!("clusters: {{c: {{password: {{{key}: 1}}}}}}"),
        "clusters.c.assume_role" => format!("clusters: {{c: {{assume_role: {{{key}: 1}}}}}}"),
        "clusters.c.web_identity" => format!("clusters: {{c: {{web_identity: {{{key}: 1}}}}}}"),
        "notifications" => format!("notifications: {{{key}: 1}}"),
        "notifications.channels.n" => format!("notifications: {{channels: {{n: {{{key}: 1}}}}}}"),
        "hooks" => format!("hooks: {{{key}: 1}}"),
        "hooks.before" => format!("hooks: {{before: {{{key}: 1}}}}"),
        "repositories.r" => format!("repositories: {{r: {{{key}: 1}}}}"),
        "policies.p.drill.checks" => format!("policies: {{p: {{drill: {{checks: {{{key}: 1}}}}}}}}"),
        "policies.p" => format!("policies: {{p: {{{key}: 1}}}}"),
        _ => {
            let section = path.rsplit('.').next().unwrap();
            format!("policies: {{p: {{{section}: {{{key}: 1}}}}}}")
        }
    };
    if entry.starts_with("policies") { format!("clusters: {{c: {{endpoint: https://c}}}}\n{entry}\n") } else { entry }
}

#[test]
fn each_sections_keys_are_those_that_are_read() {
    for (path, section) in [
        ("", &FILE),
        ("clusters.c", &CLUSTER),
        ("clusters.c.password", &SECRET),
        ("clusters.c.assume_role", &ASSUME_ROLE),
        ("clusters.c.web_identity", &WEB_IDENTITY),
        ("repositories.r", &REPOSITORY),
        ("policies.p", &POLICY),
        ("policies.p.indices", &SELECTION),
        ("policies.p.keep", &KEEP),
        ("policies.p.limits", &LIMITS),
        ("policies.p.adopt", &ADOPT),
        ("policies.p.drill", &DRILL),
        ("policies.p.drill.checks", &CHECK),
        ("notifications", &NOTIFICATIONS),
        ("notifications.channels.n", &CHANNEL),
        ("hooks", &HOOKS),
        ("hooks.before", &HOOK),
    ] {
        // Like no key there is, so that all of them are listed.
        let failure = Config::parse(&with_key(path, "\"0\"")).unwrap_err();
        let listed = failure.hint.strip_prefix("known keys: ").unwrap_or_else(|| panic!("{path}: {failure:?}"));
        let read: BTreeSet<&str> = listed.split(", ").collect();
        let told: BTreeSet<&str> = section.fields.iter().map(|field| field.key).collect();
        assert_eq!(told, read, "{path}");
    }
}

#[test]
fn examples_fit_and_mistakes_do_not() {
    let schema = schema();
    for text in [include_str!("../../tests/whole.yaml"), include_str!("../../tests/policies.yaml")] {
        assert_eq!(misfit(&schema, &json_of(text), "file"), None);
    }
    for document in ["configuration.md", "policies.md", "notifications.md"] {
        let path = format!("{}/../../docs/{document}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let examples: Vec<&str> =
            text.split("```yaml\n").skip(1).map(|part| part.split("```").next().unwrap()).collect();
        assert!(!examples.is_empty(), "{document} has examples");
        for example in examples {
            Config::parse(example).unwrap_or_else(|failure| panic!("{document}: {failure}\n{example}"));
            assert_eq!(misfit(&schema, &json_of(example), document), None, "{example}");
        }
    }
    for text in [
        "colour: blue",
        "clusters: {a: {region: eu-west-1}}",
        "clusters: {a: {endpoint: https://a, password: literal}}",
        "clusters: {a: {endpoint: https://a, password: {env: A, file: b}}}",
        "clusters: {a: {endpoint: https://a, auth: kerberos}}",
        "repositories: {r: {settings: {a: [1]}}}",
        "policies: {p: {schedule: 1 2 * * *}}",
        "policies: {p: {repository: r, keep: {last: some}}}",
        "policies: {p: {repository: r, keep: {min_count: -1}}}",
        "policies: {p: {repository: r, partial: perhaps}}",
        "policies: {p: {repository: r, adopt: [{dates: x}]}}",
        "policies: {p: {repository: r, adopt: [{name: a*, except: {}}]}}",
        "policies: {p: {repository: r, first_delete: never}}",
        "notifications: {channels: {n: {kind: fax}}}",
        "notifications: {channels: {n: {kind: webhook, url: https://a, on: [success]}}}",
        "hooks: {before: {command: check}}",
    ] {
        assert!(misfit(&schema, &json_of(text), "file").is_some(), "{text}");
        assert!(Config::parse(text).is_err(), "{text}");
    }
}

fn json_of(text: &str) -> Value {
    fn plain(node: yaml::Node) -> Value {
        match node.value {
            yaml::Value::Null => Value::Null,
            yaml::Value::Bool(flag) => flag.into(),
            yaml::Value::Number(number) => Value::Number(number),
            yaml::Value::Text(text) => text.into(),
            yaml::Value::List(list) => list.into_iter().map(plain).collect(),
            yaml::Value::Map(entries) => entries.into_iter().map(|(key, node)| (key.text, plain(node))).collect(),
        }
    }
    plain(yaml::read(text).unwrap())
}

/// What does not fit, by the words of JSON Schema that the schema uses; patterns are left to what reads the file.
fn misfit(schema: &Value, value: &Value, path: &str) -> Option<String> {
    for (word, rule) in schema.as_object().unwrap() {
        let wrong = match word.as_str() {
            "type" => !types(rule).iter().any(|name| is_a(value, name)),
            "enum" => !rule.as_array().unwrap().contains(value),
            "minLength" => value.as_str().is_some_and(str::is_empty),
            "minimum" => value.as_f64() < rule.as_f64() && value.is_number(),
            "maximum" => value.as_f64() > rule.as_f64(),
            "minProperties" => value.as_object().is_some_and(serde_json::Map::is_empty),
            "maxProperties" => value.as_object().is_some_and(|map| map.len() > 1),
            "minItems" => value.as_array().is_some_and(Vec::is_empty),
            "required" => value.is_object() && types(rule).iter().any(|key| value.get(key).is_none_or(Value::is_null)),
            "anyOf" => rule.as_array().unwrap().iter().all(|choice| misfit(choice, value, path).is_some()),
            "items" => {
                let list = value.as_array().into_iter().flatten();
                if let Some(wrong) = list.enumerate().find_map(|(at, one)| misfit(rule, one, &format!("{path}[{at}]")))
                {
                    return Some(wrong);
                }
                false
            }
            "properties" | "additionalProperties" => {
                if let Some(wrong) = entries_misfit(schema, value, path) {
                    return Some(wrong);
                }
                false
            }
            "pattern" | "description" | "$schema" | "title" => false,
            other => panic!("the schema uses {other}"),
        };
        if wrong {
            return Some(format!("{path}: {word} {rule}: {value}"));
        }
    }
    None
}

fn entries_misfit(schema: &Value, value: &Value, path: &str) -> Option<String> {
    value.as_object()?.iter().find_map(|(key, entry)| {
        let path = format!("{path}.{key}");
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(known), _) => misfit(known, entry, &path),
            (None, Value::Bool(false)) => Some(format!("{path} is unknown")),
            (None, other) => misfit(other, entry, &path),
        }
    })
}

fn types(rule: &Value) -> Vec<String> {
    match rule {
        Value::String(one) => vec![one.clone()],
        many => many.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}
