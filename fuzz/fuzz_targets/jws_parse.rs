//! Any text as a token: the parser never panics, and a token that it takes has the one text that it was read from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lychgate::jose::CompactJws;

fuzz_target!(|text: &str| {
    if CompactJws::parse(text, 16).is_ok() {
        assert_eq!(text.split('.').count(), 3);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
    }
});
