//! Policy documents, as IAM, S3 and KMS take them.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// A policy document of the language's version 2012-10-17.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

/// One statement of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name, of letters and digits only.
    pub sid: &'static str,
    /// What it does to a request that it fits.
    pub effect: Effect,
    /// Whom it is about; only where the document does not hang on somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The actions.
    pub action: Words,
    /// The resources; none in a role's trust, which is about the role itself.
    #[serde(skip_serializing_if = "Words::is_empty")]
    pub resource: Words,
    /// Operator → key → values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<&'static str, BTreeMap<&'static str, Words>>,
}

/// Written as a word if it is one, else as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// Lets the request pass, unless another statement denies it.
    Allow,
    /// Refuses it, whatever else allows it.
    Deny,
}

/// Whom a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Everybody.
    Everybody,
    /// A service of AWS's.
    Service(&'static str),
    /// Roles and users, by ARN.
    Arns(Words),
}

impl Document {
    /// A document of these statements.
    pub(crate) fn of(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { version: "2012-10-17", statement: statements.into_iter().collect() }
    }

    /// The same, with those of one name made one: a name stands once in a document.
    pub(crate) fn merged(statements: impl IntoIterator<Item = Statement>) -> Self {
        let mut merged: Vec<Statement> = Vec::new();
        for statement in statements {
            match merged.iter_mut().find(|known| known.sid == statement.sid) {
                Some(known) => known.take(statement),
                None => merged.push(statement),
            }
        }
        Self::of(merged)
    }

    /// Its statements.
    pub fn statements(&self) -> &[Statement] {
        &self.statement
    }
}

impl Statement {
    /// Allows `action` on `resource`.
    pub(crate) fn allow(sid: &'static str, action: &[&str], resource: Vec<String>) -> Self {
        let action = Words(action.iter().map(|&action| action.to_owned()).collect());
        let resource = Words(resource);
        Self { sid, effect: Effect::Allow, principal: None, action, resource, condition: BTreeMap::new() }
    }

    /// The same for somebody.
    pub(crate) fn to(self, principal: Principal) -> Self {
        Self { principal: Some(principal), ..self }
    }

    /// The same under one more condition.
    pub(crate) fn when(mut self, operator: &'static str, key: &'static str, values: Vec<String>) -> Self {
        self.condition.entry(operator).or_default().insert(key, Words(values));
        self
    }
}

impl Statement {
    /// Takes another's principals, actions, resources and conditions in.
    fn take(&mut self, other: Self) {
        if let (Some(Principal::Arns(own)), Some(Principal::Arns(more))) = (&mut self.principal, other.principal) {
            own.take(more);
        }
        self.action.take(other.action);
        self.resource.take(other.resource);
        for (operator, keys) in other.condition {
            for (key, values) in keys {
                self.condition.entry(operator).or_default().entry(key).or_default().take(values);
            }
        }
    }
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, values) = match self {
            Self::Everybody => return serializer.serialize_str("*"),
            Self::Service(service) => ("Service", &Words(vec![(*service).to_owned()])),
            Self::Arns(arns) => ("AWS", arns),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(kind, values)?;
        map.end()
    }
}

impl Words {
    fn take(&mut self, more: Self) {
        let new: Vec<String> = more.0.into_iter().filter(|word| !self.0.contains(word)).collect();
        self.0.extend(new);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            many => many.serialize(serializer),
        }
    }
}
