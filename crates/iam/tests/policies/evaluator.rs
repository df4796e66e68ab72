//! IAM's rules, as its user guide states them, for the documents of these tests: what is not allowed is denied, and a denial
//! counts more than anything else. It reads documents as JSON and shares nothing with the code that makes them
//! but how a wildcard fits, which has a table of its own.

use serde_json::Value;
use snapkeep_iam::{arn_like, like};
use std::collections::BTreeMap;

/// What is asked of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The ARN of who asks; a service by its name.
    pub(crate) principal: String,
    /// The action, such as `s3:GetObject`.
    pub(crate) action: String,
    /// The resource's ARN.
    pub(crate) resource: String,
    /// Condition keys that the request has.
    pub(crate) context: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned(), ..Self::default() }
    }

    pub(crate) fn by(self, principal: &str) -> Self {
        Self { principal: principal.to_owned(), ..self }
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.context.insert(key.to_lowercase(), value.to_owned());
        self
    }
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

/// What the documents together say.
pub(crate) fn decide(documents: &[&Value], request: &Request) -> Decision {
    let statements = documents.iter().flat_map(|document| many(&document["Statement"]));
    let fitting: Vec<&str> = statements
        .filter(|statement| fits(statement, request))
        .map(|statement| statement["Effect"].as_str().expect("a statement has an effect"))
        .collect();
    match (fitting.contains(&"Deny"), fitting.contains(&"Allow")) {
        (true, _) => Decision::Denied,
        (false, true) => Decision::Allowed,
        (false, false) => Decision::NotAllowed,
    }
}

