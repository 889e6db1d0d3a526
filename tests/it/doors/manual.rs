//! The manual's page on the doors names tests; each must exist.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../src/manual/doors.md");

#[test]
fn every_test_that_the_page_on_the_doors_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        ["tests/it/doors", "src/ext_authz/envoy", "src/ext_authz/api_gateway"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let text: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let cells = rows.filter_map(|line| line.rsplit('|').nth(1));
    let named: Vec<&str> = cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim().trim_matches('`')).collect();
    for name in &named {
        assert!(text.contains(&format!("fn {name}(")), "no test `{name}`");
    }
    assert!(named.len() >= 20, "{}", named.len());
}
