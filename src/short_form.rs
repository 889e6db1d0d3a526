//! A config value that may be written short, as one word, or in full, as a map.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// What a config file may hold where a word is enough for the common case: `10.0.0.1:8080` or `{address: 10.0.0.1:8080, weight: 2}`.
///
/// Unlike serde's `untagged` it keeps the inner error, so that an unknown key in the full form is still named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShortForm<T> {
    /// The value was written as one word.
    Short(String),
    /// The value was written as a map.
    Full(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ShortForm<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortFormVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for ShortForm<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ShortForm_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<T>();
        json_schema!({"anyOf": [{"type": "string"}, full]})
    }
}

struct ShortFormVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ShortFormVisitor<T> {
    type Value = ShortForm<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a word or a map")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ShortForm::Short(text.to_owned()))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(ShortForm::Full)
    }
}
