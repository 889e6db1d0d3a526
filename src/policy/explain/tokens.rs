//! A policy's text as Cedar's words and signs, without blanks and comments, each with its place.

/// A word, a string or a sign of a policy's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// Bytes of the policy's text before it.
    pub(super) at: usize,
}

impl Token<'_> {
    /// The first byte after it.
    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// The tokens of a text that Cedar has parsed. Of any other text they mean nothing, but they end.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = length(rest);
        let token = rest.get(..length).unwrap_or(rest);
        if !token.starts_with(char::is_whitespace) && !token.starts_with("//") {
            tokens.push(Token { text: token, at });
        }
        at += token.len();
    }
    tokens
}

/// How many bytes the token takes that a text begins with; never none.
fn length(text: &str) -> usize {
    let of_while = |fits: fn(char) -> bool| text.find(|c| !fits(c)).unwrap_or(text.len());
    let first = text.chars().next().unwrap_or(' ');
    match first {
        c if c.is_whitespace() => of_while(char::is_whitespace),
        c if is_in_word(c) => of_while(is_in_word),
        '"' => string_length(text),
        '/' if text.starts_with("//") => text.find('\n').unwrap_or(text.len()),
        '&' | '|' | ':' | '=' | '!' | '<' | '>' => {
            let two = ["&&", "||", "::", "==", "!=", "<=", ">="].iter().any(|sign| text.starts_with(sign));
            if two { 2 } else { 1 }
        }
        c => c.len_utf8(),
    }
}

fn is_in_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn strings_and_comments_hide_what_is_in_them() {
        let text = "@id(\"a && \\\" b\") // && {\npermit(principal==User::\"x\") when{a>=b||c&&é}";
        let texts: Vec<&str> = tokens(text).iter().map(|token| token.text).collect();
        let expected = [
            "@",
            "id",
            "(",
            "\"a && \\\" b\"",
            ")",
            "permit",
            "(",
            "principal",
            "==",
            "User",
            "::",
            "\"x\"",
            ")",
            "when",
            "{",
            "a",
            ">=",
            "b",
            "||",
            "c",
            "&&",
            "é",
            "}",
        ];
        assert_eq!(texts, expected);
        assert!(tokens(text).iter().all(|token| text[token.at..].starts_with(token.text)));
        assert_eq!(tokens("\"open \\").len(), 1);
    }
}
