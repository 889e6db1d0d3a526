//! Whom we believe, and what their tokens must say: one trusted issuer with its rules, ready to be asked.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::claims::{self, Claims};
use super::config::{AttributeConfig, AttributeKind, ClaimPathConfig, TrustedIssuerConfig};
use super::error::TokenError;
use super::introspection::Introspector;
use super::jwks::KeyStore;
use super::proof::Confirmation;
use super::tenants::TenantValues;
use super::verify::{Serial, VerifiedToken};
use crate::jose::{Algorithm, Header};

/// A trusted issuer: its keys and the rules for its tokens.
#[derive(Debug)]
pub struct TrustedIssuer {
    name: Arc<str>,
    issuer: Arc<str>,
    keys: Arc<KeyStore>,
    algorithms: Vec<Algorithm>,
    types: Vec<String>,
    audience: Vec<String>,
    client_ids: Vec<String>,
    leeway: u64,
    max_age: Option<u64>,
    require_claims: BTreeMap<String, Value>,
    scope_claims: Vec<ClaimPathConfig>,
    group_claims: Vec<ClaimPathConfig>,
    attributes: BTreeMap<String, AttributeConfig>,
    /// Of one concrete issuer of an issuer with parameters, what each stands for.
    tenant: TenantValues,
    /// What is asked about its tokens, where they are opaque.
    introspector: Option<Arc<Introspector>>,
    /// The same issuer under rules that are tried out and never count.
    shadow: Option<Box<TrustedIssuer>>,
}

impl TrustedIssuer {
    /// Takes the rules from the config. Algorithms that do not exist here are left out; the config's check has refused them.
    #[must_use]
    pub fn new(name: &str, config: &TrustedIssuerConfig, keys: Arc<KeyStore>) -> Self {
        Self {
            name: name.into(),
            issuer: config.issuer.as_str().into(),
            shadow: config.in_shadow().map(|tried| Box::new(Self::new(name, &tried, keys.clone()))),
            keys,
            algorithms: config.algorithms.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
            types: config.types.iter().map(|typ| normal_type(typ).to_ascii_lowercase()).collect(),
            audience: config.audience.clone(),
            client_ids: config.client_ids.clone(),
            leeway: config.leeway.as_secs(),
            max_age: config.max_age.as_ref().map(Duration::as_secs),
            require_claims: config.require_claims.clone(),
            scope_claims: config.scope_claims.clone(),
            group_claims: config.group_claims.clone(),
            attributes: config.attributes.clone(),
            tenant: TenantValues::new(),
            introspector: None,
        }
    }

    /// The same issuer, whose tokens are introspected.
    #[must_use]
    pub fn introspected_by(mut self, introspector: Introspector) -> Self {
        self.introspector = Some(Arc::new(introspector));
        self
    }

    /// What is asked about its tokens, where they are opaque.
    pub(super) fn introspector(&self) -> Option<&Arc<Introspector>> {
        self.introspector.as_ref()
    }

    /// The same issuer as the one of many tenants that has these values.
    #[must_use]
    pub fn of_tenant(mut self, values: &TenantValues) -> Self {
        self.tenant.clone_from(values);
        self
    }

    /// Whether it is one of many tenants under one name.
    pub(super) fn is_tenant(&self) -> bool {
        !self.tenant.is_empty()
    }

    /// Two tenants may have the same `sub`, and share the issuer's name: the tenant goes before it. No value of a parameter
    /// has a `/` or `|`, so that no two pairs of tenant and `sub` give the same text.
    fn whole_subject(&self, subject: &str) -> String {
        if !self.is_tenant() {
            return subject.to_owned();
        }
        let values: Vec<&str> = self.tenant.iter().map(|(_, value)| value.as_str()).collect();
        format!("{}|{subject}", values.join("/"))
    }

