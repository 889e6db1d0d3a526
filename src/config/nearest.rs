//! The known word that a mistyped one was most likely meant to be.

/// The question that follows a mistyped word, where it is near to one of `known`; else nothing.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// Whether the one word is a slip of the other.
pub(crate) fn is_near(word: &str, known: &str) -> bool {
    fits(distance(word, known), word, known)
}

/// Words as a list for people; of very many the first.
pub(crate) fn list(words: &[&str]) -> String {
    const MOST: usize = 24;
    let shown: Vec<String> = words.iter().take(MOST).map(|word| format!("`{word}`")).collect();
    shown.join(", ") + if words.len() > MOST { ", …" } else { "" }
}

fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let measured = known.iter().map(|known| (distance(word, known), *known));
    let near = measured.filter(|(distance, known)| fits(*distance, word, known));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

fn distance(word: &str, known: &str) -> usize {
    // Only slips are looked for: a text that no word comes near to is not measured.
    if word.len() > known.len() + 8 {
        return usize::MAX;
    }
    strsim::damerau_levenshtein(&word.to_lowercase().replace('-', "_"), &known.to_lowercase().replace('-', "_"))
}

/// One slip in a short word, and one more for every three letters of a longer one.
fn fits(distance: usize, word: &str, known: &str) -> bool {
    let length = word.chars().count().max(known.chars().count());
    distance <= (length / 3).clamp(1, 4) && distance < length
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KNOWN: [&str; 5] = ["issuer", "audience", "client_ids", "keys", "any"];

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        for (word, meant) in [
            ("isuer", "issuer"),
            ("Audience", "audience"),
            ("client-ids", "client_ids"),
            ("kesy", "keys"),
            ("an", "any"),
        ] {
            assert_eq!(nearest(word, &KNOWN), Some(meant), "`{word}`");
        }
    }

    #[test]
    fn a_word_that_is_near_to_none_finds_none() {
        for word in ["", "x", "upstream", "certificate", &"a".repeat(100_000)] {
            assert_eq!(nearest(word, &KNOWN), None, "`{word}`");
        }
    }
}
