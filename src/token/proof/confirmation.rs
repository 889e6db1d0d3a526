//! `cnf`: whom a token is bound to (RFC 7800 section 3.1). What is not understood is refused, never passed over.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::token::claims::Claims;
use crate::token::error::TokenError;

/// Whom a token is bound to; where both are there, both must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The SHA-256 thumbprint of the key whose proofs count (RFC 9449 section 6.1).
    pub(super) key: Option<String>,
    /// The SHA-256 of the certificate of the client's TLS connection (RFC 8705 section 3.1).
    pub(super) certificate: Option<[u8; 32]>,
}

impl Confirmation {
    /// Reads it, where the token has it.
    pub(in crate::token) fn read(claims: &Claims) -> Result<Option<Self>, TokenError> {
        let Some(cnf) = claims.get("cnf") else { return Ok(None) };
        let members = cnf.as_object().filter(|members| !members.is_empty()).ok_or(TokenError::SenderConstraint)?;
        let mut confirmation = Self { key: None, certificate: None };
        for (name, value) in members {
            let hash = hash(value).ok_or(TokenError::SenderConstraint)?;
            match name.as_str() {
                "jkt" => confirmation.key = Some(URL_SAFE_NO_PAD.encode(hash)),
                "x5t#S256" => confirmation.certificate = Some(hash),
                _ => return Err(TokenError::SenderConstraint),
            }
        }
        Ok(Some(confirmation))
    }
}

/// SHA-256 in base64url without padding and without stray bits.
fn hash(value: &Value) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(value.as_str()?).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_constraint_that_nobody_checks_is_refused() {
        let read = |cnf: Value| Confirmation::read(json!({"cnf": cnf}).as_object().unwrap());
        let hash = URL_SAFE_NO_PAD.encode([7; 32]);
        assert!(read(json!({"jkt": hash})).unwrap().unwrap().key.is_some());
        assert_eq!(read(json!({"x5t#S256": hash})).unwrap().unwrap().certificate, Some([7; 32]));
        assert!(read(json!({"x5t#S256": hash, "jkt": hash})).is_ok());
        assert_eq!(Confirmation::read(&Claims::new()).unwrap(), None);
        for cnf in [
            json!(null),
            json!({}),
            json!("x"),
            json!([hash]),
            json!({"jkt": "x"}),
            json!({"jkt": null}),
            json!({"jkt": [hash]}),
            json!({"jkt": format!("{hash}=")}),
            json!({"x5t#S256": URL_SAFE_NO_PAD.encode([7; 20])}),
            json!({"jwk": {}}),
            json!({"kid": "x"}),
            json!({"jkt": hash, "kid": "x"}),
        ] {
            assert_eq!(read(cnf.clone()).unwrap_err(), TokenError::SenderConstraint, "{cnf}");
        }
    }
}