    /// Its name in the config.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The oldest `iat` that is accepted, in seconds before now.
    #[must_use]
    pub fn max_age(&self) -> Option<u64> {
        self.max_age
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<KeyStore> {
        &self.keys
    }

    /// Those whom its tokens may be for.
    pub(super) fn audience(&self) -> &[String] {
        &self.audience
    }

    /// The clients that its tokens may be issued to.
    pub(super) fn client_ids(&self) -> &[String] {
        &self.client_ids
    }

    /// The claims that its tokens must have, with their values.
    pub(super) fn required_claims(&self) -> &BTreeMap<String, Value> {
        &self.require_claims
    }

    /// Where its tokens have their scopes.
    pub(super) fn scope_claims(&self) -> &[ClaimPathConfig] {
        &self.scope_claims
    }

    /// Where its tokens have their groups.
    pub(super) fn group_claims(&self) -> &[ClaimPathConfig] {
        &self.group_claims
    }

    /// The header that its tokens would have.
    pub(super) fn usual_header(&self) -> Header {
        Header { algorithm: self.algorithms.first().copied(), kid: None, typ: self.types.first().cloned() }
    }

    /// The same issuer under the rules that are tried out.
    pub(super) fn shadow(&self) -> Option<&Self> {
        self.shadow.as_deref()
    }

    /// RFC 8725 section 3.1: the algorithm must be one that this issuer may use.
    pub(super) fn accepts(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Every rule that depends on the token alone: who it is for, what kind it is, and the type of each claim that is read.
    pub(super) fn read(&self, header: &Header, claims: Claims) -> Result<VerifiedToken, TokenError> {
        let client_id = self.check_rules(header, &claims)?.map(str::to_owned);
        let confirmation = Confirmation::read(&claims)?;
        let expires_at = claims::date(&claims, "exp")?.ok_or_else(|| missing("exp"))?.floor();
        let token = VerifiedToken {
            serial: Serial::next(),
            hash: [0; 32],
            confirmation,
            issuer_name: self.name.clone(),
            issuer: self.issuer.clone(),
            subject: self.whole_subject(subject(&claims)?),
            expires_at,
            not_before: claims::date(&claims, "nbf")?.map(claims::NumericDate::ceil),
            issued_at: claims::date(&claims, "iat")?.map(claims::NumericDate::ceil),
            jti: claims::text(&claims, "jti")?.map(str::to_owned),
            origin_jti: claims::text(&claims, "origin_jti")?.map(str::to_owned),
            username: first_text(&claims, &["cognito:username", "username", "preferred_username"])?,
            email: claims::text(&claims, "email")?.map(str::to_owned),
            email_verified: email_verified(&claims)?,
            client_id,
            scopes: collect(&self.scope_claims, &claims, claims::scopes)?,
            groups: collect(&self.group_claims, &claims, claims::strings)?,
            attributes: self.read_attributes(&claims)?,
            shadow_refusal: None,
            claims,
        };
        Ok(token)
    }

    /// The same of what the issuer itself has said of an opaque token with this hash: it has no header, and needs no signature.
    pub(super) fn read_introspected(&self, claims: Claims, hash: [u8; 32]) -> Result<VerifiedToken, TokenError> {
        let header = self.usual_header();
        let shadow_refusal = self.shadow().and_then(|tried| tried.check_rules(&header, &claims).err());
        Ok(VerifiedToken { hash, shadow_refusal, ..self.read(&header, claims)? })
    }

    /// Every rule that depends on the clock; asked again for each request, also of a token verified a moment ago.
    pub(super) fn check_time(&self, token: &VerifiedToken, now: u64) -> Result<(), TokenError> {
        if now >= token.expires_at.saturating_add(self.leeway) {
            return Err(TokenError::Expired);
        }
        let latest = now.saturating_add(self.leeway);
        if token.not_before.is_some_and(|not_before| not_before > latest) {
            return Err(TokenError::NotYetValid);
        }
        if token.issued_at.is_some_and(|issued_at| issued_at > latest) {
            return Err(TokenError::IssuedInTheFuture);
        }
        let Some(max_age) = self.max_age else { return Ok(()) };
        let issued_at = token.issued_at.ok_or_else(|| missing("iat"))?;
        if now > issued_at.saturating_add(max_age).saturating_add(self.leeway) {
            return Err(TokenError::TooOld);
        }
        Ok(())
    }

    /// The rules that an operator can set about a token of any age: its type, audience, client and required claims. Gives the
    /// client.
    pub(super) fn check_rules<'a>(&self, header: &Header, claims: &'a Claims) -> Result<Option<&'a str>, TokenError> {
        self.check_type(header)?;
        self.check_audience(claims)?;
        let client = self.check_client(claims)?;
        self.check_required(claims)?;
        Ok(client)
    }

