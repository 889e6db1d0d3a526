//! Ten algorithms, and everything that is nearly a signature of them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
};
use serde_json::{Map, Value, json};

use super::super::{Algorithm, JoseError, PublicKey, SigningKey};
use super::crafted::{CRAFTED, MODULUS};
use super::support::{decode, encode, public_key, signing_key, token, verify};

fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// The token with another signature.
fn signed_by(token: &str, signature: &[u8]) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, encode(signature))
}

#[test]
fn a_signature_verifies_and_no_flipped_bit_does() {
    for algorithm in Algorithm::ALL {
        let key = signing_key(algorithm);
        let public = public_key(&key);
        let good = key.sign(&json!({"sub": "alice"})).unwrap();
        assert_eq!(verify(&public, &good), Ok(()), "{algorithm}");
        let [header, claims, signature] = parts(&good).map(decode);
        for place in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[place] ^= 1 << (place % 8);
            assert_eq!(
                verify(&public, &signed_by(&good, &flipped)),
                Err(JoseError::BadSignature),
                "{algorithm} {place}"
            );
        }
        for place in 0..header.len() + claims.len() {
            let mut flipped = [&header[..], &claims[..]].concat();
            flipped[place] ^= 1 << (place % 8);
            let (header, claims) = flipped.split_at(header.len());
            let forged = format!("{}.{}.{}", encode(header), encode(claims), encode(&signature));
            assert!(verify(&public, &forged).is_err(), "{algorithm} {place}");
        }
    }
}

#[test]
fn a_signature_has_one_length() {
    for algorithm in Algorithm::ALL {
        let key = signing_key(algorithm);
        let public = public_key(&key);
        let good = key.sign(&json!({"sub": "alice"})).unwrap();
        let signature = decode(parts(&good)[2]);
        let length = signature.len();
        let half = length / 2;
        let wrong = [
            signature[..length - 1].to_vec(),
            signature[1..].to_vec(),
            signature[..1].to_vec(),
            signature[..half].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            // r and s at one length more, which some readers strip again
            [&[0], &signature[..half], &[0], &signature[half..]].concat(),
            [&signature[..], &signature[..]].concat(),
            vec![0; length],
            vec![0xff; length],
            vec![0; 100_000],
        ];
        for signature in wrong {
            assert_eq!(verify(&public, &signed_by(&good, &signature)), Err(JoseError::BadSignature), "{algorithm}");
        }
    }
}

#[test]
fn an_ecdsa_signature_is_r_and_s_and_never_der() {
    let kinds: [(Algorithm, &EcdsaSigningAlgorithm); 2] =
        [(Algorithm::Es256, &ECDSA_P256_SHA256_ASN1_SIGNING), (Algorithm::Es384, &ECDSA_P384_SHA384_ASN1_SIGNING)];
    for (algorithm, signing) in kinds {
        let key = signing_key(algorithm);
        let good = key.sign(&json!({})).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(signing, &key.to_pkcs8().unwrap()).unwrap();
        for _ in 0..20 {
            let der = pair.sign(&SystemRandom::new(), good.rsplit_once('.').unwrap().0.as_bytes()).unwrap();
            assert_eq!(verify(&public_key(&key), &signed_by(&good, der.as_ref())), Err(JoseError::BadSignature));
        }
    }
}

/// CVE-2022-21449: zeros verified for every message and every key.
#[test]
fn r_and_s_lie_between_zero_and_the_order() {
    let orders = [
        (Algorithm::Es256, "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE"),
        (Algorithm::Es384, "________________________________x2NNgfQ3Ld9YGg2ySLCneuzsGWrMxSlz"),
        (Algorithm::Es512, "Af__________________________________________-lGGh4O_L5Zrf8wBSPcJpdA7tcm4iZxHrrtvtx6ROGQJ"),
    ];
    for (algorithm, order) in orders {
        let key = signing_key(algorithm);
        let good = key.sign(&json!({})).unwrap();
        let signature = decode(parts(&good)[2]);
        let (r, s) = signature.split_at(signature.len() / 2);
        let order = decode(order);
        assert_eq!(order.len(), r.len(), "{algorithm}");
        let zero = vec![0; order.len()];
        let mut one = zero.clone();
        *one.last_mut().unwrap() = 1;
        let pairs = [(&zero[..], &zero[..]), (&zero, s), (r, &zero), (&order, s), (r, &order), (&order, &order)];
        for (r, s) in pairs.into_iter().chain([(&one[..], &one[..]), (&zero, &one), (&one, &zero), (s, r)]) {
            let forged = signed_by(&good, &[r, s].concat());
            assert_eq!(verify(&public_key(&key), &forged), Err(JoseError::BadSignature), "{algorithm}");
        }
    }
}

/// RFC 8032 section 5.1.7: S is below the group order L, so that a signature has one text.
#[test]
fn an_ed25519_signature_is_reduced() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = signing_key(Algorithm::EdDsa);
    let good = key.sign(&json!({})).unwrap();
    let mut signature = decode(parts(&good)[2]);
    let mut carry = 0;
    for (byte, added) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(added) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(carry, 0);
    assert_eq!(verify(&public_key(&key), &signed_by(&good, &signature)), Err(JoseError::BadSignature));
    // a point of low order as R, and S of zero
    for first in [0, 1] {
        let mut forged = vec![0; 64];
        forged[0] = first;
        assert_eq!(verify(&public_key(&key), &signed_by(&good, &forged)), Err(JoseError::BadSignature));
    }
}

