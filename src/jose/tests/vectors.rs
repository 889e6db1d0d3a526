//! Wycheproof and the IETF JOSE cookbook: read from the folder that `LYCHGATE_VECTORS` names, and never kept here.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::super::jws::Parts;
use super::super::{CompactJws, JoseError, KeySet};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("LYCHGATE_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: LYCHGATE_VECTORS names no folder with `wycheproof` and `ietf-jose-cookbook`");
    }
    folder
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The vectors come with private keys; their public halves are what a verifier would have.
fn public_half(jwk: &Value) -> Value {
    let mut jwk = jwk.clone();
    if let Some(members) = jwk.as_object_mut().filter(|members| members.get("kty") != Some(&json!("oct"))) {
        members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    }
    jwk
}

fn key_set(keys: &Value) -> KeySet {
    let keys = keys.get("keys").cloned().unwrap_or_else(|| json!([keys]));
    let keys: Vec<_> = keys.as_array().unwrap().iter().map(public_half).collect();
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap().0
}

/// What the room says to a JWS of any payload; tokens must have JSON in them besides, which few vectors have.
fn verify(keys: &KeySet, jws: &str) -> Result<(), JoseError> {
    let parts = Parts::read(jws, 16)?;
    let algorithm = parts.header.algorithm.ok_or(JoseError::UnsupportedAlgorithm)?;
    let key = keys.find(parts.header.kid.as_deref(), algorithm).ok_or(JoseError::UnsupportedAlgorithm)?;
    key.verify_bytes(algorithm, parts.signing_input, &parts.signature)
}

/// Why a vector that is valid is still refused here; nothing else may be.
fn stricter(group: &Map<String, Value>, jws: &str) -> Option<&'static str> {
    let key = group.get("public").or_else(|| group.get("private"))?;
    let first = key.get("keys").and_then(|keys| keys.get(0)).unwrap_or(key);
    let text = |name: &str| first.get(name).and_then(Value::as_str).unwrap_or_default();
    let alg = Parts::read(jws, 16).ok().and_then(|parts| parts.header.algorithm);
    match text("alg") {
        _ if jws.split('.').count() == 5 => Some("encrypted tokens are not accepted"),
        _ if text("kty") == "oct" => Some("symmetric keys do not exist here"),
        "ES521" => Some("`ES521` is no registered algorithm"),
        _ if jws.contains("..") => Some("an empty payload is no token"),
        named if alg.is_some_and(|alg| alg.name() != named) => Some("the key's `alg` is another than the token's"),
        _ => None,
    }
}

#[derive(Default)]
struct Counts {
    accepted: usize,
    refused: usize,
    stricter: std::collections::BTreeMap<&'static str, usize>,
}

fn run(file: &Path, counts: &mut Counts) {
    for group in read(file)["testGroups"].as_array().unwrap() {
        let group = group.as_object().unwrap();
        let keys = key_set(group.get("public").or_else(|| group.get("private")).unwrap());
        for test in group["tests"].as_array().unwrap() {
            let name = format!("{} {} {}", file.display(), test["tcId"], test["comment"]);
            // Neither form of JSON serialization is text with two dots.
            let given = test.get("jws").or_else(|| test.get("jwe")).unwrap();
            let jws = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
            let verdict = verify(&keys, &jws);
            let token = CompactJws::parse(&jws, 16);
            assert!(token.is_err() || Parts::read(&jws, 16).is_ok(), "{name}");
            match (test["result"].as_str().unwrap(), verdict) {
                ("valid", Ok(())) => counts.accepted += 1,
                ("valid", Err(error)) => {
                    let reason = stricter(group, &jws);
                    *counts.stricter.entry(reason.unwrap_or_else(|| panic!("{name}: {error}"))).or_default() += 1;
                }
                ("invalid", Err(_)) => counts.refused += 1,
                (expected, verdict) => panic!("{name} is {expected}: {verdict:?}"),
            }
        }
    }
}

#[test]
fn wycheproof_agrees_except_where_we_are_stricter() {
    let Some(folder) = folder().map(|folder| folder.join("wycheproof")) else { return };
    for file in ["json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"] {
        let mut counts = Counts::default();
        run(&folder.join(file), &mut counts);
        println!("{file}: {} accepted, {} refused, stricter: {:?}", counts.accepted, counts.refused, counts.stricter);
        assert!(counts.refused > 20);
    }
}

#[test]
fn the_jose_cookbook_agrees() {
    let Some(folder) = folder().map(|folder| folder.join("ietf-jose-cookbook")) else { return };
    let verdict = |file: &str, alg_of_key: bool| {
        let vector = read(&folder.join(file));
        let key = if alg_of_key { vector["sign"]["input"]["key"].clone() } else { vector["input"]["key"].clone() };
        let output = if alg_of_key { &vector["sign"]["output"] } else { &vector["output"] };
        verify(&key_set(&key), output["compact"].as_str().unwrap_or_default())
    };
    for file in [
        "jws_4_1.rsa_v15_signature.json",
        "jws_4_2.rsa-pss_signature.json",
        "jws_4_3.ecdsa_signature.json",
        "curve25519_jws.json",
    ] {
        assert_eq!(verdict(file, false), Ok(()), "{file}");
    }
    assert_eq!(verdict("6.nesting_signatures_and_encryption.json", true), Ok(()));
    for file in [
        "jws_4_4.hmac-sha2_integrity_protection.json",
        "jws_4_5.signature_with_detached_content.json",
        "jws_4_8.multiple_signatures.json",
        "rfc7797_4.2.hmac-sha2_b64_false.json",
        "rfc7797_hmac-sha2_b64_false.json",
    ] {
        assert!(verdict(file, false).is_err(), "{file}");
    }
    for file in [
        "jwe_5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json",
        "jwe_5_6.direct_encryption_using_aes-gcm.json",
    ] {
        let vector = read(&folder.join(file));
        let refusal = CompactJws::parse(vector["output"]["compact"].as_str().unwrap(), 16).unwrap_err();
        assert_eq!(refusal, JoseError::Encrypted, "{file}");
    }
    for file in ["jwk_3_2.ec_private_key.json", "jwk_3_4.rsa_private_key.json"] {
        let key = read(&folder.join(file));
        assert_eq!(key_set(&key).len(), 1, "{file}");
        let (set, skipped) = KeySet::parse(json!({"keys": [key]}).to_string().as_bytes()).unwrap();
        assert!(set.is_empty(), "{file}");
        assert_eq!(skipped[0].reason, super::super::KeyRejection::Private);
    }
}
