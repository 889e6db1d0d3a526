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

#[test]
fn dashboards_and_alerts_use_only_metrics_that_there_are() {
    let defined = named(&files("src/telemetry"));
    for folder in ["deploy/prometheus", "deploy/grafana"] {
        let used = named(&files(folder));
        assert!(used.len() > 8, "{folder}: {used:?}");
        let unknown: Vec<_> = used.difference(&defined).collect();
        assert!(unknown.is_empty(), "{folder} asks for what is not there: {unknown:?}");
    }
}