fn fits(statement: &Value, request: &Request) -> bool {
    for key in statement.as_object().expect("a statement is an object").keys() {
        let known = ["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
        assert!(known.contains(&key.as_str()), "a statement has no {key}");
    }
    // Actions are compared without regard to case, resources with.
    let action = |pattern: &str| like(&pattern.to_lowercase(), &request.action.to_lowercase());
    let resource = |pattern: &str| like(pattern, &request.resource);
    names(statement, "Action", "NotAction", action)
        && names(statement, "Resource", "NotResource", resource)
        && statement.get("Principal").is_none_or(|principal| is_principal(principal, &request.principal))
        && conditions(&statement["Condition"], request)
}

/// Whether one of the patterns fits, or, of a `Not…`, none. A statement without both is about the thing that it hangs on.
fn names(statement: &Value, key: &str, not: &str, fits: impl Fn(&str) -> bool) -> bool {
    let any = |value: &Value| many(value).iter().any(|pattern| fits(pattern.as_str().expect("a pattern is text")));
    match (statement.get(key), statement.get(not)) {
        (Some(patterns), None) => any(patterns),
        (None, Some(patterns)) => !any(patterns),
        (None, None) => true,
        (Some(_), Some(_)) => panic!("a statement has both {key} and {not}"),
    }
}

fn is_principal(principal: &Value, who: &str) -> bool {
    if principal == "*" {
        return true;
    }
    let kinds = principal.as_object().expect("a principal is * or an object");
    kinds.iter().any(|(kind, names)| match kind.as_str() {
        "Service" => many(names).iter().any(|name| *name == who),
        // An account's ARN stands for all of it.
        "AWS" => many(names).iter().any(|name| *name == "*" || *name == who || is_account(name, who)),
        other => panic!("{other} is no kind of principal here"),
    })
}

fn is_account(name: &Value, who: &str) -> bool {
    let account = name.as_str().and_then(|name| name.strip_suffix(":root")).and_then(|arn| arn.rsplit(':').next());
    account.is_some() && who.split(':').nth(4) == account
}

/// All operators and keys must fit, and of each key one value; of a negated operator's values none may.
fn conditions(conditions: &Value, request: &Request) -> bool {
    let operators = conditions.as_object().into_iter().flatten();
    let keys = operators.flat_map(|(operator, keys)| {
        keys.as_object().expect("an operator has keys").iter().map(move |(key, values)| (operator, key, values))
    });
    keys.into_iter().all(|(operator, key, values)| {
        condition(operator, request.context.get(&key.to_lowercase()).map(String::as_str), &many(values))
    })
}

fn condition(operator: &str, found: Option<&str>, values: &[&Value]) -> bool {
    let texts: Vec<String> =
        values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    if operator == "Null" {
        return texts.iter().any(|wanted| (wanted == "true") == found.is_none());
    }
    let (operator, if_exists) =
        operator.strip_suffix("IfExists").map_or((operator, false), |operator| (operator, true));
    let (is_negated, fits): (bool, fn(&str, &str) -> bool) = match operator {
        "StringEquals" => (false, |wanted, found| wanted == found),
        "StringNotEquals" => (true, |wanted, found| wanted == found),
        "StringLike" => (false, like),
        "StringNotLike" => (true, like),
        "Bool" => (false, |wanted, found| wanted.eq_ignore_ascii_case(found)),
        "ArnLike" | "ArnEquals" => (false, arn_like),
        "ArnNotLike" | "ArnNotEquals" => (true, arn_like),
        other => panic!("{other} is no operator here"),
    };
    let Some(found) = found else { return if_exists || is_negated };
    texts.iter().any(|wanted| fits(wanted, found)) != is_negated
}

/// One thing or a list of them.
pub(crate) fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(statements: &Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    #[test]
    fn denials_count_more_and_what_nobody_allows_is_not_allowed() {
        let allow = of(&json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}));
        let deny = of(&json!([{"Effect": "Deny", "Action": "s3:Delete*", "Resource": "arn:aws:s3:::a/*"}]));
        for (documents, action, resource, expected) in [
            (vec![&allow, &deny], "s3:DeleteObject", "arn:aws:s3:::a/b", Decision::Denied),
            (vec![&deny, &allow], "s3:DeleteObject", "arn:aws:s3:::a/b", Decision::Denied),
            (vec![&allow, &deny], "s3:DeleteObject", "arn:aws:s3:::b/b", Decision::Allowed),
            (vec![&allow, &deny], "S3:deleteobject", "arn:aws:s3:::A/b", Decision::Allowed),
            (vec![&deny], "s3:GetObject", "arn:aws:s3:::a/b", Decision::NotAllowed),
            (vec![], "s3:GetObject", "arn:aws:s3:::a/b", Decision::NotAllowed),
            (vec![&allow], "es:ESHttpGet", "arn:aws:s3:::a/b", Decision::NotAllowed),
        ] {
            assert_eq!(decide(&documents, &Request::new(action, resource)), expected, "{action} {resource}");
        }
        let not = of(&json!({"Effect": "Allow", "NotAction": "iam:*", "NotResource": ["arn:aws:s3:::a/*"]}));
        assert_eq!(decide(&[&not], &Request::new("s3:GetObject", "arn:aws:s3:::b/c")), Decision::Allowed);
        assert_eq!(decide(&[&not], &Request::new("iam:PassRole", "arn:aws:s3:::b/c")), Decision::NotAllowed);
        assert_eq!(decide(&[&not], &Request::new("s3:GetObject", "arn:aws:s3:::a/c")), Decision::NotAllowed);
    }

    #[test]
    fn wildcards() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("a*", "a/b/c", true),
            ("a*c", "a/b/c", true),
            ("a*b", "a/b/c", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a/*", "a", false),
            ("*/a/*", "h/a/b", true),
            ("*/a/*", "a/b", false),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
        assert!(arn_like("arn:aws:es:*:1:domain/a*", "arn:aws:es:eu-west-1:1:domain/ab"));
        assert!(!arn_like("arn:aws:*:domain/a", "arn:aws:es:eu-west-1:1:domain/a"));
    }

    #[test]
    fn conditions_are_anded_their_values_ored_and_absent_keys_fail_but_where_they_may() {
        for (condition, context, fits) in [
            (json!({"StringEquals": {"a:K": ["1", "2"]}}), vec![("a:k", "2")], true),
            (json!({"StringEquals": {"a:k": "1"}}), vec![("a:k", "2")], false),
            (json!({"StringEquals": {"a:k": "1"}}), vec![], false),
            (json!({"StringEqualsIfExists": {"a:k": "1"}}), vec![], true),
            (json!({"StringEqualsIfExists": {"a:k": "1"}}), vec![("a:k", "2")], false),
            (json!({"StringNotEquals": {"a:k": ["1", "2"]}}), vec![("a:k", "2")], false),
            (json!({"StringNotEquals": {"a:k": ["1", "2"]}}), vec![("a:k", "3")], true),
            (json!({"StringNotEquals": {"a:k": "1"}}), vec![], true),
            (json!({"StringLike": {"a:k": "x*"}}), vec![("a:k", "xy")], true),
            (json!({"StringNotLike": {"a:k": "x*"}}), vec![("a:k", "xy")], false),
            (json!({"Bool": {"a:k": "false"}}), vec![("a:k", "false")], true),
            (json!({"Bool": {"a:k": false}}), vec![("a:k", "true")], false),
            (json!({"Null": {"a:k": "true"}}), vec![], true),
            (json!({"Null": {"a:k": "true"}}), vec![("a:k", "1")], false),
            (json!({"StringEquals": {"a:k": "1", "a:l": "1"}}), vec![("a:k", "1")], false),
            (json!({"StringEquals": {"a:k": "1"}, "Bool": {"a:l": "true"}}), vec![("a:k", "1"), ("a:l", "true")], true),
        ] {
            let document = of(&json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}));
            let request =
                context.iter().fold(Request::new("a:b", "c"), |request, (key, value)| request.with(key, value));
            assert_eq!(decide(&[&document], &request) == Decision::Allowed, fits, "{condition} {context:?}");
        }
    }

    #[test]
    fn principals() {
        let role = "arn:aws:iam::123456789012:role/a";
        for (principal, fits) in [
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
            (json!({"AWS": [role]}), true),
            (json!({"AWS": "arn:aws:iam::123456789012:root"}), true),
            (json!({"AWS": "arn:aws:iam::210987654321:root"}), false),
            (json!({"Service": "es.amazonaws.com"}), false),
        ] {
            let document = of(&json!({"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}));
            let decision = decide(&[&document], &Request::new("a:b", "c").by(role));
            assert_eq!(decision == Decision::Allowed, fits, "{principal}");
        }
    }
}
