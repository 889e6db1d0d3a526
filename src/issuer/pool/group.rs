//! A group of a pool, and the order in which tokens name a user's groups.

/// A group of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub name: String,
    pub description: Option<String>,
    /// The lowest comes first in tokens; a group without one comes last.
    pub precedence: Option<u32>,
    /// Which AWS role its members take on; it is kept and told, nothing else.
    pub role_arn: Option<String>,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
}

/// The AWS roles that a user's groups give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    /// Each once, in the order of the groups' precedence.
    pub all: Vec<String>,
    /// That of the group with the lowest precedence; none where groups that share it give different ones.
    pub preferred: Option<String>,
}

impl Roles {
    /// The roles of groups, each with its precedence, in that order.
    pub(crate) fn of(given: &[(Option<u32>, String)]) -> Self {
        let mut all: Vec<String> = Vec::new();
        for (_, role) in given {
            if !all.contains(role) {
                all.push(role.clone());
            }
        }
        let (best, first) = given.first().map(|(precedence, role)| (*precedence, role)).unzip();
        let tied = given.iter().any(|(precedence, role)| Some(*precedence) == best && Some(role) != first);
        Self { all, preferred: first.filter(|_| !tied).cloned() }
    }
}

/// Longest name, in characters; the model's `GroupNameType`.
const LONGEST_NAME: usize = 128;

/// Whether this can be a group's name: visible characters, no blanks, as in the model's `GroupNameType`.
pub(crate) fn is_group_name(name: &str) -> bool {
    let graphic = |character: char| !character.is_control() && !character.is_whitespace();
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_or_control_characters_are_refused() {
        for name in ["", " ", "a b", "a\n", "a\u{0}", &"x".repeat(129)] {
            assert!(!is_group_name(name), "{name}");
        }
        assert!(is_group_name("sales") && is_group_name("verkäufer|1"));
    }

    #[test]
    fn the_preferred_role_is_the_one_of_the_lowest_precedence_unless_two_share_it() {
        let roles = |given: &[(Option<u32>, &str)]| {
            Roles::of(&given.iter().map(|(precedence, role)| (*precedence, (*role).to_owned())).collect::<Vec<_>>())
        };
        assert_eq!(roles(&[]), Roles::default());
        let clear = roles(&[(Some(1), "a"), (Some(2), "b"), (None, "a")]);
        assert_eq!((clear.all, clear.preferred.as_deref()), (vec!["a".to_owned(), "b".to_owned()], Some("a")));
        assert_eq!(roles(&[(Some(1), "a"), (Some(1), "b")]).preferred, None);
        assert_eq!(roles(&[(Some(1), "a"), (Some(1), "a")]).preferred.as_deref(), Some("a"));
        assert_eq!(roles(&[(None, "a"), (None, "b")]).preferred, None);
    }
}
