//! What proving a token costs beside the bare signature check, as ratios that hold on a machine whose speed drifts.
//!
//! `cargo bench --bench ratios`. The ways take turns on the same few tokens, so that a slow second hits all of them alike; told
//! is the median of the turns. First-seen over raw is to be at most 1.3, first-seen over no cache at most 1.10.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench stops at what it cannot set up")]

mod claims;
mod raw_key;
mod support;

use std::hint::black_box;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate::jose::{Algorithm, SigningKey};

use self::raw_key::raw_key;
use self::support::{claims, gate, verify};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKENS: u64 = 1_000;
/// Tokens that one way takes before it is the next one's turn.
const TURN: usize = 20;
const PASSES: usize = 12;

/// Nanoseconds a token, of each turn.
#[derive(Default)]
struct Turns {
    raw: Vec<f64>,
    first_seen: Vec<f64>,
    no_cache: Vec<f64>,
    hit: Vec<f64>,
}

fn main() {
    println!("| | raw µs | first-seen | no cache | hit | first-seen / raw | first-seen / no cache |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let turns = measured(&SigningKey::generate_for(algorithm).unwrap());
        let micros = |turns: &[f64]| median(turns.to_vec()) / 1000.0;
        println!(
            "| {algorithm} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} |",
            micros(&turns.raw),
            micros(&turns.first_seen),
            micros(&turns.no_cache),
            micros(&turns.hit),
            ratio(&turns.first_seen, &turns.raw),
            ratio(&turns.first_seen, &turns.no_cache),
        );
    }
}

fn measured(key: &SigningKey) -> Turns {
    let raw = raw_key(key);
    let tokens: Vec<String> = (0..TOKENS).map(|number| key.sign(&claims(number)).unwrap()).collect();
    let parts: Vec<(&str, Vec<u8>)> = tokens
        .iter()
        .map(|token| token.rsplit_once('.').unwrap())
        .map(|(input, signature)| (input, URL_SAFE_NO_PAD.decode(signature).unwrap()))
        .collect();
    let mut turns = Turns::default();
    for _ in 0..PASSES {
        // A token is kept from its second sight on, and each pass shows it once.
        let (cached, forgetful) = (gate(key, "24MiB"), gate(key, "0B"));
        for (tokens, parts) in tokens.chunks(TURN).zip(parts.chunks(TURN)) {
            turns
                .raw
                .push(nanoseconds(parts, |(input, signature)| raw.verify_sig(input.as_bytes(), signature).unwrap()));
            turns.first_seen.push(nanoseconds(tokens, |token| verify(&cached, token)));
            turns.no_cache.push(nanoseconds(tokens, |token| verify(&forgetful, token)));
            verify(&cached, &tokens[0]);
            turns.hit.push(nanoseconds(&[(); TURN], |()| verify(&cached, &tokens[0])));
        }
    }
    turns
}

/// What each of them takes.
fn nanoseconds<T>(of: &[T], mut each: impl FnMut(&T)) -> f64 {
    let begun = Instant::now();
    for one in of {
        each(black_box(one));
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(of.len()).unwrap())
}

/// The median of the ratios of turns that followed each other.
fn ratio(turns: &[f64], others: &[f64]) -> f64 {
    median(turns.iter().zip(others).map(|(turn, other)| turn / other).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
