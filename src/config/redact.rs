//! Blots out secrets that stand in the config file itself, so that a snippet of it may be shown.

/// Keys whose values are secrets, or hold some under a name that is too common to look for.
const SECRET_KEYS: [&str; 9] = [
    "password",
    "secret",
    "revocations",
    "database",
    "master_key",
    "previous_master_keys",
    "admin_keys",
    "shared",
    "traces",
];

/// `text` with every secret's value blotted out; no byte moves, so that places still fit.
///
/// It reads lines, not YAML: a file that cannot be parsed has secrets too. Whatever follows a secret's key on its line,
/// and the lines that go on deeper, are blotted out.
pub(crate) fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut secret_indent = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let goes_on = secret_indent.is_some_and(|secret| indent > secret || line.trim().is_empty());
        let secret_from = if goes_on { Some(0) } else { value_of_secret(line) };
        if !goes_on {
            secret_indent = secret_from.map(|_| indent);
        }
        let (shown, secret) = line.split_at(secret_from.unwrap_or(line.len()));
        redacted.push_str(shown);
        redacted.extend(secret.chars().flat_map(blot));
    }
    redacted
}

/// Where the value of the first secret key in `line` begins.
fn value_of_secret(line: &str) -> Option<usize> {
    SECRET_KEYS
        .iter()
        .flat_map(|key| line.match_indices(key))
        .filter_map(|(start, key)| after_colon(line, start + key.len()))
        .min()
}

/// The byte after the colon, where `line` goes on with one at `end`.
fn after_colon(line: &str, end: usize) -> Option<usize> {
    let rest = line.get(end..)?;
    let value = rest.trim_start_matches(['"', '\'', ' ']).strip_prefix(':')?;
    Some(line.len() - value.len())
}

/// As many asterisks as the character has bytes; line breaks stay.
fn blot(character: char) -> impl Iterator<Item = char> {
    let (mark, times) = if matches!(character, '\n' | '\r') { (character, 1) } else { ('*', character.len_utf8()) };
    std::iter::repeat_n(mark, times)
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn the_value_of_a_secret_key_is_blotted_out() {
        for (text, redacted) in [
            ("admin:\n  revocations:\n    token: a\nb: 1", "admin:\n  revocations:\n************\nb: 1"),
            ("revocations: {token: a}}\ntoken: 1", "revocations:************\ntoken: 1"),
            ("password: hunter2\nnext: 1\n", "password:********\nnext: 1\n"),
            ("  - secret: \"é\"\n", "  - secret:*****\n"),
            ("{\"password\": x, groups: []}\nnext: 1", "{\"password\":***************\nnext: 1"),
            (
                "a:\n  password:\n    hunter2\n\n    more\n  groups: []",
                "a:\n  password:\n***********\n\n********\n  groups: []",
            ),
            ("password: |\r\n  ab\r\nnext: 1", "password:**\r\n****\r\nnext: 1"),
            ("t: {traces: {headers: {a: b}}}\nnext: 1", "t: {traces:*******************\nnext: 1"),
            ("password_policy: strict\nsecrets\n", "password_policy: strict\nsecrets\n"),
        ] {
            assert_eq!(redact(text), redacted);
            assert_eq!(redact(text).len(), text.len());
        }
    }
}
