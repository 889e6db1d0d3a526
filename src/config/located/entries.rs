//! Walks lists, maps and choices of the tree for serde, and gives what goes wrong inside its place and path.

use std::slice;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::deserialize::NodeDeserializer;
use super::expand::Source;
use super::fault::Fault;
use super::node::{Entry, Key, Node, Segment, Value};

/// The items of a list.
pub(crate) struct Items<'a> {
    items: std::iter::Enumerate<slice::Iter<'a, Node>>,
    source: &'a Source<'a>,
}

impl<'a> Items<'a> {
    pub(crate) fn new(items: &'a [Node], source: &'a Source<'a>) -> Self {
        Self { items: items.iter().enumerate(), source }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((index, node)) = self.items.find(|(_, node)| !node.pruned) else {
            return Ok(None);
        };
        let value = seed.deserialize(NodeDeserializer { node, source: self.source });
        value.map(Some).map_err(|fault| fault.rise(Segment::Item(index), node, None))
    }
}

/// The entries of a map.
pub(crate) struct Entries<'a> {
    rest: slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
    source: &'a Source<'a>,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(entries: &'a [Entry], source: &'a Source<'a>) -> Self {
        Self { rest: entries.iter(), current: None, source }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.current = self.rest.find(|entry| !entry.value.pruned);
        self.current
            .map(|entry| seed.deserialize(key(&entry.key)).map_err(|fault| fault.at(entry.key.spot)))
            .transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Entry { key, value: node } = self.current.ok_or_else(|| Fault::wrong("a key", "a value"))?;
        let value = seed.deserialize(NodeDeserializer { node, source: self.source });
        value.map_err(|fault| fault.rise(Segment::Key(key.text.clone()), node, Some(key.spot)))
    }
}

fn key(key: &Key) -> StrDeserializer<'_, Fault> {
    key.text.as_str().into_deserializer()
}

/// One of several: a word, or a map with one key.
pub(crate) enum Choice<'a> {
    Word(String),
    Keyed(&'a Entry, &'a Source<'a>),
}

impl<'a> Choice<'a> {
    pub(crate) fn of(deserializer: NodeDeserializer<'a>) -> Result<Self, Fault> {
        let Value::Mapping(entries) = &deserializer.node.value else {
            return deserializer.text("a word or a map with one key").map(|word| Self::Word(word.into_owned()));
        };
        let mut entries = entries.iter().filter(|entry| !entry.value.pruned);
        match (entries.next(), entries.next()) {
            (Some(entry), None) => Ok(Self::Keyed(entry, deserializer.source)),
            _ => Err(Fault::wrong("a map with one key", "a map with another number of keys")),
        }
    }

    /// Reads the value of a choice that has one.
    fn value<T>(self, read: impl FnOnce(NodeDeserializer<'a>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self {
            Self::Word(word) => Err(Fault::wrong(format!("`{{{word}: …}}`"), format!("`{word}` without a value"))),
            Self::Keyed(Entry { key, value: node }, source) => read(NodeDeserializer { node, source })
                .map_err(|fault| fault.rise(Segment::Key(key.text.clone()), node, Some(key.spot))),
        }
    }
}

impl<'de> EnumAccess<'de> for Choice<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        let variant = match &self {
            Self::Word(word) => seed.deserialize(word.as_str().into_deserializer())?,
            Self::Keyed(entry, _) => {
                seed.deserialize(key(&entry.key)).map_err(|fault| fault.about_key().at(entry.key.spot))?
            }
        };
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self {
            Self::Word(_) => Ok(()),
            Self::Keyed(entry, _) => {
                let word = &entry.key.text;
                Err(Fault::wrong(format!("the word `{word}`"), format!("`{{{word}: …}}`")).at(entry.key.spot))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.value(|value| seed.deserialize(value))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value(|value| value.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _keys: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.value(|value| value.deserialize_map(visitor))
    }
}
