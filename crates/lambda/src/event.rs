//! The event: three kinds, never mixed. Parsing is strict, because a misspelt key that is silently
//! ignored is a backup that silently does something else.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use snapkeep_core::{Code, Failure};
use std::fmt;

/// What an event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Backup,
    Register,
    Create,
    Status,
    List,
    Restore,
    Run,
    Drill,
}

/// Which actions a field means something to. The article's five are never in the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Every,
    Registration,
    Creation,
    Content,
    Snapshot,
    Restoration,
    Policies,
}

const FIELDS: &[(&str, For)] = &[
    ("Action", For::Every),
    ("Endpoint", For::Every),
    ("RepositoryName", For::Every),
    ("S3Bucket", For::Every),
    ("Region", For::Every),
    ("RoleArn", For::Every),
    ("BucketRegion", For::Registration),
    ("BasePath", For::Registration),
    ("Settings", For::Registration),
    ("Replace", For::Registration),
    ("SnapshotName", For::Snapshot),
    ("SlotTime", For::Snapshot),
    ("Indices", For::Content),
    ("IncludeGlobalState", For::Content),
    ("Partial", For::Content),
    ("IgnoreUnavailable", For::Creation),
    ("Metadata", For::Creation),
    ("Wait", For::Snapshot),
    ("At", For::Restoration),
    ("Policy", For::Restoration),
    ("DataStreams", For::Restoration),
    ("IncludeSystem", For::Restoration),
    ("IncludeAliases", For::Restoration),
    ("RenamePrefix", For::Restoration),
    ("RenamePattern", For::Restoration),
    ("RenameReplacement", For::Restoration),
    ("OnConflict", For::Restoration),
    ("IndexSettings", For::Restoration),
    ("IgnoreIndexSettings", For::Restoration),
    ("ReplaceTemplates", For::Restoration),
    ("IgnoreDisk", For::Restoration),
    ("Policies", For::Policies),
];

impl Action {
    fn uses(self, field: For) -> bool {
        match (self, field) {
            (Self::Run | Self::Drill, field) => field == For::Policies,
            (Self::Restore, field) => {
                matches!(field, For::Every | For::Content | For::Snapshot | For::Restoration)
            }
            (_, For::Policies | For::Restoration) => false,
            (_, For::Every) | (Self::Backup, _) => true,
            (Self::Register, field) => field == For::Registration,
            (Self::Create, field) => field != For::Registration,
            (Self::Status, field) => field == For::Snapshot,
            (Self::List, _) => false,
        }
    }

    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Register => "register",
            Self::Create => "create",
            Self::Status => "status",
            Self::List => "list",
            Self::Restore => "restore",
            Self::Run => "run",
            Self::Drill => "drill",
        }
    }
}

/// An event whose keys are known: fields under their own spelling, null ones left out.
#[derive(Debug)]
pub struct Event {
    fields: Map<String, Value>,
    action: Action,
}

/// What a tick, `Action: run` or `Action: drill` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// Names of policies; empty means all.
    pub(crate) policies: Vec<String>,
    /// A tick's own time.
    pub(crate) time: Option<String>,
    /// Fields that mean nothing to it.
    pub(crate) warnings: Vec<String>,
}

/// A delivery, told apart.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// About one repository.
    Job(Event),
    /// Policies are to be run.
    Run(Run),
    /// Policies are to be drilled, due or not.
    Drill(Run),
}

impl Delivery {
    /// Reads an event's text.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let Pairs(pairs) = serde_json::from_str(text).map_err(|error| not_an_object(&error))?;
        if is_tick(&pairs) {
            let time = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case("time"));
            let time = time.and_then(|(_, value)| value.as_str()).map(str::to_owned);
            return Ok(Self::Run(Run { time, ..Run::default() }));
        }
        let event = Event::of(pairs)?;
        match event.action {
            Action::Run => event.run().map(Self::Run),
            Action::Drill => event.run().map(Self::Drill),
            _ => Ok(Self::Job(event)),
        }
    }
}

/// An event of EventBridge's; its other keys are its own.
fn is_tick(pairs: &[(String, Value)]) -> bool {
    let has = |key: &str| pairs.iter().any(|(found, _)| found.eq_ignore_ascii_case(key));
    has("detail-type") && has("source")
}

fn not_an_object(error: &serde_json::Error) -> Failure {
    bad(
        format!("the event is not a JSON object: {error}"),
        "send an object with the fields Endpoint, RepositoryName, S3Bucket, Region, RoleArn",
    )
}

