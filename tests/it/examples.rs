//! Every config that we show is taken as it is, and refused with a word in it that is not known.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Authority, lychgate};

/// A copy of the examples under `deploy`, and of the README's, with the certificates and secrets that they name.
fn copy() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy_folder(&root.join("deploy/config"), copy.path());
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let block = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    fs::write(copy.path().join("readme.yaml"), block).unwrap();
    let identity = Authority::new().identity("api.example.com");
    for (name, content) in [
        ("tls/tls.crt", identity.certificate.as_str()),
        ("tls/tls.key", identity.key.as_str()),
        ("secrets/alice", "correct horse battery"),
    ] {
        let path = copy.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn configs(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let configs: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(configs.len() >= 4, "{configs:?}");
    configs
}

#[test]
fn every_config_that_we_show_is_good() {
    let copy = copy();
    for config in configs(copy.path()) {
        let checked = lychgate(&["check", "--config", config.to_str().unwrap()]);
        assert_eq!(checked.code, Some(0), "{}: {checked:?}", config.display());
        // The sidecar has no TLS: inside a pod's network that is meant.
        let warnings = checked.stderr.lines().filter(|line| !line.contains("without `tls`"));
        assert_eq!(warnings.collect::<Vec<_>>(), [""; 0], "{}", config.display());
    }
}

#[test]
fn every_config_that_we_show_is_refused_with_a_word_that_is_not_known() {
    let copy = copy();
    for config in configs(copy.path()) {
        let text = fs::read_to_string(&config).unwrap();
        let sections = ["listeners:", "routes:", "upstreams:", "trusted_issuers:"];
        let in_sections = sections.map(|section| text.replacen(section, &format!("x{section}"), 1));
        let in_entries = [("match:", "matches:"), ("endpoints:", "endpoint:"), ("issuer: http", "iss: http")];
        let in_entries = in_entries.map(|(known, unknown)| text.replacen(known, unknown, 1));
        for mistaken in in_sections.into_iter().chain(in_entries).chain([format!("{text}\nunheard-of: 1\n")]) {
            assert_ne!(mistaken, text);
            fs::write(&config, &mistaken).unwrap();
            let checked = lychgate(&["check", "--config", config.to_str().unwrap()]);
            assert_eq!(checked.code, Some(1), "{}: {checked:?}", config.display());
            assert!(checked.stderr.contains("unknown-key"), "{}: {}", config.display(), checked.stderr);
        }
    }
}

#[test]
fn whoever_would_kill_the_gate_waits_longer_than_it_takes_to_stop() {
    let stops_within = lychgate::config::ShutdownConfig::default();
    let stops_within = stops_within.delay + stops_within.drain;
    for (file, key) in [
        ("deploy/systemd/lychgate.service", "\nTimeoutStopSec="),
        ("deploy/compose.yaml", "stop_grace_period: "),
        ("deploy/kubernetes/lychgate/values.yaml", "\nterminationGracePeriodSeconds: "),
        ("deploy/kubernetes/sidecar/lychgate.yaml", " terminationGracePeriodSeconds: "),
    ] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let (_, rest) = text.split_once(key).unwrap_or_else(|| panic!("{file} has no {key:?}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let waits = std::time::Duration::from_secs(digits.parse().unwrap());
        assert!(waits >= stops_within + std::time::Duration::from_secs(5), "{file}: {waits:?}");
    }
}
