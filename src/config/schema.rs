//! The JSON Schema of the config file, made from the very types that load it: their comments are the manual.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::sections::Config;

/// The JSON Schema (draft 2020-12) of the config file, for editors and for whoever writes configs by program.
///
/// Any scalar may also be written as `${NAME}`, and a secret as `{file: path}`; the schema allows for the latter where a text
/// is asked for.
#[must_use]
pub fn json_schema() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>();
    let mut schema = schema.to_value();
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        // serde reads durations as people write them, which schemars does not see.
        definitions.insert("Duration".to_owned(), duration());
    }
    texts_from_files(&mut schema);
    schema
}

fn duration() -> Value {
    json!({
        "type": "string",
        "description": "A duration: `30s`, `10m`, `1h 30m`.",
        "pattern": "^([0-9]+ *[a-z]+ *)+$|\\$\\{",
    })
}

/// Wherever the file may say a text, it may say `{file: path}`: what the file at that path says.
fn texts_from_files(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(texts_from_files);
            let plain = members.get("type").is_some_and(|kind| kind == "string") && !members.contains_key("const");
            if plain && !members.contains_key("enum") {
                members.insert("type".to_owned(), json!(["string", "object"]));
                members.insert("properties".to_owned(), json!({"file": {"type": "string"}}));
                members.insert("required".to_owned(), json!(["file"]));
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(texts_from_files),
        _ => {}
    }
}
