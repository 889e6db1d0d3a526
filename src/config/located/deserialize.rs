//! Reads typed values out of the located tree, so that whatever is wrong is known with its place.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::entries::{Choice, Entries, Items};
use super::expand::Source;
use super::fault::Fault;
use super::node::{Node, Scalar, Value};
use super::scalar::{Plain, resolve};
use super::wording::in_plain_words;

/// A value of the tree as serde wants it.
#[derive(Clone, Copy)]
pub(crate) struct NodeDeserializer<'a> {
    pub(crate) node: &'a Node,
    pub(crate) source: &'a Source<'a>,
}

impl<'a> NodeDeserializer<'a> {
    /// The text of a scalar, or of the secret file that stands in its place.
    pub(crate) fn text(self, expected: &str) -> Result<Cow<'a, str>, Fault> {
        if let Some(file) = self.node.secret_file() {
            let name = Self { node: file, ..self };
            let name = name.written_text("a path").map_err(|fault| fault.at(file.spot))?;
            return self.source.secret(name).map(Cow::Owned).map_err(|fault| fault.at(file.spot));
        }
        self.source.expand(self.written_text(expected)?)
    }

    /// The text of a scalar as the file has it.
    fn written_text(self, expected: &str) -> Result<&'a str, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) if is_nothing(scalar) => Err(no_value(expected)),
            Value::Scalar(scalar) => Ok(&scalar.text),
            Value::Sequence(_) => Err(Fault::wrong(expected, "a list")),
            Value::Mapping(_) => Err(Fault::wrong(expected, "a map")),
        }
    }

    /// A variable can hold a number though it is quoted: between braces and brackets YAML lets it stand no other way.
    fn typed<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) => self.scalar(scalar, scalar.plain || self.node.written().is_some(), visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn scalar<'de, V: Visitor<'de>>(self, scalar: &Scalar, plain: bool, visitor: V) -> Result<V::Value, Fault> {
        let text = self.source.expand(&scalar.text)?;
        if !plain {
            return visitor.visit_str(&text);
        }
        match resolve(&text) {
            // A variable that is set but empty, or to `null`, is text: it must not read as a key that was left out.
            Plain::Nothing if *text != *scalar.text => visitor.visit_str(&text),
            Plain::Nothing => visitor.visit_unit(),
            Plain::Bool(value) => visitor.visit_bool(value),
            Plain::Unsigned(value) => visitor.visit_u64(value),
            Plain::Negative(value) => visitor.visit_i64(value),
            Plain::Float(value) => visitor.visit_f64(value),
            Plain::OutOfRange => Err(Fault::wrong(expectation(&visitor), "a number that 64 bits cannot hold")),
            Plain::Text(text) => visitor.visit_str(text),
        }
    }
}

/// A value that was left out where the key stands. Never read as a default: an empty `policy:` must not mean no policy.
fn no_value(expected: &str) -> Fault {
    Fault::wrong(expected, "nothing").help("leave the key out where its default is meant")
}

fn is_nothing(scalar: &Scalar) -> bool {
    scalar.plain && resolve(&scalar.text) == Plain::Nothing
}

fn expectation<'de, V: Visitor<'de>>(visitor: &V) -> String {
    struct Expecting<'v, V>(&'v V);
    impl<'de, V: Visitor<'de>> fmt::Display for Expecting<'_, V> {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.expecting(formatter)
        }
    }
    in_plain_words(&Expecting(visitor).to_string())
}

/// The methods that ask for a number or a boolean and nothing else.
macro_rules! typed {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.typed(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) => self.scalar(scalar, scalar.plain, visitor),
            Value::Sequence(items) => visitor.visit_seq(Items::new(items, self.source)),
            Value::Mapping(entries) => visitor.visit_map(Entries::new(entries, self.source)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let expected = expectation(&visitor);
        let text = self.text(&expected)?;
        visitor.visit_str(&text).map_err(|fault: Fault| fault.expecting(&expected, &text))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) if is_nothing(scalar) => Err(no_value("a value")),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(Choice::of(self)?)
    }

    /// Only a map: what serde derives would also take a list, value by value in the order of the fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Mapping(entries) => visitor.visit_map(Entries::new(entries, self.source)),
            Value::Sequence(_) => Err(Fault::wrong("a map", "a list")),
            Value::Scalar(scalar) if is_nothing(scalar) => Err(no_value("a map")),
            Value::Scalar(scalar) => Err(Fault::invalid_type(Unexpected::Str(&scalar.text), &"a map")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    typed! { deserialize_bool deserialize_u16 deserialize_u32 deserialize_u64 }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}
