//! IAM's rules, as its user guide states them, over documents that somebody else wrote: what is not allowed is denied, and a
//! denial counts more than anything else. What a document says that is not known here makes the verdict unknown, never a yes
//! or a no.

use serde_json::Value;
use std::collections::BTreeMap;

/// What is asked of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    principal: String,
    action: String,
    resource: String,
    /// Condition keys, in lower case; of those that the request surely lacks, `None`.
    context: BTreeMap<String, Option<String>>,
}

impl Request {
    /// `action`, such as `s3:GetObject`, on the resource of that ARN.
    pub fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned(), ..Self::default() }
    }

    /// The same by somebody: a role's or user's ARN, or a service's name. Counts where a document names principals, and, of an
    /// ARN, where conditions ask about it: AWS sends these keys with every signed request.
    #[must_use]
    pub fn by(self, principal: &str) -> Self {
        let named = Self { principal: principal.to_owned(), ..self };
        match principal.starts_with("arn:").then(|| principal.split(':').nth(4)).flatten() {
            Some(account) => named
                .with("aws:PrincipalArn", principal)
                .with("aws:PrincipalAccount", account)
                .with("aws:PrincipalIsAWSService", "false"),
            None => named,
        }
    }

    /// The same with a condition key's value, such as `aws:SourceArn`.
    #[must_use]
    pub fn with(self, key: &str, value: &str) -> Self {
        self.having(key, Some(value.to_owned()))
    }

    /// The same of which it is known that it comes without that key: of every other that is not told, nothing is known.
    #[must_use]
    pub fn without(self, key: &str) -> Self {
        self.having(key, None)
    }

    fn having(mut self, key: &str, value: Option<String>) -> Self {
        self.context.insert(key.to_lowercase(), value);
        self
    }

    /// The action.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The resource's ARN.
    pub fn resource(&self) -> &str {
        &self.resource
    }
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
    /// A statement that would decide it holds something that is not known here.
    Unknown,
}

impl Decision {
    /// Whether it is surely a no.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::NotAllowed | Self::Denied)
    }
}

/// Whether something fits: yes, no, or not to be told.
type Fit = Option<bool>;

/// What the documents together say.
pub fn decide<'d>(documents: impl IntoIterator<Item = &'d Value>, request: &Request) -> Decision {
    let (mut allowed, mut perhaps_allowed, mut perhaps_denied) = (false, false, false);
    for statement in documents.into_iter().flat_map(|document| many(&document["Statement"])) {
        let denies = statement["Effect"] == "Deny";
        match (fits(statement, request), denies) {
            (Some(true), true) => return Decision::Denied,
            (Some(true), false) => allowed = true,
            (None, true) => perhaps_denied = true,
            (None, false) => perhaps_allowed = true,
            (Some(false), _) => {}
        }
    }
    match (allowed, perhaps_allowed) {
        _ if perhaps_denied && (allowed || perhaps_allowed) => Decision::Unknown,
        (true, _) => Decision::Allowed,
        (false, true) => Decision::Unknown,
        (false, false) => Decision::NotAllowed,
    }
}

/// All of it must fit; one part that does not decides it, whatever else is not known.
fn fits(statement: &Value, request: &Request) -> Fit {
    // Actions are compared without regard to case, resources with.
    let action = |pattern: &str| like(&pattern.to_lowercase(), &request.action.to_lowercase());
    let resource = |pattern: &str| like(pattern, &request.resource);
    all([
        names(statement, "Action", "NotAction", action),
        names(statement, "Resource", "NotResource", resource),
        principals(statement, &request.principal),
        conditions(&statement["Condition"], request),
    ])
}

fn all(parts: impl IntoIterator<Item = Fit>) -> Fit {
    let parts: Vec<Fit> = parts.into_iter().collect();
    if parts.contains(&Some(false)) {
        return Some(false);
    }
    (!parts.contains(&None)).then_some(true)
}

