//! Files that are no config at all, or are made to hurt.

use std::fmt::Write;
use std::path::Path;

use proptest::prelude::{ProptestConfig, any, prop, proptest};
use tempfile::TempDir;

use super::good::EVERY_KEY;
use super::support::{assert_mistakes, load};
use crate::config::{Config, ConfigError};

fn refused(text: &str) -> ConfigError {
    Config::parse(text, Path::new("lychgate.yaml"), &|_| None).expect_err("taken")
}

fn refused_file(bytes: &[u8]) -> ConfigError {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lychgate.yaml");
    std::fs::write(&file, bytes).unwrap();
    Config::load(&file).expect_err("taken")
}

#[test]
fn what_is_not_yaml_is_refused_where_it_stops_to_be() {
    for marked in [
        "threads: ▸2\n\tadmin: off",
        "threads: 2\n  admin▸: off",
        "threads: [1, 2\nadmin▸: off",
        "threads: ▸}",
        "threads: ▸*nothing",
        "threads: ▸!!int 2",
        "threads: ▸!secret x",
        "policies: {▸<<: {a: b}}",
        "policies: {▸[a]: b}",
        "policies: &a {x: ▸*a}",
        "threads: ▸@2",
        "▸%YAML 1.1\n---\nthreads: 2",
    ] {
        assert_mistakes(marked, "syntax", &[]);
    }
    assert_mistakes(
        "threads: 2\nadmin: off\n▸threads: 2",
        "duplicate-key",
        &["the key `threads` stands here twice, first on line 1"],
    );
    assert_mistakes("limits: {token: 1KiB, ▸\"token\": 2KiB}", "duplicate-key", &["`token`"]);
}

#[test]
fn two_documents_are_refused() {
    let error = refused("threads: 2\n---\nthreads: 3\n");
    assert_eq!(error.mistakes()[0].place().line, 2);
    assert!(error.to_string().contains("one document"), "{error}");
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "~", "\u{feff}"] {
        let error = refused(text);
        assert_eq!(error.mistakes().len(), 1, "{text:?}: {error}");
    }
}

#[test]
fn a_file_that_is_no_map_is_refused() {
    for text in ["just words", "- a\n- b", "12", "\"\""] {
        assert!(refused(text).to_string().contains("expected a map"), "{text}");
    }
}

#[test]
fn an_alias_bomb_is_refused_before_it_is_built() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert_eq!(refused(&bomb).mistakes()[0].code(), "too-large");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), "*a, ".repeat(10_000));
    assert_eq!(refused(&long).mistakes()[0].code(), "too-large");
}

#[test]
fn a_file_nested_too_deep_is_refused() {
    let mut aliased = "a0: &a0 [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n".to_owned();
    for level in 1..1000 {
        writeln!(aliased, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    let mut block = String::new();
    for depth in 0..10_000_usize {
        writeln!(block, "{}a:", " ".repeat(depth.min(500))).unwrap();
    }
    for text in ["[".repeat(1_000_000), "{a: ".repeat(200_000), "- ".repeat(500_000), block, aliased] {
        assert_eq!(refused(&text).mistakes().len(), 1);
    }
}

#[test]
fn blocks_and_brackets_count_together() {
    let mut mixed = String::new();
    for depth in 0..40 {
        writeln!(mixed, "{}a:", " ".repeat(depth)).unwrap();
    }
    write!(mixed, "{}a: {}{}", " ".repeat(40), "[".repeat(40), "]".repeat(40)).unwrap();
    assert_eq!(refused(&mixed).mistakes()[0].code(), "too-large");
}

#[test]
fn a_file_too_large_is_refused() {
    for filler in [b'#', 0xff] {
        let error = refused_file(&vec![filler; 9 * 1024 * 1024]);
        assert_eq!(error.mistakes()[0].code(), "too-large", "{error}");
    }
}

#[test]
fn a_file_that_is_not_text_is_refused_where_it_stops_to_be() {
    let error = refused_file(b"threads: 2\nadmin: \xc3\x28\n");
    assert_eq!((error.mistakes()[0].place().line, error.mistakes()[0].place().column), (2, 8));
    assert!(error.to_string().contains("not UTF-8"), "{error}");
    for bytes in [&b"\x7fELF\x02\x01\x01\0\0\0"[..], b"\0\0\0\0", b"PK\x03\x04\x14\0\x08", b"\xff\xfet\0h\0"] {
        assert_eq!(refused_file(bytes).code(), "config-mistaken");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_said_so() {
    let folder = TempDir::new().unwrap();
    for path in [folder.path(), &folder.path().join("none.yaml")] {
        let error = Config::load(path).expect_err("taken");
        assert_eq!(error.code(), "config-unreadable");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.mistakes().is_empty());
    }
}

#[test]
fn a_long_text_is_not_repeated_whole() {
    let error = load(&format!("threads: {}", "x".repeat(100_000))).unwrap_err();
    assert!(error.to_string().len() < 400, "{}", error.to_string().len());
}

/// What a hand, a template or a fuzzer may put into a config.
const PIECES: [&str; 24] = [
    "", " ", "\n", "\t", ":", "- ", "{", "}", "[", "]", "\"", "'", "&a ", "*a", "|", ">", "#", "${", "${HOME}", "!!x ",
    "~", "0", "\u{0}", "ü",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_config_changed_at_random_never_panics_and_every_mistake_has_its_place(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, 0..PIECES.len()), 1..6),
    ) {
        let mut text: Vec<char> = EVERY_KEY.chars().collect();
        for (start, length, piece) in changes {
            let start = start.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, PIECES[piece].chars());
        }
        let text: String = text.into_iter().collect();
        let env = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        match Config::parse(&text, Path::new("lychgate.yaml"), &env).and_then(|loaded| {
            let _ = loaded.warnings();
            loaded.check()
        }) {
            Ok(()) => {}
            Err(error) => {
                assert!(!error.mistakes().is_empty());
                assert_eq!(error.text().len(), text.len());
                for mistake in error.mistakes() {
                    assert!(text.get(mistake.place().bytes.clone()).is_some(), "{mistake}");
                    assert!(mistake.place().line <= text.split(['\n', '\r']).count(), "{mistake}");
                }
            }
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Config::parse(&text, Path::new("lychgate.yaml"), &|_| None);
    }
}
