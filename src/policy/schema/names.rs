//! The names of entities: how issuers, groups, routes and upstreams are called in Cedar.

use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

use crate::policy::error::PolicyError;

/// The entity types of the schema.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Names {
    user: EntityTypeName,
    group: EntityTypeName,
    anonymous: EntityTypeName,
    service: EntityTypeName,
    action: EntityTypeName,
}

static NAMES: LazyLock<Option<Names>> = LazyLock::new(|| {
    let type_name = |name: &str| name.parse::<EntityTypeName>().ok();
    Some(Names {
        user: type_name("User")?,
        group: type_name("Group")?,
        anonymous: type_name("Anonymous")?,
        service: type_name("Service")?,
        action: type_name("Action")?,
    })
});

impl Names {
    /// The names, parsed once.
    ///
    /// # Errors
    ///
    /// Cedar no longer takes one of the five as a type's name.
    pub(in crate::policy) fn parsed() -> Result<&'static Self, PolicyError> {
        NAMES.as_ref().ok_or(PolicyError::EntityTypes)
    }

    /// `User::"corp|alice"`: the issuer stands in the id, so that two issuers never share a user.
    pub(in crate::policy) fn user(&self, issuer: &str, sub: &str) -> EntityUid {
        uid(&self.user, &format!("{issuer}|{sub}"))
    }

    /// `Group::"corp|sales"`: one issuer's group never counts for another.
    pub(in crate::policy) fn group(&self, issuer: &str, group: &str) -> EntityUid {
        uid(&self.group, &format!("{issuer}|{group}"))
    }

    /// A group by its whole id, `corp|sales`.
    pub(in crate::policy) fn group_of(&self, id: &str) -> EntityUid {
        uid(&self.group, id)
    }

    /// A user by its whole id, `corp|alice`.
    pub(in crate::policy) fn user_of(&self, id: &str) -> EntityUid {
        uid(&self.user, id)
    }

    /// `Anonymous::"anonymous"`.
    pub(in crate::policy) fn anonymous(&self) -> EntityUid {
        uid(&self.anonymous, "anonymous")
    }

    /// `Service::"orders"`.
    pub(in crate::policy) fn service(&self, upstream: &str) -> EntityUid {
        uid(&self.service, upstream)
    }

    /// `Action::"read-orders"`.
    pub(in crate::policy) fn action(&self, id: &str) -> EntityUid {
        uid(&self.action, id)
    }

    /// The issuer that an entity of a policy names, if entities of its type name one: what stands before the bar, or all of it.
    pub(in crate::policy) fn issuer_of<'a>(&self, entity: &'a EntityUid) -> Option<&'a str> {
        let names_issuer = *entity.type_name() == self.user || *entity.type_name() == self.group;
        let id = entity.id().unescaped();
        names_issuer.then(|| id.split_once('|').map_or(id, |(issuer, _)| issuer))
    }

    /// Whether an entity whose id begins with an issuer has nothing after it.
    pub(in crate::policy) fn is_nameless(&self, entity: &EntityUid) -> bool {
        let bears_issuer = self.issuer_of(entity).is_some();
        bears_issuer && entity.id().unescaped().split_once('|').is_none_or(|(_, name)| name.is_empty())
    }

    /// The upstream that an entity stands for, if it is a service.
    pub(in crate::policy) fn service_of<'a>(&self, entity: &'a EntityUid) -> Option<&'a str> {
        (*entity.type_name() == self.service).then(|| entity.id().unescaped())
    }
}

fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}
