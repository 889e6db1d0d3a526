//! The JSON Schema against the loader: what is loaded is valid, what is refused for its keys is not, and no key is forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::good::EVERY_KEY;
use crate::config::json_schema;

/// Properties that were met, each by the pointer of the schema that has it.
type Met = BTreeSet<String>;

struct Validator {
    root: Value,
}

impl Validator {
    fn check(&self, value: &Value) -> Result<Met, String> {
        self.at("#", &self.root, value)
    }

    /// As much of draft 2020-12 as our schema uses; a keyword that it does not know ends the test.
    fn at(&self, pointer: &str, schema: &Value, value: &Value) -> Result<Met, String> {
        let Some(keywords) = schema.as_object() else {
            return if schema == &Value::Bool(true) {
                Ok(Met::new())
            } else {
                Err("nothing is allowed here".to_owned())
            };
        };
        let mut met = Met::new();
        for (keyword, told) in keywords {
            let pointer = format!("{pointer}/{keyword}");
            match keyword.as_str() {
                "$ref" => {
                    let target = told.as_str().unwrap();
                    met.append(&mut self.at(target, self.root.pointer(&target[1..]).unwrap(), value)?);
                }
                "anyOf" | "oneOf" => met.append(&mut self.any_of(&pointer, told, value)?),
                "type" if !has_type(told, value) => return Err(format!("{value} is not of type {told}")),
                "enum" if !told.as_array().unwrap().contains(value) => {
                    return Err(format!("{value} is none of {told}"));
                }
                "const" if told != value => return Err(format!("{value} is not {told}")),
                "required" => {
                    let missing = told.as_array().unwrap().iter().find(|name| {
                        value.as_object().is_some_and(|members| !members.contains_key(name.as_str().unwrap()))
                    });
                    missing.map_or(Ok(()), |name| Err(format!("{name} is missing in {value}")))?;
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        met.append(&mut self.at(&pointer, told, item)?);
                    }
                }
                // the members are asked below; a type, enum or const that is fulfilled says no more
                "properties"
                | "additionalProperties"
                | "type"
                | "enum"
                | "const"
                | "$defs"
                | "$schema"
                | "title"
                | "description"
                | "default"
                | "format"
                | "minimum"
                | "maximum"
                | "pattern" => {}
                other => panic!("the validator does not know `{other}`"),
            }
        }
        self.members(pointer, schema, value, &mut met)?;
        Ok(met)
    }

    fn any_of(&self, pointer: &str, schemas: &Value, value: &Value) -> Result<Met, String> {
        let schemas = schemas.as_array().unwrap().iter().enumerate();
        let tried: Vec<_> =
            schemas.map(|(index, schema)| self.at(&format!("{pointer}/{index}"), schema, value)).collect();
        match tried.iter().find(|tried| tried.is_ok()) {
            Some(met) => met.clone(),
            None => Err(tried.into_iter().filter_map(Result::err).collect::<Vec<_>>().join(" and ")),
        }
    }

    fn members(&self, pointer: &str, schema: &Value, value: &Value, met: &mut Met) -> Result<(), String> {
        let more = schema.get("additionalProperties");
        for (name, member) in value.as_object().into_iter().flatten() {
            let of_name = schema.get("properties").and_then(|properties| properties.get(name));
            if let Some(told) = of_name {
                let pointer = format!("{pointer}/properties/{name}");
                met.append(&mut self.at(&pointer, told, member).map_err(|wrong| format!("{name}: {wrong}"))?);
                met.insert(pointer);
            } else if let Some(more) = more {
                let inner = self.at(&format!("{pointer}/additionalProperties"), more, member);
                met.append(&mut inner.map_err(|wrong| format!("{name}: {wrong}"))?);
            }
        }
        Ok(())
    }
}

fn has_type(told: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("the validator does not know the type `{other}`"),
    };
    match told {
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        kind => is(kind.as_str().unwrap()),
    }
}

/// Every property that a schema has, by pointer.
fn properties(pointer: &str, schema: &Value, all: &mut Met) {
    match schema {
        Value::Object(members) => members.iter().for_each(|(key, member)| {
            if key == "properties" && !is_secret_file(schema) {
                all.extend(member.as_object().unwrap().keys().map(|name| format!("{pointer}/properties/{name}")));
            }
            properties(&format!("{pointer}/{key}"), member, all);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| properties(&format!("{pointer}/{index}"), item, all));
        }
        _ => {}
    }
}

/// Any text may be `{file: path}`, which no example says everywhere.
fn is_secret_file(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "string"))
}

fn read(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

#[test]
fn the_schema_knows_every_key_that_is_loaded_and_no_other() {
    let validator = Validator { root: json_schema() };
    let met = validator.check(&read(EVERY_KEY)).unwrap_or_else(|wrong| panic!("every_key.yaml: {wrong}"));
    let mut all = Met::new();
    properties("#", &validator.root, &mut all);
    let never: Vec<_> = all.difference(&met).collect();
    assert!(never.is_empty(), "put these keys into src/config/tests/every_key.yaml: {never:#?}");
}

#[test]
fn every_example_is_valid_and_a_word_that_is_not_known_is_not() {
    let validator = Validator { root: json_schema() };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/config");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        validator.check(&read(&text)).unwrap_or_else(|wrong| panic!("{}: {wrong}", file.display()));
        for (known, unknown) in [("routes:", "route:"), ("match:", "matches:"), ("endpoints:", "endpoint:")] {
            let wrong = validator.check(&read(&text.replacen(known, unknown, 1)));
            assert!(wrong.is_err(), "{} with `{unknown}`", file.display());
        }
    }
}

#[test]
fn each_key_has_its_manual() {
    let schema = json_schema();
    let mut all = Met::new();
    properties("#", &schema, &mut all);
    let describes = |pointer: &str| schema.pointer(&pointer[1..]).is_some_and(|told| told["description"].is_string());
    // of an enum's variant the comment stands beside its key
    let of_variant =
        |pointer: &str| pointer.contains("/oneOf/") && describes(pointer.split("/properties/").next().unwrap());
    let silent: Vec<_> = all.iter().filter(|pointer| !describes(pointer) && !of_variant(pointer)).collect();
    assert!(silent.is_empty(), "these keys have no doc comment: {silent:#?}");
}

#[test]
fn no_secret_has_a_default_in_the_schema() {
    assert!(!json_schema().to_string().contains("REDACTED"));
}
