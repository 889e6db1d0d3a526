//! The JSON Schema of the config file, made from the very types that load it: their comments are the manual.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::sections::Config;

/// The JSON Schema (draft 2020-12) of the config file, for editors and for whoever writes configs by program.
///
/// Where a text is asked for, a number or `true` is taken as it is written, and `{file: path}` for what the file there says;
/// the schema allows for both.
#[must_use]
pub fn json_schema() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>();
    let mut schema = schema.to_value();
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        // serde reads durations as people write them, which schemars does not see.
        definitions.insert("Duration".to_owned(), duration());
    }
    loosen_texts(&mut schema);
    schema
}

fn duration() -> Value {
    json!({
        "type": "string",
        "description": "A duration: `30s`, `10m`, `1h 30m`.",
        "pattern": "^([0-9]+ *[a-z]+ *)+$|\\$\\{",
    })
}

/// As the loader takes texts.
fn loosen_texts(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(loosen_texts);
            let plain = members.get("type").is_some_and(|kind| kind == "string") && !members.contains_key("const");
            if plain && !members.contains_key("enum") {
                members.insert("type".to_owned(), json!(["string", "number", "boolean", "object"]));
                members.insert("properties".to_owned(), json!({"file": {"type": "string"}}));
                members.insert("required".to_owned(), json!(["file"]));
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(loosen_texts),
        _ => {}
    }
}