/// Whether one of the patterns fits, or, of a `Not…`, none. A statement without both is about the thing that it hangs on.
/// Policy variables (`${…}`) are not known here.
fn names(statement: &Value, key: &str, not: &str, fits: impl Fn(&str) -> bool) -> Fit {
    let (patterns, is_negated) = match (statement.get(key), statement.get(not)) {
        (Some(patterns), None) => (patterns, false),
        (None, Some(patterns)) => (patterns, true),
        (None, None) => return Some(true),
        (Some(_), Some(_)) => return None,
    };
    let patterns: Vec<&str> = many(patterns).into_iter().filter_map(Value::as_str).collect();
    if patterns.iter().any(|pattern| fits(pattern)) {
        return Some(!is_negated);
    }
    let has_variable = patterns.iter().any(|pattern| pattern.contains("${"));
    (!has_variable).then_some(is_negated)
}

fn principals(statement: &Value, who: &str) -> Fit {
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (None, None) => Some(true),
        (Some(principal), None) => Some(is_principal(principal, who)),
        (_, Some(_)) => None,
    }
}

fn is_principal(principal: &Value, who: &str) -> bool {
    if principal == "*" {
        return true;
    }
    principal.as_object().into_iter().flatten().any(|(kind, names)| {
        many(names).into_iter().filter_map(Value::as_str).any(|name| match kind.as_str() {
            "AWS" => name == "*" && who.starts_with("arn:") || name == who || is_account(name, who),
            _ => name == who,
        })
    })
}

/// An account's ARN, or its number alone, stands for all of it.
fn is_account(name: &str, who: &str) -> bool {
    let account = name.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next()).unwrap_or(name);
    account.len() == 12 && who.split(':').nth(4) == Some(account)
}

/// All operators and keys must fit, and of each key one value; of a negated operator's values none may.
fn conditions(conditions: &Value, request: &Request) -> Fit {
    let operators = conditions.as_object().into_iter().flatten();
    all(operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| {
            let found = request.context.get(&key.to_lowercase())?;
            condition(operator, found.as_deref(), &many(values))
        })
    }))
}

fn condition(operator: &str, found: Option<&str>, values: &[&Value]) -> Fit {
    let texts: Vec<String> =
        values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    if operator == "Null" {
        return Some(texts.iter().any(|wanted| (wanted == "true") == found.is_none()));
    }
    let (operator, if_exists) =
        operator.strip_suffix("IfExists").map_or((operator, false), |operator| (operator, true));
    let (is_negated, fits): (bool, fn(&str, &str) -> bool) = match operator {
        "StringEquals" => (false, |wanted, found| wanted == found),
        "StringNotEquals" => (true, |wanted, found| wanted == found),
        "StringEqualsIgnoreCase" => (false, |wanted, found| wanted.eq_ignore_ascii_case(found)),
        "StringNotEqualsIgnoreCase" => (true, |wanted, found| wanted.eq_ignore_ascii_case(found)),
        "StringLike" => (false, like),
        "StringNotLike" => (true, like),
        "Bool" => (false, |wanted, found| wanted.eq_ignore_ascii_case(found)),
        "ArnLike" | "ArnEquals" => (false, arn_like),
        "ArnNotLike" | "ArnNotEquals" => (true, arn_like),
        _ => return None,
    };
    let Some(found) = found else { return Some(if_exists || is_negated) };
    Some(texts.iter().any(|wanted| fits(wanted, found)) != is_negated)
}

/// Whether the ARN fits. The six parts are compared one by one: a `*` reaches over no colon but in the last.
pub fn arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts): (Vec<&str>, Vec<&str>) = (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    patterns.len() == 6 && parts.len() == 6 && patterns.iter().zip(&parts).all(|(pattern, part)| like(pattern, part))
}

