//! Writes a config as YAML for people: sections and entries in blocks, what is in them on one line.

use serde_json::Value;

/// Maps and lists as deep as this stand on a line of their own for each member.
const BLOCKS: usize = 2;

/// A member of this name is written as a comment before the others.
pub(super) const COMMENT: &str = "#";

/// The whole document.
pub(super) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    members(value, 0, &mut text);
    text
}

fn members(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for (key, value) in value.as_object().into_iter().flatten() {
        if key == COMMENT {
            continue;
        }
        text.push_str(&format!("{indent}{}:", scalar(key)));
        below(value, depth, text);
    }
}

/// What stands behind a key of this depth.
fn below(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(inner) if depth < BLOCKS && !inner.is_empty() => {
            text.push('\n');
            members(value, depth + 1, text);
        }
        Value::Array(items) if depth == 0 && !items.is_empty() => {
            text.push('\n');
            for item in items {
                list_item(item, text);
            }
        }
        _ => text.push_str(&format!(" {}\n", flow(value))),
    }
}

/// An entry of a list of a section: its members below each other, the first behind the dash.
fn list_item(item: &Value, text: &mut String) {
    let comment = item.get(COMMENT).and_then(Value::as_str);
    if let Some(comment) = comment {
        text.push_str(&format!("  # {comment}\n"));
    }
    match item {
        Value::Object(inner) if inner.len() > 1 => {
            let mut block = String::new();
            members(item, BLOCKS, &mut block);
            text.push_str(&block.replacen("    ", "  - ", 1));
        }
        _ => text.push_str(&format!("  - {}\n", flow(item))),
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(inner) => {
            let each: Vec<_> = inner.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{{}}}", each.join(", "))
        }
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// Text as it is where nothing in YAML can be meant by it, else in quotes. `${` would take a variable of the environment.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(&text.replace("${", "$${")) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            other if u32::from(other) <= 0xffff => quoted.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => quoted.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    quoted.push('"');
    quoted
}