impl Event {
    /// Reads the text of an event that is about one repository.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match Delivery::parse(text)? {
            Delivery::Job(event) => Ok(event),
            Delivery::Run(_) | Delivery::Drill(_) => {
                Err(bad("the event runs policies".into(), "send one that is about a repository"))
            }
        }
    }

    fn of(pairs: Vec<(String, Value)>) -> Result<Self, Failure> {
        let mut fields = Map::new();
        for (key, value) in pairs {
            let field = known(&key)?;
            if fields.insert(field.to_owned(), value).is_some() {
                return Err(bad(
                    format!("the event holds `{field}` twice"),
                    "keys are matched without regard to case: keep one spelling",
                ));
            }
        }
        fields.retain(|_, value| !value.is_null());
        let action = action(fields.get("Action"))?;
        Ok(Self { fields, action })
    }

    fn run(&self) -> Result<Run, Failure> {
        let warning = |field: &str| format!("`{field}` means nothing to action `{}`", self.action.as_str());
        let warnings = self.unused().into_iter().map(warning).collect();
        Ok(Run { policies: self.policies()?, time: None, warnings })
    }

    pub(crate) fn action(&self) -> Action {
        self.action
    }

    /// Fields that are set but mean nothing to the action.
    pub(crate) fn unused(&self) -> Vec<&'static str> {
        let set = FIELDS.iter().filter(|(name, _)| self.fields.contains_key(*name));
        let unused = set.filter(|(name, field)| *name != "Action" && !self.action.uses(*field));
        unused.map(|(name, _)| *name).collect()
    }

    /// Names of policies; none means all, but an empty list is a mistake.
    fn policies(&self) -> Result<Vec<String>, Failure> {
        let expected = "a list of policies' names, or left out for all of them";
        match self.fields.get("Policies") {
            None => Ok(Vec::new()),
            Some(Value::Array(names)) if !names.is_empty() => {
                let name = |name: &Value| name.as_str().map(str::to_owned);
                let names = names.iter().map(name).collect::<Option<_>>();
                names.ok_or_else(|| wrong_type("Policies", &self.fields["Policies"], expected))
            }
            Some(other) => Err(wrong_type("Policies", other, expected)),
        }
    }

    /// A text, if it is set. White space around it is no part of it.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&str>, Failure> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim())),
            Some(other) => Err(wrong_type(field, other, "a string")),
        }
    }

    /// A text that must be there, in the event or, failing that, in the operator's `default`.
    pub(crate) fn required<'a>(&'a self, field: &str, default: Option<&'a str>) -> Result<&'a str, Failure> {
        let found = self.text(field)?.or(default);
        found.filter(|text| !text.is_empty()).ok_or_else(|| {
            bad(
                format!("the event lacks `{field}`"),
                &format!("add `{field}`; action `{}` needs it", self.action.as_str()),
            )
        })
    }

    pub(crate) fn flag(&self, field: &str) -> Result<Option<bool>, Failure> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(field, other, "true or false")),
        }
    }

    /// Whole seconds.
    pub(crate) fn seconds(&self, field: &str) -> Result<u64, Failure> {
        match self.fields.get(field) {
            None => Ok(0),
            Some(value) => {
                value.as_u64().ok_or_else(|| wrong_type(field, value, "a whole number of seconds, 0 or more"))
            }
        }
    }

    pub(crate) fn object(&self, field: &str) -> Result<Option<&Map<String, Value>>, Failure> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(wrong_type(field, other, "an object")),
        }
    }

    /// The names of [`Self::names`], one by one; none if it is absent.
    pub(crate) fn list(&self, field: &str) -> Result<Vec<String>, Failure> {
        let texts = match self.names(field)? {
            None => Vec::new(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(text) => vec![text.as_str().unwrap_or_default().to_owned()],
        };
        let parts = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|part| !part.is_empty());
        let names: Vec<String> = parts.map(str::to_owned).collect();
        match self.fields.get(field).filter(|_| names.is_empty()) {
            // Nothing but commas is not the same as nothing said, which may mean all.
            Some(value) => Err(wrong_type(field, value, "a list of names, or one string of names with commas")),
            None => Ok(names),
        }
    }

    /// The event that goes on with what this one began, with these fields in the place of its own or without them.
    pub(crate) fn next(&self, fields: &[(&str, Option<&str>)]) -> Value {
        let mut next = self.fields.clone();
        for (field, value) in fields {
            match value {
                Some(value) => drop(next.insert((*field).to_owned(), Value::from(*value))),
                None => drop(next.remove(*field)),
            }
        }
        Value::Object(next)
    }

    /// A list of names, or one text with commas, as the create API takes both.
    pub(crate) fn names(&self, field: &str) -> Result<Option<Value>, Failure> {
        let Some(value) = self.fields.get(field) else { return Ok(None) };
        let is_name = |name: &Value| name.as_str().is_some_and(|name| !name.trim().is_empty());
        let fits = match value {
            Value::Array(names) => !names.is_empty() && names.iter().all(is_name),
            other => is_name(other),
        };
        if fits {
            Ok(Some(value.clone()))
        } else {
            Err(wrong_type(field, value, "a list of names, or one string of names with commas"))
        }
    }
}

fn bad(cause: String, hint: &str) -> Failure {
    Failure::new(Code::BadEvent, cause, hint)
}

fn action(value: Option<&Value>) -> Result<Action, Failure> {
    match value {
        None => Ok(Action::Backup),
        Some(Value::String(action)) => match action.as_str() {
            "backup" => Ok(Action::Backup),
            "register" => Ok(Action::Register),
            "create" => Ok(Action::Create),
            "status" => Ok(Action::Status),
            "list" => Ok(Action::List),
            "run" => Ok(Action::Run),
            "drill" => Ok(Action::Drill),
            "restore" => Ok(Action::Restore),
            other => Err(bad(
                format!("`Action` {other:?} is unknown"),
                "it may be backup, register, create, status, list, restore, run or drill, in lower case",
            )),
        },
        Some(other) => Err(wrong_type("Action", other, "a string")),
    }
}

/// The field's own spelling, or an error that names the key and the nearest field.
fn known(key: &str) -> Result<&'static str, Failure> {
    if let Some((name, _)) = FIELDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
        return Ok(name);
    }
    let distance = |name: &str| strsim::levenshtein(&name.to_lowercase(), &key.to_lowercase());
    let nearest = FIELDS.iter().map(|(name, _)| *name).min_by_key(|name| distance(name)).unwrap_or_default();
    let hint = if distance(nearest) <= 3 {
        format!("did you mean `{nearest}`?")
    } else {
        let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        format!("the fields are {}", names.join(", "))
    };
    Err(bad(format!("the event holds an unknown key {key:?}"), &hint))
}

fn wrong_type(field: &str, value: &Value, expected: &str) -> Failure {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    bad(format!("`{field}` is {found} that does not fit"), &format!("`{field}` is {expected}"))
}

/// An object's pairs in order, repeated keys kept: a map would silently drop them.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
