//! Any bytes as a JWK Set: the reader never panics, and a key that it takes fits an algorithm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lychgate::jose::{Algorithm, KeySet};

fuzz_target!(|document: &[u8]| {
    if let Ok((keys, skipped)) = KeySet::parse(document) {
        assert!(keys.len() + skipped.len() <= 100);
        let kids: Vec<_> = keys.kids().map(str::to_owned).collect();
        for kid in kids {
            assert!(Algorithm::ALL.into_iter().any(|algorithm| keys.find(Some(&kid), algorithm).is_some()));
        }
    }
});
