//! JSON without surprises: one object, UTF-8, no member twice at any depth, and no deeper than asked.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::de::StrRead;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// As many claims as an access token has. A map that grows while it is filled hashes each name several times.
const USUAL_MEMBERS: usize = 16;

/// Reads one JSON object. Numbers that no 64-bit integer or double can hold are refused.
///
/// # Errors
/// What is wrong, in words that name no value.
pub fn strict_object(bytes: &[u8], max_depth: usize) -> Result<Map<String, Value>, &'static str> {
    let mut reader = reader(bytes)?;
    let value = Strict { depth_left: max_depth, members: USUAL_MEMBERS }
        .deserialize(&mut reader)
        .map_err(|_| "not strict JSON")?;
    reader.end().map_err(|_| "text after the JSON object")?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("not a JSON object"),
    }
}

/// Reads one JSON object as [`strict_object`] does, and hands over each member of the outermost instead of keeping them.
///
/// # Errors
/// As [`strict_object`], where `take` says by `false` that it had a member of this name before.
pub(super) fn each_member(
    bytes: &[u8],
    max_depth: usize,
    take: impl FnMut(Cow<'_, str>, Value) -> bool,
) -> Result<(), &'static str> {
    let mut reader = reader(bytes)?;
    let members = Members { strict: Strict { depth_left: max_depth, members: 0 }, take };
    reader.deserialize_map(members).map_err(|_| "not a strict JSON object")?;
    reader.end().map_err(|_| "text after the JSON object")
}

/// Reads one JSON object as [`strict_object`] does, but for its array `name`: the texts of its first `most` elements are
/// handed over unread, so that each can be judged alone.
///
/// # Errors
/// As [`strict_object`], and where there is no such array.
pub(super) fn elements<'a>(
    bytes: &'a [u8],
    name: &str,
    most: usize,
    max_depth: usize,
) -> Result<Vec<&'a RawValue>, &'static str> {
    let mut reader = reader(bytes)?;
    let strict = Strict { depth_left: max_depth, members: 0 };
    let elements = reader.deserialize_map(Elements { name, most, strict }).map_err(|_| "not a strict JSON object")?;
    reader.end().map_err(|_| "text after the JSON object")?;
    elements.ok_or("no such array")
}

/// The whole text is known to be UTF-8 before it is read, which is asked sooner of all than of each string alone.
fn reader(bytes: &[u8]) -> Result<serde_json::Deserializer<StrRead<'_>>, &'static str> {
    std::str::from_utf8(bytes).map(serde_json::Deserializer::from_str).map_err(|_| "not UTF-8")
}

struct Elements<'n> {
    name: &'n str,
    most: usize,
    strict: Strict,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let member = self.strict.inside()?;
        let (mut elements, mut names) = (None, HashSet::new());
        while let Some(BorrowedName(name)) = object.next_key()? {
            if name == self.name {
                elements = Some(object.next_value_seed(FirstOf(self.most))?);
            } else {
                object.next_value_seed(member)?;
            }
            if !names.insert(name) {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(elements)
    }
}

/// So many elements of an array; the others are read over.
struct FirstOf(usize);

impl<'de> DeserializeSeed<'de> for FirstOf {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FirstOf {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < self.0 {
            let Some(element) = array.next_element()? else { return Ok(elements) };
            elements.push(element);
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(elements)
    }
}

struct Members<F> {
    strict: Strict,
    take: F,
}

impl<'de, F: FnMut(Cow<'_, str>, Value) -> bool> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let member = self.strict.inside()?;
        while let Some(BorrowedName(name)) = object.next_key()? {
            if !(self.take)(name, object.next_value_seed(member)?) {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct BorrowedName<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Clone, Copy)]
struct Strict {
    depth_left: usize,
    /// So many members have room before the object's map must grow.
    members: usize,
}

impl Strict {
    fn inside<E: de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, members: 0 }),
            None => Err(E::custom("nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value, A::Error> {
        let element = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = array.next_element_seed(element)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let member = self.inside()?;
        let mut members = Map::with_capacity(self.members);
        while let Some(Name(name)) = object.next_key()? {
            // Decoded names are compared, so `"sub"` and `"\u0073ub"` are the same name.
            if members.insert(name, object.next_value_seed(member)?).is_some() {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::strict_object;

    #[test]
    fn an_object_is_read_with_all_kinds_of_values() {
        let text = br#"{"a":[1,-2,0.5,true,null,{"b":"c"}],"d":18446744073709551615}"#;
        let members = strict_object(text, 16).unwrap();
        assert_eq!(serde_json::to_vec(&members).unwrap(), text);
    }

    #[test]
    fn what_is_not_one_strict_object_is_refused() {
        let refused: [&[u8]; 38] = [
            b"",
            b"null",
            b"[]",
            b"\"a\"",
            b"{",
            b"{}x",
            b"{}{}",
            b"\xEF\xBB\xBF{}",
            b"{'a':1}",
            b"{\"a\":1,}",
            b"{\"a\":01}",
            b"{\"a\":1e999}",
            b"{\"a\":NaN}",
            b"{\"a\":Infinity}",
            b"{\"a\":-1e400}",
            b"{\"a\":-Infinity}",
            b"{\"a\":+1}",
            b"{\"a\":.5}",
            b"{\"a\":1.}",
            b"{\"a\":0x1}",
            b"{\"a\":-}",
            b"{\"a\":True}",
            b"{\"a\":\"\xFF\"}",
            b"{\"\xFF\":1}",
            b"{\"a\":\"\xC0\xAF\"}",         // `/` in more bytes than it needs
            b"{\"a\":\"\xED\xA0\x80\"}",     // half a surrogate pair
            b"{\"a\":\"\xF4\x90\x80\x80\"}", // beyond Unicode
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\\ud800\\u0041\"}",
            b"{\"a\":\"\\udc00\\ud800\"}",
            b"{\"a\":\"\x01\"}",
            b"{\"a\":\"\\x41\"}",
            b"\x0B{}",
            b"{\"a\"\xC2\xA0:1}",
            b"{\"a\":1,\"a\":1}",
            b"{\"a\":1,\"\\u0061\":2}",
            b"{\"a\":{\"b\":[{\"c\":1,\"c\":2}]}}",
            b"{\"a\":1/*x*/}",
        ];
        for text in refused {
            assert!(strict_object(text, 16).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_is_counted_from_the_outer_object() {
        assert!(strict_object(br#"{"a":[[1]]}"#, 3).is_ok());
        assert!(strict_object(br#"{"a":[[1]]}"#, 2).is_err());
        let bomb = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(strict_object(bomb.as_bytes(), 16).is_err());
    }
}
