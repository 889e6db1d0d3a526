//! The known word that a mistyped one was most likely meant to be.

/// The word of `known` that `word` was most likely meant to be, where one is near enough to ask.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let near =
        known.into_iter().map(|known| (distance(word, known), known)).filter(|(far, known)| fits(*far, word, known));
    near.min_by_key(|(far, _)| *far).map(|(_, known)| known)
}

/// Whether the one word is a slip of the other.
pub(crate) fn is_near(word: &str, known: &str) -> bool {
    fits(distance(word, known), word, known)
}

/// Words as a list for people; of very many the first.
pub(crate) fn list<'k>(words: impl IntoIterator<Item = &'k str>) -> String {
    const MOST: usize = 24;
    let mut words = words.into_iter();
    let shown = words.by_ref().take(MOST).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    if words.next().is_some() { shown + ", …" } else { shown }
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
            assert_eq!(nearest(word, KNOWN), Some(meant), "`{word}`");
        }
    }

    #[test]
    fn a_word_that_is_near_to_none_finds_none() {
        for word in ["", "x", "upstream", "certificate", &"a".repeat(100_000)] {
            assert_eq!(nearest(word, KNOWN), None, "`{word}`");
        }
    }
}
