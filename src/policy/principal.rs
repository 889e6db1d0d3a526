//! Who asks: a verified token's user with its groups and attributes, or nobody in particular.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use cedar_policy::{Entities, Entity, EntityUid, RestrictedExpression};

use super::error::PolicyError;
use super::schema::{AttributeType, Names, check_issuer_name, is_built_in};
use super::standing::Standings;

/// What a verified token says of its user.
#[derive(Clone, Default)]
pub struct User<'a> {
    /// The name that the config gives to the token's issuer.
    pub issuer: &'a str,
    /// The token's `sub`.
    pub sub: &'a str,
    /// The user's groups, as the issuer names them.
    pub groups: &'a [String],
    /// The token's scopes.
    pub scopes: &'a [String],
    /// The user's name, if the token says one.
    pub username: Option<&'a str>,
    /// The user's e-mail address, if the token says one.
    pub email: Option<&'a str>,
    /// Whether the address was verified, if the token says so.
    pub email_verified: Option<bool>,
    /// The client that the token was issued to, if the token says one.
    pub client_id: Option<&'a str>,
    /// The configured attributes that the token carries.
    pub attributes: BTreeMap<String, AttributeValue>,
}

/// The value of a configured attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// Cedar's `String`.
    String(String),
    /// Cedar's `Long`.
    Long(i64),
    /// Cedar's `Bool`.
    Bool(bool),
    /// Cedar's `Set<String>`.
    StringSet(Vec<String>),
}

/// Who asks. Built once for a verified token; cheap to clone and to share between threads.
#[derive(Clone)]
pub struct Principal(Option<Arc<Identity>>);

/// A user as Cedar knows it.
pub(super) struct Identity {
    /// The user's id.
    pub(super) uid: EntityUid,
    /// The ids of its groups.
    pub(super) groups: Vec<EntityUid>,
    /// The configured attributes that it has, with their types.
    pub(super) attributes: BTreeMap<String, AttributeType>,
    /// About how many bytes of text there are in it.
    text_bytes: usize,
    /// The user with its attributes, as the only entity.
    pub(super) entities: Entities,
    /// What the user is to the bundles and targets that it was asked about.
    pub(super) standings: Standings,
}

/// Says nothing of who it is: claims belong in no log.
impl fmt::Debug for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Principal(user)" } else { "Principal(anonymous)" })
    }
}

impl Principal {
    /// The user of a verified token.
    ///
    /// # Errors
    ///
    /// The issuer's name has a `|`, or an attribute takes the name of a built-in one.
    pub fn user(user: User<'_>) -> Result<Self, PolicyError> {
        check_issuer_name(user.issuer)?;
        if let Some(name) = user.attributes.keys().find(|name| is_built_in(name)) {
            return Err(PolicyError::UserAttribute { name: name.clone() });
        }
        let names = Names::parsed()?;
        let uid = names.user(user.issuer, user.sub);
        let groups: HashSet<EntityUid> = user.groups.iter().map(|group| names.group(user.issuer, group)).collect();
        let listed = groups.iter().cloned().collect();
        let kinds = user.attributes.iter().map(|(name, value)| (name.clone(), value.kind())).collect();
        let text_bytes = user.text_bytes();
        let entity = Entity::new(uid.clone(), attributes(user), groups)
            .map_err(|error| PolicyError::UserAttribute { name: error.attr().to_string() })?;
        let entities = Entities::from_entities([entity], None).map_err(|_| PolicyError::EntityTypes)?;
        Ok(Self(Some(Arc::new(Identity {
            uid,
            groups: listed,
            attributes: kinds,
            text_bytes,
            entities,
            standings: Standings::default(),
        }))))
    }

    /// Whoever comes without a token.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(None)
    }

    /// How many groups and attributes it has, for whoever bounds how many principals are kept.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.0.as_ref().map_or(0, |identity| identity.groups.len() + identity.attributes.len())
    }

    /// About how many bytes of text it holds.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |identity| identity.text_bytes)
    }

    /// The user; none for the anonymous principal.
    pub(super) fn identity(&self) -> Option<&Arc<Identity>> {
        self.0.as_ref()
    }
}

fn attributes(user: User<'_>) -> HashMap<String, RestrictedExpression> {
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let required = [("issuer", text(user.issuer)), ("sub", text(user.sub)), ("scopes", string_set(user.scopes))];
    let optional = [
        ("username", user.username.map(text)),
        ("email", user.email.map(text)),
        ("email_verified", user.email_verified.map(RestrictedExpression::new_bool)),
        ("client_id", user.client_id.map(text)),
    ];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let built_in = required.into_iter().chain(optional).map(|(name, value)| (name.to_owned(), value));
    let configured = user.attributes.into_iter().map(|(name, value)| (name, value.into_cedar()));
    built_in.chain(configured).collect()
}

/// A Cedar set of strings.
pub(super) fn string_set(members: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(members.iter().cloned().map(RestrictedExpression::new_string))
}

impl User<'_> {
    fn text_bytes(&self) -> usize {
        let optional = [self.username, self.email, self.client_id];
        let optional: usize = optional.into_iter().flatten().map(str::len).sum();
        let lists: usize = self.groups.iter().chain(self.scopes).map(|text| text.len() + 64).sum();
        let attributes: usize = self.attributes.iter().map(|(name, value)| name.len() + value.text_bytes()).sum();
        self.sub.len() + optional + lists + attributes
    }
}

impl AttributeValue {
    fn text_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::StringSet(members) => members.iter().map(|member| member.len() + 64).sum(),
            Self::Long(_) | Self::Bool(_) => 0,
        }
    }

    fn kind(&self) -> AttributeType {
        match self {
            Self::String(_) => AttributeType::String,
            Self::Long(_) => AttributeType::Long,
            Self::Bool(_) => AttributeType::Bool,
            Self::StringSet(_) => AttributeType::StringSet,
        }
    }

    fn into_cedar(self) -> RestrictedExpression {
        match self {
            Self::String(text) => RestrictedExpression::new_string(text),
            Self::Long(number) => RestrictedExpression::new_long(number),
            Self::Bool(truth) => RestrictedExpression::new_bool(truth),
            Self::StringSet(members) => string_set(&members),
        }
    }
}
