//! `lychgate token mint`: a signed token for tests and development.

use anyhow::Context;
use jsonwebtoken::Header;
use serde_json::{Map, Value, json};

use super::args::MintArgs;
use super::private_key::PrivateKey;
use crate::cli::input;
use crate::cli::report::Failure;
use crate::cli::run::Verdict;
use crate::clock::Clock;

pub(super) fn run(args: &MintArgs, clock: &Clock) -> Result<Verdict, Failure> {
    let minted = mint(args, clock)?;
    if args.json {
        println!("{}", input::shown(&minted.json()));
    } else {
        println!("{}", minted.token);
    }
    Ok(Verdict::Good)
}

pub(super) struct Minted {
    pub(super) token: String,
    header: Header,
    claims: Map<String, Value>,
    public: Option<Value>,
}

pub(super) fn mint(args: &MintArgs, clock: &Clock) -> anyhow::Result<Minted> {
    let key = PrivateKey::read(&input::read(Some(&args.key), "key")?, args.alg.as_deref())?;
    let claims = input::read(Some(&args.claims), "claims")?;
    let mut claims: Map<String, Value> = serde_json::from_str(&claims).context("the claims are no JSON object")?;
    let now = clock.unix_seconds();
    claims.entry("iat").or_insert_with(|| now.into());
    claims.entry("exp").or_insert_with(|| now.saturating_add(args.ttl.as_secs()).into());
    let mut header = Header::new(key.algorithm);
    header.typ = Some(args.typ.clone());
    header.kid = args.kid.clone().or(key.kid);
    let token = jsonwebtoken::encode(&header, &claims, &key.encoding).context("the token could not be signed")?;
    Ok(Minted { token, header, claims, public: key.public })
}

impl Minted {
    pub(super) fn json(&self) -> Value {
        // The set names the key as the token does, so that the two fit together.
        let jwks = self.public.clone().map(|mut key| {
            if let Some(members) = key.as_object_mut() {
                match &self.header.kid {
                    Some(kid) => members.insert("kid".to_owned(), kid.clone().into()),
                    None => members.remove("kid"),
                };
            }
            json!({"keys": [key]})
        });
        json!({"token": self.token, "header": self.header, "claims": self.claims, "jwks": jwks})
    }
}
