//! The conditions of a policy as its author wrote them: each `when` and `unless`, and what is joined in them by `&&`.

use std::ops::Range;

use super::tokens::{Token, tokens};

/// A `when` or `unless` of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// Whether it is an `unless`.
    pub(super) unless: bool,
    /// What stands between its braces, by bytes of the policy's text.
    pub(super) body: Range<usize>,
    /// The parts that must all hold for the body to hold; the body itself where it is not joined by `&&` alone.
    pub(super) parts: Vec<Range<usize>>,
}

/// The conditions of a policy's text, in their order.
pub(super) fn conditions(policy: &str) -> Vec<Condition> {
    let tokens = tokens(policy);
    let mut rest = after_head(&tokens);
    let mut conditions = Vec::new();
    while let Some((keyword, braced)) = rest.split_first() {
        let Some(end) = matching(braced) else { break };
        let body = braced.get(1..end).unwrap_or_default();
        if let (Some(first), Some(last)) = (body.first(), body.last()) {
            let (unless, parts) = (keyword.text == "unless", parts(body));
            conditions.push(Condition { unless, body: first.at..last.end(), parts });
        }
        rest = braced.get(end + 1..).unwrap_or_default();
    }
    conditions
}

/// What follows the head of a policy: `permit (…)`.
fn after_head<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            // annotations have parentheses of their own
            "permit" | "forbid" if depth == 0 => {
                let head = tokens.get(index + 1..).unwrap_or_default();
                return matching(head).and_then(|end| head.get(end + 1..)).unwrap_or_default();
            }
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    &[]
}

/// The place of the bracket that closes the one which the tokens begin with.
fn matching(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

/// `||` and `if` bind less than `&&`: where one of them stands outside brackets, the whole is one part.
fn parts(body: &[Token<'_>]) -> Vec<Range<usize>> {
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut begin = body.first().map_or(0, |token| token.at);
    let mut end = begin;
    for token in body {
        match token.text {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth = depth.saturating_sub(1),
            "||" | "if" if depth == 0 => return whole(body),
            "&&" if depth == 0 => {
                parts.push(begin..end);
                begin = usize::MAX;
                continue;
            }
            _ => {}
        }
        begin = begin.min(token.at);
        end = token.end();
    }
    parts.push(begin..end);
    parts
}

fn whole(body: &[Token<'_>]) -> Vec<Range<usize>> {
    body.first().zip(body.last()).map(|(first, last)| first.at..last.end()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::conditions;

    fn split(policy: &str) -> Vec<(bool, Vec<&str>)> {
        let texts = |parts: &[std::ops::Range<usize>]| parts.iter().map(|part| &policy[part.clone()]).collect();
        conditions(policy).iter().map(|condition| (condition.unless, texts(&condition.parts))).collect()
    }

    #[test]
    fn conditions_are_parted_at_what_must_all_hold() {
        let table = [
            ("permit (principal, action, resource);", vec![]),
            ("@id(\"when {\") forbid (principal, action, resource) unless { a };", vec![(true, vec!["a"])]),
            (
                "permit (principal in Group::\"a\", action, resource) when { a has b && // c && d\n a.b == \"&&\" } unless { (a && b) };",
                vec![(false, vec!["a has b", "a.b == \"&&\""]), (true, vec!["(a && b)"])],
            ),
            ("permit(principal,action,resource)when{a&&b||c};", vec![(false, vec!["a&&b||c"])]),
            (
                "permit(principal,action,resource)when{if a then b else c && d};",
                vec![(false, vec!["if a then b else c && d"])],
            ),
            (
                "permit(principal,action,resource)when{[a, b && c].contains({x: 1 || 2}) && d};",
                vec![(false, vec!["[a, b && c].contains({x: 1 || 2})", "d"])],
            ),
        ];
        for (policy, parts) in table {
            assert_eq!(split(policy), parts, "{policy}");
        }
    }

    #[test]
    fn text_that_is_no_policy_has_no_conditions() {
        for text in [
            "",
            "permit",
            "permit (",
            "permit () when",
            "permit () when {",
            "permit () when }",
            "x {}",
            "forbid () when { ) }",
        ] {
            conditions(text);
        }
    }
}
