//! Reads `*.cases.yaml`, so that a mistake in a case is told with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use cedar_policy::Effect;
use serde::Deserialize;
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::case::{Case, CaseCaller, CaseCertificate, CaseRequest, CaseToken, Expectation};
use crate::policy::error::{Flaw, Place};
use crate::policy::flaws::{Source, nearest};

/// A case as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    token: Option<CaseToken>,
    #[serde(default)]
    anonymous: bool,
    request: Spanned<String>,
    expect: Expectation,
    #[serde(default)]
    by: OneOrMore,
    error: Option<String>,
    #[serde(default, with = "humantime_serde")]
    now: Option<SystemTime>,
    ip: Option<IpAddr>,
    client_certificate: Option<CaseCertificate>,
}

/// The kinds of alternative names that policies see, each as it stands before one.
const KINDS: [&str; 4] = ["dns:", "uri:", "email:", "ip:"];

/// A name, or a list of names.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

/// The cases of files, in their order.
///
/// # Errors
///
/// A file is not YAML, a key is unknown or missing, a value does not fit, or two cases have the same name.
pub(in crate::policy) fn read(sources: &[Source]) -> Result<Vec<Case>, Vec<Flaw>> {
    let mut cases = Vec::new();
    let mut flaws = Vec::new();
    for source in sources {
        match read_file(source) {
            Ok(mut found) => cases.append(&mut found),
            Err(mut found) => flaws.append(&mut found),
        }
    }
    let mut names = BTreeSet::new();
    for case in cases.iter().filter(|case| !names.insert(&case.name)) {
        let flaw = Flaw::new("case-name-duplicate", format!("there is another case `{}`", case.name));
        flaws.push(flaw.help("name what this one shows and the other does not").at(case.place.clone()));
    }
    if flaws.is_empty() { Ok(cases) } else { Err(flaws) }
}

fn read_file(source: &Source) -> Result<Vec<Case>, Vec<Flaw>> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error, strict_booleans: true };
    let written: Vec<Spanned<Written>> =
        serde_saphyr::from_str_with_options(&source.text, options).map_err(|error| vec![unreadable(&error, source)])?;
    let mut cases = Vec::new();
    let mut flaws = Vec::new();
    for written in written {
        let place = place(written.referenced, source);
        match written.value.check(place, source) {
            Ok(case) => cases.push(case),
            Err(flaw) => flaws.push(flaw),
        }
    }
    if flaws.is_empty() { Ok(cases) } else { Err(flaws) }
}

impl Written {
    fn check(self, place: Place, source: &Source) -> Result<Case, Flaw> {
        let flaw = |code, message: &str| Flaw::new(code, format!("case `{}`: {message}", self.name));
        let caller = match (self.token, self.anonymous) {
            (Some(token), false) => CaseCaller::Token(token),
            (None, true) => CaseCaller::Anonymous,
            _ => {
                let flaw = flaw("case-caller", "it has not exactly one of `token` and `anonymous: true`");
                return Err(flaw.help("say who asks").at(place));
            }
        };
        let request = self.request.value.parse::<CaseRequest>().map_err(|message| {
            let flaw = flaw("case-request", message).help("write `GET https://api.example.com/orders/7?page=2`");
            flaw.at(self::place(self.request.referenced, source))
        })?;
        if self.error.is_some() && self.expect == Expectation::Allow {
            let flaw = flaw("case-error", "it expects an error and an allow");
            return Err(flaw.help("an error is always a deny").at(place));
        }
        let kindless = |name: &&String| !KINDS.iter().any(|kind| name.starts_with(kind));
        let names = self.client_certificate.as_ref().map(|certificate| certificate.names.as_slice());
        if let Some(name) = names.unwrap_or_default().iter().find(kindless) {
            let flaw = flaw("case-certificate", &format!("the name `{name}` of its client certificate has no kind"));
            return Err(flaw.help("write `dns:`, `uri:`, `email:` or `ip:` before it, as policies see it").at(place));
        }
        let by = match self.by {
            OneOrMore::One(id) => vec![id],
            OneOrMore::More(ids) => ids,
        };
        let now_millis = self.now.map(millis);
        Ok(Case {
            name: self.name,
            caller,
            request,
            expect: self.expect,
            by,
            error: self.error,
            now_millis,
            ip: self.ip,
            certificate: self.client_certificate,
            place,
        })
    }
}

fn millis(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn place(location: serde_saphyr::Location, source: &Source) -> Place {
    let span = location.span();
    let bytes = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    source.place(bytes(span.byte_offset()), bytes(span.byte_len()))
}

fn unreadable(error: &serde_saphyr::Error, source: &Source) -> Flaw {
    let text = error.without_snippet().to_string();
    // the place says it better
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let place = error.location().map_or_else(|| source.place(0, 0), |location| place(location, source));
    let flaw = Flaw::new("cases-unreadable", message).at(place);
    match near_key(message) {
        Some(key) => flaw.help(format!("did you mean `{key}`?")),
        None => flaw,
    }
}

/// serde names the wrong key first, and then those that it knows.
fn near_key(message: &str) -> Option<String> {
    let (wrong, known) = message.strip_prefix("unknown field `")?.split_once("`, expected one of ")?;
    let known: Vec<String> = known.split(", ").map(str::to_owned).collect();
    nearest(wrong, &known).map(str::to_owned)
}

/// Whether the policies that cases name are there, and of the effect that they are to have.
pub(in crate::policy) fn check_names(cases: &[Case], policies: &BTreeMap<String, Effect>) -> Vec<Flaw> {
    let named = cases.iter().flat_map(|case| case.by.iter().map(move |id| (case, id)));
    named.filter_map(|(case, id)| check_name(case, id, policies)).collect()
}

fn check_name(case: &Case, id: &str, policies: &BTreeMap<String, Effect>) -> Option<Flaw> {
    let flaw = |message: &str| {
        Flaw::new("case-policy", format!("case `{}` names policy `{id}`, {message}", case.name)).at(case.place.clone())
    };
    match (policies.get(id), case.expect) {
        (None, _) => {
            let flaw = flaw("which is not in the bundle");
            Some(match nearest(id, policies.keys()) {
                Some(near) => flaw.help(format!("did you mean `{near}`?")),
                None => flaw.help("name a policy by its `@id`, or by file and line"),
            })
        }
        (Some(Effect::Forbid), Expectation::Allow) => Some(flaw("a `forbid`, for an allow")),
        (Some(Effect::Permit), Expectation::Deny) => Some(flaw("a `permit`, for a deny")),
        _ => None,
    }
}
