//! The table of facts: reads `facts.txt` once into operations and shapes.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;

/// An operation that is built.
#[derive(Debug)]
pub(in crate::issuer::cognito) struct Operation {
    pub name: &'static str,
    /// Whether it is called without a signature: by users, not by administrators.
    pub open: bool,
    pub(super) members: Vec<Member>,
}

/// A member of a structure.
#[derive(Debug)]
pub(super) struct Member {
    pub name: &'static str,
    pub shape: &'static str,
    pub required: bool,
}

/// What a value must be like.
#[derive(Debug)]
pub(super) enum Shape {
    Text { length: Bounds, pattern: Option<Pattern>, secret: bool },
    Enumeration(Vec<&'static str>),
    Number(Bounds),
    Boolean,
    Time,
    List { length: Bounds, member: &'static str },
    Map { length: Bounds, value: &'static str },
    Structure(Vec<Member>),
}

/// Least and most, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub least: u64,
    pub most: u64,
}

/// A pattern of the model, which must match the whole text. Compiled when it is first asked.
#[derive(Debug)]
pub(super) struct Pattern {
    pub text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

struct Table {
    operations: HashMap<&'static str, Operation>,
    shapes: HashMap<&'static str, Shape>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("facts.txt")));
/// No text of any operation is longer, whatever the model leaves open.
const LONGEST_TEXT: u64 = 131_072;
/// No number either: they are 32-bit integers.
const LARGEST_NUMBER: u64 = 2_147_483_647;

/// The operation of that name, if it is built.
pub(in crate::issuer::cognito) fn operation(name: &str) -> Option<&'static Operation> {
    TABLE.operations.get(name)
}

pub(super) fn shape(name: &str) -> Option<&'static Shape> {
    match name {
        "bool" => Some(&Shape::Boolean),
        "time" => Some(&Shape::Time),
        _ => TABLE.shapes.get(name),
    }
}

impl Pattern {
    fn of(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// Whether the whole of `value` fits. What cannot be compiled fits nothing.
    pub(super) fn fits(&self, value: &str) -> bool {
        let compile = || Regex::new(&format!("^(?:{})$", ours(self.text))).ok();
        self.compiled.get_or_init(compile).as_ref().is_some_and(|pattern| pattern.is_match(value))
    }
}

/// The model's patterns are Java's, whose `\w`, `\s` and `\S` are of ASCII; and a `-` that stands after a range is itself.
fn ours(pattern: &str) -> String {
    let pattern = pattern.replace(r"\w", "[0-9A-Za-z_]").replace(r"\s", r"[ \t\n\r\x0B\x0C]");
    let pattern = pattern.replace(r"\S", r"[^ \t\n\r\x0B\x0C]");
    pattern.replace("0-9-_", r"0-9\-_").replace("]-]", r"]\-]").replace("@-]", r"@\-]")
}

fn read(facts: &'static str) -> Table {
    let mut table = Table { operations: HashMap::new(), shapes: HashMap::new() };
    for line in facts.lines() {
        let mut words = line.splitn(3, ' ');
        let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let rest = words.next().unwrap_or_default();
        if let "call" | "open" = kind {
            let operation = Operation { name, open: kind == "open", members: members(rest) };
            table.operations.insert(name, operation);
        } else if let Some(shape) = shape_of(kind, rest) {
            table.shapes.insert(name, shape);
        }
    }
    table
}

fn shape_of(kind: &str, rest: &'static str) -> Option<Shape> {
    let mut words = rest.splitn(3, ' ');
    let first = words.next().unwrap_or_default();
    let shape = match kind {
        "enum" => Shape::Enumeration(rest.split(' ').collect()),
        "struct" => Shape::Structure(members(rest)),
        "int" => Shape::Number(bounds(first, LARGEST_NUMBER)),
        "list" => Shape::List { length: bounds(first, u64::MAX), member: words.next()? },
        "map" => Shape::Map { length: bounds(first, u64::MAX), value: rest.rsplit(' ').next()? },
        "text" | "secret" => {
            let pattern = rest.split_once(' ').map(|(_, pattern)| Pattern::of(pattern));
            Shape::Text { length: bounds(first, LONGEST_TEXT), pattern, secret: kind == "secret" }
        }
        _ => return None,
    };
    Some(shape)
}

fn members(text: &'static str) -> Vec<Member> {
    let member = |word: &'static str| {
        let (name, shape) = word.split_once(':')?;
        Some(Member { name, shape: shape.trim_end_matches('!'), required: shape.ends_with('!') })
    };
    text.split(' ').filter_map(member).collect()
}

fn bounds(text: &str, most: u64) -> Bounds {
    let (low, high) = text.split_once("..").unwrap_or_default();
    Bounds { least: low.parse().unwrap_or(0), most: high.parse().unwrap_or(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_table_leads_somewhere_and_every_pattern_compiles() {
        let members_of = |shape: &'static Shape| match shape {
            Shape::Structure(members) => members.iter().map(|member| member.shape).collect(),
            Shape::List { member, .. } => vec![*member],
            Shape::Map { value, .. } => vec![*value],
            _ => Vec::new(),
        };
        let of_operations = TABLE.operations.values().flat_map(|operation| &operation.members);
        let of_operations = of_operations.map(|member| member.shape);
        for name in of_operations.chain(TABLE.shapes.values().flat_map(members_of)) {
            assert!(shape(name).is_some(), "{name}");
        }
        for (name, shape) in &TABLE.shapes {
            if let Shape::Text { pattern: Some(pattern), .. } = shape {
                pattern.fits("x");
                assert!(pattern.compiled.get().unwrap().is_some(), "{name}: {}", pattern.text);
            }
        }
        assert!(TABLE.operations.len() > 60);
    }

    #[test]
    fn patterns_mean_what_the_model_means() {
        let fits = |name: &str, value: &str| match shape(name).unwrap() {
            Shape::Text { pattern: Some(pattern), .. } => pattern.fits(value),
            _ => unreachable!("{name}"),
        };
        assert!(fits("UserPoolIdType", "eu-west-1_Ab9") && !fits("UserPoolIdType", "eu-west-1"));
        assert!(fits("UsernameType", "Zoë@example.com") && !fits("UsernameType", "a b") && !fits("UsernameType", ""));
        assert!(fits("ClientIdType", "a+B_9") && !fits("ClientIdType", "é"));
        assert!(fits("TokenModelType", "a-b_c=.d") && !fits("TokenModelType", "a b"));
        assert!(fits("UserPoolNameType", "a pool-1@x") && !fits("UserPoolNameType", "a/b"));
        assert!(fits("PasswordType", "pässword!") && !fits("PasswordType", "a b"));
        assert!(
            fits("EmailVerificationMessageType", "code: {####}\nbye") && !fits("EmailVerificationMessageType", "code")
        );
        assert!(fits("ArnType", "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abc"));
    }
}
