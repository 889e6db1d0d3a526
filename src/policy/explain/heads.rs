//! Whether the head of a policy holds for a caller and a target, and what it asks of the caller where it does not.

use cedar_policy::{ActionConstraint, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};

use crate::policy::principal::Identity;
use crate::policy::schema::Target;

/// Whether a policy is about this action and resource, whoever asks.
pub(super) fn is_about(policy: &Policy, target: &Target) -> bool {
    let in_action = |uid: &EntityUid| *uid == target.action || target.action_groups.contains(uid);
    let action = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => uid == target.action,
        ActionConstraint::In(uids) => uids.iter().any(in_action),
    };
    action
        && match policy.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Is(kind) => kind == *target.resource.type_name(),
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) => uid == target.resource,
            ResourceConstraint::IsIn(kind, uid) => kind == *target.resource.type_name() && uid == target.resource,
        }
}

/// What the head asks of the caller and the caller is not.
pub(super) fn missing(
    policy: &Policy,
    identity: Option<&Identity>,
    anonymous: &EntityUid,
) -> Option<(&'static str, String)> {
    let uid = identity.map_or(anonymous, |identity| &identity.uid);
    let is_in = |wanted: &EntityUid| uid == wanted || identity.is_some_and(|identity| identity.groups.contains(wanted));
    match policy.principal_constraint() {
        PrincipalConstraint::Any => None,
        PrincipalConstraint::Is(kind) if kind == *uid.type_name() => None,
        PrincipalConstraint::Is(_) if identity.is_none() => {
            Some(("missing-token", "a token: the caller is anonymous".to_owned()))
        }
        PrincipalConstraint::Is(kind) => Some(("other-principal", format!("a caller that is {kind}"))),
        PrincipalConstraint::Eq(wanted) if wanted == *uid => None,
        PrincipalConstraint::Eq(wanted) => Some(("other-principal", format!("the caller to be {wanted}"))),
        PrincipalConstraint::In(wanted) | PrincipalConstraint::IsIn(_, wanted) if is_in(&wanted) => None,
        PrincipalConstraint::In(wanted) | PrincipalConstraint::IsIn(_, wanted) => Some(in_group(&wanted)),
    }
}

/// What is told of a group that the caller is not in.
pub(super) fn in_group(group: &EntityUid) -> (&'static str, String) {
    ("missing-group", format!("the caller to be in group `{}`", group.id().unescaped()))
}
