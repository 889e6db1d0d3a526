//! `lychgate token inspect`: header and claims as they stand in a token, which proves nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::args::InspectArgs;
use super::times;
use crate::cli::input;
use crate::cli::report::Failure;
use crate::cli::run::Verdict;
use crate::clock::Clock;
use crate::jose::CompactJws;

/// As deep as the default of `limits.claims_depth`.
const MAX_DEPTH: usize = 16;

pub(super) fn run(args: &InspectArgs, clock: &Clock) -> Result<Verdict, Failure> {
    let text = input::read(args.token.as_deref(), "token")?;
    let token = Inspected::read(text.trim(), clock.unix_seconds());
    if args.json {
        println!("{}", input::shown(&token.json()));
    } else {
        print!("{}", token.text());
    }
    Ok(if token.refusal.is_none() { Verdict::Good } else { Verdict::No })
}

/// A token taken apart as far as it goes.
pub(super) struct Inspected {
    header: Option<Value>,
    claims: Option<Value>,
    times: Vec<(&'static str, String)>,
    /// Why no gateway would read it: code and message.
    refusal: Option<(&'static str, String)>,
}

impl Inspected {
    pub(super) fn read(token: &str, now: u64) -> Self {
        let refusal = CompactJws::parse(token, MAX_DEPTH).err().map(|error| (error.code(), error.to_string()));
        let mut parts = token.split('.');
        let header = parts.next().and_then(part);
        // The second part of a JWE is a key, and no claims.
        let claims = parts.next().and_then(part);
        let times = claims.as_ref().and_then(Value::as_object).map(|claims| times::told(claims, now));
        Self { header, claims, times: times.unwrap_or_default(), refusal }
    }

    pub(super) fn json(&self) -> Value {
        let times: Map<_, _> =
            self.times.iter().map(|(name, says)| ((*name).to_owned(), says.as_str().into())).collect();
        json!({
            "verified": false,
            "readable": self.refusal.is_none(),
            "code": self.refusal.as_ref().map(|(code, _)| code),
            "message": self.refusal.as_ref().map(|(_, message)| message),
            "header": self.header,
            "claims": self.claims,
            "times": times,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            "NOT VERIFIED: anyone can write this; `lychgate token verify` says what a gateway would say".to_owned(),
        ];
        for (name, value) in [("header", &self.header), ("claims", &self.claims)] {
            lines.extend(value.as_ref().map(|value| format!("\n{name}\n{}", input::shown(value))));
        }
        if !self.times.is_empty() {
            lines.push("\ntimes".to_owned());
            lines.extend(self.times.iter().map(|(name, says)| format!("  {name:<9} {says}")));
        }
        lines.extend(self.refusal.as_ref().map(|(code, message)| format!("\nno gateway reads it: {code}: {message}")));
        lines.join("\n") + "\n"
    }
}

fn part(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
