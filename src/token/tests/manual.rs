//! The manual's page on attacks names tests; each must exist.

use std::path::Path;

const PAGE: &str = include_str!("../../manual/jwt_attacks.md");

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_page_on_attacks_names_exists() {
    let mut text = String::new();
    for room in ["src/jose", "src/token"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut text);
    }
    let mut named = 0;
    for line in PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| attack")) {
        let tests = line.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        for name in tests.split(',').map(|name| name.trim().trim_matches('`')) {
            assert!(text.contains(&format!("fn {name}(")), "no test `{name}`");
            named += 1;
        }
    }
    assert!(named > 35, "{named}");
}
