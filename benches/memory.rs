//! What a million tokens leave behind: each is seen twice, so that the cache would keep it, and memory stays within its bound.
//!
//! `cargo bench --bench memory [-- TOKENS]` prints the resident memory before, on the way and after, in MiB.
#![expect(clippy::unwrap_used, reason = "a bench stops at what it cannot set up")]

mod claims;
mod support;

use std::time::Instant;

use lychgate::jose::{Algorithm, SigningKey};

use self::support::{claims, gate, verify};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let tokens: u64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    // Ed25519, since making the tokens is the longest part of this.
    let key = SigningKey::generate_for(Algorithm::EdDsa).unwrap();
    let verifier = gate(&key, "24MiB");
    let begun = Instant::now();
    println!("{:>9} tokens {:>6.1} MiB", 0, resident());
    for number in 1..=tokens {
        let token = key.sign(&claims(number)).unwrap();
        verify(&verifier, &token);
        verify(&verifier, &token);
        if number % (tokens / 10).max(1) == 0 {
            println!("{number:>9} tokens {:>6.1} MiB {:>5} s", resident(), begun.elapsed().as_secs());
        }
    }
}

/// Resident memory of this process in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024.0
}
