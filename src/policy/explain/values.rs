//! The values that an explanation tells: which parts of the request a condition reads, and how each is written for people.

use cedar_policy::EvalResult;

use super::tokens::{Token, tokens};
use crate::policy::context::datetime;

/// Longest value that is told, in characters.
const LONGEST: usize = 80;

/// The attributes that a condition reads, each as its author wrote it and once: `context.ip` of `context.ip.isInRange(…)`.
pub(super) fn attributes_read(condition: &str) -> Vec<&str> {
    let tokens = tokens(condition);
    let mut read = Vec::new();
    let mut before = "";
    for (at, token) in tokens.iter().enumerate() {
        let is_variable = matches!(token.text, "context" | "principal") && !matches!(before, "." | "::");
        before = token.text;
        let Some(end) = tokens.get(at..).filter(|_| is_variable).and_then(end_of_path) else { continue };
        let path = condition.get(token.at..end).unwrap_or_default();
        if !read.contains(&path) {
            read.push(path);
        }
    }
    read
}

/// Where the attributes end that follow a variable; nothing where there are none, or where it is only asked whether there are.
fn end_of_path(tokens: &[Token<'_>]) -> Option<usize> {
    let mut end = None;
    let mut rest = tokens.get(1..)?;
    while let [dot, name, after @ ..] = rest {
        let is_call = after.first().is_some_and(|next| next.text == "(");
        if dot.text != "." || is_call {
            break;
        }
        (end, rest) = (Some(name.end()), after);
    }
    end.filter(|_| rest.first().is_none_or(|next| next.text != "has"))
}

/// Whether a side of a comparison says by itself what it is: `"acme"`, `7`, `duration("7h")`.
pub(super) fn is_literal(side: &str) -> bool {
    let texts: Vec<&str> = tokens(side).iter().map(|token| token.text).collect();
    match texts.as_slice() {
        [one] => one.starts_with('"') || one.parse::<i64>().is_ok() || matches!(*one, "true" | "false"),
        ["-", number] => number.parse::<i64>().is_ok(),
        ["duration" | "datetime" | "ip" | "decimal", "(", text, ")"] => text.starts_with('"'),
        _ => false,
    }
}

/// A value as people would write it, and not too much of it.
pub(super) fn written(value: &EvalResult) -> String {
    let text = match value {
        EvalResult::ExtensionValue(text) => of_time(text).unwrap_or_else(|| text.clone()),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

/// Cedar writes durations in milliseconds alone, and a moment as the duration since 1970.
fn of_time(text: &str) -> Option<String> {
    let millis = |text: &str| text.strip_suffix("ms\")")?.parse::<i64>().ok();
    if let Some(duration) = text.strip_prefix("duration(\"").and_then(millis) {
        return Some(format!("duration(\"{}\")", in_units(duration)));
    }
    let (_, offset) = text.split_once(".offset(duration(\"")?;
    let millis = millis(offset.strip_suffix(')')?)?;
    Some(format!("datetime(\"{}\")", datetime(u64::try_from(millis).ok()?)))
}

/// A duration in Cedar's own units, without those that are none of.
fn in_units(millis: i64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = millis.unsigned_abs();
    let mut text = String::from(if millis < 0 { "-" } else { "" });
    for (unit, size) in units {
        let (count, left) = (rest / size, rest % size);
        rest = left;
        if count > 0 {
            text += &format!("{count}{unit}");
        }
    }
    if millis == 0 { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_condition_reads_is_found_as_it_is_written() {
        let table: [(&str, &[&str]); 8] = [
            ("context.ip.isInRange(ip(\"10.0.0.0/8\")) || context.ip.isLoopback()", &["context.ip"]),
            ("context.query has format && context.query.format == \"csv\"", &["context.query.format"]),
            (
                "principal has tenant && context.path.tenant == principal.tenant",
                &["context.path.tenant", "principal.tenant"],
            ),
            ("principal in Group::\"corp|context.ip\" // context.host\n", &[]),
            ("context.now.toTime() >= duration(\"7h\")", &["context.now"]),
            ("{context: 1}.context == resource.principal", &[]),
            ("context", &[]),
            (
                "[principal.level, -principal . level].contains(principal.level)",
                &["principal.level", "principal . level"],
            ),
        ];
        for (condition, read) in table {
            assert_eq!(attributes_read(condition), read, "{condition}");
        }
    }

    #[test]
    fn a_side_that_shows_its_value_is_not_told_again() {
        for side in ["\"a\"", "7", "-7", "true", "duration(\"7h\")", "datetime(\"2026-01-01\")", "ip(\"::1\")"] {
            assert!(is_literal(side), "{side}");
        }
        for side in
            ["context.ip", "duration(context.x)", "datetime(\"2026-01-01\").toTime()", "principal.level + 1", ""]
        {
            assert!(!is_literal(side), "{side}");
        }
    }

    #[test]
    fn times_are_written_for_people() {
        let extension = |text: &str| written(&EvalResult::ExtensionValue(text.to_owned()));
        for (cedar, told) in [
            ("duration(\"7159895ms\")", "duration(\"1h59m19s895ms\")"),
            ("duration(\"0ms\")", "duration(\"0s\")"),
            ("duration(\"-90061000ms\")", "duration(\"-1d1h1m1s\")"),
            (
                "datetime(\"1970-01-01\").offset(duration(\"1772445600000ms\"))",
                "datetime(\"2026-03-02T10:00:00.000Z\")",
            ),
            (
                "datetime(\"1970-01-01\").offset(duration(\"-1ms\"))",
                "datetime(\"1970-01-01\").offset(duration(\"-1ms\"))",
            ),
            ("ip(\"10.1.2.3\")", "ip(\"10.1.2.3\")"),
        ] {
            assert_eq!(extension(cedar), told);
        }
        assert_eq!(written(&EvalResult::String("x".repeat(100))).chars().count(), LONGEST + 1);
    }
}
