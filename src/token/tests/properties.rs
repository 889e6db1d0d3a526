//! What must hold for any token, tried with many.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::support::{Gate, of};

/// One good token for each kind of signature.
static GOOD: LazyLock<[String; 3]> = LazyLock::new(|| {
    let corp = of("corp").claim("jti", "x").claim("groups", serde_json::json!(["a", "b"]));
    [corp.sign(), corp.clone().by("ed").header("kid", "k2").sign(), corp.by("rsa").header("kid", "k3").sign()]
});

#[derive(Debug, Clone)]
enum Change {
    Replace(Index, char),
    Insert(Index, String),
    Remove(Index, usize),
    Swap(Index, Index),
    Cut(Index),
}

impl Change {
    fn apply(&self, token: &str) -> String {
        let mut characters: Vec<char> = token.chars().collect();
        let length = characters.len();
        match self {
            Self::Replace(place, character) => characters[place.index(length)] = *character,
            Self::Insert(place, text) => {
                let place = place.index(length + 1);
                characters.splice(place..place, text.chars());
            }
            Self::Remove(place, count) => {
                let place = place.index(length);
                characters.drain(place..length.min(place + count));
            }
            Self::Swap(one, other) => characters.swap(one.index(length), other.index(length)),
            Self::Cut(place) => characters.truncate(place.index(length)),
        }
        characters.into_iter().collect()
    }
}

fn change() -> impl Strategy<Value = Change> {
    let character = prop::sample::select("ABCabcxyz019-_=.+/ \n\u{e9}".chars().collect::<Vec<_>>());
    prop_oneof![
        (any::<Index>(), character).prop_map(|(place, character)| Change::Replace(place, character)),
        (any::<Index>(), "[A-Za-z0-9_.= -]{1,4}").prop_map(|(place, text)| Change::Insert(place, text)),
        (any::<Index>(), 1..5_usize).prop_map(|(place, count)| Change::Remove(place, count)),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Change::Swap(one, other)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

thread_local! {
    static GATE: Gate = Gate::new();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_changed_token_is_never_accepted(which in 0..3_usize, changes in prop::collection::vec(change(), 1..4)) {
        let good = &GOOD[which];
        let changed = changes.iter().fold(good.clone(), |token, change| if token.is_empty() { token } else { change.apply(&token) });
        let code = GATE.with(|gate| gate.code(&changed));
        prop_assert_eq!(code == "ok", &changed == good, "{}", code);
    }

    #[test]
    fn parts_of_two_tokens_make_none(which in prop::array::uniform3(0..3_usize)) {
        let part = |place: usize| GOOD[which[place]].split('.').nth(place).unwrap();
        let mixed = format!("{}.{}.{}", part(0), part(1), part(2));
        let code = GATE.with(|gate| gate.code(&mixed));
        // The claims are the same in all three, so header and signature decide.
        prop_assert_eq!(code == "ok", which[0] == which[2], "{}", code);
    }

    #[test]
    fn no_text_makes_the_verifier_panic(text in "\\PC{0,200}") {
        let code = GATE.with(|gate| gate.code(&text));
        prop_assert_ne!(code, "ok");
    }
}
