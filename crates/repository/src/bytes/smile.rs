//! SMILE, the binary JSON of the bodies, as Jackson writes it (the format's specification 1.0.6).
//!
//! [`decode`] is all there is to it: any type's [`Deserialize`] reads it.

mod numbers;
mod tokens;

use std::fmt::Display;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::{MAX_DEPTH, MAX_VALUES};
use crate::Damage;
use crate::damage::quoted;
use tokens::{Token, Tokens};

/// Where it stands is filled in by [`decode`].
const NOWHERE: u64 = u64::MAX;

/// One value and nothing behind it. What can be is borrowed. Damage is at a byte of `bytes`.
pub fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Damage> {
    let mut decoder = Decoder { tokens: Tokens::open(bytes)?, depth: 0, values: 0 };
    let value = T::deserialize(&mut decoder).and_then(|value| decoder.tokens.end().map(|()| value));
    value.map_err(|damage| match damage.at {
        NOWHERE => Damage { at: decoder.tokens.last() as u64, ..damage },
        _ => damage,
    })
}

struct Decoder<'de> {
    tokens: Tokens<'de>,
    depth: usize,
    values: usize,
}

impl<'de> Decoder<'de> {
    /// The next value, or the end of what it is in.
    fn token(&mut self) -> Result<Token<'de>, Damage> {
        self.count()?;
        self.tokens.value()
    }

    /// The next key of an object, or `None` at its end.
    fn key(&mut self) -> Result<Option<&'de str>, Damage> {
        self.count()?;
        self.tokens.key()
    }

    fn count(&mut self) -> Result<(), Damage> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Damage::new(self.tokens.at(), format_args!("at most {MAX_VALUES} values"), "more"));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Damage> {
        self.depth += 1;
        self.check_depth(self.depth)
    }

    fn check_depth(&self, depth: usize) -> Result<(), Damage> {
        if depth > MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} objects and lists within one another");
            return Err(Damage::new(self.tokens.last(), expected, "more"));
        }
        Ok(())
    }

    /// Reads over a value without recursion.
    fn skip(&mut self) -> Result<(), Damage> {
        let mut open = Vec::new();
        loop {
            let is_in_object = open.last() == Some(&Token::Object);
            if is_in_object && self.key()?.is_none() {
                open.pop();
            } else {
                match self.token()? {
                    token @ (Token::Object | Token::Array) => open.push(token),
                    Token::ArrayEnd if open.last() == Some(&Token::Array) => drop(open.pop()),
                    Token::ArrayEnd => return Err(self.tokens.stray_end()),
                    _ => {}
                }
            }
            self.check_depth(self.depth + open.len())?;
            if open.is_empty() {
                return Ok(());
            }
        }
    }
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = Damage;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Damage> {
        match self.token()? {
            Token::Null => visitor.visit_unit(),
            Token::Bool(value) => visitor.visit_bool(value),
            Token::Integer(value) => visitor.visit_i64(value),
            Token::Unsigned(value) => visitor.visit_u64(value),
            Token::Float(value) => visitor.visit_f64(value),
            Token::Text(value) => visitor.visit_borrowed_str(value),
            Token::Raw(value) => visitor.visit_borrowed_bytes(value),
            Token::Unpacked(value) => visitor.visit_byte_buf(value),
            Token::ArrayEnd => Err(self.tokens.stray_end()),
            Token::Array => {
                self.enter()?;
                let value = visitor.visit_seq(Within(self))?;
                self.tokens.array_end()?;
                self.depth -= 1;
                Ok(value)
            }
            Token::Object => {
                self.enter()?;
                let value = visitor.visit_map(Within(self))?;
                self.tokens.object_end()?;
                self.depth -= 1;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Damage> {
        if self.tokens.is_null() {
            self.token()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Damage> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Damage> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

/// Within an object or a list. Their ends are looked at, and read by who opened them.
struct Within<'d, 'de>(&'d mut Decoder<'de>);

impl<'de> SeqAccess<'de> for Within<'_, 'de> {
    type Error = Damage;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Damage> {
        if self.0.tokens.is_array_end() { Ok(None) } else { seed.deserialize(&mut *self.0).map(Some) }
    }
}

impl<'de> MapAccess<'de> for Within<'_, 'de> {
    type Error = Damage;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Damage> {
        if self.0.tokens.is_object_end() {
            return Ok(None);
        }
        self.0.key()?.map(|key| seed.deserialize(Key(key))).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Damage> {
        seed.deserialize(&mut *self.0)
    }
}

/// The name of an object's field.
struct Key<'de>(&'de str);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Damage;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Damage> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Damage> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// As the decoder's error; [`decode`] says where.
impl serde::de::Error for Damage {
    fn custom<T: Display>(message: T) -> Self {
        Self { at: NOWHERE, expected: "what the format prescribes".to_owned(), found: message.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Str(text) => format!("the text {}", quoted(text)),
            other => other.to_string(),
        };
        Self { at: NOWHERE, expected: expected.to_string(), found }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self { at: NOWHERE, expected: format!("the field `{field}`"), found: "none".to_owned() }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { at: NOWHERE, expected: format!("the field `{field}` once"), found: "it twice".to_owned() }
    }
}
