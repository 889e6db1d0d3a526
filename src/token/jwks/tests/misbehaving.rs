//! Servers that are slow, huge, lead elsewhere, or answer what is no key set: each fetch fails alone, and old keys serve.

use std::time::Duration;

use serde_json::json;

use super::provider::{Provider, Reply, issuer, key_set};

fn padded_to(bytes: usize) -> Vec<u8> {
    let mut document = key_set(&["first"]).to_string().into_bytes();
    document.resize(bytes, b' ');
    document
}

/// The document as gzip would have it, in one stored block.
fn compressed(document: &[u8]) -> Vec<u8> {
    let length = u16::try_from(document.len()).unwrap();
    let mut crc = u32::MAX;
    for byte in document {
        crc = (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 });
    }
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    let tail = [(!crc).to_le_bytes(), u32::from(length).to_le_bytes()].concat();
    [&head[..], &lengths, document, &tail].concat()
}

#[tokio::test]
async fn what_is_no_good_answer_gives_no_keys_and_takes_none_away() {
    let elsewhere = Provider::start(Reply::keys(&["stolen"])).await;
    let packed = compressed(key_set(&["new"]).to_string().as_bytes());
    let moved = |to: &str| Reply::new("302 Found", "").header(&format!("location: {to}"));
    for (name, reply, says) in [
        ("slow", Reply::keys(&["new"]).after(Duration::from_secs(2)), "could not be fetched"),
        ("huge", Reply::new("200 OK", padded_to((1 << 20) + 1)), "larger than 1 MiB"),
        ("another origin", moved(&elsewhere.url()), "redirected to another origin"),
        ("a loop", moved("/keys"), "redirected too often"),
        ("html", Reply::new("200 OK", "<html>sign in</html>").header("content-type: text/html"), "not a JWK Set"),
        ("500", Reply::new("500 Internal Server Error", key_set(&["new"]).to_string()), "answered 500"),
        ("404", Reply::new("404 Not Found", ""), "answered 404"),
        ("204", Reply::new("204 No Content", ""), "answered 204"),
        ("empty set", Reply::new("200 OK", r#"{"keys": []}"#), "no key that could be used"),
        ("no set", Reply::new("200 OK", r#"{"keys": {}}"#), "keys"),
        ("symmetric", Reply::new("200 OK", r#"{"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]}"#), "no key"),
        ("nothing", Reply::new("200 OK", ""), "not a JWK Set"),
        // Never asked for, and never expanded: a small answer stays small.
        ("compressed", Reply::new("200 OK", packed.clone()).header("content-encoding: gzip"), "not a JWK Set"),
        ("compressed in secret", Reply::new("200 OK", packed), "not a JWK Set"),
        ("two names", Reply::new("200 OK", r#"{"keys": [], "keys": []}"#), "not a JWK Set"),
    ] {
        let provider = Provider::start(reply.clone()).await;
        let mut cold = issuer(&provider.url(), &json!({}));
        cold.refresher.fetch_once().await;
        assert!(cold.store.current().is_none(), "{name}");
        let status = cold.store.status();
        let error = status.last_error.unwrap();
        assert!(error.contains(says), "{name}: {error}");
        assert_eq!((status.available, status.keys, status.generation), (false, 0, 0), "{name}");

        provider.answers(Reply::keys(&["first"]));
        let mut warm = issuer(&provider.url(), &json!({}));
        warm.refresher.fetch_once().await;
        provider.answers(reply);
        warm.refresher.fetch_once().await;
        assert!(warm.knows("first"), "{name}");
        assert_eq!((warm.store.status().generation, warm.store.status().last_error.is_some()), (1, true), "{name}");
    }
    assert_eq!(elsewhere.fetches(), 0);
}

#[tokio::test]
async fn the_largest_set_that_is_taken_is_one_mebibyte() {
    let provider = Provider::start(Reply::new("200 OK", padded_to(1 << 20))).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    corp.refresher.fetch_once().await;
    assert!(corp.knows("first"));
}

#[tokio::test]
async fn a_redirect_within_the_origin_is_followed() {
    let provider = Provider::start(Reply::new("307 Temporary Redirect", "").header("location: /moved")).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    corp.refresher.fetch_once().await;
    assert!(corp.knows("moved"));
}

#[tokio::test]
async fn of_more_than_a_hundred_keys_the_first_hundred_serve() {
    let kids: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let kids: Vec<&str> = kids.iter().map(String::as_str).collect();
    let provider = Provider::start(Reply::keys(&kids)).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    corp.refresher.fetch_once().await;
    assert_eq!(corp.store.status().keys, 100);
    assert!(corp.knows("99") && !corp.knows("100"));
}

#[tokio::test]
async fn plain_http_is_for_loopback_alone_unless_the_config_takes_it() {
    let mut corp = issuer("http://192.0.2.1/keys", &json!({}));
    corp.refresher.fetch_once().await;
    assert!(corp.store.status().last_error.unwrap().contains("neither https nor on loopback"));
}
