//! A config value that may be written short, as one word, or in full, as a map.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

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

/// What may be switched on as it is (`true`), or with settings of its own (a map); `false` leaves it off.
///
/// # Errors
/// Where it is neither, or a setting is wrong.
pub fn switch<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(SwitchVisitor(PhantomData))
}

/// The schema of what [`switch`] reads.
pub struct Switch<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Switch<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Switch_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<T>();
        json_schema!({"anyOf": [{"type": "boolean"}, full]})
    }
}

/// What may stand once, as a map, or several times, in a list.
///
/// # Errors
/// Where it is neither, or something in it is wrong.
pub fn one_or_several<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(OneOrSeveralVisitor(PhantomData))
}

/// The schema of what [`one_or_several`] reads.
pub struct OneOrSeveral<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OneOrSeveral<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrSeveral_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}

struct OneOrSeveralVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrSeveralVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map or a list of maps")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, list: S) -> Result<Self::Value, S::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(list))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|one| vec![one])
    }
}

struct SwitchVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for SwitchVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("true, false or a map")
    }

    fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Self::Value, E> {
        Ok(is_on.then(T::default))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Some)
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