    /// RFC 8725 section 3.11: a token made for another purpose is not an access token.
    fn check_type(&self, header: &Header) -> Result<(), TokenError> {
        let typ = header.typ.as_deref().map_or("jwt", normal_type);
        let accepted = self.types.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ));
        if accepted { Ok(()) } else { Err(TokenError::WrongType) }
    }

    /// RFC 7519 section 4.1.3. Where `client_ids` say who may call, `aud` may be absent, as in Cognito's access tokens.
    fn check_audience(&self, claims: &Claims) -> Result<(), TokenError> {
        let claim = claims.get("aud");
        let audience = claims::strings(claim).ok_or_else(|| TokenError::ClaimType("aud".to_owned()))?;
        if self.audience.is_empty() || (claim.is_none() && !self.client_ids.is_empty()) {
            return Ok(());
        }
        if claim.is_none() {
            return Err(missing("aud"));
        }
        let ours = audience.iter().any(|member| self.audience.iter().any(|ours| ours == member));
        if ours { Ok(()) } else { Err(TokenError::WrongAudience) }
    }

    /// Whoever the token says it was issued to must be one of `client_ids`: every claim that says so, and at least one.
    fn check_client<'a>(&self, claims: &'a Claims) -> Result<Option<&'a str>, TokenError> {
        let client_id = claims::text(claims, "client_id")?;
        let authorized_party = claims::text(claims, "azp")?;
        let client = client_id.or(authorized_party);
        if self.client_ids.is_empty() {
            return Ok(client);
        }
        let known = |client: &str| self.client_ids.iter().any(|known| known == client);
        if client.is_none() {
            return Err(missing("client_id"));
        }
        if client_id.is_some_and(|client| !known(client)) || authorized_party.is_some_and(|client| !known(client)) {
            return Err(TokenError::WrongClient);
        }
        Ok(client)
    }

    fn check_required(&self, claims: &Claims) -> Result<(), TokenError> {
        for (name, wanted) in &self.require_claims {
            match claims.get(name) {
                None => return Err(missing(name)),
                Some(value) if value != wanted => return Err(TokenError::RequiredClaim(name.clone())),
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn read_attributes(&self, claims: &Claims) -> Result<BTreeMap<String, Attribute>, TokenError> {
        let tenant = self.tenant.iter().map(|(name, value)| (name.clone(), Attribute::String(value.clone())));
        let mut attributes: BTreeMap<_, _> = tenant.collect();
        for (name, config) in &self.attributes {
            if let Some(value) = config.claim.find(claims)? {
                attributes.insert(name.clone(), Attribute::read(value, config)?);
            }
        }
        Ok(attributes)
    }
}

/// A claim that policies may read, of the type that the config gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A string.
    String(String),
    /// An integer of 64 bits.
    Long(i64),
    /// True or false.
    Bool(bool),
    /// A set of strings.
    StringSet(Vec<String>),
}

impl Attribute {
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::StringSet(members) => members.iter().map(|member| member.len() + 32).sum(),
            Self::Long(_) | Self::Bool(_) => 0,
        }
    }

    fn read(value: &Value, config: &AttributeConfig) -> Result<Self, TokenError> {
        let wrong = || TokenError::ClaimType(config.claim.name());
        match config.kind {
            AttributeKind::String => value.as_str().map(|text| Self::String(text.to_owned())).ok_or_else(wrong),
            AttributeKind::Long => value.as_i64().map(Self::Long).ok_or_else(wrong),
            AttributeKind::Bool => value.as_bool().map(Self::Bool).ok_or_else(wrong),
            AttributeKind::StringSet if value.is_array() => {
                let members = claims::strings(Some(value)).ok_or_else(wrong)?;
                Ok(Self::StringSet(members.into_iter().map(str::to_owned).collect()))
            }
            AttributeKind::StringSet => Err(wrong()),
        }
    }
}

/// RFC 7515 section 4.1.9: `application/` may be left out of a media type.
fn normal_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}

/// The one name that reaches the upstream: never empty, and never two spellings of what a reader sees as one name.
fn subject(claims: &Claims) -> Result<&str, TokenError> {
    let subject = claims::text(claims, "sub")?.ok_or_else(|| missing("sub"))?;
    let is_plain = subject.bytes().all(|byte| byte.is_ascii_graphic());
    if subject.is_empty() || !is_plain && (subject.trim() != subject || subject.chars().any(is_unseen)) {
        return Err(TokenError::InvalidSubject);
    }
    Ok(subject)
}

/// Control characters, line separators, and what has no width or turns text round: two names that look like one.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

fn first_text(claims: &Claims, names: &[&str]) -> Result<Option<String>, TokenError> {
    let mut first = None;
    for name in names {
        let value = claims::text(claims, name)?;
        first = first.or(value);
    }
    Ok(first.map(str::to_owned))
}

/// OpenID Connect Core section 5.1 has a boolean; some issuers write it as a string, which means the same.
fn email_verified(claims: &Claims) -> Result<Option<bool>, TokenError> {
    match claims.get("email_verified") {
        None => Ok(None),
        Some(Value::Bool(verified)) => Ok(Some(*verified)),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(_) => Err(TokenError::ClaimType("email_verified".to_owned())),
    }
}

/// So many are compared with each other sooner than hashed.
const FEW: usize = 8;

type ReadStrings = fn(Option<&Value>) -> Option<Vec<&str>>;

/// What all of these claims hold together, each once.
fn collect(paths: &[ClaimPathConfig], claims: &Claims, read: ReadStrings) -> Result<Vec<String>, TokenError> {
    let mut all: Vec<&str> = Vec::new();
    for path in paths {
        let mut members = read(path.find(claims)?).ok_or_else(|| TokenError::ClaimType(path.name()))?;
        if all.is_empty() { all = members } else { all.append(&mut members) }
    }
    keep_each_once(&mut all);
    Ok(all.into_iter().map(str::to_owned).collect())
}

fn keep_each_once(all: &mut Vec<&str>) {
    if all.len() > FEW {
        // A token may name hundreds: looking each up among all the others would cost their square.
        let mut met = HashSet::with_capacity(all.len());
        return all.retain(|member| met.insert(*member));
    }
    let mut at = 1;
    while let Some((member, before)) = all.get(..=at).and_then(<[&str]>::split_last) {
        if before.contains(member) {
            all.remove(at);
        } else {
            at += 1;
        }
    }
}

fn missing(name: &str) -> TokenError {
    TokenError::MissingClaim(name.to_owned())
}
