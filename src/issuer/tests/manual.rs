//! The manual's page on user pools names tests; each must exist.

use std::path::Path;

const PAGE: &str = include_str!("../../manual/user_pools.md");

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
fn every_test_that_the_page_on_user_pools_names_exists() {
    let mut text = String::new();
    for folder in ["src/issuer", "src/server"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut text);
    }
    let cells = PAGE.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let named: Vec<&str> =
        cells.filter_map(|line| line.rsplit('|').nth(1)).map(|cell| cell.trim().trim_matches('`')).collect();
    for name in &named {
        assert!(text.contains(&format!("fn {name}(")), "no test `{name}`");
    }
    assert!(named.len() > 25, "{}", named.len());
}
