//! The first rung of the ladder: what proving a token costs over the bare signature check below it.
//!
//! `raw` is aws-lc-rs with the key parsed once; `first-seen` is the whole verifier on a token that it has never seen, and
//! `first-seen, no cache` one that remembers none; `hit` is a token verified a moment ago, which is to take less
//! than a microsecond. Each is measured after the other: for ratios see `ratios`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench stops at what it cannot set up")]

mod claims;
mod raw_key;
mod support;

use std::cell::Cell;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lychgate::jose::{Algorithm, SigningKey};

use self::raw_key::raw_key;
use self::support::{claims, gate, verify};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn benches(criterion: &mut Criterion) {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::generate_for(algorithm).unwrap();
        let (verifier, forgetful, raw) = (gate(&key, "24MiB"), gate(&key, "0B"), raw_key(&key));
        let number = Cell::new(0);
        let next = || {
            number.set(number.get() + 1);
            key.sign(&claims(number.get())).unwrap()
        };
        let mut group = criterion.benchmark_group(format!("verify/{algorithm}"));
        group.bench_function("raw", |bencher| {
            let parts = || {
                let token = next();
                let (input, signature) = token.rsplit_once('.').unwrap();
                (input.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).unwrap())
            };
            let check = |(input, signature): (Vec<u8>, Vec<u8>)| raw.verify_sig(&input, &signature).unwrap();
            bencher.iter_batched(parts, check, BatchSize::SmallInput);
        });
        group.bench_function("first-seen", |bencher| {
            bencher.iter_batched(next, |token| verify(&verifier, &token), BatchSize::SmallInput);
        });
        group.bench_function("first-seen, no cache", |bencher| {
            bencher.iter_batched(next, |token| verify(&forgetful, &token), BatchSize::SmallInput);
        });
        let known = next();
        // Kept from its second sight on.
        verify(&verifier, &known);
        verify(&verifier, &known);
        group.bench_function("hit", |bencher| bencher.iter(|| verify(&verifier, &known)));
        group.finish();
    }
}

criterion_group!(verifying, benches);
criterion_main!(verifying);
