//! The private key that a user names for minting: PEM or a private JWK.

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm as JwtAlgorithm, EncodingKey};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::jose::{Algorithm, SigningKey};

/// A key that is ready to mint.
pub(super) struct PrivateKey {
    pub(super) encoding: EncodingKey,
    pub(super) algorithm: JwtAlgorithm,
    pub(super) kid: Option<String>,
    /// The public half as a JWK; not known of a PKCS#1 file.
    pub(super) public: Option<Value>,
}

impl PrivateKey {
    /// Reads the text of a key file, to sign with `alg` or with what the JWK itself names.
    pub(super) fn read(text: &str, alg: Option<&str>) -> anyhow::Result<Self> {
        let jwk = if text.trim_start().starts_with('{') { Some(read_jwk(text)?) } else { None };
        let member = |name: &str| jwk.as_ref().and_then(|jwk| jwk.get(name)).and_then(Value::as_str);
        let name =
            alg.or(member("alg")).ok_or_else(|| anyhow!("`--alg` is needed: the key does not name its algorithm"))?;
        let (algorithm, minted) = known(name)?;
        let wrong = || format!("the key is no private key for `{name}`");
        let key = match &jwk {
            Some(jwk) => Some(SigningKey::from_jwk(algorithm, jwk).with_context(wrong)?),
            None => from_pkcs8_pem(text).and_then(|der| SigningKey::from_pkcs8_for(algorithm, &der).ok()),
        };
        let pem = match &key {
            Some(key) => to_pkcs8_pem(key)?,
            None => Zeroizing::new(text.to_owned()),
        };
        let encoding = match algorithm {
            Algorithm::EdDsa => EncodingKey::from_ed_pem(pem.as_bytes()),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let kid = member("kid").map(str::to_owned);
        let public = key.map(|key| key.public_jwk());
        Ok(Self { encoding: encoding.with_context(wrong)?, algorithm: minted, kid, public })
    }
}

/// The algorithm by both its names. ES512 verifies here, and cannot be minted: `jsonwebtoken` does not have it.
fn known(name: &str) -> anyhow::Result<(Algorithm, JwtAlgorithm)> {
    let Some(algorithm) = Algorithm::from_name(name) else {
        bail!("`{name}` is no algorithm that exists here; none and HMAC never do");
    };
    let minted = algorithm.name().parse();
    Ok((algorithm, minted.map_err(|_| anyhow!("`{name}` can be verified, and not minted"))?))
}

fn read_jwk(text: &str) -> anyhow::Result<Map<String, Value>> {
    serde_json::from_str(text).context("the key is neither PEM nor a JWK")
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

fn from_pkcs8_pem(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let body = Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

fn to_pkcs8_pem(key: &SigningKey) -> anyhow::Result<Zeroizing<String>> {
    let body = Zeroizing::new(STANDARD.encode(&*key.to_pkcs8()?));
    Ok(Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", *body)))
}
