//! Keys that were kept on disk: they serve a cold start during an outage, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::provider::{Issuer, Provider, Reply, issuer, key_set};
use crate::token::jwks::fetch::KeyOrigin;

const TIMES: &str = r#"{"refresh": {"every": "10m", "stale_for": "1h", "timeout": "500ms"}}"#;

fn keeping(url: &str, directory: &Path) -> Issuer {
    let corp = issuer(url, &serde_json::from_str::<Value>(TIMES).unwrap());
    let refresher = corp.refresher.with_cache_directory(directory);
    Issuer { refresher, ..corp }
}

/// A folder with the file of an issuer that was fetched once and is now down.
async fn kept() -> (Provider, TempDir, PathBuf) {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let folder = tempfile::tempdir().unwrap();
    keeping(&provider.url(), folder.path()).refresher.fetch_once().await;
    provider.goes_down();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    (provider, folder, file.clone())
}

#[tokio::test]
async fn a_cold_start_during_an_outage_serves_with_the_kept_keys() {
    let (provider, folder, _) = kept().await;
    let mut corp = keeping(&provider.url(), folder.path());
    corp.clock.advance(Duration::from_mins(50));
    assert!(corp.store.current().is_none());
    corp.refresher.fetch_once().await;
    assert!(corp.knows("first"));
    let status = corp.store.status();
    assert_eq!((status.origin, status.age, status.available), (Some(KeyOrigin::Disk), Some(3000), true));
    assert!(status.last_error.is_some(), "the outage is not hidden");
    corp.clock.advance(Duration::from_mins(10));
    assert!(corp.knows("first"));
    corp.clock.advance(Duration::from_secs(1));
    assert!(corp.store.current().is_none(), "`stale_for` counts from when they were fetched");
    provider.answers(Reply::keys(&["first"]));
    corp.refresher.fetch_once().await;
    assert_eq!(corp.store.status().origin, Some(KeyOrigin::Network));
    assert_eq!(corp.store.status().generation, 1, "the same document");
}

#[tokio::test]
async fn an_issuer_that_answers_is_believed_and_not_the_disk() {
    let (provider, folder, _) = kept().await;
    provider.answers(Reply::keys(&["second"]));
    let mut corp = keeping(&provider.url(), folder.path());
    corp.refresher.fetch_once().await;
    assert!(corp.knows("second") && !corp.knows("first"));
    // What was fetched last is what is kept.
    provider.goes_down();
    corp.refresher.fetch_once().await;
    assert_eq!(corp.store.status().origin, Some(KeyOrigin::Network));
    let mut later = keeping(&provider.url(), folder.path());
    later.refresher.fetch_once().await;
    assert!(later.knows("second") && !later.knows("first"));
}

#[tokio::test]
async fn keys_older_than_stale_for_are_not_taken_from_the_disk() {
    let (provider, folder, _) = kept().await;
    let mut corp = keeping(&provider.url(), folder.path());
    corp.clock.advance(Duration::from_secs(3601));
    corp.refresher.fetch_once().await;
    assert!(corp.store.current().is_none());
    assert_eq!(corp.store.status().generation, 0);
}

#[tokio::test]
async fn a_broken_or_foreign_file_is_ignored() {
    let (provider, folder, file) = kept().await;
    let good = fs::read(&file).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let replace = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replace(from, to).into_bytes()
    };
    let fetched_at = super::provider::START * 1000;
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("cut off", good[..good.len() - 1].to_vec()),
        ("head alone", text.lines().next().unwrap().as_bytes().to_vec()),
        ("no head", key_set(&["first"]).to_string().into_bytes()),
        ("other bytes", vec![0xff; 100]),
        ("another key", replace("\"kid\":\"first\"", "\"kid\":\"other\"")),
        ("another issuer", replace("\"issuer\":\"corp\"", "\"issuer\":\"partner\"")),
        ("another url", replace("/keys\"", "/other\"")),
        ("one more member", replace("{\"issuer\":\"corp\"", "{\"more\":1,\"issuer\":\"corp\"")),
        ("from the future", replace(&fetched_at.to_string(), &(fetched_at + 1).to_string())),
        ("huge", [good.clone(), vec![b' '; 2 << 20]].concat()),
    ] {
        fs::write(&file, bytes).unwrap();
        let mut corp = keeping(&provider.url(), folder.path());
        corp.refresher.fetch_once().await;
        assert!(corp.store.current().is_none(), "{name}");
    }
    fs::write(&file, good).unwrap();
    let mut corp = keeping(&provider.url(), folder.path());
    corp.refresher.fetch_once().await;
    assert!(corp.knows("first"));
}

#[tokio::test]
async fn a_file_that_others_can_write_or_that_is_a_link_is_ignored() {
    let (provider, folder, file) = kept().await;
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let mut corp = keeping(&provider.url(), folder.path());
        corp.refresher.fetch_once().await;
        assert!(corp.store.current().is_none(), "{mode:o}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    let mut corp = keeping(&provider.url(), folder.path());
    corp.refresher.fetch_once().await;
    assert!(corp.store.current().is_none());
}

#[tokio::test]
async fn a_set_without_a_good_key_is_no_better_from_the_disk() {
    let (provider, folder, _) = kept().await;
    let document = br#"{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]}"#;
    let file = crate::token::jwks::disk::KeyFile::new(folder.path(), "corp", &provider.url());
    file.write(document, super::provider::START * 1000).unwrap();
    let mut corp = keeping(&provider.url(), folder.path());
    corp.refresher.fetch_once().await;
    assert!(corp.store.current().is_none());
}

#[tokio::test]
async fn the_file_is_private_named_by_a_digest_and_its_folder_is_made() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("a/b");
    keeping(&provider.url(), &directory).refresher.fetch_once().await;
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 1, "no temporary file stays");
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    let name = files[0].file_name().into_string().unwrap();
    let digest = name.strip_suffix(".jwks").unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_no_keys() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let mut corp = keeping(&provider.url(), &file);
    corp.refresher.fetch_once().await;
    assert!(corp.knows("first"));
}

#[tokio::test]
async fn keys_that_are_on_this_machine_already_are_not_kept() {
    use crate::telemetry::Metrics;
    use crate::token::jwks::{Fetcher, KeySource, Refresher};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("set.json");
    fs::write(&file, key_set(&["first"]).to_string()).unwrap();
    let cache = folder.path().join("cache");
    for source in [KeySource::File(file), KeySource::Inline(key_set(&["first"]).to_string().into_bytes())] {
        let corp = issuer("http://127.0.0.1:1/", &json!({}));
        let fetcher = Fetcher::new(source, &super::provider::trust(&json!({}))).unwrap();
        let metrics = Metrics::new().unwrap().issuer("corp");
        let refresher = Refresher::new("corp".into(), corp.store.clone(), fetcher, metrics);
        refresher.with_cache_directory(&cache).fetch_once().await;
        assert!(corp.store.current().is_some());
    }
    assert!(!cache.exists());
}