/// Paddings, digests and salts that a lenient reader would take; each kind has one that verifies, so the others prove something.
#[test]
fn an_rsa_signature_is_encoded_in_one_way() {
    let jwk = json!({"kty": "RSA", "n": MODULUS, "e": "AQAB"});
    let key = PublicKey::from_jwk(jwk.as_object().unwrap()).unwrap();
    for crafted in CRAFTED {
        let header = format!(r#"{{"alg":"{}"}}"#, crafted.algorithm);
        let token = token(&header, r#"{"sub":"alice"}"#, &decode(crafted.signature));
        let expected = if crafted.verifies { Ok(()) } else { Err(JoseError::BadSignature) };
        assert_eq!(verify(&key, &token), expected, "{} {}", crafted.algorithm, crafted.what);
    }
}

/// Signed with the key of `signer`, named as `named`.
fn confused(signer: &SigningKey, named: &str) -> String {
    let input = format!("{}.{}", encode(format!(r#"{{"alg":"{named}"}}"#)), encode(r#"{"sub":"alice"}"#));
    format!("{input}.{}", encode(signer.sign_bytes(input.as_bytes())))
}

#[test]
fn the_algorithm_is_the_keys_and_not_the_tokens() {
    for signer in Algorithm::ALL {
        let key = signing_key(signer);
        let bound = public_key(&key);
        let mut unbound = key.public_jwk().as_object().unwrap().clone();
        unbound.remove("alg");
        let unbound = PublicKey::from_jwk(&unbound).unwrap();
        for named in Algorithm::ALL.into_iter().filter(|named| *named != signer) {
            let token = confused(&key, named.name());
            assert_eq!(verify(&bound, &token), Err(JoseError::UnsupportedAlgorithm), "{signer} as {named}");
            let refusal = verify(&unbound, &token).unwrap_err();
            let fits = unbound.fits(named);
            let expected = if fits { JoseError::BadSignature } else { JoseError::UnsupportedAlgorithm };
            assert_eq!(refusal, expected, "{signer} as {named}");
        }
    }
}

/// CVE-2026-39999 and many before it: a public key used as the secret of an HMAC.
#[test]
fn a_public_key_is_no_secret() {
    let key = signing_key(Algorithm::Rs256);
    let jwk = key.public_jwk();
    let der = decode(jwk["n"].as_str().unwrap());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", encode(&der));
    let secrets = [der.clone(), pem.into_bytes(), jwk.to_string().into_bytes(), encode(&der).into_bytes(), Vec::new()];
    for secret in secrets {
        for name in ["HS256", "HS384", "HS512", "hs256"] {
            let input = format!("{}.e30", encode(format!(r#"{{"alg":"{name}"}}"#)));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
            let forged = format!("{input}.{}", encode(tag));
            assert_eq!(verify(&public_key(&key), &forged), Err(JoseError::UnsupportedAlgorithm));
        }
    }
}

#[test]
fn no_algorithm_no_signature() {
    let key = signing_key(Algorithm::Es256);
    let public = public_key(&key);
    let hash = digest(&SHA256, b"x");
    for name in ["none", "None", "NONE", "nOnE", "none ", "", "null", "ES256 ", "es256", "ES256\\u0000", "SHA256"] {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        let unsigned = format!("{}.e30.", encode(&header));
        assert_eq!(verify(&public, &unsigned).unwrap_err().code(), "malformed-token", "{name}");
        for signature in [&[0][..], &[0; 64], hash.as_ref()] {
            let signed = token(&header, "{}", signature);
            assert_eq!(verify(&public, &signed), Err(JoseError::UnsupportedAlgorithm), "{name}");
        }
        assert_eq!(verify(&public, &confused(&key, name)), Err(JoseError::UnsupportedAlgorithm), "{name}");
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#, r#"{"alg":{"ES256":1}}"#, r#"{"ALG":"ES256"}"#] {
        let input = format!("{}.e30", encode(header));
        let signed = format!("{input}.{}", encode(key.sign_bytes(input.as_bytes())));
        assert_eq!(verify(&public, &signed).unwrap_err().code(), "malformed-token", "{header}");
    }
}

#[test]
fn keys_that_a_token_brings_are_never_used() {
    let (ours, theirs) = (signing_key(Algorithm::Es256), signing_key(Algorithm::Es256));
    let brought = [
        ("jwk", theirs.public_jwk()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/key.pem")),
        ("x5c", json!(["AAAA"])),
    ];
    for (name, value) in brought {
        let header: Map<String, Value> = [(name.to_owned(), value)].into_iter().collect();
        let forged = theirs.sign_with(&header, &json!({})).unwrap();
        assert_eq!(verify(&public_key(&ours), &forged), Err(JoseError::BadSignature), "{name}");
        let genuine = ours.sign_with(&header, &json!({})).unwrap();
        assert_eq!(verify(&public_key(&ours), &genuine), Ok(()), "{name} is left alone");
    }
}

#[test]
fn a_critical_extension_is_refused_even_where_the_signature_verifies() {
    let key = signing_key(Algorithm::EdDsa);
    for critical in [json!(["exp"]), json!([]), json!(["b64"]), json!("b64"), json!(null), json!([1]), json!({})] {
        let header = json!({"crit": critical, "b64": true});
        let token = key.sign_with(header.as_object().unwrap(), &json!({})).unwrap();
        assert_eq!(verify(&public_key(&key), &token), Err(JoseError::CriticalHeader), "{header}");
    }
    for odd in [json!({"b64": false}), json!({"b64": null}), json!({"zip": "DEF"}), json!({"zip": null})] {
        let token = key.sign_with(odd.as_object().unwrap(), &json!({})).unwrap();
        assert_eq!(verify(&public_key(&key), &token).unwrap_err().code(), "malformed-token", "{odd}");
    }
}
