//! What fields of blobs have in common.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Text of the blob, in the blob if it stands there as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// One copy of each text that is asked for.
#[derive(Debug, Default)]
pub(crate) struct Pool(RefCell<HashSet<Arc<str>>>);

impl Pool {
    /// The copy that there is.
    fn known(&self, text: &str) -> Option<Arc<str>> {
        self.0.borrow().get(text).map(Arc::clone)
    }

    pub(crate) fn get(&self, text: &str) -> Arc<str> {
        self.known(text).unwrap_or_else(|| {
            let new: Arc<str> = text.into();
            self.0.borrow_mut().insert(Arc::clone(&new));
            new
        })
    }
}

/// A snapshot in a list: `{name, uuid}`, or its name or UUID alone.
#[derive(Clone, Debug)]
pub(crate) struct Reference<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) uuid: Text<'a>,
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Reference<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snapshot")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Reference<'de>, E> {
        let text = Text(Cow::Borrowed(text));
        Ok(Reference { name: text.clone(), uuid: text })
    }

    fn visit_str<E>(self, text: &str) -> Result<Reference<'de>, E> {
        let text: Text<'de> = Text(Cow::Owned(text.to_owned()));
        Ok(Reference { name: text.clone(), uuid: text })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Reference<'de>, A::Error> {
        let (mut name, mut uuid) = (None, None);
        while let Some(field) = fields.next_key::<Text<'de>>()? {
            match &*field {
                "name" => name = Some(fields.next_value::<Text<'de>>()?),
                "uuid" => uuid = Some(fields.next_value::<Text<'de>>()?),
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        let name = name.ok_or_else(|| A::Error::missing_field("name"))?;
        Ok(Reference { uuid: uuid.unwrap_or_else(|| name.clone()), name })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Reference<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

/// An object's fields in their order.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a, T>(pub(crate) Vec<(Text<'a>, T)>);

impl<T> Default for Entries<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct EntriesVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Entries<'de, T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = fields.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }

    /// The servers' filters write an empty object as an empty list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Entries<'de, T>, A::Error> {
        match values.next_element::<IgnoredAny>()? {
            None => Ok(Entries::default()),
            Some(_) => Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self)),
        }
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Entries<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntriesVisitor(std::marker::PhantomData))
    }
}

/// A text, or a number as text.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let crate::bytes::Tree(value) = Deserialize::deserialize(deserializer)?;
    match value {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text)),
        serde_json::Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(D::Error::custom("neither a text nor a number")),
    }
}
