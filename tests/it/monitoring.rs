//! What we hand to Prometheus and Grafana asks for metrics that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

/// Every word of these files that is a metric's name; what a histogram adds to its name is taken away.
fn named(files: &[PathBuf]) -> BTreeSet<String> {
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let words = texts.flat_map(|text| {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let ours = |word: &&str| word.starts_with("lychgate_") || word.starts_with("process_");
        words.filter(ours).map(str::to_owned).collect::<Vec<_>>()
    });
    words.map(|word| word.strip_suffix("_bucket").unwrap_or(&word).to_owned()).collect()
}

/// What operators look up by name is found there, with what it tells.
#[test]
fn metrics_are_named_in_one_file() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut elsewhere = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let is_of_tests = ["tests", "tests.rs", "telemetry/catalogue.rs"].iter().any(|end| path.ends_with(end));
            if is_of_tests {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // The channel by which nodes hear of each other is named alike, and is no metric.
            let text = text.split("#[cfg(test)]").next().unwrap().replace("\"lychgate_changes\"", "");
            if text.contains("\"lychgate_") {
                elsewhere.push(path);
            }
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

#[test]
fn dashboards_and_alerts_use_only_metrics_that_there_are() {
    let defined = named(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry/catalogue.rs")]);
    for folder in ["deploy/prometheus", "deploy/grafana"] {
        let used = named(&files(folder));
        assert!(used.len() > 8, "{folder}: {used:?}");
        let unknown: Vec<_> = used.difference(&defined).collect();
        assert!(unknown.is_empty(), "{folder} asks for what is not there: {unknown:?}");
    }
}
