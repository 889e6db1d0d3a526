//! What a bundle's `schema.cedarschema` adds to the schema, and what it may not touch.

use std::collections::BTreeSet;

use cedar_policy::SchemaFragment;
use serde_json::{Map, Value};

use crate::policy::error::{Flaw, Place};
use crate::policy::flaws::{Source, of_schema};

/// The file's name in a bundle's folder.
pub(in crate::policy) const EXTENSION_FILE: &str = "schema.cedarschema";

/// Our own types, and Cedar's, which a type of the same name would hide.
const TAKEN: [&str; 19] = [
    "User",
    "Group",
    "Anonymous",
    "Service",
    "Action",
    "Token",
    "ClientCertificate",
    "String",
    "Long",
    "Bool",
    "Boolean",
    "Set",
    "Record",
    "Entity",
    "Extension",
    "ipaddr",
    "decimal",
    "datetime",
    "duration",
];

/// A bundle's addition to the schema, checked for what it may not touch.
#[derive(Debug)]
pub(in crate::policy) struct Extension {
    source: Source,
    query: Option<BTreeSet<String>>,
}

impl Extension {
    /// Reads a `schema.cedarschema`.
    ///
    /// # Errors
    ///
    /// It is not a Cedar schema, it defines again what lychgate defines, or `Query` is not a record of optional strings.
    pub(in crate::policy) fn read(source: &Source) -> Result<Self, Vec<Flaw>> {
        let (fragment, _warnings) =
            SchemaFragment::from_cedarschema_str(&source.text).map_err(|error| of_schema(&error, source, None))?;
        let fragment = fragment.to_json_value().map_err(|error| vec![Flaw::new("schema-syntax", error.to_string())])?;
        let unnamed = fragment.get("");
        let section = |name: &str| unnamed.and_then(|space| space.get(name)).and_then(Value::as_object);
        let (types, entities) = (section("commonTypes"), section("entityTypes"));
        let mut flaws: Vec<Flaw> = [types, entities]
            .into_iter()
            .flatten()
            .flat_map(Map::keys)
            .filter_map(|name| taken(name, source))
            .collect();
        let query_entity = entities.filter(|entities| entities.contains_key("Query"));
        flaws.extend(query_entity.map(|_| not_a_record(source)));
        flaws.extend(section("actions").into_iter().flat_map(Map::keys).map(|name| action_defined(name, source)));
        let query = types.and_then(|types| types.get("Query")).map(|query| query_parameters(query, source));
        match query.transpose() {
            Ok(query) if flaws.is_empty() => Ok(Self { source: source.clone(), query }),
            Ok(_) => Err(flaws),
            Err(flaw) => {
                flaws.push(flaw);
                Err(flaws)
            }
        }
    }

    /// The file as it was read.
    pub(in crate::policy) fn source(&self) -> &Source {
        &self.source
    }

    /// The query parameters that it declares; none if it does not define `Query`.
    pub(in crate::policy) fn query(&self) -> Option<&BTreeSet<String>> {
        self.query.as_ref()
    }
}

fn taken(name: &str, source: &Source) -> Option<Flaw> {
    let flaw = || {
        Flaw::new("schema-name-taken", format!("type `{name}` is not yours to define"))
            .help("lychgate or Cedar defines it; choose another name")
            .at(place_of_word(name, source))
    };
    TAKEN.contains(&name).then(flaw)
}

fn action_defined(name: &str, source: &Source) -> Flaw {
    Flaw::new("schema-name-taken", format!("action `{name}` is not yours to define"))
        .help("actions come from the routes of the config")
        .at(place_of_word(name, source))
}

fn query_parameters(query: &Value, source: &Source) -> Result<BTreeSet<String>, Flaw> {
    let attributes = query.get("attributes").and_then(Value::as_object).ok_or_else(|| not_a_record(source))?;
    if query.get("type").and_then(Value::as_str) != Some("Record") {
        return Err(not_a_record(source));
    }
    match attributes.iter().find(|(_, kind)| !is_optional_string(kind)) {
        Some((name, _)) => Err(query_flaw(format!("query parameter `{name}` is not an optional string"), name, source)),
        None => Ok(attributes.keys().cloned().collect()),
    }
}

fn not_a_record(source: &Source) -> Flaw {
    query_flaw("`Query` is not a record".to_owned(), "Query", source)
}

fn query_flaw(message: String, word: &str, source: &Source) -> Flaw {
    Flaw::new("schema-query-type", message)
        .help("write `type Query = { page?: String };`: query parameters are optional strings")
        .at(place_of_word(word, source))
}

fn is_optional_string(kind: &Value) -> bool {
    let text = |key: &str| kind.get(key).and_then(Value::as_str);
    let string = match text("type") {
        Some("EntityOrCommon") => matches!(text("name"), Some("String" | "__cedar::String")),
        other => other == Some("String"),
    };
    string && kind.get("required").and_then(Value::as_bool) == Some(false)
}

/// The first place where a word stands by itself; the text's beginning if it is written in another way.
fn place_of_word(word: &str, source: &Source) -> Place {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |offset: &usize| {
        let (before, after) = source.text.split_at_checked(*offset).unwrap_or_default();
        !before.ends_with(in_word) && !after.get(word.len()..).unwrap_or_default().starts_with(in_word)
    };
    let offset = source.text.match_indices(word).map(|(offset, _)| offset).find(stands_alone).unwrap_or(0);
    source.place(offset, word.len())
}
