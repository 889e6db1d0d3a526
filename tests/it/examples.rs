//! Every config that we show is one that runs, and one wrong word in it is found.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::lychgate;

/// The config of the README, and those of `deploy/config`.
fn shown() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let block = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let files = fs::read_dir(root.join("deploy/config")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml"));
    let named = yaml.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()));
    named.chain([("README.md".to_owned(), block.to_owned())]).collect()
}

fn check(text: &str) -> crate::support::Finished {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("lychgate.yaml");
    fs::write(&config, text).unwrap();
    lychgate(&["check", "--config", config.to_str().unwrap()])
}

#[test]
fn every_config_that_we_show_is_good() {
    for (name, text) in shown() {
        let checked = check(&text);
        assert_eq!(checked.code, Some(0), "{name}: {checked:?}");
        assert!(checked.stdout.starts_with("good: "), "{name}: {checked:?}");
    }
}

#[test]
fn every_config_that_we_show_is_refused_with_one_key_that_does_not_exist() {
    for (name, text) in shown() {
        let checked = check(&text.replacen("upstreams:", "upstream:", 1));
        assert_eq!(checked.code, Some(1), "{name}: {checked:?}");
        assert!(checked.stderr.contains("upstream") && checked.stderr.contains("upstreams"), "{name}: {checked:?}");
    }
}