/// Whether the text fits: `*` is any text, also over slashes, `?` one character.
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where the last star was, and up to where it has taken the text: it takes one more when the rest does not fit.
    let mut star = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[read] => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                (at, read) = (place + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

/// One thing or a list of them.
fn many(value: &Value) -> Vec<&Value> {
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

    fn decision(statements: &Value, request: &Request) -> Decision {
        decide([&json!({"Version": "2012-10-17", "Statement": statements})], request)
    }

    #[test]
    fn what_is_not_known_decides_only_where_nothing_else_does() {
        let strange = json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}});
        let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        let may = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": strange});
        let may_not = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": strange});
        let own = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a/${aws:username}/*"});
        for (statements, expected) in [
            (json!([may]), Decision::Unknown),
            (json!([allow, may]), Decision::Allowed),
            (json!([allow, may_not]), Decision::Unknown),
            (json!([may_not]), Decision::NotAllowed),
            (json!([own]), Decision::Unknown),
            (json!([own, allow]), Decision::Allowed),
            (json!(allow), Decision::Allowed),
            (json!([]), Decision::NotAllowed),
        ] {
            let request = Request::new("s3:GetObject", "arn:aws:s3:::a/b");
            assert_eq!(decision(&statements, &request), expected, "{statements}");
        }
        let other = Request::new("es:ESHttpGet", "d");
        assert_eq!(decision(&json!([may, may_not]), &other), Decision::NotAllowed);
    }

    /// A request has more keys than are told here: only of those that it surely lacks is the lack known.
    #[test]
    fn a_key_that_is_not_told_leaves_a_condition_open() {
        let role = "arn:aws:iam::123456789012:role/a";
        for (condition, expected) in [
            (json!({"StringEquals": {"aws:ResourceAccount": "1"}}), Decision::Unknown),
            (json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}), Decision::Unknown),
            (json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}), Decision::Unknown),
            (json!({"Null": {"aws:PrincipalOrgID": "true"}}), Decision::Unknown),
            (json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}}), Decision::NotAllowed),
            (json!({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}), Decision::Allowed),
            (json!({"StringNotEquals": {"aws:sourceVpce": "vpce-1"}}), Decision::Allowed),
            (json!({"Null": {"aws:SourceVpce": "true"}}), Decision::Allowed),
            (json!({"Null": {"aws:SourceVpce": "false"}}), Decision::NotAllowed),
            (json!({"ArnEquals": {"aws:PrincipalArn": role}}), Decision::Allowed),
            (json!({"ArnNotEquals": {"aws:PrincipalArn": role}}), Decision::NotAllowed),
            (json!({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}), Decision::Allowed),
            (json!({"Bool": {"aws:PrincipalIsAWSService": "true"}}), Decision::NotAllowed),
            (json!({"StringEquals": {"aws:ResourceAccount": "1", "aws:PrincipalAccount": "1"}}), Decision::NotAllowed),
        ] {
            let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
            let request = Request::new("s3:GetObject", "arn:aws:s3:::a/b").by(role).without("aws:SourceVpce");
            assert_eq!(decision(&statement, &request), expected, "{condition}");
        }
        let of_a_role = json!({"Effect": "Allow", "Action": "*", "Condition": {"Null": {"aws:PrincipalArn": "false"}}});
        let service = Request::new("sts:AssumeRole", role).by("es.amazonaws.com");
        assert_eq!(decision(&of_a_role, &service), Decision::Unknown);
    }

    #[test]
    fn principals_are_arns_accounts_services_or_anybody() {
        let role = "arn:aws:iam::123456789012:role/a";
        for (principal, who, fits) in [
            (json!("*"), role, true),
            (json!({"AWS": "*"}), role, true),
            (json!({"AWS": "*"}), "es.amazonaws.com", false),
            (json!({"AWS": ["123456789012"]}), role, true),
            (json!({"AWS": "arn:aws:iam::123456789012:root"}), role, true),
            (json!({"AWS": "arn:aws:iam::210987654321:root"}), role, false),
            (json!({"Service": ["es.amazonaws.com"]}), "es.amazonaws.com", true),
            (json!({"Service": "ec2.amazonaws.com"}), "es.amazonaws.com", false),
        ] {
            let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "*"});
            let decision = decision(&statement, &Request::new("sts:AssumeRole", role).by(who));
            assert_eq!(decision == Decision::Allowed, fits, "{principal} {who}");
        }
    }
}
