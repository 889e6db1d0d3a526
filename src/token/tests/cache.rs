//! A token that was verified a moment ago is asked again whatever may have changed, and nothing else.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;

use super::super::cache::TokenCache;
use super::support::{Gate, of};
use crate::telemetry::Metrics;

#[test]
fn a_token_is_kept_from_its_second_sight_on() {
    let gate = Gate::new();
    let token = of("corp").sign();
    let sights: Vec<_> = (0..4).map(|_| gate.verify(&token).unwrap()).collect();
    assert!(!Arc::ptr_eq(&sights[0], &sights[1]), "a token that never comes again is never kept");
    assert!(Arc::ptr_eq(&sights[1], &sights[2]) && Arc::ptr_eq(&sights[2], &sights[3]));
}

#[test]
fn without_memory_for_them_no_tokens_are_kept() {
    let gate = Gate::with_cache(ByteSize::b(0));
    let token = of("corp").sign();
    let sights: Vec<_> = (0..4).map(|_| gate.verify(&token).unwrap()).collect();
    assert!(sights.windows(2).all(|pair| !Arc::ptr_eq(&pair[0], &pair[1])));
}

#[test]
fn time_is_asked_on_every_hit() {
    let gate = Gate::new();
    let token = of("corp").sign();
    assert_eq!([(); 3].map(|()| gate.code(&token)), ["ok"; 3]);
    gate.clock.advance(Duration::from_hours(2));
    assert_eq!(gate.code(&token), "token-expired");
}

#[test]
fn revocation_is_asked_on_every_hit() {
    let gate = Gate::new();
    let (token, other) = (of("corp").claim("jti", "one").sign(), of("corp").claim("jti", "two").sign());
    assert_eq!([&token, &token, &token, &other, &other].map(|token| gate.code(token)), ["ok"; 5]);
    gate.revocations.revoke_token("https://idp.example", "one", u64::MAX);
    assert_eq!([&token, &other].map(|token| gate.code(token)), ["token-revoked", "ok"]);
}

#[test]
fn an_entry_of_an_older_key_set_is_no_entry() {
    let gate = Gate::new();
    let token = gate.verify(&of("corp").sign()).unwrap();
    let cache = TokenCache::of_size(ByteSize::mib(24), Metrics::new().unwrap().token_cache()).unwrap();
    let key = cache.key_of("a token").unwrap();
    assert!(cache.find(key, |_| Some(1)).is_none());
    cache.keep(key, &token, 1);
    cache.keep(key, &token, 1);
    assert!(cache.find(key, |_| Some(1)).is_some());
    assert!(cache.find(cache.key_of("another").unwrap(), |_| Some(1)).is_none());
    assert!(cache.find(key, |_| Some(2)).is_none(), "rotated");
    assert!(cache.find(key, |_| Some(1)).is_none(), "and gone for good");
    cache.keep(key, &token, 1);
    assert!(cache.find(key, |_| None).is_none(), "no keys that may be used");
}

/// A forger who knew when two texts share a key could have his token taken for another's.
#[test]
fn one_text_has_one_key_in_one_cache_and_shares_it_with_no_other() {
    let cache = || TokenCache::of_size(ByteSize::mib(24), Metrics::new().unwrap().token_cache()).unwrap();
    let (ours, theirs) = (cache(), cache());
    let token = of("corp").sign();
    assert_eq!(ours.key_of(&token), ours.key_of(&token));
    assert_ne!(ours.key_of(&token), theirs.key_of(&token), "each cache has a secret of its own");
    let mut keys = HashSet::from([ours.key_of(&token).unwrap(), ours.key_of("").unwrap()]);
    let changed = (0..token.len()).map(|place| {
        let mut text = token.clone().into_bytes();
        text[place] ^= 1;
        String::from_utf8(text).unwrap()
    });
    let others = (1..token.len()).flat_map(|end| [token[..end].to_owned(), token[end..].to_owned()]);
    let longer = (1..64).map(|count| format!("{token}{}", "\0".repeat(count)));
    for text in changed.chain(others).chain(longer) {
        assert!(keys.insert(ours.key_of(&text).unwrap()), "{text:?}");
    }
}

#[test]
fn memory_is_bounded_whatever_the_tokens() {
    let gate = Gate::new();
    let token = gate.verify(&of("corp").sign()).unwrap();
    let metrics = Metrics::new().unwrap();
    let cache = TokenCache::of_size(ByteSize::mib(24), metrics.token_cache()).unwrap();
    for number in 0..60_000 {
        let key = cache.key_of(&number.to_string()).unwrap();
        cache.keep(key, &token, 1);
        cache.keep(key, &token, 1);
    }
    cache.count();
    let entries = metrics.encode();
    let entries = entries.lines().find_map(|line| line.strip_prefix("lychgate_token_cache_entries ")).unwrap();
    let entries: u64 = entries.parse().unwrap();
    assert!((1_000..36_000).contains(&entries), "{entries}");
}

#[test]
fn only_claims_that_somebody_asks_for_are_kept() {
    let gate = Gate::new();
    let token =
        gate.verify(&of("corp").claim("email", "a@b.example").claim("extra", "x".repeat(5_000)).sign()).unwrap();
    assert_eq!(token.claims().keys().collect::<Vec<_>>(), ["email"]);
}
